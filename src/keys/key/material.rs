//! What a key is made of, checked once for every source it can come from (JWK, PEM, secret).

use crate::keys::{Algorithm, KeyError};
use curve25519_dalek::edwards::CompressedEdwardsY;
use std::fmt;
use zeroize::Zeroizing;

/// Verification must stay cheap whatever the issuer publishes; AWS-LC and the `rsa` crate draw the same line.
const MAX_EXPONENT_BITS: usize = 33;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The parts of a key that passed every check that needs no signature library.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// Modulus and exponent, big-endian, without leading zero octets.
    Rsa { n: Box<[u8]>, e: Box<[u8]> },
    /// An uncompressed SEC 1 point: `04 || x || y`. That it is on its curve, the backend says.
    Ec { curve: Curve, point: Box<[u8]> },
    /// A canonical Ed25519 point, not of small order.
    Ed25519([u8; 32]),
    /// An HMAC secret.
    Secret(Zeroizing<Box<[u8]>>),
}

/// The curves of ECDSA in JWA (RFC 7518 section 6.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Curve::P256, Curve::P384, Curve::P521].into_iter().find(|curve| curve.name() == name)
    }

    /// The length of a coordinate in octets (RFC 7518 section 6.2.1.2).
    pub(crate) const fn field_len(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }
}

impl Material {
    /// RSA from big-endian numbers.
    ///
    /// RFC 7518 section 6.3.1.1 wants the fewest octets, and warns that libraries prefix a zero; issuers in the
    /// field do. One such octet is taken off: the number is the same, and so is everything computed from it.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_sign_octet(n), without_sign_octet(e));
        match bit_length(n).ok_or(KeyError::JwkMalformed)? {
            bits if bits < *RSA_BITS.start() => return Err(KeyError::RsaTooSmall),
            bits if bits > *RSA_BITS.end() => return Err(KeyError::RsaTooLarge),
            _ => {}
        }
        if !is_odd(n) {
            return Err(KeyError::RsaModulusEven);
        }
        let exponent_fits = bit_length(e).is_some_and(|bits| (2..=MAX_EXPONENT_BITS).contains(&bits));
        if !exponent_fits || !is_odd(e) {
            return Err(KeyError::RsaExponent);
        }
        if is_roca(n) {
            return Err(KeyError::RsaRoca);
        }
        Ok(Self::Rsa { n: n.into(), e: e.into() })
    }

    /// EC from coordinates of exactly the field's length.
    pub(crate) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.field_len() || y.len() != curve.field_len() {
            return Err(KeyError::PointLength);
        }
        Ok(Self::Ec { curve, point: [&[4], x, y].concat().into() })
    }

    /// EC from a SEC 1 point, which must be uncompressed.
    pub(crate) fn ec_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let coordinates = point.strip_prefix(&[4]).ok_or(KeyError::PointLength)?;
        let (x, y) = coordinates.split_at_checked(curve.field_len()).ok_or(KeyError::PointLength)?;
        Self::ec(curve, x, y)
    }

    /// Ed25519, checked here so that both backends take exactly the same keys.
    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = x.try_into().map_err(|_| KeyError::PointLength)?;
        let point = CompressedEdwardsY(bytes).decompress().ok_or(KeyError::PointNotOnCurve)?;
        if point.is_small_order() {
            return Err(KeyError::PointSmallOrder);
        }
        // RFC 8032 section 5.1.3 refuses y >= p; the decoder reduces it instead.
        if point.compress().to_bytes() != bytes {
            return Err(KeyError::PointNotOnCurve);
        }
        Ok(Self::Ed25519(bytes))
    }

    /// An HMAC secret for one algorithm: at least as long as the hash (RFC 7518 section 3.2).
    pub(crate) fn secret(secret: &[u8], alg: Algorithm) -> Result<Self, KeyError> {
        let wanted = match alg {
            Algorithm::HS256 => 32,
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => return Err(KeyError::AlgDoesNotFit),
        };
        if secret.len() < wanted {
            return Err(KeyError::SecretTooShort);
        }
        Ok(Self::Secret(Zeroizing::new(secret.into())))
    }

    /// The algorithms this material can serve. A secret is for one, which its constructor is told.
    pub(crate) fn algorithms(&self) -> &'static [Algorithm] {
        use Algorithm::{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        match self {
            Self::Rsa { .. } => &[RS256, RS384, RS512, PS256, PS384, PS512],
            Self::Ec { curve: Curve::P256, .. } => &[ES256],
            Self::Ec { curve: Curve::P384, .. } => &[ES384],
            Self::Ec { curve: Curve::P521, .. } => &[ES512],
            Self::Ed25519(_) => &[EdDSA],
            Self::Secret(_) => &[],
        }
    }

    pub(crate) const fn kty(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Ec { .. } => "EC",
            Self::Ed25519(_) => "OKP",
            Self::Secret(_) => "oct",
        }
    }
}

/// Names the type only: a key is in no log.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kty())
    }
}

fn without_sign_octet(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}

/// The bits of a big-endian number, or `None` for the empty one and for one with leading zero octets.
fn bit_length(number: &[u8]) -> Option<usize> {
    let first = number.first().filter(|first| **first != 0)?;
    Some(number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

/// The fingerprint of CVE-2017-15361: modulo each small prime, the modulus is a power of 65537.
///
/// Small primes alone decide, so that a good modulus is taken for a bad one less than once in 2²⁷.
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|&prime| {
        let rest = n.iter().fold(0, |rest, &octet| (rest * 256 + u32::from(octet)) % prime);
        std::iter::successors(Some(1), |power| Some(power * 65537 % prime).filter(|next| *next != 1))
            .any(|power| power == rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut n = vec![0xFF; bits.div_ceil(8)];
        n[0] = 0xFF >> (bits.div_ceil(8) * 8 - bits);
        n
    }

    #[test]
    fn rsa_is_bounded_from_2048_to_8192_bits() {
        assert_eq!(Material::rsa(&modulus(2047), &[3]), Err(KeyError::RsaTooSmall));
        assert!(Material::rsa(&modulus(2048), &[3]).is_ok());
        assert!(Material::rsa(&modulus(8192), &[3]).is_ok());
        assert_eq!(Material::rsa(&modulus(8193), &[3]), Err(KeyError::RsaTooLarge));
        assert_eq!(Material::rsa(&[], &[3]), Err(KeyError::JwkMalformed));
    }

    #[test]
    fn one_leading_zero_octet_changes_nothing_and_two_are_refused() {
        let n = modulus(2048);
        assert_eq!(Material::rsa(&[&[0], &n[..]].concat(), &[0, 1, 0, 1]), Material::rsa(&n, &[1, 0, 1]));
        assert_eq!(Material::rsa(&[&[0, 0], &n[..]].concat(), &[3]), Err(KeyError::JwkMalformed));
        assert_eq!(Material::rsa(&n, &[0, 0, 3]), Err(KeyError::RsaExponent));
    }

    #[test]
    fn an_even_modulus_is_refused() {
        let mut n = modulus(2048);
        n[255] = 0xFE;
        assert_eq!(Material::rsa(&n, &[3]), Err(KeyError::RsaModulusEven));
    }

    #[test]
    fn the_exponent_is_odd_at_least_3_and_at_most_33_bits() {
        let n = modulus(2048);
        for bad in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]] {
            assert_eq!(Material::rsa(&n, bad), Err(KeyError::RsaExponent), "{bad:?}");
        }
        for good in [&[3][..], &[17], &[1, 0, 1], &[1, 255, 255, 255, 255]] {
            assert!(Material::rsa(&n, good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_power_of_65537_has_the_roca_fingerprint() {
        let mut power = vec![0; 257];
        // 65537^128 = (2^16 + 1)^128 fits 2049 bits; built by shifting and adding.
        power[256] = 1;
        for _ in 0..128 {
            let shifted: Vec<u8> = power[2..].iter().copied().chain([0, 0]).collect();
            let mut carry = 0;
            for (place, add) in power.iter_mut().zip(&shifted).rev() {
                let sum = u16::from(*place) + u16::from(*add) + carry;
                (*place, carry) = (sum.to_le_bytes()[0], sum >> 8);
            }
        }
        assert_eq!(Material::rsa(&power, &[1, 0, 1]), Err(KeyError::RsaRoca));
    }

    #[test]
    fn ed25519_points_are_canonical_on_the_curve_and_not_of_small_order() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut minus_identity = identity;
        minus_identity[31] = 0x80;
        // y = p + 1: the identity again, not reduced.
        let mut unreduced = [0xFF; 32];
        (unreduced[0], unreduced[31]) = (0xEE, 0x7F);
        // y = p + 3 reduces to 3, which is on the curve and of large order.
        let mut unreduced_large = unreduced;
        unreduced_large[0] = 0xF0;
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        let table = [
            ("zero, of order 4", [0; 32], KeyError::PointSmallOrder),
            ("identity", identity, KeyError::PointSmallOrder),
            ("identity with a sign", minus_identity, KeyError::PointSmallOrder),
            ("identity, not reduced", unreduced, KeyError::PointSmallOrder),
            ("not reduced", unreduced_large, KeyError::PointNotOnCurve),
            ("off the curve", off_curve, KeyError::PointNotOnCurve),
        ];
        for (name, bytes, error) in table {
            assert_eq!(Material::ed25519(&bytes), Err(error), "{name}");
        }
        assert_eq!(Material::ed25519(&[1; 31]), Err(KeyError::PointLength));
    }

    #[test]
    fn a_compressed_or_short_ec_point_is_refused() {
        for point in [&[][..], &[4], &[2; 33], &[4; 64], &[4; 66]] {
            assert_eq!(Material::ec_point(Curve::P256, point), Err(KeyError::PointLength), "{point:?}");
        }
    }

    #[test]
    fn a_secret_is_as_long_as_the_hash_and_for_hmac() {
        use Algorithm::{HS256, HS384, HS512, RS256};
        for (alg, len) in [(HS256, 32), (HS384, 48), (HS512, 64)] {
            assert_eq!(Material::secret(&vec![7; len - 1], alg), Err(KeyError::SecretTooShort));
            assert!(Material::secret(&vec![7; len], alg).is_ok());
        }
        assert_eq!(Material::secret(&[7; 64], RS256), Err(KeyError::AlgDoesNotFit));
    }

    #[test]
    fn a_modulus_is_judged_by_all_of_its_octets_and_debug_shows_the_kind_alone() {
        let mut n = modulus(2048);
        n[1] = 0xC5;
        n[255] = 1;
        assert!(!is_roca(&n), "its last octet alone is a power of 65537");
        let key = Material::rsa(&n, &[1, 0, 1]).unwrap();
        assert_eq!(format!("{key:?}"), "RSA");
    }
}
