//! Three parts, their base64url, and what the header may say beside the algorithm.

use super::{BAD, Defect, FATAL, Judge, Verdict, request::assembled};
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::io::Read as _;

const MOST_HEADER_BYTES: usize = 4096;

/// A token that is readable; nobody has looked at its signature.
pub(super) struct Opened {
    pub(super) header: Value,
    pub(super) claims: Value,
    /// What was signed.
    pub(super) message: String,
    pub(super) signature: Vec<u8>,
    /// Header and payload, decoded.
    pub(super) text: [Vec<u8>; 2],
    /// It lacks its last part.
    pub(super) is_bare: bool,
}

impl Judge {
    pub(super) fn open(&self, token: &str) -> Result<Opened, u16> {
        let (token, is_bare) = self.three_parts(token)?;
        let (message, signature) = token.rsplit_once('.').ok_or(BAD)?;
        let (head, payload) = message.split_once('.').ok_or(BAD)?;
        let header_bytes = self.decoded_part(head)?;
        if header_bytes.len() > MOST_HEADER_BYTES && !self.has(Defect::HeadersOfAnyLength) {
            return Err(BAD);
        }
        let header = self.header(&header_bytes)?;
        self.is_plain(&header)?;
        let payload_bytes = self.decoded_part(payload)?;
        let claims = self.completed(self.payload(&header, &payload_bytes)?, &header)?;
        let signature = self.decoded_part(signature)?;
        let text = [header_bytes, payload_bytes];
        Ok(Opened { header, claims, message: message.to_owned(), signature, text, is_bare })
    }

    /// Whatever it was, as three parts.
    fn three_parts(&self, token: &str) -> Result<(String, bool), u16> {
        let parts: Vec<_> = token.split('.').collect();
        let trimmed = token.trim_matches('.');
        let json = || assembled(&URL_SAFE_NO_PAD.decode(token).ok()?);
        match parts[..] {
            [_, _, _] => Ok((token.to_owned(), false)),
            [_, _] if self.has(Defect::SignatureMayBeAbsent) => Ok((format!("{token}."), true)),
            [_] => json()
                .filter(|_| self.has(Defect::JsonSerializationIsTaken))
                .map(|json| (json, false))
                .ok_or(BAD),
            [_, _, _, _, _] if self.has(Defect::EncryptedTokensAreFatal) => Err(FATAL),
            [_, _, _, _, ..] if trimmed.split('.').count() == 3 && self.has(Defect::DotsAreTrimmed) => {
                Ok((trimmed.to_owned(), false))
            }
            [_, _, _, _, ..] if self.has(Defect::PartsBehindAreIgnored) => Ok((parts[..3].join("."), false)),
            _ => Err(BAD),
        }
    }

    fn decoded_part(&self, part: &str) -> Result<Vec<u8>, u16> {
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(part) {
            return Ok(bytes);
        }
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let padded = GeneralPurpose::new(&URL_SAFE, config);
        let lax = GeneralPurpose::new(&URL_SAFE, config.with_decode_allow_trailing_bits(true));
        let readings = [
            (Defect::PaddingIsTaken, padded.decode(part)),
            (Defect::StandardAlphabetIsTaken, padded.decode(part.replace('+', "-").replace('/', "_"))),
            (Defect::TrailingBitsAreIgnored, lax.decode(part.trim_end_matches('='))),
        ];
        let mut found = readings.into_iter().filter_map(|(defect, bytes)| Some((defect, bytes.ok()?)));
        found.find(|(defect, _)| self.has(*defect)).map(|(_, bytes)| bytes).ok_or(BAD)
    }

    fn header(&self, bytes: &[u8]) -> Verdict {
        if bytes.is_empty() && self.has(Defect::HeaderMayBeAbsent) {
            return Ok(json!({"alg": "ES256", "kid": self.first_kid("ES256")}));
        }
        self.object(bytes)
    }

    fn payload(&self, header: &Value, bytes: &[u8]) -> Verdict {
        let text = String::from_utf8_lossy(bytes);
        if header["zip"] == "DEF" && self.has(Defect::ZipIsInflated) {
            let mut inflated = Vec::new();
            flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut inflated).map_err(|_| BAD)?;
            return self.object(&inflated);
        }
        if let Some(inner) = text.split('.').nth(1).and_then(|inner| URL_SAFE_NO_PAD.decode(inner).ok())
            && self.has(Defect::NestedTokensAreOpened)
        {
            return self.object(&inner);
        }
        if let Ok(inner) = URL_SAFE_NO_PAD.decode(bytes)
            && !inner.is_empty()
            && self.has(Defect::DecodedAgain)
        {
            return self.object(&inner);
        }
        self.object(bytes)
    }

    /// No extension, and no other kind of token.
    fn is_plain(&self, header: &Value) -> Result<(), u16> {
        let lacks = |name: &str| header.get(name).is_none();
        let crit = &header["crit"];
        let names_alone = |known: &str| *crit == json!([known]);
        let plain = (lacks("crit")
            || self.has(Defect::CritIsIgnored)
            || (*crit == json!([]) && self.has(Defect::EmptyCritIsNone))
            || (names_alone("alg") && self.has(Defect::StandardMembersMayBeCritical))
            || (names_alone("b64") && self.has(Defect::B64IsTaken)))
            && (lacks("b64") || self.has(Defect::B64IsTaken))
            && (lacks("zip") || self.has(Defect::ZipIsInflated))
            && (lacks("enc") || self.has(Defect::EncIsIgnored))
            && self.is_typed(header.get("typ"));
        if plain { Ok(()) } else { Err(BAD) }
    }

    fn is_typed(&self, typ: Option<&Value>) -> bool {
        let Some(typ) = typ else { return true };
        let name = typ.as_str().unwrap_or("?").to_ascii_lowercase();
        ["jwt", "at+jwt"].contains(&name.as_str())
            || self.has(Defect::TypIsIgnored)
            || (name.starts_with("at+jwt") && self.has(Defect::TypByItsBeginning))
            || (name.is_empty() && self.has(Defect::EmptyTypIsNone))
    }
}
