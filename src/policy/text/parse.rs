use super::{MAX_LENGTH, is_bare};
use crate::{
    json,
    policy::{
        Policy, PolicyError,
        algebra::{Chain, MAX_DEPTH},
        check::Check,
        rule::Ruled,
        term::{self, Expected, Term},
    },
};
use serde_json::Value;
use std::{borrow::Cow, str::FromStr};

const NESTING: Expected = "at most 32 levels of nesting";

/// Reads the [text form](crate::policy#text-form).
impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_LENGTH {
            return Err(PolicyError::new(MAX_LENGTH, "a text of at most 64 KiB"));
        }
        let mut parser = Parser { text, rest: text, open: 0 };
        let policy = parser.any()?;
        parser.skip_space();
        if parser.rest.is_empty() { Ok(policy) } else { Err(parser.expected("`&`, `|` or the end")) }
    }
}

/// Descends once for each parenthesis that is open, and [`MAX_DEPTH`] of them may be.
struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
    open: u8,
}

impl<'t> Parser<'t> {
    /// `any = all *("|" all)`
    fn any(&mut self) -> Result<Policy, PolicyError> {
        self.chain('|', Chain::Any, Self::all)
    }

    /// `all = not *("&" not)`
    fn all(&mut self) -> Result<Policy, PolicyError> {
        self.chain('&', Chain::All, Self::not)
    }

    fn chain(
        &mut self,
        joint: char,
        chain: Chain,
        part: fn(&mut Self) -> Result<Policy, PolicyError>,
    ) -> Result<Policy, PolicyError> {
        let mut whole = part(self)?;
        while self.eat(joint) {
            let next = part(self)?;
            whole = whole.join(chain, next).ok_or_else(|| self.expected(NESTING))?;
        }
        Ok(whole)
    }

    /// `not = *"!" ( "(" any ")" / term )`; counted, so that a million of `!` descends nowhere.
    fn not(&mut self) -> Result<Policy, PolicyError> {
        let mut negated = false;
        while self.eat('!') {
            negated = !negated;
        }
        let policy = if self.eat('(') { self.group()? } else { self.term()?.into() };
        if negated { policy.negate().ok_or_else(|| self.expected(NESTING)) } else { Ok(policy) }
    }

    fn group(&mut self) -> Result<Policy, PolicyError> {
        if self.open == MAX_DEPTH {
            return Err(self.expected(NESTING));
        }
        self.open += 1;
        let policy = self.any()?;
        self.expect(')', "`&`, `|` or `)`")?;
        self.open -= 1;
        Ok(policy)
    }

    fn term(&mut self) -> Result<Term, PolicyError> {
        self.skip_space();
        let before = self.rest;
        match self.take_while(|c| c.is_ascii_lowercase() || c == '_') {
            "scope" => self.one(term::scope_token).map(Term::Scope),
            "any_scope" => self.list(term::scope_token).map(Term::AnyScope),
            "all_scopes" => self.list(term::scope_token).map(Term::AllScopes),
            "role" => self.one(term::name).map(Term::Role),
            "permission" => self.one(term::name).map(Term::Permission),
            "group" => self.one(term::name).map(Term::Group),
            "claim" => self.claim(),
            "absent" => self.one(term::claim_path).map(Term::Absent),
            "issuer" => self.one(term::name).map(Term::Issuer),
            "client" => self.one(term::name).map(Term::Client),
            "acr" => self.list(term::acr_value).map(Term::Acr),
            "max_age" => self.one(term::seconds).map(Term::MaxAge),
            "authenticated" => self.none().map(|()| Term::Authenticated),
            "public" => self.one(term::name).map(Term::Public),
            "optional" => self.one(term::name).map(Term::Optional),
            "deny" => self.none().map(|()| Term::Deny),
            "check" => self.one(term::name).map(|name| Term::Check(Check::unbound(name))),
            "rule" => self.one(term::name).map(|name| Term::Rule(Ruled::unbound(name))),
            _ => {
                self.rest = before;
                Err(self.expected(
                    "`!`, `(` or one of scope, any_scope, all_scopes, role, permission, group, claim, absent, issuer, \
                     client, acr, max_age, authenticated, public, optional, deny, check, rule",
                ))
            }
        }
    }

    /// `[ "(" ")" ]`
    fn none(&mut self) -> Result<(), PolicyError> {
        if self.eat('(') { self.expect(')', "`)`") } else { Ok(()) }
    }

    /// `"(" argument ")"`
    fn one<A>(&mut self, build: fn(&str) -> Result<A, Expected>) -> Result<A, PolicyError> {
        self.expect('(', "`(`")?;
        let argument = self.argument(build)?;
        self.expect(')', "`)`")?;
        Ok(argument)
    }

    /// `"(" argument *("," argument) ")"`
    fn list<A>(&mut self, build: fn(&str) -> Result<A, Expected>) -> Result<Vec<A>, PolicyError> {
        self.expect('(', "`(`")?;
        let mut arguments = vec![self.argument(build)?];
        while self.eat(',') {
            arguments.push(self.argument(build)?);
        }
        self.expect(')', "`,` or `)`")?;
        Ok(arguments)
    }

    /// `"(" argument "," JSON ")"`
    fn claim(&mut self) -> Result<Term, PolicyError> {
        self.expect('(', "`(`")?;
        let path = self.argument(term::claim_path)?;
        self.expect(',', "`,` and the claim's value")?;
        let value = self.value()?;
        self.expect(')', "`)`")?;
        Ok(Term::Claim(path, value))
    }

    fn argument<A>(&mut self, build: fn(&str) -> Result<A, Expected>) -> Result<A, PolicyError> {
        self.skip_space();
        let position = self.position();
        let text = if self.rest.starts_with('"') {
            let quoted = self.take_json();
            let read = serde_json::from_str::<String>(quoted).map(Cow::Owned);
            read.map_err(|_| PolicyError::new(position, "a JSON string"))?
        } else {
            Cow::Borrowed(self.take_while(is_bare))
        };
        build(&text).map_err(|expected| PolicyError::new(position, expected))
    }

    fn value(&mut self) -> Result<Value, PolicyError> {
        self.skip_space();
        let position = self.position();
        let text = self.take_json();
        let value = if json::is_shallow(text.as_bytes()) { serde_json::from_str(text).ok() } else { None };
        value.ok_or_else(|| {
            PolicyError::new(position, "a JSON value nested at most 32 deep, a string in double quotes")
        })
    }

    fn take_json(&mut self) -> &'t str {
        self.take(json_extent(self.rest))
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, end: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char, expected: Expected) -> Result<(), PolicyError> {
        if self.eat(wanted) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn position(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn expected(&self, expected: Expected) -> PolicyError {
        PolicyError::new(self.position(), expected)
    }
}

/// How far one JSON value may reach, for `serde_json` to judge: to where its string or bracket closes, or to what ends
/// a number or a word.
fn json_extent(text: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (i, byte) in text.bytes().enumerate() {
        let was_open = in_string || depth > 0;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b')' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return i,
            _ => {}
        }
        if was_open && !in_string && depth == 0 {
            return i + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reaches_to_where_it_closes() {
        for (text, value) in [
            (r#""a,b)" x"#, r#""a,b)""#),
            (r#""a\"b")"#, r#""a\"b""#),
            (r#""a" "b""#, r#""a""#),
            (r#"["a", "b"]) & x"#, r#"["a", "b"]"#),
            (r#"{"a": [1, ")"]}, x"#, r#"{"a": [1, ")"]}"#),
            (r#"["[", 1], x"#, r#"["[", 1]"#),
            ("1) & x", "1"),
            (r"1\) & x", r"1\"),
            ("[1]x", "[1]"),
            (r#""a"x"#, r#""a""#),
            ("true, x", "true"),
            ("1", "1"),
        ] {
            assert_eq!(text.get(..json_extent(text)), Some(value), "{text}");
        }
    }

    #[test]
    fn a_text_may_be_as_long_as_the_bound_and_no_longer() {
        let long = |len: usize| format!("scope(a){}", " ".repeat(len - "scope(a)".len()));
        assert!(long(MAX_LENGTH).parse::<Policy>().is_ok());
        assert!(long(MAX_LENGTH + 1).parse::<Policy>().is_err());
    }
}
