//! Public keys in PEM (RFC 7468): which blocks are taken, and a clear word about those that are not.

use super::material::{Curve, Material};
use crate::keys::KeyError;
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef, der::Document};

// RFC 3279 section 2.3.1, RFC 5480 section 2.1.1, RFC 8410 section 3.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const CURVES: [(ObjectIdentifier, Curve); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Curve::P256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Curve::P384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Curve::P521),
];

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Whether the text has the look of PEM.
pub(crate) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The blocks of a PEM text, each from its `BEGIN` to the next one; text between them is allowed (RFC 7468 section 2).
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(BEGIN).filter_map(|(start, _)| {
        let block = text.get(start..)?;
        let body = block.get(BEGIN.len()..)?;
        let stop = body.find(BEGIN).unwrap_or(body.len());
        let end = body.get(..stop)?.find(END);
        let close =
            end.and_then(|end| Some(end + END.len() + body.get(end + END.len()..stop)?.find(DASHES)?));
        let len = close.map_or(stop, |close| close + DASHES.len());
        block.get(..BEGIN.len() + len)
    })
}

/// The one key in a PEM text.
pub(super) fn read_one(text: &str) -> Result<Material, KeyError> {
    let mut blocks = blocks(text);
    let block = blocks.next().ok_or(KeyError::PemMalformed)?;
    let material = read_block(block)?;
    if blocks.next().is_some() {
        return Err(KeyError::PemSeveralBlocks);
    }
    Ok(material)
}

/// The key in one block.
pub(crate) fn read_block(block: &str) -> Result<Material, KeyError> {
    let label = block.strip_prefix(BEGIN).and_then(|rest| rest.split_once(DASHES)).map(|(label, _)| label);
    match label.ok_or(KeyError::PemMalformed)? {
        "PUBLIC KEY" => spki(decode(block)?.as_bytes()),
        "RSA PUBLIC KEY" => pkcs1(decode(block)?.as_bytes()),
        label if label.contains("PRIVATE KEY") => Err(KeyError::PemPrivateKey),
        label if label.contains("CERTIFICATE") => Err(KeyError::PemCertificate),
        _ => Err(KeyError::PemMalformed),
    }
}

fn decode(block: &str) -> Result<Document, KeyError> {
    Document::from_pem(block).map(|(_, document)| document).map_err(|_| KeyError::PemMalformed)
}

fn spki(der: &[u8]) -> Result<Material, KeyError> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::PemMalformed)?;
    let key = info.subject_public_key.as_bytes().ok_or(KeyError::PemMalformed)?;
    match info.algorithm.oid {
        RSA => pkcs1(key),
        EC => {
            let oid = info.algorithm.parameters_oid().map_err(|_| KeyError::CurveUnsupported)?;
            let curve = CURVES.iter().find(|(known, _)| *known == oid).ok_or(KeyError::CurveUnsupported)?.1;
            Material::ec_point(curve, key)
        }
        ED25519 => Material::ed25519(key),
        _ => Err(KeyError::KtyUnsupported),
    }
}

/// An RSA key in the DER of PKCS#1.
pub(super) fn pkcs1(der: &[u8]) -> Result<Material, KeyError> {
    let key = pkcs1::RsaPublicKey::try_from(der).map_err(|_| KeyError::PemMalformed)?;
    Material::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rsa_key_may_stand_in_pkcs_1_as_well() {
        use base64::{Engine, engine::general_purpose::STANDARD};

        let n = [&[0][..], &[0xFF; 256]].concat();
        let der = [&[0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01], &n[..], &[2, 3, 1, 0, 1]].concat();
        let text = STANDARD.encode(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem =
            |label: &str| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
        assert_eq!(read_one(&pem("RSA PUBLIC KEY")), Material::rsa(&n[1..], &[1, 0, 1]));
        assert_eq!(read_one(&pem("DSA PUBLIC KEY")), Err(KeyError::PemMalformed));
    }
}
