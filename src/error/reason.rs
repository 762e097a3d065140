use super::AuthErrorKind;
use std::fmt;

/// Builds the enum, its ids and its classes from one table, so that no reason can lack any of the three.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $kind:ident, $wire:expr;)*) => {
        /// Why a request was refused, for the operator: every rule has one, and its [`id`](Reason::id) is stable.
        ///
        /// Logs and metrics carry the id. The client is not told; it learns [`AuthErrorKind`] and a sentence that
        /// several reasons share.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The stable name of the rule that refused, in `snake_case`.
            pub const fn id(self) -> &'static str {
                match self { $(Reason::$variant => $id,)* }
            }

            /// The class that the client learns.
            pub const fn kind(self) -> AuthErrorKind {
                match self { $(Reason::$variant => AuthErrorKind::$kind,)* }
            }

            /// The sentence for `error_description`, from a short fixed list (RFC 6750 section 3).
            pub(crate) const fn wire(self) -> Option<&'static str> {
                match self { $(Reason::$variant => $wire,)* }
            }
        }
    };
}

const REQUEST: Option<&str> = Some("the request carries malformed credentials");
const MALFORMED: Option<&str> = Some("the token is malformed");
const REFUSED: Option<&str> = Some("the token is not valid here");
const EXPIRED: Option<&str> = Some("the token has expired");
const EARLY: Option<&str> = Some("the token is not valid yet");
const MORE: Option<&str> = Some("the token does not permit this request");
const LOGIN: Option<&str> = Some("the request needs a stronger or a more recent login");
const SILENT: Option<&str> = None;

reasons! {
    /// The request carries no Bearer credentials.
    MissingToken = "missing_token", MissingToken, SILENT;
    /// Two `Authorization` headers, or a header with the scheme twice.
    SeveralAuthorizationHeaders = "several_authorization_headers", InvalidRequest, REQUEST;
    /// Credentials in more than one place (RFC 6750 section 2).
    SeveralTokenSources = "several_token_sources", InvalidRequest, REQUEST;
    /// `Bearer` with nothing behind it.
    EmptyToken = "empty_token", InvalidRequest, REQUEST;
    /// A character that token68 does not have (RFC 9110 section 11.2).
    IllegalCharacters = "illegal_characters", InvalidRequest, REQUEST;
    /// More than 16 KiB.
    TokenTooLong = "token_too_long", InvalidRequest, REQUEST;

    /// Not three parts: no JWS in compact serialization (RFC 7515 section 7.1).
    NotAJws = "not_a_jws", InvalidToken, MALFORMED;
    /// Five parts: an encrypted token (RFC 7516); ask the issuer for a signed one.
    EncryptedToken = "encrypted_token", InvalidToken, MALFORMED;
    /// Padding, another alphabet, or bits that a canonical encoding has at zero (RFC 4648 section 3.5).
    Base64NotCanonical = "base64_not_canonical", InvalidToken, MALFORMED;
    /// A JOSE header of more than 4 KiB.
    HeaderTooLong = "header_too_long", InvalidToken, MALFORMED;
    /// A JOSE header that is not a JSON object with a string `alg` (RFC 7515 section 4).
    HeaderMalformed = "header_malformed", InvalidToken, MALFORMED;
    /// A JOSE header that names a member twice (RFC 7515 section 4).
    HeaderDuplicateMember = "header_duplicate_member", InvalidToken, MALFORMED;
    /// The header's `alg` is not on the issuer's list (RFC 8725 section 3.1).
    AlgNotAllowed = "alg_not_allowed", InvalidToken, REFUSED;
    /// The header has `crit`, and this crate understands no extension (RFC 7515 section 4.1.11).
    CritPresent = "crit_present", InvalidToken, REFUSED;
    /// The header has `b64` (RFC 7797), `enc` or `zip` (RFC 7516): no plain JWS.
    HeaderExtension = "header_extension", InvalidToken, REFUSED;
    /// The header's `typ` names something that is no access token (RFC 8725 section 3.11).
    TypNotAllowed = "typ_not_allowed", InvalidToken, REFUSED;

    /// `iss` is absent.
    IssMissing = "iss_missing", InvalidToken, REFUSED;
    /// `iss` is not one string (RFC 7519 section 4.1.1).
    IssMalformed = "iss_malformed", InvalidToken, MALFORMED;
    /// `iss` is not one of the trusted issuers, byte for byte (RFC 8725 section 3.8).
    IssuerUnknown = "issuer_unknown", InvalidToken, REFUSED;

    /// The issuer's keys have none for this `kid` and `alg`.
    KeyUnknown = "key_unknown", InvalidToken, REFUSED;
    /// Different keys fit one `kid` and `alg`, or more than four fit a token without `kid`.
    KeyAmbiguous = "key_ambiguous", InvalidToken, REFUSED;
    /// The key that the token names says itself that it signs for another tenant of the issuer (Entra's `issuer` in a JWK).
    KeyIssuerMismatch = "key_issuer_mismatch", InvalidToken, REFUSED;
    /// We hold no usable keys for a trusted issuer: our outage, not the token's fault.
    KeysUnavailable = "keys_unavailable", Unavailable, SILENT;
    /// The signature does not fit (RFC 7515 section 5.2).
    SignatureInvalid = "signature_invalid", InvalidToken, REFUSED;

    /// The payload is not a JSON object (RFC 7519 section 7.2).
    ClaimsMalformed = "claims_malformed", InvalidToken, MALFORMED;
    /// A claim is there twice (RFC 7519 section 4).
    ClaimsDuplicateMember = "claims_duplicate_member", InvalidToken, MALFORMED;
    /// JSON nested deeper than the bound.
    JsonTooDeep = "json_too_deep", InvalidToken, MALFORMED;
    /// `aud` is absent.
    AudMissing = "aud_missing", InvalidToken, REFUSED;
    /// `aud` is neither a string nor an array of strings (RFC 7519 section 4.1.3).
    AudMalformed = "aud_malformed", InvalidToken, MALFORMED;
    /// `aud` does not name us.
    AudMismatch = "aud_mismatch", InvalidToken, REFUSED;
    /// `exp` is absent.
    ExpMissing = "exp_missing", InvalidToken, REFUSED;
    /// `exp` is not a finite number within ±2⁵³.
    ExpMalformed = "exp_malformed", InvalidToken, MALFORMED;
    /// `exp` is past.
    ExpPast = "exp_past", InvalidToken, EXPIRED;
    /// `nbf` is not a finite number within ±2⁵³.
    NbfMalformed = "nbf_malformed", InvalidToken, MALFORMED;
    /// `nbf` lies in the future.
    NbfFuture = "nbf_future", InvalidToken, EARLY;
    /// `iat` is not a finite number within ±2⁵³.
    IatMalformed = "iat_malformed", InvalidToken, MALFORMED;
    /// `iat` lies in the future.
    IatFuture = "iat_future", InvalidToken, EARLY;
    /// `sub` is there and is not a string.
    SubMalformed = "sub_malformed", InvalidToken, MALFORMED;
    /// The token is bound to a key (`cnf`, RFC 7800) and nothing configured can check the proof.
    CnfUnchecked = "cnf_unchecked", InvalidToken, REFUSED;
    /// An ID, refresh, logout or event token.
    NotAnAccessToken = "not_an_access_token", InvalidToken, REFUSED;
    /// A claim that the issuer's settings require is absent, `null` or empty.
    RequiredClaimMissing = "required_claim_missing", InvalidToken, REFUSED;
    /// A claim that the issuer's settings require has none of the values they name.
    RequiredClaimMismatch = "required_claim_mismatch", InvalidToken, REFUSED;
    /// The token's client is none of those that the issuer's settings name, or the token names none.
    ClientNotAllowed = "client_not_allowed", InvalidToken, REFUSED;
    /// `tid` is not the tenant inside `iss` (Entra), or absent.
    TenantMismatch = "tenant_mismatch", InvalidToken, REFUSED;
    /// `.strict()`: `typ` is not `at+jwt` (RFC 9068 section 4).
    StrictTyp = "strict_typ", InvalidToken, REFUSED;
    /// `.strict()`: one of `sub`, `client_id`, `iat`, `jti` is absent, empty, or no string or number (RFC 9068 section 2.2).
    StrictClaimMissing = "strict_claim_missing", InvalidToken, REFUSED;
    /// The claims do not fit the application's own claims type.
    ClaimsDoNotFit = "claims_do_not_fit", InvalidToken, REFUSED;

    /// The route's policy wants a token, and the request has none.
    PolicyNeedsToken = "policy_needs_token", MissingToken, SILENT;
    /// The route's policy is not met.
    PolicyNotMet = "policy_not_met", InsufficientScope, MORE;
    /// The route's policy wants the user to log in again: more strongly, or more recently (RFC 9470).
    StepUpNeeded = "step_up_needed", InsufficientAuthentication, LOGIN;
    /// Somebody who was asked, see `authorize::ask`, has said no.
    AskedAndDenied = "asked_and_denied", InsufficientScope, MORE;
    /// Whoever is asked cannot tell at present: an outage, not the caller's fault.
    AskedInVain = "asked_in_vain", Unavailable, SILENT;

    /// A policy or an extractor ran without `AuthenticateLayer` around it.
    LayerMissing = "layer_missing", Misconfigured, SILENT;
    /// A handler asks for another claims type than the layer verified.
    ClaimsTypeDiffers = "claims_type_differs", Misconfigured, SILENT;
    /// A route asks for its policy by a name that no policies were given for.
    PolicyMissing = "policy_missing", Misconfigured, SILENT;
    /// A handler asks for a rule that its route's policy has not.
    RuleMissing = "rule_missing", Misconfigured, SILENT;
    /// Keys have to be fetched, and there is no tokio runtime.
    RuntimeMissing = "runtime_missing", Misconfigured, SILENT;
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
