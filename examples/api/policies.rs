//! The policies in force: the file's, and everything that follows from them.

use super::{Routes, handlers::ApiDoc};
use std::{env, error::Error, fs, sync::Arc};
use tokio::sync::watch;
use tower_bearer::{
    guard::RouteTable,
    metadata::ResourceMetadata,
    openapi::Security,
    policy::{LivePolicies, Policies},
};
use utoipa::OpenApi;

/// The file that `BEARER_POLICIES` names, or what came with the program.
pub(crate) fn read() -> Result<Policies, Box<dyn Error>> {
    let Ok(path) = env::var("BEARER_POLICIES") else {
        return Ok(toml::from_str(include_str!("policies.toml"))?);
    };
    let complaint = |error: &dyn Error| format!("BEARER_POLICIES={path}: {error}");
    let text = fs::read_to_string(&path).map_err(|error| complaint(&error))?;
    Ok(toml::from_str(&text).map_err(|error| complaint(&error))?)
}

/// The OpenAPI document of these routes. An operation that is documented and not routed is an error.
pub(crate) fn document(table: &RouteTable) -> Result<Arc<str>, Box<dyn Error>> {
    let document = Security::bearer().write_into(ApiDoc::openapi(), table)?;
    Ok(document.to_pretty_json()?.into())
}

/// What has to change when the policies do.
pub(crate) struct Reload {
    pub(crate) live: LivePolicies,
    /// Its table shows the policies in force.
    pub(crate) routes: Routes,
    pub(crate) document: watch::Sender<Arc<str>>,
    pub(crate) metadata: ResourceMetadata,
}

impl Reload {
    /// All of it or nothing: a file with a fault leaves everything as it is.
    fn once(&self) -> Result<(), Box<dyn Error>> {
        self.live.reload(&read()?)?;
        let table = self.routes.table();
        self.metadata.replace_policies(table.policies());
        self.document.send_replace(document(&table)?);
        Ok(())
    }

    /// Reads the file again at each SIGHUP.
    pub(crate) async fn at_each_hangup(self) {
        #[cfg(unix)]
        if let Ok(mut hangups) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
            while hangups.recv().await.is_some() {
                match self.once() {
                    Ok(()) => println!("The policies were read again:\n\n{}", self.routes.table()),
                    Err(error) => tracing::warn!(%error, "the policies stay as they were"),
                }
            }
        }
    }
}
