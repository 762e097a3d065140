//! What is left out, or done wrong: one thing each, and the attack that gets in by it.

/// Builds the enum and the table from one list, so that no defect can lack its attack.
macro_rules! defects {
    ($($variant:ident, $attack:literal, $what:literal;)*) => {
        /// One thing that a verifier does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Defect {
            $($variant,)*
        }

        /// A broken verifier.
        pub(crate) struct Mutant {
            pub(crate) defect: Defect,
            /// What is wrong, in a sentence.
            pub(crate) what: &'static str,
            /// The attack that is named for it.
            pub(crate) attack: &'static str,
        }

        pub(crate) const MUTANTS: &[Mutant] =
            &[$(Mutant { defect: Defect::$variant, what: $what, attack: $attack },)*];
    };
}

defects! {
    NoneIsAnAlgorithm, "alg_none_with_kid", "Takes `none` for an algorithm, and asks for no signature.";
    NoneInAnyCase, "alg_none_mixed_case", "Forbids `none` letter by letter, and reads it in any case later.";
    NoneIsTrimmed, "alg_none_with_space", "Forbids `none`, and trims the name later.";
    AbsentAlgorithmIsNone, "alg_missing", "Asks for no signature where no algorithm is named.";
    AbsentAlgorithmIsTheKeys, "alg_missing_but_signed", "Takes the key's algorithm where none is named.";
    FalsyAlgorithmIsNone, "alg_null", "Asks for no signature where `alg` is null, empty or 0.";
    AlgorithmFromAList, "alg_list", "Takes an array for `alg`, and picks what is easiest.";
    AlgorithmInAnyCase, "alg_in_another_case", "Reads the algorithm's name in any case.";
    AlgorithmByItsKind, "alg_of_another_hash", "Reads the first two letters of `alg`, and takes the hash from the key.";
    UnknownAlgorithmIsTheKeys, "alg_unregistered", "Takes the key's algorithm where the named one is unknown.";
    DirectIsUnsigned, "alg_direct", "Finds nothing to do for `dir`, and does nothing.";
    PaddingIsTheTokens, "alg_of_another_padding", "Lets the token choose between the two paddings of RSA.";
    WrongLengthIsFatal, "alg_of_another_kind_of_key", "Panics at a signature that is shorter than its algorithm's.";
    CritIsIgnored, "crit_unknown", "Does not look at `crit`.";
    EmptyCritIsNone, "crit_empty", "Takes an empty `crit` for none.";
    StandardMembersMayBeCritical, "crit_of_a_standard_member", "Takes a `crit` that names what it knows anyway.";
    B64IsTaken, "b64_false", "Calls `b64` understood, and goes on as if it were not there.";
    ZipIsInflated, "zip_in_a_jws", "Inflates claims that say they are deflated.";
    EncIsIgnored, "enc_in_a_jws", "Does not look at `enc`.";
    TypIsIgnored, "typ_of_a_logout_token", "Does not look at the header's `typ`.";
    TypByItsBeginning, "typ_with_a_parameter", "Looks at the beginning of `typ` alone.";
    EmptyTypIsNone, "typ_empty", "Takes an empty `typ` for none.";
    NestedTokensAreOpened, "nested_jwt", "Takes the claims of a token within the token.";
    ClaimsFromTheHeader, "claims_in_the_header", "Looks for a claim in the header where the claims lack it.";
    HeaderMayBeAbsent, "header_is_empty", "Takes an empty header for the usual one.";
    HeadersOfAnyLength, "header_huge", "Reads a header of any length.";
    PublicPemIsASecret, "hmac_with_public_pem", "Takes the algorithm from the header, and the public key's PEM for a secret.";
    PublicDerIsASecret, "hmac_with_public_der", "Takes the public key's DER for a secret.";
    JwkIsASecret, "hmac_with_jwk", "Takes the public key's JWK for a secret.";
    SetIsASecret, "hmac_with_key_set", "Takes the key set for a secret.";
    MaterialIsASecret, "hmac_with_key_material", "Takes the public key's own bytes for a secret.";
    OpensshKeyIsASecret, "hmac_with_openssh_key", "Takes a public key of OpenSSH for a secret.";
    SecretMayBeEmpty, "hmac_with_empty_secret", "Has a secret that nobody has set: it is empty.";
    SecretOfTheTutorial, "hmac_with_a_word", "Has the secret that its tutorial had.";
    KidIsASecret, "hmac_with_kid", "Takes the `kid` for a secret.";
    AudienceIsASecret, "signed_by_its_audience", "Takes its own name for a secret, as clients do in some profiles.";
    KidIsAPath, "kid_as_a_path", "Reads the secret from the file that `kid` names.";
    KidIsSql, "kid_as_sql", "Puts `kid` into SQL as it stands.";
    KidIsAQuery, "kid_as_a_query", "Puts `kid` into a document store's query as it stands.";
    KidIsAnAddress, "kid_as_a_url", "Fetches the key from the address that `kid` is.";
    KidIsIgnored, "kid_of_another_key", "Tries every key, whatever `kid` says.";
    FirstKeyIsTheFallback, "kid_of_nobody", "Takes the first key that fits where nobody has that `kid`.";
    KidInAnyCase, "kid_in_another_case", "Compares `kid` without its case.";
    KidOfNoTextIsNone, "kid_a_number", "Takes a `kid` that is no text for none, and tries every key.";
    KeysOfAllIssuers, "strangers_key", "Has one pool of keys for all issuers, and looks for a `kid` there.";
    JwkIsFollowed, "jwk_in_the_header", "Takes the key that the token brings along.";
    SecretJwkIsFollowed, "secret_jwk_in_the_header", "Takes the secret that the token brings along.";
    JkuIsFollowed, "jku_of_a_stranger", "Fetches the keys from where `jku` says.";
    X5uIsFollowed, "x5u_of_a_stranger", "Fetches the key from where `x5u` says.";
    X5cIsFollowed, "x5c_of_a_stranger", "Takes the key of the certificate that the token brings along, and asks no authority.";
    EmptySignaturePasses, "signature_empty", "Checks a signature where there is one.";
    SignatureIsCut, "signature_longer", "Reads as much of a signature as it needs.";
    ZeroBeforeIsDropped, "signature_after_a_zero", "Reads a signature from its end.";
    NoSignature, "claims_changed", "Decodes, and does not verify.";
    HeaderIsNotSigned, "signature_over_the_claims_alone", "Takes a signature of the claims alone.";
    TextIsSigned, "signature_over_the_text", "Takes a signature of the decoded text.";
    ZeroIsASignature, "ecdsa_zero", "Lets zero pass in an ECDSA signature, of which everything is a multiple.";
    DerIsTaken, "ecdsa_in_der", "Takes ECDSA signatures in DER as well.";
    NumbersArePadded, "ecdsa_padded", "Drops zeros before the numbers of ECDSA.";
    EddsaIsReduced, "eddsa_plus_order", "Reduces EdDSA's number before it looks at its range.";
    RsaIsReduced, "rsa_plus_modulus", "Reduces RSA's number before it looks at its range.";
    NoIssuer, "iss_of_a_stranger", "Does not look at `iss`.";
    IssuerMayBeAbsent, "iss_missing", "Looks at `iss` where there is one.";
    IssuerInAList, "iss_list", "Takes a list of issuers with ours in it.";
    IssuerWithinOurs, "iss_prefix", "Looks whether `iss` is found in our issuer's name.";
    IssuerByItsBeginning, "iss_longer", "Looks whether `iss` begins as our issuer's name does.";
    IssuerAroundOurs, "iss_around_ours", "Looks whether our issuer's name is found in `iss`.";
    IssuerWithoutItsSlash, "iss_with_slash", "Cuts slashes behind `iss`.";
    IssuerInAnyCase, "iss_in_another_case", "Compares `iss` without its case.";
    IssuerAsAnAddress, "iss_with_port", "Compares `iss` as an address, without a port that is the default.";
    IssuerIsTrimmed, "iss_with_spaces", "Trims `iss`.";
    IssuerEndsAtAZero, "iss_with_a_zero", "Reads `iss` as far as a zero byte.";
    IssuersAreAsked, "flood_of_strangers", "Asks whichever issuer the token names for its keys, and compares later.";
    NoAudience, "aud_of_another", "Does not look at `aud`.";
    AudienceMayBeAbsent, "aud_missing", "Looks at `aud` where there is one.";
    NullAudienceIsNone, "aud_null", "Takes null for no audience, and that for everybody.";
    EmptyListIsEverybody, "aud_empty_list", "Finds no foreign audience in an empty list.";
    AudienceWithinOurs, "aud_prefix", "Looks whether `aud` is found in our name.";
    AudienceByItsBeginning, "aud_longer", "Looks whether `aud` begins as our name does.";
    AudienceInAnyCase, "aud_in_another_case", "Compares `aud` without its case.";
    AudienceIsSplit, "aud_several_in_one_text", "Splits `aud` at spaces.";
    AudienceMayBeAStar, "aud_wildcard", "Takes `*` for everybody.";
    AudienceOfAnObject, "aud_object", "Looks for our name among an object's keys.";
    AudienceOfAMixedList, "aud_mixed_list", "Skips what is no text in a list of audiences.";
    AudienceOfANestedList, "aud_nested_list", "Flattens lists of audiences.";
    ClientIsAnAudience, "aud_in_azp_only", "Takes `azp` for an audience.";
    NoExpiry, "exp_just_past", "Does not look whether `exp` is past.";
    ExpiryMayBeAbsent, "exp_missing", "Looks at `exp` where there is one.";
    LeewayOfTwoHours, "exp_past", "Allows for two hours of difference between clocks.";
    LeewayOfTwoDays, "exp_past_a_day", "Reads `exp` in whatever time zone it is still to come.";
    ZeroIsNoExpiry, "exp_zero", "Takes an expiry of 0 for none.";
    ExpiryWithoutASign, "exp_negative", "Reads a negative `exp` as a number without a sign.";
    TextIsNoExpiry, "exp_text", "Finds no number in a text, and takes that for no expiry.";
    ExpiryIsADate, "exp_date_text", "Reads dates in words.";
    NullIsNoExpiry, "exp_null", "Takes an expiry of null for none.";
    ExpiryIsCoerced, "exp_list", "Makes a number of whatever `exp` is, as JavaScript does.";
    ExpiryOfAnObject, "exp_object", "Reads a document store's dates.";
    ExpiryOfAnySize, "exp_wraps_around", "Takes an expiry of any size.";
    NoNotBefore, "nbf_future", "Does not look at `nbf`.";
    NotBeforeOfAText, "nbf_text", "Skips an `nbf` that is no number.";
    NoIssuedAt, "iat_future", "Does not look whether `iat` is to come.";
    IssuedAtOfAText, "iat_text", "Skips an `iat` that is no number.";
    SubjectOfAnyType, "sub_not_a_text", "Takes a subject that is no text.";
    BoundTokensPass, "bound_by_dpop", "Does not look at `cnf`.";
    BoundToACertificate, "bound_by_mtls", "Knows of one way to bind a token, and not of certificates.";
    BoundToNullIsUnbound, "bound_to_null", "Takes null for unbound.";
    IdTokensPass, "id_token", "Does not tell an ID token from an access token.";
    LogoutTokensPass, "logout_token", "Does not tell a logout token from an access token.";
    KeycloaksTypeIsIgnored, "id_token_of_keycloak", "Does not look at Keycloak's claim `typ`.";
    RefreshTokensPass, "refresh_token", "Looks for ID tokens by Keycloak's `typ`, and forgets the tokens that are for the issuer.";
    TokenUseIsIgnored, "id_token_of_cognito", "Does not look at Cognito's claim `token_use`.";
    NoScopes, "scope_of_another", "Looks whether there are scopes, and not which.";
    ScopesMayBeAbsent, "scope_missing", "Looks at scopes where there are any.";
    ScopesSplitAtWhiteSpace, "scope_joined_by_tabs", "Splits scopes at whatever is white.";
    ScopesSplitAtCommas, "scope_joined_by_commas", "Splits scopes at commas, too.";
    ScopeWithinAnother, "scope_longer", "Looks whether the text of scopes has the scope in it.";
    ScopeByItsBeginning, "scope_shorter", "Takes a scope for all that begin with it.";
    ScopeInAnyCase, "scope_in_another_case", "Compares scopes without their case.";
    ScopeMayBeAStar, "scope_wildcard", "Takes `*` for every scope.";
    ScopeOfAnObject, "scope_object", "Looks for scopes among an object's keys.";
    ScopeFromTheHeader, "scope_in_the_header", "Looks for scopes in the header as well.";
    ScopeOfAnotherParty, "scope_in_another_claim", "Looks for scopes in objects within the claims.";
    SignatureMayBeAbsent, "two_parts", "Takes two parts for a token that need not be signed.";
    PartsBehindAreIgnored, "four_parts", "Takes the first three parts of however many.";
    DotsAreTrimmed, "leading_dot", "Trims dots.";
    EncryptedTokensAreFatal, "five_parts", "Panics at a token of five parts.";
    JsonSerializationIsTaken, "json_serialization_encoded", "Takes the JSON serialization as well.";
    TokenIsPercentDecoded, "dots_as_percent", "Decodes percent signs in the token.";
    PaddingIsTaken, "padded_signature", "Takes base64 with padding.";
    StandardAlphabetIsTaken, "standard_alphabet", "Takes the other alphabet of base64.";
    TrailingBitsAreIgnored, "trailing_bits_in_the_signature", "Does not look at base64's last bits.";
    DecodedAgain, "encoded_twice", "Decodes what is no JSON once more.";
    ByteOrderMarkIsCut, "byte_order_mark", "Cuts a byte order mark.";
    Utf16IsRead, "utf_16", "Guesses the character set.";
    Utf8IsRepaired, "latin_1", "Puts question marks for what is no UTF-8.";
    TokensOfAnyLength, "huge_token", "Reads a token of any length.";
    LastMemberWins, "exp_twice", "Takes the last of two members of one name.";
    FirstMemberWins, "alg_twice", "Takes the first of two members of one name.";
    NamesInAnyCase, "names_in_another_case", "Reads names in any case.";
    NamesAreTrimmed, "names_with_spaces", "Trims names.";
    PrototypesAreMerged, "prototype", "Copies claims into an object, and finds more in its prototype.";
    ListsAreUnwrapped, "claims_in_a_list", "Takes the first of an array for the object.";
    TextsAreUnwrapped, "claims_in_a_text", "Parses a text within the text.";
    BracesAreClosed, "claims_cut", "Closes what was left open.";
    FirstObjectIsTaken, "two_objects", "Reads one object, and not to the end.";
    TextEndsAtAZero, "zero_byte_behind", "Reads as far as a zero byte.";
    JsonOfJavaScript, "comment", "Reads what JavaScript reads: comments, quotes, numbers of all sorts.";
    DeepJsonIsFatal, "deep_lists", "Panics where JSON is too deep.";
    NoHeaderIsAnonymous, "no_token", "Lets a request without credentials pass, and leaves it to the handler.";
    EmptyTokenIsAnonymous, "bearer_alone", "Lets a request with an empty token pass.";
    SchemeMayBeAbsent, "token_without_a_scheme", "Takes a header without a scheme.";
    PasswordIsAToken, "scheme_basic", "Takes a password for a token.";
    AnyScheme, "scheme_dpop", "Takes a token under any scheme.";
    SchemeByItsBeginning, "scheme_longer", "Takes whatever begins with `Bearer` for the scheme.";
    SchemeAnywhere, "scheme_before_the_scheme", "Looks for the scheme anywhere in the header.";
    SchemeByItsLength, "colon_for_the_space", "Cuts seven letters, whatever they are.";
    WhiteSpaceOfAnyKind, "tab_for_the_space", "Takes a tab for a space.";
    QuotesAreStripped, "token_in_quotes", "Strips quotes.";
    TokenOfAParameter, "token_as_a_parameter", "Takes a parameter of the scheme for the token.";
    WordsBehindAreIgnored, "words_behind_the_token", "Takes the second word of the header, and no more.";
    ListsOfCredentials, "two_tokens_in_one_header", "Splits the header at commas, and takes whichever passes.";
    NonAsciiIsDropped, "bytes_beyond_ascii", "Drops bytes that are no characters.";
    FirstOfTwoHeaders, "two_headers_good_first", "Takes the first of two headers.";
    LastOfTwoHeaders, "two_headers_good_last", "Takes the last of two headers.";
    TokenInTheQuery, "token_in_the_query", "Takes a token from the query.";
    BrokenQueryIsFatal, "broken_query", "Panics at a query that is no UTF-8.";
    TokenInACookie, "token_in_a_cookie", "Takes a token from a cookie.";
    TokenForTheProxy, "token_for_the_proxy", "Takes the proxy's token.";
    TokenOfAProxy, "token_in_a_forwarded_header", "Takes a token from a proxy's header, whoever wrote it.";
    TokenInASubprotocol, "token_in_a_subprotocol", "Takes a token from the WebSocket's subprotocols, without a WebSocket.";
    UserFromAHeader, "user_in_a_header", "Takes the user from a proxy's header, whoever wrote it.";
    PathFromAHeader, "original_path_in_a_header", "Guards the path that a header names.";
    MethodFromAHeader, "method_in_a_header", "Lets the method of a header pass, and serves the request's own.";
    ThisMachineIsTrusted, "from_this_machine", "Lets this machine pass, by a header.";
    PreflightByItsHeaders, "looks_like_preflight", "Takes a request for a preflight by its headers.";
    CallerFromTheExtensions, "caller_in_the_extensions", "Takes a caller who is there already.";
    PathIsAnAudience, "good_token_of_another_path", "Takes a token for this path.";
    OnlyGetIsGuarded, "head_without_a_token", "Guards GET, and serves HEAD by the same handler.";
    UnknownMethodsPass, "unknown_method", "Guards the methods that it knows, and serves the others.";
    MethodInAnyCase, "method_in_small_letters", "Guards methods in capitals, and serves them in any case.";
    SlashesAreMerged, "path_with_two_slashes", "Guards the path as it was sent, and serves it with slashes merged.";
    DotsAreResolved, "path_with_dots", "Guards the path as it was sent, and serves it with dots resolved.";
    PathsAreDecoded, "path_encoded", "Guards the path as it was sent, and serves it decoded.";
    ParametersAreCut, "path_with_parameter", "Guards the path as it was sent, and serves it without parameters.";
    PathsInAnyCase, "path_in_capitals", "Guards the path as it was sent, and serves it in any case.";
    SlashBehindIsCut, "path_with_slash_behind", "Guards the path as it was sent, and serves it without a slash behind.";
    PathsEndAtAZero, "path_with_a_zero", "Guards the path as it was sent, and serves it as far as a zero byte.";
    AddressesAreNoPaths, "path_as_a_whole_address", "Guards what begins with the path, and serves whole addresses, too.";
    SecretsOfTheSet, "set_has_a_secret", "Takes a secret from the key set.";
    PrivateKeysAreTaken, "set_has_a_private_key", "Takes a private key from the key set.";
    UseIsIgnored, "set_has_a_key_for_encryption", "Does not look what a key is for.";
    OperationsAreIgnored, "set_has_a_key_for_other_operations", "Does not look at a key's operations.";
    AlgorithmOfTheKeyIsIgnored, "set_has_a_key_for_another_algorithm", "Does not look at a key's algorithm.";
    TwinsAreTried, "set_has_one_kid_twice", "Tries every key of one `kid`.";
    KeysNamesMayRepeat, "set_names_a_member_twice", "Takes the last of two members of a key.";
    SmallPointsAreTaken, "set_has_the_identity", "Takes any point for a key.";
    ExponentOneIsTaken, "set_has_exponent_one", "Takes any exponent for an RSA key.";
    MetadataOfAnother, "metadata_of_another_issuer", "Takes metadata that name another issuer.";
    MetadataOfNobody, "metadata_of_nobody", "Takes metadata that name no issuer.";
    EmptySetIsTaken, "set_is_empty", "Puts an empty set in a good one's place.";
    UnreadableSetIsTaken, "set_is_html", "Puts nothing in a good set's place where the new one cannot be read.";
    OneBadKeySpoilsTheSet, "set_has_strange_keys", "Refuses a set for one key that it does not know.";
    OutageForgetsKeys, "set_fails", "Forgets the keys when the issuer fails.";
    EachUnknownKidIsFetched, "flood_of_unknown_kids", "Fetches for each `kid` that it does not know.";
    AddressesAreFetched, "flood_of_addresses", "Looks whether there is something at `jku`, and uses it for nothing.";
    TokensForEver, "seen_and_then_expired", "Remembers who passed, and not until when.";
    MonotonicMemory, "seen_and_then_suspended", "Remembers by a clock that stands still while the machine is suspended.";
    SignatureNotRemembered, "seen_and_its_signature_changed", "Remembers what was signed, and not the signature.";
    SignatureAloneRemembered, "seen_and_its_claims_changed", "Remembers signatures, and not what they signed.";
    IdIsRemembered, "seen_and_its_id_reused", "Remembers ids.";
    RememberedTooEarly, "refused_and_tried_again", "Remembers before it checks.";
    KeysForEver, "key_withdrawn", "Adds keys, and takes none away.";
    MemoryOutlivesTheKey, "key_withdrawn_and_the_token_seen", "Remembers who passed, and not by which key.";
    KidsAreKept, "key_replaced_under_its_kid", "Keeps the key that it has for a `kid`.";
    OldKeysForEver, "keys_a_week_old", "Uses old keys for as long as the issuer fails.";
    OutageIsToldFirst, "outage_on_demand", "Looks for keys before it looks at claims that need none.";
    RotationIsNotNoticed, "key_rotated", "Looks at keys by the clock alone.";
    CooldownStartsAnew, "key_rotated_amid_a_flood", "Starts its pause anew at each `kid` that it does not know.";
}
