//! Policies by name, out of a file: what was written, what is wrong with it, and what is in force.

mod live;
mod read;
mod written;

pub use live::LivePolicies;
pub(crate) use live::{NamedPolicy, Reading};
pub(crate) use read::Use;
pub use written::Policies;
