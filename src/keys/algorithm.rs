use serde::{Deserialize, Serialize};
use std::{error::Error, fmt, str::FromStr};

/// A signature algorithm of JWA (RFC 7518 section 3.1, RFC 8037), by its exact name.
///
/// `none` has no variant: it cannot be expressed, so it cannot be allowed by mistake. `Ed25519` (RFC 9864) is read
/// as [`EdDSA`](Algorithm::EdDSA), which here always means Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    PS256,
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
    PS384,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519 (RFC 8037), also under its own name (RFC 9864).
    #[serde(alias = "Ed25519")]
    EdDSA,
    /// HMAC with SHA-256: for a static secret only.
    HS256,
    /// HMAC with SHA-384: for a static secret only.
    HS384,
    /// HMAC with SHA-512: for a static secret only.
    HS512,
}

use Algorithm::{ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};

impl Algorithm {
    /// Every algorithm whose verification key is public: the default list of an issuer.
    pub const ASYMMETRIC: &'static [Algorithm] =
        &[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA];

    /// The name in JOSE headers.
    pub const fn name(self) -> &'static str {
        match self {
            RS256 => "RS256",
            RS384 => "RS384",
            RS512 => "RS512",
            PS256 => "PS256",
            PS384 => "PS384",
            PS512 => "PS512",
            ES256 => "ES256",
            ES384 => "ES384",
            ES512 => "ES512",
            EdDSA => "EdDSA",
            HS256 => "HS256",
            HS384 => "HS384",
            HS512 => "HS512",
        }
    }

    /// Whether who can verify can also sign.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, HS256 | HS384 | HS512)
    }

    /// The algorithm of that name, case-sensitively (RFC 7515 section 4.1.1).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => RS256,
            "RS384" => RS384,
            "RS512" => RS512,
            "PS256" => PS256,
            "PS384" => PS384,
            "PS512" => PS512,
            "ES256" => ES256,
            "ES384" => ES384,
            "ES512" => ES512,
            "EdDSA" | "Ed25519" => EdDSA,
            "HS256" => HS256,
            "HS384" => HS384,
            "HS512" => HS512,
            _ => return None,
        })
    }

    /// The algorithm's place in a set kept as bits.
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_name(name).ok_or(UnknownAlgorithm)
    }
}

/// The name is of no signature algorithm offered here; `none` is one of those names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a signature algorithm known here")
    }
}

impl Error for UnknownAlgorithm {}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Algorithm> {
        Algorithm::ASYMMETRIC.iter().copied().chain([HS256, HS384, HS512])
    }

    #[test]
    fn none_other_cases_and_encryption_algorithms_are_unknown() {
        for name in
            ["none", "None", "NONE", "", "rs256", "RS256 ", "ES521", "ES256K", "Ed448", "RSA-OAEP", "dir"]
        {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
            assert!(serde_json::from_value::<Algorithm>(name.into()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_survives_display_parsing_and_serde() {
        for alg in all() {
            assert_eq!(alg.to_string().parse(), Ok(alg));
            let json = serde_json::to_value(alg).unwrap();
            assert_eq!(json, alg.name());
            assert_eq!(serde_json::from_value::<Algorithm>(json).unwrap(), alg);
        }
    }

    #[test]
    fn ed25519_is_another_name_of_eddsa() {
        assert_eq!("Ed25519".parse(), Ok(EdDSA));
        assert_eq!(serde_json::from_str::<Algorithm>("\"Ed25519\"").unwrap(), EdDSA);
    }

    #[test]
    fn the_asymmetric_list_holds_no_hmac_and_the_bits_are_distinct() {
        assert!(Algorithm::ASYMMETRIC.iter().all(|alg| !alg.is_symmetric()));
        assert_eq!(all().map(Algorithm::bit).fold(0, |bits, bit| bits | bit).count_ones(), 13);
    }
}
