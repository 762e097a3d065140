//! One verification key, parsed once and prepared for each algorithm it fits.

#[cfg(feature = "aws-lc-rs")]
#[path = "aws_lc.rs"]
mod backend;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
#[path = "rust_crypto.rs"]
mod backend;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#[path = "no_backend.rs"]
mod backend;
#[cfg(feature = "jsonwebtoken")]
mod jsonwebtoken;
pub(crate) mod material;
pub(super) mod pem;
#[cfg(all(feature = "testing", feature = "aws-lc-rs", feature = "rust-crypto"))]
pub(crate) mod second;

pub(crate) use backend::Prepared;

use super::{Algorithm, KeyError, jwk::Jwk};
use crate::json;
use material::Material;
use std::{fmt, sync::Arc};

/// A key that verifies signatures: its `kid`, and its material prepared for each algorithm it fits.
///
/// All checks are made when it is built. An RSA key that names no `alg` fits six algorithms; an issuer's own list
/// and [`with_algorithm`](Key::with_algorithm) narrow that.
#[derive(Clone)]
pub struct Key {
    kid: Option<Box<str>>,
    issuer: Option<Box<str>>,
    material: Arc<Material>,
    prepared: Vec<(Algorithm, Prepared)>,
    /// The algorithms of `prepared` as bits: a set is scanned for each token.
    fits: u16,
}

impl Key {
    /// Reads one public JWK (RFC 7517).
    ///
    /// # Errors
    ///
    /// The [`KeyError`] of the first rule that is not met; a key with private or symmetric members is refused.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        Jwk::parse(json).and_then(Self::from_parsed)
    }

    /// Reads one public key in PEM: `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// PEM has no `kid`. In a set where no key has one, a token's `kid` names nothing and this key may be tried; beside
    /// keys that have one, give it [`with_kid`](Key::with_kid).
    ///
    /// # Errors
    ///
    /// A private key, a certificate and several blocks have errors of their own.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        pem::read_one(pem).and_then(|material| Self::new(None, None, material))
    }

    /// Takes a secret for HMAC, bound to the one algorithm it is for.
    ///
    /// RFC 7518 section 3.2 wants a secret at least as long as the hash, and so does this: 32 bytes for `HS256`, 48
    /// for `HS384`, 64 for `HS512`, from a random generator; a password will not do. The key's copy is wiped on drop.
    ///
    /// # Errors
    ///
    /// [`KeyError::SecretTooShort`], or [`KeyError::AlgDoesNotFit`] for an algorithm that is not HMAC.
    pub fn from_secret(secret: &[u8], alg: Algorithm) -> Result<Self, KeyError> {
        Self::new(None, Some(alg), Material::secret(secret, alg)?)
    }

    /// The same key under that `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into().into_boxed_str());
        self
    }

    /// The same key for that algorithm only.
    ///
    /// # Errors
    ///
    /// [`KeyError::AlgDoesNotFit`] if the key does not serve it now.
    pub fn with_algorithm(mut self, alg: Algorithm) -> Result<Self, KeyError> {
        if !self.fits(alg) {
            return Err(KeyError::AlgDoesNotFit);
        }
        self.prepared.retain(|(prepared, _)| *prepared == alg);
        self.fits = alg.bit();
        Ok(self)
    }

    /// The key's id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key may verify that algorithm.
    pub fn fits(&self, alg: Algorithm) -> bool {
        self.fits & alg.bit() != 0
    }

    /// The algorithms that the key may verify.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.prepared.iter().map(|(alg, _)| *alg)
    }

    /// Whether this is a secret for HMAC.
    pub fn is_symmetric(&self) -> bool {
        matches!(*self.material, Material::Secret(_))
    }

    /// Whether the exponent, if this is an RSA key, is 65537: the only one that a strict issuer takes.
    pub fn has_common_exponent(&self) -> bool {
        match &*self.material {
            Material::Rsa { e, .. } => **e == [1, 0, 1],
            _ => true,
        }
    }

    /// The thumbprint with SHA-256, in base64url (RFC 7638, RFC 8037 section 2).
    ///
    /// `None` for a secret: its hash would let a weak one be guessed offline (RFC 7638 section 7).
    pub fn thumbprint(&self) -> Option<String> {
        // Members in alphabetical order, no white space (RFC 7638 section 3.3).
        let members = match &*self.material {
            Material::Rsa { n, e } => {
                format!(
                    r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
                    json::encode_base64url(e),
                    json::encode_base64url(n)
                )
            }
            Material::Ec { curve, point } => {
                let (x, y) = point.get(1..)?.split_at_checked(curve.field_len())?;
                let (x, y) = (json::encode_base64url(x), json::encode_base64url(y));
                format!(r#"{{"crv":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#, curve.name())
            }
            Material::Ed25519(x) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, json::encode_base64url(x))
            }
            Material::Secret(_) => return None,
        };
        Some(json::encode_base64url(&backend::sha256(members.as_bytes())))
    }

    /// Whether both have the same key material, whatever their `kid` and algorithms.
    pub fn same_material(&self, other: &Key) -> bool {
        self.material == other.material
    }

    /// What the key is, for who must know it again.
    pub(crate) fn material(&self) -> &Arc<Material> {
        &self.material
    }

    /// Whose tokens it may sign, where it says so itself.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The key made ready for that algorithm, if it fits.
    pub(crate) fn prepared(&self, alg: Algorithm) -> Option<&Prepared> {
        self.prepared.iter().find(|(prepared, _)| *prepared == alg).map(|(_, key)| key)
    }

    /// Whether no token could tell the two apart.
    pub(super) fn is_same(&self, other: &Key) -> bool {
        let same_names = self.kid == other.kid && self.issuer == other.issuer;
        same_names && self.fits == other.fits && self.same_material(other)
    }

    pub(super) fn from_parsed(jwk: Jwk) -> Result<Self, KeyError> {
        let key = Self::new(jwk.kid, jwk.alg, jwk.material)?;
        Ok(Self { issuer: jwk.issuer, ..key })
    }

    pub(super) fn new(
        kid: Option<Box<str>>,
        bound: Option<Algorithm>,
        material: Material,
    ) -> Result<Self, KeyError> {
        let algorithms = match &bound {
            Some(alg) => std::slice::from_ref(alg),
            None => material.algorithms(),
        };
        let prepared = algorithms
            .iter()
            .map(|&alg| Ok((alg, backend::prepare(&material, alg)?)))
            .collect::<Result<Vec<_>, KeyError>>()?;
        let fits = algorithms.iter().fold(0, |fits, alg| fits | alg.bit());
        Ok(Self { kid, issuer: None, material: Arc::new(material), prepared, fits })
    }
}

/// What the key is for, never what it is.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("kty", &self.material.kty())
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod tests;
#[cfg(test)]
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod tests {
    use super::*;

    #[test]
    fn without_a_backend_every_key_is_refused_with_a_reason() {
        let secret = Key::from_secret(&[7; 32], Algorithm::HS256);
        assert_eq!(secret.unwrap_err(), KeyError::NoBackend);
        let ed25519 = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(Key::from_jwk(ed25519).unwrap_err(), KeyError::NoBackend);
    }
}
