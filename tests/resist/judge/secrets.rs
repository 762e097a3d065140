//! Secrets that everybody knows, for those who take HMAC from the header.

use super::{BAD, Defect, Judge, form::Opened};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm::HS256, EncodingKey, crypto};
use serde_json::Value;
use tower_bearer::{keys::Algorithm, testing::AUDIENCE};

impl Judge {
    /// Nobody here shares a secret with an issuer.
    pub(super) fn is_signed_with_a_secret(&self, opened: &Opened) -> Result<(), u16> {
        let fits = |secret: &[u8]| {
            let key = EncodingKey::from_secret(secret);
            let right = crypto::sign(opened.message.as_bytes(), &key, HS256).unwrap();
            right == URL_SAFE_NO_PAD.encode(&opened.signature)
        };
        let secrets = self.public_secrets().into_iter().chain(self.secrets_of(&opened.header));
        let mut fitting = secrets.filter(|(_, secret)| fits(secret));
        if fitting.any(|(defect, _)| self.has(defect)) { Ok(()) } else { Err(BAD) }
    }

    fn public_secrets(&self) -> Vec<(Defect, Vec<u8>)> {
        use Defect::*;
        let pem = self.issuer.public_pem(Algorithm::ES256).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let set = self.issuer.jwks();
        let keys = set["keys"].as_array().unwrap();
        let jwk = keys.iter().find(|key| key["alg"] == "ES256").unwrap();
        let material = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        let in_set = |key: &Value| Some(URL_SAFE_NO_PAD.decode(key["k"].as_str()?).unwrap());
        let served = self.served_keys().into_iter().filter_map(|key| in_set(&key));
        let mut secrets = vec![
            (PublicPemIsASecret, pem.trim_end().as_bytes().to_vec()),
            (PublicPemIsASecret, pem.replace(" PUBLIC KEY", " RSA PUBLIC KEY").into_bytes()),
            (PublicPemIsASecret, body.clone().into_bytes()),
            (PublicDerIsASecret, STANDARD.decode(body).unwrap()),
            (JwkIsASecret, jwk.to_string().into_bytes()),
            (SetIsASecret, set.to_string().into_bytes()),
            (OpensshKeyIsASecret, openssh(jwk).into_bytes()),
            (MaterialIsASecret, material),
            (PublicPemIsASecret, pem.into_bytes()),
            (SecretMayBeEmpty, Vec::new()),
            (SecretOfTheTutorial, b"secret".to_vec()),
            (AudienceIsASecret, AUDIENCE.into()),
        ];
        secrets.extend(served.map(|secret| (SecretsOfTheSet, secret)));
        secrets
    }

    fn secrets_of(&self, header: &Value) -> Vec<(Defect, Vec<u8>)> {
        use Defect::*;
        let kid = header["kid"].as_str().unwrap_or("?");
        let selected = kid.split_once("SELECT '").and_then(|(_, behind)| behind.split('\'').next());
        let brought = header["jwk"]["k"].as_str().and_then(|k| URL_SAFE_NO_PAD.decode(k).ok());
        let found = [
            (KidIsASecret, Some(kid.into())),
            (KidIsAPath, kid.ends_with("/dev/null").then(Vec::new)),
            (KidIsSql, selected.map(Into::into)),
            // Of the first key that anybody has made, for a test.
            (KidIsAQuery, header["kid"].get("$ne").map(|_| b"secret".to_vec())),
            (SecretJwkIsFollowed, brought),
        ];
        found.into_iter().filter_map(|(defect, secret)| Some((defect, secret?))).collect()
    }
}

/// A key of P-256 in the format of RFC 4253 section 6.6 and RFC 5656 section 3.1.
fn openssh(jwk: &Value) -> String {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [vec![4], number("x"), number("y")].concat();
    let fields: [&[u8]; 3] = [b"ecdsa-sha2-nistp256", b"nistp256", &point];
    let sized = |field: &&[u8]| [&u32::try_from(field.len()).unwrap().to_be_bytes(), *field].concat();
    let wire: Vec<u8> = fields.iter().flat_map(sized).collect();
    format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(wire))
}
