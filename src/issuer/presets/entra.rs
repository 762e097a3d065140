use crate::{
    error::{ConfigError, Fault},
    issuer::{Issuer, tenancy::Tenancy},
};
use std::collections::BTreeSet;

/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer>
static V2: Tenancy = Tenancy {
    identifier: "https://login.microsoftonline.com/{tenantid}/v2.0",
    keys: &["https://login.microsoftonline.com/{tenantid}/v2.0"],
    bare_keys: false,
};
/// One tenant's own address: what stands there without a name is the tenant's.
static V2_ALONE: Tenancy = Tenancy { bare_keys: true, ..V2 };
/// The older key sets name no issuer; where they do, it may be in the words of either version.
static V1: Tenancy = Tenancy {
    identifier: "https://sts.windows.net/{tenantid}/",
    keys: &["https://sts.windows.net/{tenantid}/", "https://login.microsoftonline.com/{tenantid}/v2.0"],
    bare_keys: true,
};

/// Everyone with a personal Microsoft account.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const TYP: &str = "Entra writes typ JWT, never at+jwt";

impl Issuer {
    /// One tenant of Microsoft Entra ID, v2.0 tokens: `Issuer::entra("8eaef023-…")`. The API's manifest must say
    /// `requestedAccessTokenVersion: 2` (`accessTokenAcceptedVersion` in its older form); without it Entra writes v1.0
    /// tokens, which are another issuer's: [`entra_v1`](Issuer::entra_v1).
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens>
    ///
    /// - **Audience** is the API's application (client) id, a GUID.
    /// - **Scopes** from `scp`, **roles** from `roles` (app roles; an application's own permissions, too), **groups** from
    ///   `groups`. Where Entra leaves groups out (`_claim_names`, `hasgroups`) they are unknown: neither `group(x)` nor
    ///   `!group(x)` allows.
    /// - **Tenant.** `tid` must be the tenant inside `iss`.
    /// - **Kind.** `azp` must be there: an ID token of the same app registration has none.
    /// - **Keys.** One that names another tenant in its member `issuer` does not serve (`key_issuer_mismatch`).
    /// - National clouds have other hosts, and apps with signing keys of their own other metadata: `Issuer::discover`, or
    ///   [`metadata_url`](Issuer::metadata_url).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where `tenant` is no tenant's id. `common`, `organizations`, `consumers` and a domain are in no
    /// token's `iss`; and the tenant of personal accounts is no organisation.
    pub fn entra(tenant: &str) -> Result<Self, ConfigError> {
        let tenant = read_tenant(tenant)?;
        let issuer = Self::discover(&V2.identifier_of(&tenant))?;
        Ok(issuer.of_entra(&V2_ALONE, "azp"))
    }

    /// Several tenants of Microsoft Entra ID, v2.0 tokens, from this list and no other, on one key set; otherwise as
    /// [`entra`](Issuer::entra).
    ///
    /// The tenant-independent metadata (`…/organizations/v2.0/…`) is read, whose `issuer` must be the template with
    /// `{tenantid}`, byte for byte; a token's `iss` must be the template with a tenant of the list. Every key must say for
    /// whom it signs. Who may do what in which tenant is for your policies: `issuer("https://…")`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where the list is empty, names one twice, or one of them is no tenant's id.
    pub fn entra_tenants<'a>(tenants: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let metadata =
            "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration";
        Ok(Self::of_tenants(&V2, metadata, tenants)?.of_entra(&V2, "azp"))
    }

    /// One tenant of Microsoft Entra ID, v1.0 tokens: `iss` is `https://sts.windows.net/{tenant}/`, the client is in
    /// `appid`, and the **audience** may be the application's id or its App ID URI (`api://…`), as the client asked for it.
    /// This is what Entra writes where the API's manifest says nothing. Otherwise as [`entra`](Issuer::entra).
    ///
    /// # Errors
    ///
    /// As [`entra`](Issuer::entra).
    pub fn entra_v1(tenant: &str) -> Result<Self, ConfigError> {
        let tenant = read_tenant(tenant)?;
        let metadata = format!("https://login.microsoftonline.com/{tenant}/.well-known/openid-configuration");
        let issuer = Self::discover(&V1.identifier_of(&tenant))?.metadata_url(&metadata);
        Ok(issuer.of_entra(&V1, "appid"))
    }

    /// Several tenants of Microsoft Entra ID, v1.0 tokens, from this list and no other; otherwise as
    /// [`entra_v1`](Issuer::entra_v1) and [`entra_tenants`](Issuer::entra_tenants), but that keys of this version name
    /// no issuer.
    ///
    /// # Errors
    ///
    /// As [`entra_tenants`](Issuer::entra_tenants).
    pub fn entra_v1_tenants<'a>(tenants: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let metadata = "https://login.microsoftonline.com/organizations/.well-known/openid-configuration";
        Ok(Self::of_tenants(&V1, metadata, tenants)?.of_entra(&V1, "appid"))
    }

    fn of_tenants<'a>(
        kind: &'static Tenancy,
        metadata: &str,
        tenants: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let tenants = read_tenants(tenants)?;
        let mut identifiers = tenants.iter().map(|tenant| kind.identifier_of(tenant));
        let first = identifiers.next().ok_or_else(|| ConfigError::new("tenants", "names no tenant"))?;
        let mut issuer = Self::discover(&first)?.metadata_url(metadata);
        issuer.remote.metadata_issuer = Some(kind.identifier);
        Ok(identifiers.fold(issuer, |issuer, identifier| issuer.also_known_as(&identifier)))
    }

    fn of_entra(mut self, tenants: &'static Tenancy, client: &str) -> Self {
        self.expects.tenants = Some(tenants);
        self.expects.never_strict = Some(TYP);
        self.scopes_from(["scp"]).require_present(client)
    }
}

/// In the order given; whoever names one twice may have meant another.
fn read_tenants<'a>(tenants: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, ConfigError> {
    let (mut read, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for tenant in tenants {
        match read_tenant(tenant) {
            Ok(tenant) if seen.insert(tenant.clone()) => read.push(tenant),
            Ok(tenant) => faults.push(Fault::new("tenant", format!("{tenant} is named twice"))),
            Err(error) => faults.extend(error.into_faults()),
        }
    }
    ConfigError::check(faults)?;
    Ok(read)
}

/// A GUID in lower case, as Entra writes it into `iss` and `tid`.
fn read_tenant(tenant: &str) -> Result<String, ConfigError> {
    let lower = tenant.to_ascii_lowercase();
    let sentence = match lower.as_str() {
        "common" | "organizations" | "consumers" => {
            "is a name for many tenants, and no token's: name each tenant's id, with entra_tenants for several"
        }
        PERSONAL => "is the tenant of all personal accounts: everybody can have one",
        guid if is_guid(guid) => return Ok(lower),
        _ => {
            "must be the tenant's id, a GUID (Directory (tenant) ID in the portal): a domain is in no token's iss"
        }
    };
    Err(ConfigError::new("tenant", format!("{tenant:?} {sentence}")))
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    lengths.eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
