//! How a claim is held against the value that a policy names.

use super::Truth;
use serde_json::{Number, Value};
use std::mem::discriminant;

/// The value itself, or an array that contains it. A claim of another JSON type leaves the question open: `"1"` is
/// neither 1 nor not 1. An empty array is an answer, no.
pub(super) fn compare(found: &Value, wanted: &Value) -> Truth {
    match found {
        _ if same(found, wanted) => Truth::Yes,
        Value::Array(items) if !wanted.is_array() => among(items, wanted),
        _ if same_type(found, wanted) => Truth::No,
        _ => Truth::Unknown,
    }
}

fn among(items: &[Value], wanted: &Value) -> Truth {
    if items.iter().any(|item| same(item, wanted)) {
        Truth::Yes
    } else if items.is_empty() || items.iter().any(|item| same_type(item, wanted)) {
        Truth::No
    } else {
        Truth::Unknown
    }
}

fn same_type(a: &Value, b: &Value) -> bool {
    discriminant(a) == discriminant(b)
}

/// Equal as JSON: `serde_json` tells 1 from 1.0, JSON does not.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Whole numbers are compared as such: as floats, 2⁵³ and 2⁵³ + 1 would be one account.
fn same_number(a: &Number, b: &Number) -> bool {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64().is_some_and(|a| b.as_f64() == Some(a)),
        _ => false,
    }
}

fn whole(number: &Number) -> Option<i128> {
    if let Some(small) = number.as_i64() {
        return Some(small.into());
    }
    if let Some(large) = number.as_u64() {
        return Some(large.into());
    }
    // Every float below 2¹²⁶ without a fraction is an i128 exactly.
    number
        .as_f64()
        .filter(|float| float.fract() == 0.0 && float.abs() < 2f64.powi(126))
        .map(|float| float as i128)
}

/// Whether a value nests at most `depth` deep; looks no deeper itself.
pub(super) fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_shallow(item, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|member| is_shallow(member, depth - 1)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Truth::*, *};
    use serde_json::json;

    #[test]
    fn a_claim_is_held_against_a_value() {
        for (name, found, wanted, truth) in [
            ("equal strings", json!("a"), json!("a"), Yes),
            ("different strings", json!("a"), json!("b"), No),
            ("case counts", json!("A"), json!("a"), No),
            ("a string is no number", json!("1"), json!(1), Unknown),
            ("a number is no string", json!(1), json!("1"), Unknown),
            ("a number is no truth value", json!(1), json!(true), Unknown),
            ("1 is 1.0", json!(1), json!(1.0), Yes),
            ("1.0 is 1", json!(1.0), json!(1), Yes),
            ("1 is not 1.5", json!(1), json!(1.5), No),
            ("0 is -0.0", json!(0), json!(-0.0), Yes),
            ("equal fractions", json!(0.1), json!(0.1), Yes),
            ("neighbours beyond 2^53", json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0), No),
            ("neighbours at the top", json!(u64::MAX), json!(u64::MAX - 1), No),
            ("u64::MAX is not 2^64", json!(u64::MAX), json!(18_446_744_073_709_551_616.0), No),
            ("huge floats", json!(1e300), json!(1e300), Yes),
            ("different huge floats", json!(1e300), json!(2e300), No),
            ("an array with it", json!(["b", "a"]), json!("a"), Yes),
            ("an array with it, numerically", json!([2, 1.0]), json!(1), Yes),
            ("an array without it", json!(["b", "c"]), json!("a"), No),
            ("an array without it, mixed", json!(["b", 1]), json!("a"), No),
            ("an array of another type", json!([1, true]), json!("a"), Unknown),
            ("an empty array", json!([]), json!("a"), No),
            ("not searched for in an inner array", json!([["a"]]), json!("a"), Unknown),
            ("equal arrays", json!([1, "a"]), json!([1.0, "a"]), Yes),
            ("arrays in another order", json!(["a", 1]), json!([1, "a"]), No),
            ("an array that begins so", json!([1, 2]), json!([1]), No),
            ("an array in an array is not searched for", json!([[1]]), json!([1]), No),
            ("equal objects", json!({"a": 1, "b": 2}), json!({"b": 2.0, "a": 1}), Yes),
            ("an object with more members", json!({"a": 1, "b": 2}), json!({"a": 1}), No),
            ("an object among others", json!([{"a": 1}]), json!({"a": 1}), Yes),
            ("null is of a wrong type", json!(null), json!("a"), Unknown),
            ("null when null is meant", json!(null), json!(null), Yes),
            ("a value when null is meant", json!("a"), json!(null), Unknown),
            ("truth values", json!(true), json!(false), No),
        ] {
            assert_eq!(compare(&found, &wanted), truth, "{name}");
        }
    }

    #[test]
    fn depth_counts_brackets() {
        assert!(is_shallow(&json!(1), 0));
        assert!(!is_shallow(&json!([]), 0));
        assert!(is_shallow(&json!([{"a": 1}]), 2));
        assert!(!is_shallow(&json!([{"a": []}]), 2));
    }

    #[test]
    fn objects_are_equal_with_the_same_members_only() {
        for (name, a, b) in [
            ("another value", json!({"a": 1}), json!({"a": 2})),
            ("another name", json!({"a": 1}), json!({"b": 1})),
            ("one more", json!({"a": 1, "b": 2}), json!({"a": 1})),
            ("one less", json!({"a": 1}), json!({"a": 1, "b": 2})),
        ] {
            assert_eq!(compare(&a, &b), No, "{name}");
        }
        assert!(!is_shallow(&json!({}), 0));
    }
}
