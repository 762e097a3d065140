//! The one text form of a policy, for people, files and logs.

mod parse;
mod print;

use super::Policy;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Longer than any route's rule; a file that is not a policy is not read to its end.
const MAX_LENGTH: usize = 64 * 1024;

/// What may stand in an argument that is not in quotes. `'` is left out, so that `scope('a')` is an error and not
/// another scope.
fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || c.is_ascii_graphic() && !"(),\"'&|!\\".contains(c)
}

/// As its text.
impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From its text; a `check` in it waits for [`Policy::bind`].
impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
