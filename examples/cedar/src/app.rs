//! The routes: a scope says what the client may ask for at all, Cedar whether this caller may have this document.

use crate::{
    documents::{Document, Documents, Removal, Unreachable},
    engine::{Action, Engine},
};
use axum::{
    Extension, Json,
    extract::{FromRequestParts, Path, Request, State},
    handler::Handler,
    http::{StatusCode, request::Parts},
    middleware::{Next, from_fn},
    response::Response,
};
use serde_json::{Value, json};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tower_bearer::{
    authorize::{AskLayer, Question, Ruling, ask},
    claims::Principal,
    guard::{GuardedRouter, guarded},
    policy::scope,
};

/// A caller who waits longer is told so. A test turns the clock this far.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The document that was decided about, handed on to the handler: one that looked it up anew might find another, which
/// nobody was asked about. One for each request.
type Judged = Arc<OnceLock<Document>>;

type Deciding = Pin<Box<dyn Future<Output = Ruling> + Send>>;

pub(crate) fn routes(engine: &Arc<Engine>, documents: &Documents) -> GuardedRouter {
    let cedar = |action| ask_cedar(engine, documents, action);
    let read = read_document.layer(cedar(Action::Read)).layer(from_fn(with_room));
    let delete = delete_document.layer(cedar(Action::Delete)).layer(from_fn(with_room));
    let document = guarded::get(scope("documents:read"), read).delete(scope("documents:delete"), delete);
    GuardedRouter::new().route("/documents/{id}", document).with_state(documents.clone())
}

/// Asks Cedar whether the caller may do this with the document in the path.
fn ask_cedar(
    engine: &Arc<Engine>,
    documents: &Documents,
    action: Action,
) -> AskLayer<impl Fn(Question<'_>) -> Deciding + Clone + use<>> {
    let (engine, documents) = (Arc::clone(engine), documents.clone());
    ask("cedar", move |question: Question<'_>| {
        let (engine, documents) = (Arc::clone(&engine), documents.clone());
        let (caller, parts) = (question.caller().clone(), question.request().clone());
        let deciding = async move {
            let in_time =
                tokio::time::timeout(PATIENCE, decide(&engine, &documents, &caller, action, parts)).await;
            in_time.unwrap_or_else(|_| {
                tracing::warn!("the document store is too slow");
                Ruling::Unavailable
            })
        };
        Box::pin(deciding) as Deciding
    })
}

async fn decide(
    engine: &Engine,
    documents: &Documents,
    caller: &Principal,
    action: Action,
    mut parts: Parts,
) -> Ruling {
    // As the router read it. To cut it out of the path here would be a second reading.
    let (Ok(Path(id)), Some(judged)) =
        (Path::<String>::from_request_parts(&mut parts, &()).await, parts.extensions.get::<Judged>())
    else {
        tracing::error!("ask_cedar stands on a route without {{id}}, or without room for the document");
        return Ruling::Unavailable;
    };
    match documents.find(&id).await {
        // What is not there is answered as what is not theirs: 404 would tell everybody which ids exist.
        Ok(None) => Ruling::Deny,
        Ok(Some(document)) => engine.decide(caller, action, judged.get_or_init(|| document)),
        Err(Unreachable) => {
            tracing::warn!("the document store cannot be reached");
            Ruling::Unavailable
        }
    }
}

async fn with_room(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Judged::default());
    next.run(request).await
}

async fn read_document(Extension(judged): Extension<Judged>) -> Result<Json<Value>, StatusCode> {
    let document = judged.get().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "id": document.id, "text": document.text })))
}

async fn delete_document(
    State(documents): State<Documents>,
    Extension(judged): Extension<Judged>,
) -> Result<StatusCode, StatusCode> {
    let document = judged.get().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    match documents.remove(document).await {
        Ok(Removal::Done) => Ok(StatusCode::NO_CONTENT),
        Ok(Removal::Changed) => Err(StatusCode::CONFLICT),
        Err(Unreachable) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}
