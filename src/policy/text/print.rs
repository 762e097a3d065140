use super::is_bare;
use crate::policy::{Policy, algebra::Node, term::Term};
use std::fmt::{self, Display, Formatter};

/// The [text form](crate::policy#text-form), with no more parentheses than it takes.
impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print_node(self.node(), f)
    }
}

/// A part of a policy, as a policy of its own.
impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print_node(self, f)
    }
}

/// The text form: policies are configuration, there is nothing to hide.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

fn print_node(node: &Node, f: &mut Formatter<'_>) -> fmt::Result {
    match node {
        Node::Term(term) => print_term(term, f),
        Node::All(parts) => print_chain(parts, " & ", f),
        Node::Any(parts) => print_chain(parts, " | ", f),
        Node::Not(inner) => {
            f.write_str("!")?;
            print_part(inner, matches!(**inner, Node::All(_) | Node::Any(_)), f)
        }
    }
}

fn print_chain(parts: &[Node], joint: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(joint)?;
        }
        // Of the two chains only `|` binds looser than where it stands: within `&`.
        print_part(part, matches!(part, Node::Any(_)), f)?;
    }
    Ok(())
}

fn print_part(part: &Node, in_parentheses: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if !in_parentheses {
        return print_node(part, f);
    }
    f.write_str("(")?;
    print_node(part, f)?;
    f.write_str(")")
}

fn print_term(term: &Term, f: &mut Formatter<'_>) -> fmt::Result {
    match term {
        Term::Scope(scope) => print_call("scope", [scope], f),
        Term::AnyScope(scopes) => print_call("any_scope", scopes, f),
        Term::AllScopes(scopes) => print_call("all_scopes", scopes, f),
        Term::Role(role) => print_call("role", [role], f),
        Term::Permission(permission) => print_call("permission", [permission], f),
        Term::Group(group) => print_call("group", [group], f),
        Term::Claim(path, value) => write!(f, "claim({}, {value})", Argument(&path.to_string())),
        Term::Absent(path) => print_call("absent", [path.to_string()], f),
        Term::Issuer(issuer) => print_call("issuer", [issuer], f),
        Term::Client(client) => print_call("client", [client], f),
        Term::Acr(values) => print_call("acr", values, f),
        Term::MaxAge(seconds) => write!(f, "max_age({seconds})"),
        Term::Authenticated => f.write_str("authenticated"),
        Term::Public(reason) => print_call("public", [reason], f),
        Term::Optional(reason) => print_call("optional", [reason], f),
        Term::Deny => f.write_str("deny"),
        Term::Check(check) => print_call("check", [check.name()], f),
        Term::Rule(rule) => print_call("rule", [rule.name()], f),
    }
}

fn print_call(
    name: &str,
    arguments: impl IntoIterator<Item = impl AsRef<str>>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    write!(f, "{name}(")?;
    for (i, argument) in arguments.into_iter().enumerate() {
        let comma = if i > 0 { ", " } else { "" };
        write!(f, "{comma}{}", Argument(argument.as_ref()))?;
    }
    f.write_str(")")
}

/// Bare where it can stand so, a JSON string otherwise.
struct Argument<'a>(&'a str);

impl Display for Argument<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() && self.0.chars().all(is_bare) {
            return f.write_str(self.0);
        }
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}
