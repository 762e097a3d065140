use std::{error::Error, fmt, io};

/// Builds the enum, its ids and its sentences from one table, so that no rule can lack either.
macro_rules! key_errors {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $sentence:literal;)*) => {
        /// Why a key was refused: every rule has one, and its [`id`](KeyError::id) is stable.
        ///
        /// Never holds a part of the key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum KeyError {
            $($(#[$doc])* $variant,)*
        }

        impl KeyError {
            /// Every reason there is.
            pub const ALL: &'static [KeyError] = &[$(KeyError::$variant,)*];

            /// The stable name of the rule that refused, in `snake_case`.
            pub const fn id(self) -> &'static str {
                match self { $(KeyError::$variant => $id,)* }
            }

            const fn sentence(self) -> &'static str {
                match self { $(KeyError::$variant => $sentence,)* }
            }
        }
    };
}

key_errors! {
    /// Not a JSON object, or a member that is missing or of the wrong type (RFC 7517 section 4).
    JwkMalformed = "jwk_malformed", "the JWK is not an object with the members its kty needs";
    /// A JWK that names a member twice (RFC 7517 section 4).
    JwkDuplicateMember = "jwk_duplicate_member", "the JWK names a member twice";
    /// A number or point that is not base64url without padding in canonical form (RFC 7515 section 2).
    JwkBase64 = "jwk_base64", "a member of the JWK is not canonical base64url";
    /// A private member (RFC 7518 sections 6.2.2 and 6.3.2) where only public keys belong.
    PrivateMember = "private_member", "the key carries private members: publish the public key only";
    /// `kty` is `oct`, or there is a `k`: a secret never comes in a key set.
    SymmetricKey = "symmetric_key", "symmetric keys are not taken from JWKs: use `Key::from_secret`";
    /// `kty` is none of `RSA`, `EC`, `OKP`, or the OID in a PEM is not of these.
    KtyUnsupported = "kty_unsupported", "the key type is not supported";
    /// `use` is there and is not `sig` (RFC 7517 section 4.2).
    UseNotSig = "use_not_sig", "the key's use is not sig";
    /// `key_ops` is there without `verify` (RFC 7517 section 4.3).
    KeyOpsWithoutVerify = "key_ops_without_verify", "the key's key_ops do not include verify";
    /// `key_ops` names an operation twice (RFC 7517 section 4.3).
    KeyOpsDuplicate = "key_ops_duplicate", "the key's key_ops name an operation twice";
    /// `use` says `sig` and `key_ops` has something that is neither `sign` nor `verify` (RFC 7517 section 4.3).
    UseAndKeyOpsDiffer = "use_and_key_ops_differ", "the key's use and key_ops contradict each other";
    /// `alg` is unknown, or of encryption.
    AlgUnknown = "alg_unknown", "the key's alg is not a signature algorithm known here";
    /// `alg` does not fit the key's type or curve (RFC 7518 section 3.4, RFC 8725 section 3.1).
    AlgDoesNotFit = "alg_does_not_fit", "the algorithm does not fit the key's type or curve";
    /// RSA below 2048 bits (RFC 7518 section 3.3).
    RsaTooSmall = "rsa_too_small", "the RSA modulus has fewer than 2048 bits";
    /// RSA above 8192 bits: verification would be a burden an issuer could put on us.
    RsaTooLarge = "rsa_too_large", "the RSA modulus has more than 8192 bits";
    /// An RSA modulus that is even: no product of two odd primes.
    RsaModulusEven = "rsa_modulus_even", "the RSA modulus is even";
    /// An RSA modulus with the fingerprint of Infineon's broken generator (CVE-2017-15361, ROCA).
    RsaRoca = "rsa_roca", "the RSA modulus is of the factorable ROCA kind (CVE-2017-15361)";
    /// An RSA exponent that is even, below 3, or longer than 33 bits.
    RsaExponent = "rsa_exponent", "the RSA exponent is even, below 3 or longer than 33 bits";
    /// `crv` is none of `P-256`, `P-384`, `P-521`, `Ed25519`.
    CurveUnsupported = "curve_unsupported", "the curve is not supported";
    /// A coordinate that is not exactly as long as its field (RFC 7518 section 6.2.1.2), or a compressed point.
    PointLength = "point_length", "a coordinate is not as long as the curve's field";
    /// A point that is not on its curve, or not in canonical form.
    PointNotOnCurve = "point_not_on_curve", "the point is not on its curve";
    /// An Ed25519 point of small order: any signature could be made to fit it.
    PointSmallOrder = "point_small_order", "the Ed25519 point is of small order";
    /// A secret shorter than the hash of its algorithm (RFC 7518 section 3.2).
    SecretTooShort = "secret_too_short", "the secret is shorter than the hash of its algorithm";
    /// A secret handed over without the algorithm it is for.
    SecretWithoutAlgorithm = "secret_without_algorithm", "a secret needs its algorithm: use `Key::from_secret`";
    /// Not PEM (RFC 7468), or its DER is broken.
    PemMalformed = "pem_malformed", "the text is not a PEM block with a public key";
    /// More than one PEM block where one key is wanted.
    PemSeveralBlocks = "pem_several_blocks", "the PEM has several blocks: use `KeySet::from_pem`";
    /// A private key: verification needs the public one, and this server should not hold the other.
    PemPrivateKey = "pem_private_key", "the PEM holds a private key: give the public key";
    /// A certificate: its key is wanted (`openssl x509 -pubkey -noout`).
    PemCertificate = "pem_certificate", "the PEM holds a certificate: give the public key in it";
    /// The signature library refused the key.
    BackendRefused = "backend_refused", "the signature library refused the key";
    /// Built without `aws-lc-rs` and without `rust-crypto`.
    NoBackend = "no_backend", "no signature backend: enable the feature aws-lc-rs or rust-crypto";
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl Error for KeyError {}

/// Why a whole key set was refused. One bad key among good ones is no such reason: it is skipped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// Neither a JSON object with an array `keys` (RFC 7517 section 5) nor PEM.
    Malformed,
    /// More than 256 KiB.
    TooLarge,
    /// More than 100 keys.
    TooManyKeys,
    /// The file cannot be read.
    Unreadable(io::ErrorKind),
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the key set is neither a JWK set nor PEM"),
            Self::TooLarge => f.write_str("the key set has more than 256 KiB"),
            Self::TooManyKeys => f.write_str("the key set has more than 100 keys"),
            Self::Unreadable(kind) => write!(f, "the key set cannot be read: {kind}"),
        }
    }
}

impl Error for KeySetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_key_error_has_an_id_and_a_sentence_of_its_own() {
        let ids: BTreeSet<_> = KeyError::ALL.iter().map(|error| error.id()).collect();
        let sentences: BTreeSet<_> = KeyError::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(ids.len(), KeyError::ALL.len());
        assert_eq!(sentences.len(), KeyError::ALL.len());
        assert!(
            ids.iter()
                .all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
    }
}
