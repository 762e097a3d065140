//! Cedar, told who asks for what. Whatever goes wrong here refuses.
//!
//! 1. The policies are held against the schema before anything is served, and so is every request.
//! 2. A user is a subject *of an issuer*. So are roles and departments: a partner's `sales` is not ours.
//! 3. Cedar leaves out a policy that fails while it is evaluated, so a `forbid` that fails lets a `permit` stand. Any such
//!    failure makes the whole answer [`Ruling::Unavailable`] (503), whatever Cedar decided: nobody knows what the policies
//!    together would have said, and it is the operator who has to act, not the caller.

use crate::{
    documents::{Document, Local},
    faults::{Faults, parse_policies},
};
use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, Response, RestrictedExpression, Schema,
};
use std::collections::{HashMap, HashSet};
use tower_bearer::{authorize::Ruling, claims::Principal};

const SCHEMA: &str = include_str!("../schema.cedarschema");
pub(crate) const POLICIES: &str = include_str!("../policies.cedar");

/// What the schema knows to do with a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    Read,
    Delete,
}

/// Parsed policies, and the short names of the issuers that they speak of.
pub(crate) struct Engine {
    schema: Schema,
    policies: PolicySet,
    kinds: Kinds,
    realms: HashMap<String, String>,
}

/// The schema's types, parsed once.
struct Kinds {
    user: EntityTypeName,
    role: EntityTypeName,
    department: EntityTypeName,
    document: EntityTypeName,
    action: EntityTypeName,
}

/// Where asking went wrong. Cedar's own message would show claims' values, and these go into the log.
type Part = &'static str;

impl Engine {
    /// `realms` gives each trusted issuer a short name, so that no policy holds an address.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the policies, at once.
    pub(crate) fn new<'a>(
        policies: &str,
        realms: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Faults> {
        let (schema, _) =
            Schema::from_cedarschema_str(SCHEMA).map_err(|error| Faults::one("schema", &error))?;
        let policies = parse_policies(policies, &schema)?;
        let kinds = Kinds::new().map_err(|error| Faults::one("schema", &*error))?;
        let realms: HashMap<_, _> =
            realms.into_iter().map(|(issuer, name)| (issuer.into(), name.into())).collect();
        let distinct: HashSet<&String> = realms.values().collect();
        // The id of a user is "realm/subject": with these rules no two users share one.
        if distinct.len() < realms.len() || distinct.iter().any(|name| name.contains('/')) {
            return Err(Faults::said("an issuer's short name has no slash, and is its own"));
        }
        Ok(Self { schema, policies, kinds, realms })
    }

    /// Whether the caller may do this with the document, as it is now. The policies are few and in memory, so this does
    /// not wait; thousands of them would want `tokio::task::spawn_blocking`.
    pub(crate) fn decide(&self, caller: &Principal, action: Action, document: &Document) -> Ruling {
        let Some(realm) = self.realms.get(caller.issuer()) else {
            tracing::error!("the verifier trusts an issuer that has no short name here");
            return Ruling::Unavailable;
        };
        // A token without `sub` is nobody's: there is no principal to ask about.
        let Some(subject) = caller.subject() else { return Ruling::Deny };
        match self.ask(caller, &Local::new(realm, subject), action, document) {
            Ok(response) => ruling(&response),
            Err(part) => {
                tracing::error!(part, "cedar could not be asked");
                Ruling::Unavailable
            }
        }
    }

    fn ask(
        &self,
        caller: &Principal,
        name: &Local,
        action: Action,
        document: &Document,
    ) -> Result<Response, Part> {
        let schema = Some(&self.schema);
        let (user, document) = (self.user(caller, name)?, self.document(document)?);
        let (user_id, document_id) = (user.uid(), document.uid());
        let entities = Entities::from_entities([user, document], schema).map_err(|_| "entities")?;
        let request = Request::new(user_id, self.kinds.action(action), document_id, context(caller)?, schema);
        let request = request.map_err(|_| "request")?;
        Ok(Authorizer::new().is_authorized(&request, &self.policies, &entities))
    }

    /// The caller as the token describes him: what it does not say, or says in another type, is not there.
    fn user(&self, caller: &Principal, name: &Local) -> Result<Entity, Part> {
        let here = |local: &str| Local::new(&name.realm, local);
        let roles = caller.roles().map(|role| uid(&self.kinds.role, &here(role)));
        let department = caller.claim("department").and_then(|claim| claim.as_str());
        let department = department.map(|department| uid(&self.kinds.department, &here(department)));
        let clearance = caller.claim("clearance").and_then(|claim| claim.as_i64());
        let clearance = clearance.map(|level| ("clearance".into(), RestrictedExpression::new_long(level)));
        let parents = roles.chain(department).collect();
        Entity::new(uid(&self.kinds.user, name), clearance.into_iter().collect(), parents).map_err(|_| "user")
    }

    fn document(&self, document: &Document) -> Result<Entity, Part> {
        let entity = |kind, local| RestrictedExpression::new_entity_uid(uid(kind, local));
        let attributes = HashMap::from([
            ("owner".into(), entity(&self.kinds.user, &document.owner)),
            ("department".into(), entity(&self.kinds.department, &document.department)),
            ("secrecy".into(), RestrictedExpression::new_long(document.secrecy)),
            ("held".into(), RestrictedExpression::new_bool(document.held)),
        ]);
        let id = EntityUid::from_type_name_and_id(self.kinds.document.clone(), EntityId::new(&document.id));
        Entity::new(id, attributes, HashSet::new()).map_err(|_| "document")
    }
}

impl Kinds {
    fn new() -> Result<Self, Box<cedar_policy::ParseErrors>> {
        let kind = |name: &str| name.parse().map_err(Box::new);
        Ok(Self {
            user: kind("User")?,
            role: kind("Role")?,
            department: kind("Department")?,
            document: kind("Document")?,
            action: kind("Action")?,
        })
    }

    fn action(&self, action: Action) -> EntityUid {
        let name = match action {
            Action::Read => "read",
            Action::Delete => "delete",
        };
        EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(name))
    }
}

/// Made of parts, never parsed from a text: a subject with quotes in it is a subject with quotes in it.
fn uid(kind: &EntityTypeName, local: &Local) -> EntityUid {
    let id = EntityId::new(format!("{}/{}", local.realm, local.name));
    EntityUid::from_type_name_and_id(kind.clone(), id)
}

fn context(caller: &Principal) -> Result<Context, Part> {
    let acr = caller.acr().map(|acr| ("acr".into(), RestrictedExpression::new_string(acr.into())));
    Context::from_pairs(acr).map_err(|_| "context")
}

/// Cedar's answer, unless a policy failed on the way to it.
fn ruling(response: &Response) -> Ruling {
    let diagnostics = response.diagnostics();
    let mut failed = false;
    for AuthorizationError::PolicyEvaluationError(error) in diagnostics.errors() {
        // The name alone: the message may quote values.
        tracing::error!(policy = %error.policy_id(), "a cedar policy failed while it was evaluated");
        failed = true;
    }
    if failed {
        return Ruling::Unavailable;
    }
    let decision = response.decision();
    let by: Vec<_> = diagnostics.reason().map(ToString::to_string).collect();
    tracing::info!(?decision, ?by, "cedar decided");
    Ruling::from(decision == Decision::Allow)
}
