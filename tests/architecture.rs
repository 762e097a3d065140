//! The rooms of `docs/design.md`, which way they may look, and the one door each thing goes through: held against the
//! syntax tree of `src/`, with paths that are written inline, and those inside macros, included.
//!
//! Code under `#[cfg(test)]` is exempt. Every rule has a test that shows it a violation, so that a checker that sees
//! nothing cannot pass for a crate that does nothing wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proc_macro2::{TokenStream, TokenTree};
use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};
use syn::{Attribute, Item, Meta, UseTree, punctuated::Punctuated, spanned::Spanned, visit::Visit};

/// The rooms by row: a file names only what lies in a lower row, or in its own room.
const ROWS: [&[&str]; 10] = [
    &["error", "clock"],
    &["token", "observe", "json"],
    &["claims", "keys", "challenge"],
    &["issuer"],
    &["verify", "policy"],
    &["audit", "explain"],
    &["authenticate", "authorize"],
    &["extract", "readiness", "lifetime", "guard", "metadata"],
    &["openapi"],
    &[ROOT, "docs", "testing"],
];
/// `lib.rs`, and what it re-exports.
const ROOT: &str = "lib";

const CRYPTOGRAPHY: [&str; 10] = [
    "aws_lc_rs",
    "rsa",
    "p256",
    "p384",
    "p521",
    "ed25519_dalek",
    "curve25519_dalek",
    "hmac",
    "sha2",
    "jsonwebtoken",
];
const MOST_LINES: usize = 400;

type Rule = (&'static str, fn(&File) -> Vec<Finding>);

const RULES: [Rule; 10] = [
    ("a file imports only from lower rows or its own room", looks_down_only),
    ("token alone reads credentials from a request", reads_no_credentials),
    ("verify/signature and keys/key alone name the cryptography", names_no_cryptography),
    ("keys/fetch alone touches the network", touches_no_network),
    ("clock alone reads time", reads_no_time),
    ("challenge alone names WWW-Authenticate", names_no_challenge),
    ("token, claims, verify, policy know neither tokio, reqwest nor axum", is_of_the_edge),
    ("a file has at most about 400 lines without its tests", is_not_too_long),
    ("library code has no unsafe", has_no_unsafe),
    ("library code prints nothing", prints_nothing),
];

// What a file says.

/// One file of the library, and everything in it that a rule may ask about.
struct File {
    /// Below `src/`, with `/`.
    path: String,
    /// `["keys", "remote"]`; empty for `lib.rs`.
    module: Vec<String>,
    facts: Facts,
    /// Without its tests.
    lines: usize,
}

#[derive(Default)]
struct Facts {
    paths: Vec<Named>,
    texts: Vec<(String, usize)>,
    methods: Vec<(String, usize)>,
    macros: Vec<(String, usize)>,
    unsafes: Vec<usize>,
    modules: Vec<(Vec<Attribute>, String)>,
}

/// A path as it resolves: absolute within the crate, or as it stands.
struct Named {
    segments: Vec<String>,
    within: bool,
    imported: bool,
    line: usize,
}

struct Finding {
    line: usize,
    what: String,
}

struct Violation {
    rule: &'static str,
    file: String,
    finding: Finding,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, what } = &self.finding;
        write!(f, "src/{}:{line}: {what} (rule: {})", self.file, self.rule)
    }
}

impl Named {
    /// The crate that a path outside of ours begins with.
    fn is_of(&self, name: &str) -> bool {
        let whole = self.imported || self.segments.len() > 1;
        !self.within && whole && self.segments[0] == name
    }

    fn ends_with(&self, end: &[&str]) -> bool {
        let from = self.segments.len().checked_sub(end.len());
        from.is_some_and(|from| self.segments[from..].iter().eq(end))
    }

    fn contains(&self, name: &str) -> bool {
        self.segments.iter().any(|segment| segment == name)
    }

    fn finding(&self) -> Finding {
        let start = if self.within { "crate::" } else { "" };
        Finding { line: self.line, what: format!("names {start}{}", self.segments.join("::")) }
    }
}

impl File {
    fn parse(path: &str, module: Vec<String>, text: &str) -> Self {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("src/{path}: {error}"));
        let mut reader =
            Reader { module: module.clone(), depth: module.len(), facts: Facts::default(), test_lines: 0 };
        reader.visit_file(&tree);
        let lines = text.lines().count() - reader.test_lines;
        Self { path: path.to_owned(), module, facts: reader.facts, lines }
    }

    fn room(&self) -> &str {
        self.module.first().map_or(ROOT, |room| room)
    }

    /// Whether it is that file, or in that folder.
    fn is_at(&self, places: &[&str]) -> bool {
        let bare = self.path.trim_end_matches(".rs");
        places.iter().any(|place| bare == *place || bare.starts_with(&format!("{place}/")))
    }

    fn paths_with(&self, wrong: impl Fn(&Named) -> bool) -> Vec<Finding> {
        self.facts.paths.iter().filter(|named| wrong(named)).map(Named::finding).collect()
    }

    fn texts_like(&self, wrong: &[&str]) -> impl Iterator<Item = Finding> {
        let like = |text: &str| wrong.iter().any(|wrong| text.eq_ignore_ascii_case(wrong));
        let texts = self.facts.texts.iter().filter(move |(text, _)| like(text));
        texts.map(|(text, line)| Finding { line: *line, what: format!("says {text:?}") })
    }
}

/// Reads the facts out of a syntax tree, tests left out.
struct Reader {
    module: Vec<String>,
    /// How many of `module` are the file's own; the rest are modules within it.
    depth: usize,
    facts: Facts,
    test_lines: usize,
}

impl Reader {
    fn add_path(&mut self, segments: Vec<String>, imported: bool, line: usize) {
        let within = matches!(segments[0].as_str(), "crate" | "self" | "super");
        if within && segments.len() == 1 {
            return;
        }
        let segments = if within { self.resolve(&segments) } else { segments };
        if !segments.is_empty() {
            self.facts.paths.push(Named { segments, within, imported, line });
        }
    }

    fn resolve(&self, segments: &[String]) -> Vec<String> {
        let mut absolute = if segments[0] == "crate" { Vec::new() } else { self.module.clone() };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(absolute.pop()),
                name => absolute.push(name.to_owned()),
            }
        }
        absolute
    }

    fn add_use(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => {
                self.add_path(before.to_vec(), true, line(name));
            }
            UseTree::Name(name) => self.add_path(with(name.ident.to_string()), true, line(name)),
            UseTree::Rename(name) => self.add_path(with(name.ident.to_string()), true, line(name)),
            UseTree::Glob(glob) => self.add_path(with("*".into()), true, line(glob)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(before, tree)),
        }
    }

    /// What stands in a macro has no tree: its names are read off the tokens.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let punct = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == sign);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.facts.texts.push((text.value(), line(literal)));
                    }
                }
                TokenTree::Ident(first) => {
                    let mut segments = vec![first.to_string()];
                    while let (true, true, Some(TokenTree::Ident(next))) =
                        (punct(at, ':'), punct(at + 1, ':'), tokens.get(at + 2))
                    {
                        segments.push(next.to_string());
                        at += 3;
                    }
                    match segments.as_slice() {
                        [only] if only == "unsafe" => self.facts.unsafes.push(line(first)),
                        [only] if only == "elapsed" => self.facts.methods.push((only.clone(), line(first))),
                        _ => {}
                    }
                    if punct(at, '!') {
                        self.facts.macros.push((segments[segments.len() - 1].clone(), line(first)));
                    }
                    self.add_path(segments, false, line(first));
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_test) {
            let span = item.span();
            self.test_lines += span.end().line + 1 - span.start().line;
            return;
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let syn::ImplItem::Fn(function) = item else { return syn::visit::visit_impl_item(self, item) };
        if !function.attrs.iter().any(is_test) {
            syn::visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() && self.module.len() == self.depth {
            self.facts.modules.push((item.attrs.clone(), item.ident.to_string()));
        }
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&[], &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.add_path(vec![item.ident.to_string()], true, line(item));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add_path(segments, false, line(path));
        syn::visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        // Documentation may name anything.
        if attribute.path().is_ident("doc") {
            return;
        }
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.facts.macros.push((call.path.segments.last().unwrap().ident.to_string(), line(call)));
        self.add_tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.facts.texts.push((text.value(), line(text)));
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.facts.methods.push((call.method.to_string(), line(&call.method)));
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.facts.unsafes.push(line(block));
        syn::visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.facts.unsafes.extend(signature.unsafety.map(|word| line(&word)));
        syn::visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.facts.unsafes.extend(item.unsafety.map(|word| line(&word)));
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.facts.unsafes.extend(item.unsafety.map(|word| line(&word)));
        syn::visit::visit_item_trait(self, item);
    }
}

fn line(what: &impl Spanned) -> usize {
    what.span().start().line
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, also as one of `all(…)`.
fn is_test(attribute: &Attribute) -> bool {
    fn asks_for_test(meta: &Meta) -> bool {
        match meta {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => {
                let parts = list.parse_args_with(Punctuated::<Meta, syn::Token![,]>::parse_terminated);
                parts.is_ok_and(|parts| parts.iter().any(asks_for_test))
            }
            _ => false,
        }
    }
    attribute.path().is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| asks_for_test(&meta))
}

// The rules.

fn row(room: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&room))
}

fn looks_down_only(file: &File) -> Vec<Finding> {
    let Some(own) = row(file.room()) else {
        return vec![Finding { line: 1, what: format!("the room {} has no row", file.room()) }];
    };
    let mut findings = Vec::new();
    for named in file.facts.paths.iter().filter(|named| named.within) {
        // What is no room of its own is a name that `lib.rs` re-exports.
        let room =
            named.segments.first().map_or(ROOT, |first| if row(first).is_some() { first } else { ROOT });
        let above = row(room).is_none_or(|row| row >= own);
        if room != file.room() && above {
            findings.push(named.finding());
        }
    }
    findings
}

fn reads_no_credentials(file: &File) -> Vec<Finding> {
    // The test kit makes requests, so it writes what only `token` reads.
    if ["token", "testing"].contains(&file.room()) {
        return Vec::new();
    }
    let mut findings = file.paths_with(|named| {
        ["AUTHORIZATION", "COOKIE", "PROXY_AUTHORIZATION"].iter().any(|name| named.contains(name))
    });
    findings.extend(file.texts_like(&["authorization", "cookie", "proxy-authorization"]));
    findings
}

fn names_no_cryptography(file: &File) -> Vec<Finding> {
    let door = file.is_at(&["verify/signature", "keys/key", "testing/signing"]);
    let oracle = file.is_at(&["keys/key/jsonwebtoken"]);
    file.paths_with(|named| {
        CRYPTOGRAPHY
            .iter()
            .filter(|name| if **name == "jsonwebtoken" { !oracle } else { !door })
            .any(|name| named.is_of(name))
    })
}

fn touches_no_network(file: &File) -> Vec<Finding> {
    if file.is_at(&["keys/fetch", "testing/server"]) {
        return Vec::new();
    }
    file.paths_with(|named| {
        let client = ["reqwest", "hyper", "hyper_util"].iter().any(|name| named.is_of(name));
        let socket = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
        let tokio = named.is_of("tokio") && named.segments.get(1).is_some_and(|module| module == "net");
        client || tokio || socket.iter().any(|name| named.contains(name))
    })
}

fn reads_no_time(file: &File) -> Vec<Finding> {
    if file.room() == "clock" {
        return Vec::new();
    }
    let mut findings = file.paths_with(|named| {
        named.ends_with(&["SystemTime", "now"]) || (!named.within && named.contains("Instant"))
    });
    let elapsed = file.facts.methods.iter().filter(|(name, _)| name == "elapsed");
    findings.extend(elapsed.map(|(_, line)| Finding { line: *line, what: "calls elapsed()".into() }));
    findings
}

fn names_no_challenge(file: &File) -> Vec<Finding> {
    // The test kit looks at answers, so it reads what only `challenge` writes.
    if file.room() == "challenge" || file.is_at(&["testing/attacks"]) {
        return Vec::new();
    }
    let mut findings = file.paths_with(|named| named.contains("WWW_AUTHENTICATE"));
    findings.extend(file.texts_like(&["www-authenticate"]));
    findings
}

fn is_of_the_edge(file: &File) -> Vec<Finding> {
    if !["token", "claims", "verify", "policy"].contains(&file.room()) {
        return Vec::new();
    }
    file.paths_with(|named| {
        let axum = !named.within && named.segments[0].starts_with("axum");
        axum || named.is_of("tokio") || named.is_of("reqwest")
    })
}

fn is_not_too_long(file: &File) -> Vec<Finding> {
    let lines = file.lines;
    let long = lines > MOST_LINES;
    long.then(|| Finding { line: lines, what: format!("has {lines} lines without tests") })
        .into_iter()
        .collect()
}

fn has_no_unsafe(file: &File) -> Vec<Finding> {
    file.facts.unsafes.iter().map(|&line| Finding { line, what: "is unsafe".into() }).collect()
}

fn prints_nothing(file: &File) -> Vec<Finding> {
    // A trial says aloud what it had to skip.
    if file.is_at(&["testing/attacks/report"]) {
        return Vec::new();
    }
    let printers = ["print", "println", "eprint", "eprintln", "dbg"];
    let calls = file.facts.macros.iter().filter(|(name, _)| printers.contains(&name.as_str()));
    calls.map(|(name, line)| Finding { line: *line, what: format!("calls {name}!") }).collect()
}

fn violations(file: &File) -> Vec<Violation> {
    let found = |(rule, check): &Rule| {
        let (rule, findings) = (*rule, check(file));
        findings.into_iter().map(move |finding| Violation { rule, file: file.path.clone(), finding })
    };
    RULES.iter().flat_map(found).collect()
}

// The crate.

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file that `lib.rs` reaches without `#[cfg(test)]`, and the tests' files beside them.
struct Crate {
    files: Vec<File>,
    tests: BTreeSet<PathBuf>,
}

impl Crate {
    fn read() -> Self {
        let mut read = Self { files: Vec::new(), tests: BTreeSet::new() };
        read.follow(&source_root().join("lib.rs"), Vec::new());
        read
    }

    fn follow(&mut self, at: &Path, module: Vec<String>) {
        let text = fs::read_to_string(at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
        let below = at.strip_prefix(source_root()).unwrap().to_str().unwrap().replace('\\', "/");
        let file = File::parse(&below, module.clone(), &text);
        for (attributes, name) in &file.facts.modules {
            let place = module_file(at, attributes, name);
            self.follow(&place, [module.clone(), vec![name.clone()]].concat());
        }
        for item in &syn::parse_file(&text).unwrap().items {
            if let Item::Mod(item) = item
                && item.content.is_none()
                && item.attrs.iter().any(is_test)
            {
                self.tests.insert(module_file(at, &item.attrs, &item.ident.to_string()));
            }
        }
        self.files.push(file);
    }
}

/// Where `mod name;` in that file stands (`#[path]` counts from the file's folder).
fn module_file(at: &Path, attributes: &[Attribute], name: &str) -> PathBuf {
    let folder = at.parent().unwrap();
    let named = attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    if let Some(named) = named {
        return folder.join(named);
    }
    let stem = at.file_stem().unwrap().to_str().unwrap();
    let folder = if matches!(stem, "mod" | "lib") { folder.to_owned() } else { folder.join(stem) };
    let flat = folder.join(format!("{name}.rs"));
    if flat.exists() { flat } else { folder.join(name).join("mod.rs") }
}

fn every_file_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(every_file_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_crate_keeps_every_rule() {
    let found: Vec<_> =
        Crate::read().files.iter().flat_map(violations).map(|found| found.to_string()).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_file_is_reached_and_was_judged() {
    let read = Crate::read();
    let judged: BTreeSet<_> = read.files.iter().map(|file| source_root().join(&file.path)).collect();
    assert!(judged.len() > 50, "only {} files were found", judged.len());
    for file in every_file_below(&source_root()) {
        assert!(
            judged.contains(&file) || read.tests.contains(&file),
            "{} is reached by nobody",
            file.display()
        );
    }
}

#[test]
fn every_room_has_its_row() {
    for file in Crate::read().files {
        assert!(row(file.room()).is_some(), "src/{}: the room {} has no row", file.path, file.room());
    }
}

// That the checker sees.

/// The rules that a text breaks if it stood in that file.
fn broken(path: &str, text: &str) -> Vec<String> {
    let bare = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let module = if bare == ROOT { Vec::new() } else { bare.split('/').map(str::to_owned).collect() };
    violations(&File::parse(path, module, text)).iter().map(ToString::to_string).collect()
}

const DOWN: &str = RULES[0].0;
const CREDENTIALS: &str = RULES[1].0;
const CRYPTO: &str = RULES[2].0;
const NETWORK: &str = RULES[3].0;
const TIME: &str = RULES[4].0;
const CHALLENGE: &str = RULES[5].0;
const EDGE: &str = RULES[6].0;
const UNSAFE: &str = RULES[8].0;
const PRINT: &str = RULES[9].0;

#[test]
fn each_rule_finds_what_breaks_it() {
    for (name, path, text, rule, line) in [
        ("an import from above", "keys/remote.rs", "\nuse crate::verify::Verifier;", DOWN, 2),
        ("an import from beside", "verify/mod.rs", "use crate::policy::Policy;", DOWN, 1),
        ("the layers of each other", "authenticate/layer.rs", "use crate::authorize::Authorize;", DOWN, 1),
        ("and the other way", "authorize/layer.rs", "use crate::authenticate::Authenticate;", DOWN, 1),
        ("one of a group", "error/auth.rs", "use crate::{\n    error::Reason,\n    token::X,\n};", DOWN, 3),
        ("a renamed import", "clock.rs", "use crate::json as j;", DOWN, 1),
        ("everything", "claims/mod.rs", "use crate::keys::*;", DOWN, 1),
        ("a module itself", "claims/mod.rs", "use crate::keys::{self};", DOWN, 1),
        ("super out of the room", "claims/map.rs", "use super::super::keys::Key;", DOWN, 1),
        ("a path written inline", "error/mod.rs", "fn f() { crate::token::f(); }", DOWN, 1),
        ("a type written inline", "error/mod.rs", "struct S(crate::token::BearerToken);", DOWN, 1),
        ("a trait written inline", "error/mod.rs", "impl crate::token::T for u8 {}", DOWN, 1),
        ("super written inline", "claims/mod.rs", "fn f() -> super::keys::Key {}", DOWN, 1),
        ("super from a module within", "claims/mod.rs", "mod m { use super::super::keys::Key; }", DOWN, 1),
        ("inside a macro's call", "error/mod.rs", "fn f() { g!(1 + crate::keys::N); }", DOWN, 1),
        ("inside a macro's rules", "error/mod.rs", "macro_rules! m { () => { $crate::keys::N } }", DOWN, 1),
        ("inside an attribute", "error/mod.rs", "#[derive(crate::keys::D)] struct S;", DOWN, 1),
        ("a name of the root", "verify/mod.rs", "use crate::Claims;", DOWN, 1),
        ("a room that nobody knows", "attic/mod.rs", "fn f() {}", DOWN, 1),
        ("the header", "authenticate/service.rs", "use http::header::AUTHORIZATION;", CREDENTIALS, 1),
        ("the cookie, inline", "extract.rs", "fn f() { g(http::header::COOKIE); }", CREDENTIALS, 1),
        ("the header as a text", "extract.rs", "fn f() { h.get(\"Authorization\"); }", CREDENTIALS, 1),
        ("a backend", "keys/jwk.rs", "use aws_lc_rs::signature;", CRYPTO, 1),
        ("a curve, inline", "keys/set.rs", "fn f() { p256::ecdsa::f(); }", CRYPTO, 1),
        ("a hash in a macro", "verify/rules.rs", "fn f() { g!(sha2::Sha256); }", CRYPTO, 1),
        ("a crate as a whole", "policy/mod.rs", "use rsa;", CRYPTO, 1),
        ("an extern crate", "policy/mod.rs", "extern crate hmac;", CRYPTO, 1),
        ("the oracle beside its file", "keys/key/pem.rs", "use jsonwebtoken::DecodingKey;", CRYPTO, 1),
        ("a client", "keys/remote.rs", "use reqwest::Client;", NETWORK, 1),
        ("a socket", "testing/issuer.rs", "fn f() { std::net::TcpStream::connect(a); }", NETWORK, 1),
        ("a socket of tokio", "keys/remote.rs", "use tokio::net;", NETWORK, 1),
        ("the wall clock", "verify/mod.rs", "fn f() { SystemTime::now(); }", TIME, 1),
        ("the wall clock, inline", "verify/mod.rs", "fn f() { std::time::SystemTime::now(); }", TIME, 1),
        ("the monotonic clock", "keys/life.rs", "fn f() { Instant::now(); }", TIME, 1),
        ("tokio's clock", "keys/remote.rs", "use tokio::time::Instant;", TIME, 1),
        ("time since", "claims/mod.rs", "fn f() { UNIX_EPOCH.elapsed(); }", TIME, 1),
        ("the challenge", "authorize/service.rs", "use http::header::{A, WWW_AUTHENTICATE};", CHALLENGE, 1),
        ("the challenge as a text", "extract.rs", "fn f() { g(\"www-authenticate\"); }", CHALLENGE, 1),
        ("a runtime at the edge", "verify/mod.rs", "fn f() { tokio::spawn(g()); }", EDGE, 1),
        ("axum at the edge", "token/mod.rs", "use axum_core::body::Body;", EDGE, 1),
        ("an unsafe block", "json.rs", "fn f() {\n    unsafe { g() }\n}", UNSAFE, 2),
        ("an unsafe function", "json.rs", "unsafe fn f() {}", UNSAFE, 1),
        ("an unsafe impl", "json.rs", "unsafe impl Send for S {}", UNSAFE, 1),
        ("unsafe in a macro", "json.rs", "fn f() { m!(unsafe { g() }); }", UNSAFE, 1),
        ("a print", "observe.rs", "fn f() { println!(\"x\"); }", PRINT, 1),
        ("a print of std", "observe.rs", "fn f() { std::eprintln!(\"x\"); }", PRINT, 1),
        ("a print in a macro", "observe.rs", "macro_rules! m { () => { dbg!(1) } }", PRINT, 1),
    ] {
        let found = broken(path, text);
        let place = format!("src/{path}:{line}: ");
        let hit = |found: &String| found.starts_with(&place) && found.ends_with(&format!("(rule: {rule})"));
        assert!(found.iter().any(hit), "{name}: {found:?}");
    }
}

#[test]
fn a_file_that_is_too_long_is_found_and_its_tests_do_not_count() {
    let long = "fn f() {}\n".repeat(MOST_LINES + 1);
    let found = broken("json.rs", &long);
    assert!(found[0].contains("has 401 lines without tests"), "{found:?}");
    let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert_eq!(broken("json.rs", &tests), [""; 0]);
}

#[test]
fn what_keeps_the_rules_is_not_found() {
    for (name, path, text) in [
        ("a lower row", "verify/mod.rs", "use crate::{claims::Claims, error::AuthError};"),
        ("its own room", "keys/remote.rs", "use super::{discovery, fetch::Fetch};"),
        ("its own room, absolute", "keys/remote.rs", "use crate::keys::Key;"),
        ("the root, anything", "lib.rs", "pub use verify::Verifier; mod keys;"),
        (
            "tests, anything",
            "clock.rs",
            "#[cfg(test)]\nmod tests { use crate::verify::X; fn f() { unsafe {} } }",
        ),
        (
            "tests of a feature",
            "clock.rs",
            "#[cfg(all(test, feature = \"x\"))]\nmod tests { use crate::keys::X; }",
        ),
        (
            "documentation, anything",
            "error/mod.rs",
            "/// See [`Verifier`](crate::verify::Verifier).\nstruct S;",
        ),
        ("pub(crate) and pub(super)", "error/mod.rs", "pub(crate) struct S; pub(super) struct R;"),
        ("the token's door", "token/sources.rs", "use http::header::{AUTHORIZATION, COOKIE};"),
        ("the cryptography's doors", "keys/key/pem.rs", "use p256::PublicKey;"),
        ("a function by a crate's name", "keys/jwk.rs", "fn f() { rsa(1); Issuer::hmac(2); }"),
        ("an address is no network", "keys/url.rs", "fn f() { g::<std::net::IpAddr>(); }"),
        ("time as a value", "claims/mod.rs", "use std::time::{Duration, SystemTime};"),
        ("the oracle's door", "keys/key/jsonwebtoken.rs", "use jsonwebtoken::DecodingKey;"),
    ] {
        assert_eq!(broken(path, text), [""; 0], "{name}");
    }
}

#[test]
fn only_code_that_needs_test_is_exempt() {
    for attribute in ["#[cfg(not(test))]", "#[cfg(any(test, feature = \"x\"))]", "#[cfg(feature = \"test\")]"]
    {
        let text = format!("{attribute}\nuse crate::verify::X;");
        assert_eq!(broken("clock.rs", &text).len(), 1, "{attribute}");
    }
}
