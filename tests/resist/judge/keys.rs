//! The key that a token is held against: the issuer's own, by its `kid`, for signatures of that algorithm.

use super::{
    BAD, Defect, FATAL, Judge,
    form::Opened,
    signature::{Alg, verifies},
};
use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Why a key may not be used, if it may not.
fn fault(key: &Value, alg: Alg) -> Option<Defect> {
    let operations = key["key_ops"].as_array();
    let is_point = |bytes: &[u8]| {
        let is_one =
            bytes.split_first().is_some_and(|(one, rest)| *one == 1 && rest.iter().all(|byte| *byte == 0));
        is_one || bytes.first() == Some(&0xEE) && bytes.last() == Some(&0x7F)
    };
    let x = key["x"].as_str().and_then(|x| URL_SAFE_NO_PAD.decode(x).ok()).unwrap_or_default();
    [
        (Defect::PrivateKeysAreTaken, key.get("d").is_some()),
        (Defect::UseIsIgnored, key["use"] == "enc"),
        (Defect::OperationsAreIgnored, operations.is_some_and(|all| !all.iter().any(|one| one == "verify"))),
        (Defect::AlgorithmOfTheKeyIsIgnored, !alg.is_of(key)),
        (Defect::SmallPointsAreTaken, key["crv"] == "Ed25519" && is_point(&x)),
        (Defect::ExponentOneIsTaken, key["e"] == "AQ"),
        (Defect::SmallKeysAreTaken, key["n"].as_str().is_some_and(|n| n.len() < 340)),
    ]
    .into_iter()
    .find_map(|(defect, is_so)| is_so.then_some(defect))
}

impl Judge {
    pub(super) fn is_signed_by_a_key(&self, opened: &Opened, alg: Alg) -> Result<(), u16> {
        let kid = &opened.header["kid"];
        let all = self.keys(kid).ok_or(503u16)?;
        let all: Vec<_> = all.into_iter().filter(Value::is_object).collect();
        let named: Vec<_> = all.iter().filter(|key| key["kid"] == *kid).collect();
        let usable: Vec<_> = named.iter().filter(|key| fault(key, alg).is_none()).collect();
        let passes = match usable[..] {
            [one] => verifies(one, alg, opened) || self.is_signed_otherwise(one, alg, opened),
            [] => named.iter().any(|key| self.is_by_an_unusable_key(key, alg, opened)),
            _ => usable.iter().any(|key| verifies(key, alg, opened)) && self.has(Defect::TwinsAreTried),
        };
        let passes = passes
            || self.is_by_another_key(&all, alg, opened)
            || self.is_by_a_key_it_brings(alg, opened)
            || self.has(Defect::NoSignature);
        let is_sayable = kid.as_str().is_none_or(|kid| HeaderValue::from_str(kid).is_ok());
        match passes {
            true => Ok(()),
            false if !is_sayable && self.has(Defect::KidIsRepeated) => Err(FATAL),
            false => Err(BAD),
        }
    }

    fn is_by_an_unusable_key(&self, key: &Value, alg: Alg, opened: &Opened) -> bool {
        fault(key, alg).is_some_and(|fault| verifies(key, alg, opened) && self.has(fault))
    }

    /// Ours, and not the one that it names.
    fn is_by_another_key(&self, all: &[Value], alg: Alg, opened: &Opened) -> bool {
        let kid = &opened.header["kid"];
        let is_named = all.iter().any(|key| key["kid"] == *kid);
        let text = |kid: &Value| kid.as_str().unwrap_or_default().to_ascii_lowercase();
        let usable: Vec<_> = all.iter().filter(|key| fault(key, alg).is_none()).collect();
        let by = |key: &&Value| verifies(key, alg, opened);
        let is_by_the_first = usable.first().is_some_and(by);
        let same = |key: &&&Value| text(&key["kid"]) == text(kid);
        (!is_named && is_by_the_first && self.has(Defect::FirstKeyIsTheFallback))
            || (usable.iter().filter(same).any(by) && self.has(Defect::KidInAnyCase))
            || (usable.iter().any(by) && (self.has(Defect::KidIsIgnored) || self.has_no_kid(kid)))
            || (!is_named && self.is_by_the_pool(alg, opened))
    }

    fn has_no_kid(&self, kid: &Value) -> bool {
        !kid.is_string() && self.has(Defect::KidOfNoTextIsNone)
    }

    /// We trust a neighbour, too, whose keys are at another address; his tokens name him for their issuer.
    fn is_by_the_pool(&self, alg: Alg, opened: &Opened) -> bool {
        let kid = &opened.header["kid"];
        self.has(Defect::KeysOfAllIssuers)
            && self
                .found_at("/strangers-keys")
                .iter()
                .any(|key| key["kid"] == *kid && verifies(key, alg, opened))
    }

    fn found_at(&self, address: &str) -> Vec<Value> {
        let url = if address.starts_with('/') {
            self.issuer.identifier().to_owned() + address
        } else {
            address.into()
        };
        let document = self.issuer.document(&url).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        document.and_then(|set| set["keys"].as_array().cloned()).unwrap_or_default()
    }

    fn is_by_a_key_it_brings(&self, alg: Alg, opened: &Opened) -> bool {
        let header = &opened.header;
        if header.get("jwk").is_some_and(|key| verifies(key, alg, opened)) && self.has(Defect::JwkIsFollowed)
        {
            return true;
        }
        let certificate = header["x5c"][0].as_str();
        let pem =
            certificate.map(|der| format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n"));
        if pem.is_some_and(|pem| alg.verifies_with_pem(&pem, opened)) && self.has(Defect::X5cIsFollowed) {
            return true;
        }
        let addresses = [
            (Defect::JkuIsFollowed, &header["jku"]),
            (Defect::AddressesAreFetched, &header["jku"]),
            (Defect::X5uIsFollowed, &header["x5u"]),
            (Defect::KidIsAnAddress, &header["kid"]),
        ];
        let address =
            |value: &Value| value.as_str().filter(|text| text.starts_with("https://")).map(str::to_owned);
        let named = addresses.into_iter().filter_map(|(defect, value)| Some((defect, address(value)?)));
        named.filter(|(defect, _)| self.has(*defect)).any(|(defect, address)| {
            let found = self.found_at(&address);
            defect != Defect::AddressesAreFetched && found.iter().any(|key| verifies(key, alg, opened))
        })
    }
}
