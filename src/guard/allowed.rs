//! Which rules a handler asks for, before anybody calls it.

use crate::policy::{Allowed, Wanted};
use std::any::type_name;

/// Looks for [`Allowed`] among the types of a handler's arguments. Their names are all that stable Rust tells of types
/// behind a type parameter. They promise nothing, so they only serve to find a mistake early: it is answered with 500
/// anyway.
pub(super) fn wanted(arguments: &'static str) -> Vec<Wanted> {
    let of_nothing = type_name::<Allowed<()>>();
    let start = of_nothing.trim_end_matches("()>");
    let found = arguments.match_indices(start).filter_map(|(at, _)| {
        let (before, rest) = arguments.split_at_checked(at)?;
        let rule = up_to_its_end(rest.get(start.len()..)?)?;
        Some(Wanted { rule, optional: is_within(before) })
    });
    found.collect()
}

/// An argument of its own insists. One in another type does not: `Option`, `Result`, either of two extractors.
fn is_within(before: &str) -> bool {
    let arrows = before.matches("->").count();
    before.matches('<').count() + arrows > before.matches('>').count()
}

/// What stands before the `>` that closes it.
fn up_to_its_end(text: &'static str) -> Option<&'static str> {
    let mut depth = 0usize;
    for (at, sign) in text.char_indices() {
        match sign {
            '<' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if text.get(..at).is_some_and(|before| before.ends_with('-')) => {}
            '>' if depth == 0 => return text.get(..at),
            '>' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;
    struct Of<T>(#[allow(dead_code, reason = "only its name counts")] T);

    #[test]
    fn what_a_handler_asks_for_is_read_from_the_names_of_its_arguments() {
        let rules = |arguments| wanted(arguments).iter().map(|it| (it.rule, it.optional)).collect::<Vec<_>>();
        assert_eq!(rules(""), []);
        assert_eq!(rules(type_name::<((), String)>()), []);
        assert_eq!(rules(type_name::<((), String, Allowed<Plain>)>()), [(type_name::<Plain>(), false)]);
        assert_eq!(
            rules(type_name::<(Allowed<Of<Of<Plain>>>, Option<Allowed<Plain>>, Allowed<fn() -> Plain>)>()),
            [
                (type_name::<Of<Of<Plain>>>(), false),
                (type_name::<Plain>(), true),
                (type_name::<fn() -> Plain>(), false)
            ]
        );
        assert_eq!(
            rules(type_name::<(Of<fn() -> u8>, Result<Allowed<Plain>, u8>, (u8, Allowed<Plain>))>()),
            [(type_name::<Plain>(), true), (type_name::<Plain>(), false)]
        );
    }
}
