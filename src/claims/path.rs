use crate::json::{Document, Item};
use serde_json::{Map, Value};
use std::{error::Error, fmt, str::FromStr};

/// Where a claim stands: a top-level name, or a JSON Pointer (RFC 6901) into nested objects.
///
/// A text that begins with `/` is a pointer, `/realm_access/roles`; any other text is one name, taken whole, because
/// claim names contain dots and slashes of their own (`https://example.com/roles`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimPath {
    first: Box<str>,
    rest: Vec<Box<str>>,
}

/// A text that is no [`ClaimPath`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimPathError;

impl ClaimPath {
    /// The top-level claim that the path starts from.
    pub fn claim(&self) -> &str {
        &self.first
    }

    /// The value there, if every step on the way is an object that has the next one.
    pub(crate) fn find<'a>(&self, claims: &'a Document) -> Option<Item<'a>> {
        let start = claims.get(&self.first)?;
        self.rest.iter().try_fold(start, |value, name| value.member(name))
    }

    /// The same in a map.
    pub(crate) fn find_in<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let start = claims.get(&*self.first)?;
        self.rest.iter().try_fold(start, |value, name| value.as_object()?.get(&**name))
    }

    /// Whether something on the way is there and is no object: then nobody can say what stands at the end.
    pub(crate) fn is_blocked(&self, claims: &Document) -> bool {
        let mut here = claims.get(&self.first);
        for name in &self.rest {
            match here {
                None => return false,
                Some(value) if value.entries().is_some() => here = value.member(name),
                Some(_) => return true,
            }
        }
        false
    }
}

impl FromStr for ClaimPath {
    type Err = ClaimPathError;

    fn from_str(text: &str) -> Result<Self, ClaimPathError> {
        let Some(pointer) = text.strip_prefix('/') else {
            return match text {
                "" => Err(ClaimPathError),
                name => Ok(Self { first: name.into(), rest: Vec::new() }),
            };
        };
        let mut steps = pointer.split('/').map(unescape);
        let first = steps.next().ok_or(ClaimPathError)??;
        Ok(Self { first, rest: steps.collect::<Result<_, _>>()? })
    }
}

/// RFC 6901 section 3: `~1` is `/`, `~0` is `~`, any other `~` is an error. An empty step is refused too: no server
/// names a claim so, and it is what a doubled or trailing slash leaves.
fn unescape(step: &str) -> Result<Box<str>, ClaimPathError> {
    let valid = step.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if step.is_empty() || !valid {
        return Err(ClaimPathError);
    }
    Ok(step.replace("~1", "/").replace("~0", "~").into())
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rest.is_empty() && !self.first.starts_with('/') {
            return f.write_str(&self.first);
        }
        for step in std::iter::once(&self.first).chain(&self.rest) {
            write!(f, "/{}", step.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl fmt::Display for ClaimPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim path is a claim's name, or a JSON Pointer such as `/realm_access/roles`")
    }
}

impl Error for ClaimPathError {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(path: &str, claims: Value) -> Option<Value> {
        let path: ClaimPath = path.parse().unwrap();
        assert_eq!(path.to_string().parse(), Ok(path.clone()), "the text form reads back");
        let found = path.find(&Document::of(&claims)).map(Item::to_value);
        assert_eq!(path.find_in(claims.as_object().unwrap()), found.as_ref(), "the same in a map");
        found
    }

    #[test]
    fn a_plain_text_is_one_name_taken_whole() {
        assert_eq!(find("https://x.y/roles", json!({"https://x.y/roles": 1})), Some(json!(1)));
        assert_eq!(find("a.b", json!({"a": {"b": 1}})), None);
    }

    #[test]
    fn a_pointer_goes_into_objects_only() {
        assert_eq!(find("/a/b", json!({"a": {"b": 1}})), Some(json!(1)));
        assert_eq!(find("/a/0", json!({"a": [1]})), None);
        assert_eq!(find("/a~1b/c~0d", json!({"a/b": {"c~d": 1}})), Some(json!(1)));
        assert_eq!(find("/~1a", json!({"/a": 1})), Some(json!(1)));
    }

    #[test]
    fn a_way_that_is_no_object_is_blocked_and_a_missing_one_is_not() {
        let path: ClaimPath = "/a/b/c".parse().unwrap();
        let blocked = |claims: Value| path.is_blocked(&Document::of(&claims));
        assert!(blocked(json!({"a": "x"})) && blocked(json!({"a": {"b": []}})));
        assert!(!blocked(json!({})) && !blocked(json!({"a": {}})) && !blocked(json!({"a": {"b": {"c": 1}}})));
    }

    #[test]
    fn a_path_that_could_never_mean_anything_is_refused() {
        for bad in ["", "/", "//a", "/a/", "/a~2", "/a~"] {
            assert_eq!(bad.parse::<ClaimPath>(), Err(ClaimPathError), "{bad:?}");
        }
    }
}
