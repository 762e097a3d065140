//! What passes, and above all what does not.

use crate::{
    app::{PATIENCE, routes},
    documents::{Documents, Removal},
    engine::{Engine, POLICIES},
    fill, realms, token,
};
use axum::{
    Router,
    body::Body,
    http::{Request, Response, header::WWW_AUTHENTICATE},
};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;
use tower_bearer::{
    AuthenticateLayer, Verifier,
    audit::DecisionRecord,
    testing::{AUDIENCE, TestIssuer, TestToken},
};

struct Service {
    staff: TestIssuer,
    partners: TestIssuer,
    documents: Documents,
    app: Router,
    /// How each question to Cedar ended.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn new() -> Self {
        Self::with(POLICIES).await
    }

    async fn with(policies: &str) -> Self {
        let staff = TestIssuer::named("https://staff.test");
        let partners = TestIssuer::named("https://partners.test");
        let verifier = Verifier::builder().issuer(staff.issuer()).issuer(partners.issuer());
        let verifier = verifier.audience(AUDIENCE).clock(staff.clock()).build().unwrap();
        verifier.warm_up().await;
        let engine = Engine::new(policies, realms(&staff, &partners)).unwrap();
        let documents = Documents::default();
        fill(&documents).await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&asked);
        let observer = move |record: &DecisionRecord<'_>| {
            if record.asked().is_some() {
                book.lock().unwrap().push(record.to_string());
            }
        };
        let layer = AuthenticateLayer::new(verifier).observer(observer);
        let app = routes(&Arc::new(engine), &documents).into_router(layer);
        Self { staff, partners, documents, app, asked }
    }

    async fn answer(&self, method: &str, id: &str, token: Option<TestToken>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(format!("/documents/{id}"));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {}", token.sign()));
        }
        self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn read(&self, id: &str, token: TestToken) -> u16 {
        self.answer("GET", id, Some(token)).await.status().as_u16()
    }

    async fn delete(&self, id: &str, token: TestToken) -> u16 {
        self.answer("DELETE", id, Some(token)).await.status().as_u16()
    }

    async fn has(&self, id: &str) -> bool {
        self.documents.find(id).await.unwrap().is_some()
    }

    fn staff(&self, subject: &str) -> TestToken {
        token(&self.staff, subject)
    }

    fn partner(&self, subject: &str) -> TestToken {
        token(&self.partners, subject)
    }

    fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn without_a_token_or_its_scope_cedar_is_not_asked() {
    let service = Service::new().await;
    let nobody = service.answer("DELETE", "minutes", None).await;
    assert_eq!(nobody.status(), 401);
    assert_eq!(nobody.headers()[WWW_AUTHENTICATE], r#"Bearer scope="documents:delete""#);
    let reader = service.staff.token().subject("alice").scope("documents:read");
    let reader = service.answer("DELETE", "minutes", Some(reader)).await;
    assert_eq!(reader.status(), 403);
    let challenge = reader.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains(r#"scope="documents:delete""#), "{challenge}");
    assert_eq!(service.take_asked(), [""; 0]);

    assert_eq!(service.delete("minutes", service.staff("eve")).await, 403);
    assert_eq!(service.take_asked(), ["authorize: denied (asked_and_denied) by ask(cedar)"]);
    assert!(service.has("minutes").await);
}

#[tokio::test]
async fn another_department_is_refused_and_the_owners_may() {
    let service = Service::new().await;
    let of = |department: &str| service.staff("bob").claim("department", department);
    assert_eq!(service.delete("minutes", of("legal")).await, 403);
    // Another type, or none, is no department.
    let several = service.staff("bob").claim("department", vec!["sales"]);
    assert_eq!(service.delete("minutes", several).await, 403);
    assert_eq!(service.delete("minutes", service.staff("bob")).await, 403);
    assert!(service.has("minutes").await);
    assert_eq!(service.delete("minutes", of("sales")).await, 204);
    assert!(!service.has("minutes").await);
    assert_eq!(service.delete("draft", service.staff("alice")).await, 204);
}

#[tokio::test]
async fn two_issuers_with_one_subject_are_two_principals() {
    let service = Service::new().await;
    assert_eq!(service.delete("minutes", service.partner("alice")).await, 403);
    assert_eq!(service.read("minutes", service.partner("alice").claim("department", "sales")).await, 403);
    assert_eq!(service.read("minutes", service.partner("alice").role("archivist")).await, 403);
    // Names that try to look like the other's.
    for name in ["staff/alice", "../staff/alice", r#"alice", User::"staff/alice"#] {
        assert_eq!(service.read("minutes", service.partner(name)).await, 403, "{name}");
        assert_eq!(service.read("minutes", service.staff(name)).await, 403, "{name}");
    }
    assert_eq!(service.read("minutes", service.staff("eve").role("archivist")).await, 200);
    assert_eq!(service.read("minutes", service.staff("alice")).await, 200);
}

#[tokio::test]
async fn a_token_without_a_subject_owns_nothing() {
    let service = Service::new().await;
    let nobody = service.staff("alice").without("sub").claim("department", "sales").role("archivist");
    assert_eq!(service.read("minutes", nobody).await, 403);
}

#[tokio::test]
async fn a_forbid_outweighs_every_permit() {
    let service = Service::new().await;
    let owner = || service.staff("alice").claim("department", "sales");
    assert_eq!(service.read("contract", owner()).await, 200);
    assert_eq!(service.delete("contract", owner()).await, 403, "it is held");

    assert_eq!(service.read("merger", owner()).await, 403, "the token says nothing of clearance");
    assert_eq!(service.read("merger", owner().claim("clearance", 1)).await, 403);
    assert_eq!(service.read("merger", owner().claim("clearance", "2")).await, 403, "a text is no level");
    assert_eq!(service.read("merger", owner().claim("clearance", 2)).await, 200);

    let cleared = || owner().claim("clearance", 2);
    assert_eq!(service.delete("merger", cleared()).await, 403, "the token says nothing of the login");
    assert_eq!(service.delete("merger", cleared().claim("acr", "urn:acr:pwd")).await, 403);
    assert_eq!(service.delete("merger", cleared().claim("acr", "urn:acr:2fa")).await, 204);
    assert!(service.has("contract").await);
}

#[tokio::test]
async fn a_document_that_is_not_there_is_answered_as_one_that_is_not_theirs() {
    let service = Service::new().await;
    let mut answers = Vec::new();
    for id in ["minutes", "nothing", "min%75tes", "%2F", "staff%22"] {
        let answer = service.answer("DELETE", id, Some(service.staff("eve"))).await;
        answers.push((answer.status().as_u16(), answer.headers().clone()));
    }
    assert_eq!(answers[0].0, 403);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // The owner is told nothing else either, and reads by every spelling of the path what the router reads.
    assert_eq!(service.read("nothing", service.staff("alice")).await, 403);
    assert_eq!(service.read("min%75tes", service.staff("alice")).await, 200);
}

#[tokio::test]
async fn a_store_that_is_down_is_503_for_who_could_have_been_allowed_and_who_not() {
    let service = Service::new().await;
    service.documents.go_down();
    for subject in ["alice", "eve"] {
        let answer = service.answer("DELETE", "minutes", Some(service.staff(subject))).await;
        assert_eq!(answer.status(), 503);
        assert!(!answer.headers().contains_key(WWW_AUTHENTICATE), "a token helps nothing");
    }
    assert_eq!(service.take_asked(), ["authorize: denied (asked_in_vain) by ask(cedar)"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_503_after_two_seconds() {
    let service = Service::new().await;
    let hanging = service.documents.hang().await;
    let before = tokio::time::Instant::now();
    assert_eq!(service.read("minutes", service.staff("alice")).await, 503);
    // The timer's grain is a millisecond.
    let waited = before.elapsed();
    assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
    drop(hanging);
    assert_eq!(service.read("minutes", service.staff("alice")).await, 200);
}

/// Valid by the schema; what it multiplies is too large for a number of Cedar's.
const FAILING: &str = r#"
@id("failing") forbid (principal, action, resource)
when { (resource.secrecy + 9223372036854775807) * 2 > 0 };
"#;

#[tokio::test]
async fn a_policy_that_fails_is_503_and_never_left_out_of_the_answer() {
    let permit_all = r#"@id("all") permit (principal, action, resource);"#;
    // Cedar itself decides to allow: the forbid failed, and counts for nothing.
    let service = Service::with(&format!("{permit_all}{FAILING}")).await;
    assert_eq!(service.delete("minutes", service.staff("alice")).await, 503);
    assert!(service.has("minutes").await);
    assert_eq!(service.take_asked(), ["authorize: denied (asked_in_vain) by ask(cedar)"]);
    // What would have been refused anyhow is no decision either.
    let service = Service::with(FAILING).await;
    assert_eq!(service.delete("minutes", service.staff("alice")).await, 503);
}

#[tokio::test]
async fn without_any_policy_nobody_may() {
    let service = Service::with("").await;
    assert_eq!(service.read("minutes", service.staff("alice")).await, 403);
}

#[tokio::test]
async fn what_changed_after_the_decision_is_not_deleted() {
    let service = Service::new().await;
    let judged = service.documents.find("minutes").await.unwrap().unwrap();
    let mut held = judged.clone();
    held.held = true;
    service.documents.put(held).await;
    assert_eq!(service.documents.remove(&judged).await.unwrap(), Removal::Changed);
    assert!(service.has("minutes").await);
}

#[test]
fn policies_that_cannot_be_enforced_stop_the_program_with_all_their_faults() {
    let faults = |policies: &str| Engine::new(policies, []).err().unwrap().to_string();
    let misspelt = "@id(\"a\") permit (principal, action, resource)\nwhen { resource.ownr == principal };\n\
        @id(\"b\") forbid (principal, action == Action::\"destroy\", resource);";
    let told = faults(misspelt);
    assert!(told.contains("\n- line 2: ") && told.contains("ownr"), "{told}");
    assert!(told.contains("\n- line 3: ") && told.contains("destroy"), "{told}");

    let told = faults("@id(\"a\")\npermit (principal, action resource);\nforbid principal;");
    assert!(told.contains("\n- line 2: ") && told.contains("\n- line 3: "), "{told}");

    let policy = "permit (principal, action, resource);";
    assert!(faults(policy).contains("policy0 has no @id"));
    assert!(faults(&format!("@id(\"a\") {policy} @id(\"a\") {policy}")).contains("two policies"));
    let never = faults("@id(\"a\") permit (principal, action, resource) when { 1 == 2 };");
    assert!(never.contains("\n- line 1: "), "{never}");
    let template = "@id(\"a\") forbid (principal == ?principal, action, resource);";
    assert!(faults(template).contains("a template decides nothing"));
}

#[test]
fn issuers_cannot_share_a_short_name() {
    for realms in [
        [("https://a.test", "x"), ("https://b.test", "x")],
        [("https://a.test", "x"), ("https://b.test", "x/y")],
    ] {
        assert!(Engine::new(POLICIES, realms).is_err(), "{realms:?}");
    }
}
