//! The issuer's documents over loopback HTTP.

use super::issuer::Shared;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock, Weak},
};
use tokio::{net::TcpListener, task::AbortHandle};

pub(super) const METADATA_PATH: &str = "/.well-known/openid-configuration";
pub(super) const JWKS_PATH: &str = "/jwks";

/// Stops the server when dropped.
pub(super) struct Running {
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the server finds the issuer, which is made after it; weak, so that the server does not keep it alive.
#[derive(Clone, Default)]
pub(super) struct Slot {
    issuer: Arc<OnceLock<Weak<Shared>>>,
}

impl Slot {
    pub(super) fn fill(&self, issuer: &Arc<Shared>) {
        let _ = self.issuer.set(Arc::downgrade(issuer));
    }

    fn document(&self, path: &str) -> Result<String, u16> {
        let issuer = self.issuer.get().and_then(Weak::upgrade).ok_or(503u16)?;
        issuer.document(path)
    }
}

pub(super) async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

pub(super) fn start(listener: TcpListener) -> (Running, Slot) {
    let slot = Slot::default();
    let served = slot.clone();
    let task = tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let slot = served.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |request| {
                    let response = answer(&slot, &request);
                    async move { Ok::<_, Infallible>(response) }
                });
                // A client that hangs up early is its own affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (Running { task: task.abort_handle() }, slot)
}

fn answer(slot: &Slot, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, body) = match slot.document(request.uri().path()) {
        Ok(document) => (StatusCode::OK, document),
        Err(code) => (StatusCode::from_u16(code).unwrap_or(StatusCode::NOT_FOUND), String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
