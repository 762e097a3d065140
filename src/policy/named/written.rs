use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap},
};
use std::{collections::BTreeMap, fmt};

/// Policies by name, as they were written: a map from each name to a policy's [text form](crate::policy#text-form).
///
/// ```toml
/// "orders.read" = "scope(orders:read)"
/// "orders.write" = "scope(orders:write) & (role(clerk) | role(manager))"
///
/// # What if only managers could refund? Decides nothing yet, and is counted and logged.
/// ["orders.refund"]
/// policy = "scope(orders:write)"
/// report_only = "scope(orders:write) & role(manager)"
/// ```
///
/// Any format that serde reads will do. Reading never fails over what a policy says: faults are kept, and told all at
/// once, each under its name, when the policies meet the routes that ask for them
/// ([`GuardedRouter::with_policies`](crate::guard::GuardedRouter::with_policies)). A name may be any text; TOML wants
/// quotes around one with a dot in it.
///
/// ```
/// use tower_bearer::policy::Policies;
///
/// let policies: Policies = toml::from_str(r#""orders.read" = "scope(orders:read)""#)?;
/// assert_eq!(policies, serde_json::from_str(r#"{"orders.read": "scope(orders:read)"}"#)?);
/// assert_eq!(policies, Policies::from_iter([("orders.read", "scope(orders:read)")]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// More than one under a name is a fault that is told later.
    pub(super) written: BTreeMap<String, Vec<Written>>,
}

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    Rule { policy: String, report_only: Option<String> },
    Wrong(String),
}

const SHAPE: &str = "expected a policy as text, or `policy` and `report_only`, each a text; a name with a dot in it may want quotes";

/// In TOML, a name without quotes around its dot, or one that follows a table, becomes a member of something else.
fn unknown_member(name: &str) -> String {
    let name = name.escape_debug();
    format!(
        "has a member \"{name}\", and takes `policy` and `report_only` alone; a name with a dot in it may want quotes, and \
         in TOML names without members stand first"
    )
}

/// A name that is there twice is a fault that is told later.
impl<N: Into<String>, P: Into<String>> FromIterator<(N, P)> for Policies {
    fn from_iter<I: IntoIterator<Item = (N, P)>>(pairs: I) -> Self {
        let mut policies = Self::default();
        for (name, text) in pairs {
            policies.add(name.into(), Written::Rule { policy: text.into(), report_only: None });
        }
        policies
    }
}

impl Policies {
    pub(super) fn add(&mut self, name: String, written: Written) {
        self.written.entry(name).or_default().push(written);
    }
}

impl From<Value> for Written {
    fn from(value: Value) -> Self {
        let members = match value {
            Value::Text(policy) => return Self::Rule { policy, report_only: None },
            Value::Members(members) => members,
            Value::Other => return Self::Wrong(SHAPE.to_owned()),
        };
        let (mut policy, mut report_only) = (None, None);
        for (name, value) in members {
            let place = match name.as_str() {
                "policy" => &mut policy,
                "report_only" => &mut report_only,
                other => return Self::Wrong(unknown_member(other)),
            };
            match value {
                Value::Text(_) if place.is_some() => {
                    return Self::Wrong("a member of it is there twice".to_owned());
                }
                Value::Text(text) => *place = Some(text),
                _ => return Self::Wrong(SHAPE.to_owned()),
            }
        }
        policy.map_or_else(
            || Self::Wrong("has no member `policy`".to_owned()),
            |policy| Self::Rule { policy, report_only },
        )
    }
}

impl<'de> Deserialize<'de> for Policies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = Policies;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("policies by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Policies, M::Error> {
                let mut policies = Policies::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    policies.add(name, value.into());
                }
                Ok(policies)
            }
        }

        deserializer.deserialize_map(Named)
    }
}

/// As it was read. What could not be read is an error.
impl Serialize for Policies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.written.len()))?;
        for (name, written) in &self.written {
            match written.as_slice() {
                [Written::Rule { policy, report_only: None }] => map.serialize_entry(name, policy)?,
                [Written::Rule { policy, report_only: Some(tighter) }] => {
                    let both = BTreeMap::from([("policy", policy), ("report_only", tighter)]);
                    map.serialize_entry(name, &both)?;
                }
                _ => return Err(S::Error::custom("policies with faults cannot be written")),
            }
        }
        map.end()
    }
}

/// Whatever a file may have where a policy belongs. A tree of serde's own would drop members that are there twice.
enum Value {
    Text(String),
    Members(Vec<(String, Value)>),
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a policy as text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Value::Members(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
