//! Puts every mutant of a file behind `crate::mutant_is(N)`, so that one build holds them all.
//!
//! Nothing is written twice where that can be helped: `&&` becomes `||` by De Morgan's law, `==` becomes `!=` by `^`, and
//! an ordering is taken of two references. Around each change stand the comments `/*<N,N*/` and `/*>*/`, by which an error
//! of the compiler finds the mutant that it is about.

use crate::{
    Result,
    edit::{Piece, Text},
    list::{Mutant, Place},
};
use proc_macro2::Span;
use std::collections::{BTreeSet, HashMap};
use syn::{BinOp, Expr, ExprBinary, ExprUnary, spanned::Spanned, visit::Visit};

/// A mutant's number is its place in the list, from one.
pub struct Switches<'m> {
    pub mutants: Vec<(u32, &'m Mutant)>,
    /// Functions that are called where a constant is wanted, and so must stay `const`.
    pub constant: &'m BTreeSet<String>,
}

/// The text with its switches, and the numbers of those that are in it.
pub fn switched(source: &str, switches: &Switches<'_>) -> Result<(String, BTreeSet<u32>)> {
    let file = syn::parse_file(source)?;
    let mut at: HashMap<(&str, Place), Vec<(u32, &Mutant)>> = HashMap::new();
    for &(number, mutant) in &switches.mutants {
        at.entry((&mutant.genre, mutant.span.start)).or_default().push((number, mutant));
    }
    let mut sites = Sites {
        at,
        text: Text::new(source),
        constant: switches.constant,
        frozen: 0,
        placed: BTreeSet::new(),
    };
    sites.visit_file(&file);
    Ok((sites.text.rendered(), sites.placed))
}

struct Sites<'m, 's> {
    at: HashMap<(&'m str, Place), Vec<(u32, &'m Mutant)>>,
    text: Text<'s>,
    constant: &'m BTreeSet<String>,
    /// How many constants we stand in: nothing can be asked at compile time.
    frozen: usize,
    placed: BTreeSet<u32>,
}

impl<'m> Sites<'m, '_> {
    fn take(&mut self, genre: &'m str, span: Span) -> Vec<(u32, &'m Mutant)> {
        if self.frozen > 0 {
            return Vec::new();
        }
        let start = span.start();
        let found = self
            .at
            .remove(&(genre, Place { line: start.line, column: start.column + 1 }))
            .unwrap_or_default();
        self.placed.extend(found.iter().map(|(number, _)| number));
        found
    }

    /// Found, and not to be switched.
    fn leave(&mut self, found: Found<'_, 'm>) {
        self.placed.retain(|placed| found.iter().all(|(number, _)| number != placed));
    }

    fn range(&self, span: Span) -> (usize, usize) {
        let [start, end] =
            [span.start(), span.end()].map(|at| Place { line: at.line, column: at.column + 1 });
        (self.text.offset(start), self.text.offset(end))
    }

    fn source(&self, what: &impl Spanned) -> Piece {
        let (start, end) = self.range(what.span());
        Piece::Source(start, end)
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let Some(first) = block.stmts.first() else { return };
        let found = self.take("FnValue", first.span());
        if let Some(word) = signature.constness
            && self.frozen == 0
        {
            let range = self.range(word.span());
            self.text.replace(range, Vec::new());
        }
        if found.is_empty() {
            return;
        }
        let one = |(number, mutant): &(u32, &Mutant)| {
            (
                format!(" /*<{number}*/if crate::mutant_is({number}) {{ return "),
                mutant.replacement.clone(),
                "; }/*>*/\n",
            )
        };
        let stretch = self.range(block.brace_token.span.join());
        let (start, end) = (stretch.0 + 1, stretch.1 - 1);
        let mut pieces = Vec::new();
        match opaque(&signature.output) {
            None => {
                for (before, value, after) in found.iter().map(one) {
                    pieces.push(Piece::Text(format!("{before}{value}{after}")));
                }
                self.text.replace((start, start), pieces);
            }
            // An iterator in a box is one as well, and a box holds either.
            Some(Some(bound)) => {
                let bound = self.range(bound.span());
                for (before, value, after) in found.iter().map(one) {
                    pieces.push(Piece::Text(format!("{before} Box::new({value}) as Box<dyn ")));
                    pieces.extend([Piece::Source(bound.0, bound.1), Piece::Text(format!(" + '_>{after}"))]);
                }
                let numbers: Vec<String> = found.iter().map(|(number, _)| number.to_string()).collect();
                let opened = format!("/*<{}*/Box::new({{", numbers.join(","));
                pieces.extend([Piece::Text(opened), Piece::Source(start, end)]);
                pieces.extend([
                    Piece::Text("}) as Box<dyn ".into()),
                    Piece::Source(bound.0, bound.1),
                    Piece::Text(" + '_>/*>*/".into()),
                ]);
                self.text.replace((start, end), pieces);
            }
            Some(None) => self.leave(&found),
        }
    }

    fn field(&mut self, whole: &syn::ExprStruct) {
        for field in &whole.fields {
            let found = self.take("StructField", field.span());
            let (Some((number, _)), Some(rest)) = (found.first(), &whole.rest) else { continue };
            let syn::Member::Named(name) = &field.member else { continue };
            let before = format!("{name}: if crate::mutant_is({number}) {{ (");
            let pieces = vec![
                Piece::Text(format!("/*<{number}*/{before}")),
                self.source(rest),
                Piece::Text(format!(").{name} }} else {{ ")),
                self.source(&field.expr),
                Piece::Text(" }/*>*/".into()),
            ];
            let range = self.range(field.span());
            self.text.replace(range, pieces);
        }
    }

    fn within(&mut self, signature: &syn::Signature, walk: impl FnOnce(&mut Self)) {
        let stays = signature.constness.is_some() && self.constant.contains(&signature.ident.to_string());
        self.freeze(usize::from(stays), walk);
    }

    fn freeze(&mut self, by: usize, walk: impl FnOnce(&mut Self)) {
        self.frozen += by;
        walk(self);
        self.frozen -= by;
    }

    fn binary(&mut self, whole: &ExprBinary) {
        let found = self.take("BinaryOperator", whole.op.span());
        if found.is_empty() {
            return;
        }
        if has_let(&whole.left) || has_let(&whole.right) {
            self.leave(&found);
            return;
        }
        let (left, right) = (self.source(&whole.left), self.source(&whole.right));
        let pieces = match whole.op {
            BinOp::And(_) | BinOp::Or(_) => by_de_morgan(whole, &found, left, right),
            BinOp::Eq(_) | BinOp::Ne(_) => by_xor(whole, &found, left, right),
            BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                by_reference(whole, &found, left, right)
            }
            _ => by_branch(whole, &found, left, right),
        };
        let range = self.range(whole.span());
        self.text.replace(range, around(&found, pieces));
    }

    fn unary(&mut self, whole: &ExprUnary) {
        let found = self.take("UnaryOperator", whole.op.span());
        let [(number, _)] = found[..] else { return };
        let call = match whole.op {
            syn::UnOp::Not(_) => format!("crate::mutant_not({number}, "),
            _ => format!("crate::mutant_minus({number}, "),
        };
        let pieces = vec![Piece::Text(call), self.source(&whole.expr), Piece::Text(")".into())];
        let range = self.range(whole.span());
        self.text.replace(range, around(&found, pieces));
    }

    fn arm(&mut self, arm: &syn::Arm) {
        let gone = self.take("MatchArm", arm.pat.span());
        let Some((_, guard)) = &arm.guard else {
            if let Some((number, _)) = gone.first() {
                let (_, end) = self.range(arm.pat.span());
                let guard = format!(" /*<{number}*/if !crate::mutant_is({number})/*>*/");
                self.text.replace((end, end), vec![Piece::Text(guard)]);
            }
            return;
        };
        let fixed = self.take("MatchArmGuard", guard.span());
        let all: Vec<_> = gone.iter().chain(&fixed).copied().collect();
        if all.is_empty() || has_let(guard) {
            self.leave(&all);
            return;
        }
        let (mut before, mut after) = (String::new(), String::from(")"));
        for (number, _) in &gone {
            before += &format!("!crate::mutant_is({number}) && ");
        }
        before.push('(');
        for (number, mutant) in &fixed {
            match mutant.replacement.as_str() {
                "true" => before += &format!("crate::mutant_is({number}) || "),
                _ => after = format!(" && !crate::mutant_is({number})){after}"),
            }
        }
        before += if after.len() > 1 { "((" } else { "(" };
        after.insert(0, ')');
        let (start, end) = self.range(guard.span());
        let pieces = vec![Piece::Text(before), Piece::Source(start, end), Piece::Text(after)];
        self.text.replace((start, end), around(&all, pieces));
    }
}

type Found<'a, 'm> = &'a [(u32, &'m Mutant)];

fn around(found: Found<'_, '_>, pieces: Vec<Piece>) -> Vec<Piece> {
    let numbers: Vec<String> = found.iter().map(|(number, _)| number.to_string()).collect();
    let opened = format!("/*<{}*/", numbers.join(","));
    let first = Piece::Text(format!("{opened}("));
    std::iter::once(first).chain(pieces).chain([Piece::Text(")/*>*/".into())]).collect()
}

/// With the mutant on, both sides and the whole are negated: `!(!a && !b)` is `a || b`, and asks `b` in the same cases.
fn by_de_morgan(whole: &ExprBinary, found: Found<'_, '_>, left: Piece, right: Piece) -> Vec<Piece> {
    let number = found.first().map_or(0, |(number, _)| *number);
    let asked = format!(") ^ crate::mutant_is({number})");
    let between = format!("{asked}) {} ((", token(&whole.op));
    vec![
        Piece::Text("(((".into()),
        left,
        Piece::Text(between),
        right,
        Piece::Text(format!("{asked})){}", &asked[1..])),
    ]
}

fn by_xor(whole: &ExprBinary, found: Found<'_, '_>, left: Piece, right: Piece) -> Vec<Piece> {
    let asked: String = found.iter().map(|(number, _)| format!(" ^ crate::mutant_is({number})")).collect();
    let op = format!(" {} ", token(&whole.op));
    vec![Piece::Text("(".into()), left, Piece::Text(op), right, Piece::Text(format!("){asked}"))]
}

fn by_reference(whole: &ExprBinary, found: Found<'_, '_>, left: Piece, right: Piece) -> Vec<Piece> {
    let branch = |(number, mutant): &(u32, &Mutant)| {
        let op = &mutant.replacement;
        format!("if crate::mutant_is({number}) {{ /*<{number}*/l {op} r/*>*/ }} else ")
    };
    let branches: String = found.iter().map(branch).collect();
    let last = format!(")) {{ (l, r) => {branches}{{ l {} r }} }}", token(&whole.op));
    vec![Piece::Text("match (&(".into()), left, Piece::Text("), &(".into()), right, Piece::Text(last)]
}

/// Both sides once for each operator: what they are, the compiler alone knows.
fn by_branch(whole: &ExprBinary, found: Found<'_, '_>, left: Piece, right: Piece) -> Vec<Piece> {
    let (Piece::Source(a, b), Piece::Source(c, d)) = (left, right) else { return Vec::new() };
    let mut pieces = Vec::new();
    for (number, mutant) in found {
        pieces.push(Piece::Text(format!("if crate::mutant_is({number}) {{ /*<{number}*/(")));
        pieces.extend([
            Piece::Source(a, b),
            Piece::Text(format!(" {} ", mutant.replacement)),
            Piece::Source(c, d),
        ]);
        pieces.push(Piece::Text(")/*>*/ } else ".into()));
    }
    pieces.push(Piece::Text("{ (".into()));
    pieces.extend([Piece::Source(a, b), Piece::Text(format!(" {} ", token(&whole.op))), Piece::Source(c, d)]);
    pieces.push(Piece::Text(") }".into()));
    pieces
}

fn token(op: &BinOp) -> &'static str {
    match op {
        BinOp::Add(_) => "+",
        BinOp::Sub(_) => "-",
        BinOp::Mul(_) => "*",
        BinOp::Div(_) => "/",
        BinOp::Rem(_) => "%",
        BinOp::And(_) => "&&",
        BinOp::Or(_) => "||",
        BinOp::BitXor(_) => "^",
        BinOp::BitAnd(_) => "&",
        BinOp::BitOr(_) => "|",
        BinOp::Shl(_) => "<<",
        BinOp::Shr(_) => ">>",
        BinOp::Eq(_) => "==",
        BinOp::Lt(_) => "<",
        BinOp::Le(_) => "<=",
        BinOp::Ne(_) => "!=",
        BinOp::Ge(_) => ">=",
        BinOp::Gt(_) => ">",
        BinOp::AddAssign(_) => "+=",
        BinOp::SubAssign(_) => "-=",
        BinOp::MulAssign(_) => "*=",
        BinOp::DivAssign(_) => "/=",
        BinOp::RemAssign(_) => "%=",
        BinOp::BitXorAssign(_) => "^=",
        BinOp::BitAndAssign(_) => "&=",
        BinOp::BitOrAssign(_) => "|=",
        BinOp::ShlAssign(_) => "<<=",
        _ => ">>=",
    }
}

/// A type that only the body knows: it cannot be returned early in another one. With the bound, if it is an iterator.
fn opaque(output: &syn::ReturnType) -> Option<Option<&syn::TypeParamBound>> {
    struct Opaque(bool);
    impl Visit<'_> for Opaque {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let syn::ReturnType::Type(_, kind) = output else { return None };
    let mut opaque = Opaque(false);
    opaque.visit_type(kind);
    let syn::Type::ImplTrait(whole) = kind.as_ref() else { return opaque.0.then_some(None) };
    let is_iterator = |bound: &&syn::TypeParamBound| matches!(bound, syn::TypeParamBound::Trait(bound) if bound.path.segments.last().is_some_and(|name| name.ident == "Iterator"));
    Some(whole.bounds.first().filter(is_iterator).filter(|_| whole.bounds.len() == 1))
}

/// What a `let` in a condition binds reaches beyond its parentheses.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Sites<'_, '_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(&item.sig, |sites| {
            sites.function(&item.sig, &item.block);
            syn::visit::visit_block(sites, &item.block);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(&item.sig, |sites| {
            sites.function(&item.sig, &item.block);
            syn::visit::visit_block(sites, &item.block);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
            self.visit_block(block);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.freeze(1, |sites| syn::visit::visit_item_const(sites, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.freeze(1, |sites| syn::visit::visit_impl_item_const(sites, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.freeze(1, |sites| syn::visit::visit_item_static(sites, item));
    }

    fn visit_type(&mut self, item: &'ast syn::Type) {
        self.freeze(1, |sites| syn::visit::visit_type(sites, item));
    }

    fn visit_expr_binary(&mut self, item: &'ast ExprBinary) {
        self.binary(item);
        syn::visit::visit_expr_binary(self, item);
    }

    fn visit_expr_unary(&mut self, item: &'ast ExprUnary) {
        self.unary(item);
        syn::visit::visit_expr_unary(self, item);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        self.field(item);
        syn::visit::visit_expr_struct(self, item);
    }

    fn visit_arm(&mut self, item: &'ast syn::Arm) {
        self.arm(item);
        syn::visit::visit_arm(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Span;

    /// The text with the first stretch that reads so switched, without marks.
    fn with(source: &str, genre: &str, old: &str, replacement: &str) -> String {
        let at = source.find(old).unwrap();
        let line = source[..at].matches('\n').count() + 1;
        let column = at - source[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
        let place = Place { line, column };
        let mutant = Mutant {
            file: String::new(),
            genre: genre.into(),
            name: String::new(),
            replacement: replacement.into(),
            span: Span { start: place, end: place },
            function: None,
            key: String::new(),
        };
        let switches = Switches { mutants: vec![(7, &mutant)], constant: &BTreeSet::new() };
        let (text, placed) = switched(source, &switches).unwrap();
        assert_eq!(placed.len(), usize::from(text != source));
        text.replace("crate::mutant_is(7)", "M").replace("/*<7*/", "").replace("/*>*/", "")
    }

    #[test]
    fn a_switch_stands_around_what_it_changes() {
        for (genre, source, old, replacement, expected) in [
            ("BinaryOperator", "fn f() { a == b; }", "==", "!=", "fn f() { ((a == b) ^ M); }"),
            (
                "BinaryOperator",
                "fn f() { a && b; }",
                "&&",
                "||",
                "fn f() { ((((a) ^ M) && ((b) ^ M)) ^ M); }",
            ),
            (
                "BinaryOperator",
                "fn f() { a + b; }",
                "+",
                "-",
                "fn f() { (if M { (a - b) } else { (a + b) }); }",
            ),
            ("UnaryOperator", "fn f() { !a; }", "!a", "", "fn f() { (crate::mutant_not(7, a)); }"),
            (
                "MatchArm",
                "fn f() { match a { 1 => b, _ => c } }",
                "1",
                "",
                "fn f() { match a { 1 if !M => b, _ => c } }",
            ),
            (
                "MatchArmGuard",
                "fn f() { match a { _ if b => c } }",
                "b",
                "true",
                "fn f() { match a { _ if ((M || (b))) => c } }",
            ),
            (
                "MatchArmGuard",
                "fn f() { match a { _ if b => c } }",
                "b",
                "false",
                "fn f() { match a { _ if ((((b) && !M))) => c } }",
            ),
            ("FnValue", "fn f() -> u8 { a }", "a }", "0", "fn f() -> u8 { if M { return 0; }\n a }"),
            (
                "StructField",
                "fn f() { A { b: c, ..d } }",
                "b:",
                "",
                "fn f() { A { b: if M { (d).b } else { c }, ..d } }",
            ),
        ] {
            assert_eq!(with(source, genre, old, replacement), expected, "{source}");
        }
    }

    #[test]
    fn nothing_is_asked_where_a_constant_is_wanted_or_a_let_binds() {
        for source in ["const A: u8 = a + b;", "fn f() { let _: [u8; a + b]; }"] {
            assert_eq!(with(source, "BinaryOperator", "+", "-"), source);
        }
        let bound = "fn f() { if let Some(x) = a && x {} }";
        assert_eq!(with(bound, "BinaryOperator", "&&", "||"), bound);
    }
}
