//! The mutants that no switch can express, such as those of a constant: each is written into a copy and built by itself.

use crate::{
    Place, Result,
    compile::{Pass, build_one},
    edit::{Piece, Text},
    list::Mutant,
    tree::Tree,
    trial::{Outcome, caught_by_any},
};
use std::{fs, iter::once};

/// They judge most of those that unit tests do not, so they are built before the others.
const FIRST: [&str; 4] = ["rules", "field", "key_store", "guard"];

pub struct Alone<'p> {
    tree: Tree,
    pass: &'p Pass,
}

/// What the tests of one program say of a change.
enum Said {
    Nothing,
    Caught(String),
    Unviable(String),
}

impl<'p> Alone<'p> {
    /// A copy without any switch, whose unit tests pass.
    pub fn new(place: &Place, pass: &'p Pass) -> Result<Self> {
        let name = format!("{}-alone", pass.name);
        let mut tree = Tree::copy(&place.root, &name, place.scratch.join(&name), Vec::new())?;
        tree.write()?;
        let alone = Self { tree, pass };
        match alone.ask("lib")? {
            Said::Nothing => Ok(alone),
            Said::Caught(what) | Said::Unviable(what) => {
                Err(format!("fails without a mutant: {what}").into())
            }
        }
    }

    /// `Err` within is the compiler's code, where the change is no program.
    pub fn tried(&self, mutant: &Mutant) -> Result<std::result::Result<Outcome, String>> {
        let file = self.tree.root.join(&mutant.file);
        let source = fs::read_to_string(&file)?;
        fs::write(&file, mutated(&source, mutant))?;
        let judged = self.judged(mutant);
        fs::write(&file, source)?;
        judged
    }

    fn judged(&self, mutant: &Mutant) -> Result<std::result::Result<Outcome, String>> {
        let all = self.pass.tests;
        let first = FIRST.iter().filter(|test| all.contains(test));
        let others = all.iter().filter(|test| !FIRST.contains(test));
        for program in once(&"lib").chain(first).chain(others) {
            match self.ask(program)? {
                Said::Nothing => {}
                Said::Caught(test) => return Ok(Ok(outcome(mutant, Some(test)))),
                Said::Unviable(code) => return Ok(Err(code)),
            }
        }
        Ok(Ok(outcome(mutant, None)))
    }

    fn ask(&self, program: &str) -> Result<Said> {
        let program = match build_one(&self.tree, self.pass, program)? {
            Ok(program) => program,
            Err(code) => return Ok(Said::Unviable(code)),
        };
        Ok(caught_by_any(&self.tree.root, &program).map_or(Said::Nothing, Said::Caught))
    }
}

/// Not as the others say it: a sample of switches has no use for these.
fn outcome(mutant: &Mutant, caught: Option<String>) -> Outcome {
    Outcome { key: mutant.key.clone(), caught: caught.map(|test| format!("alone {test}")), tried: 1 }
}

fn mutated(source: &str, mutant: &Mutant) -> String {
    let mut text = Text::new(source);
    let range = (text.offset(mutant.span.start), text.offset(mutant.span.end));
    text.replace(range, vec![Piece::Text(mutant.replacement.clone())]);
    text.rendered()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Span;

    #[test]
    fn the_replacement_stands_where_the_span_was() {
        let at = |line, column| crate::list::Place { line, column };
        let mutant = Mutant {
            file: String::new(),
            genre: String::new(),
            name: String::new(),
            replacement: "+".into(),
            span: Span { start: at(2, 19), end: at(2, 20) },
            function: None,
            key: String::new(),
        };
        let source = "// Ω\nconst A: u8 = 'Ω' * 2;\n";
        assert_eq!(mutated(source, &mutant), "// Ω\nconst A: u8 = 'Ω' + 2;\n");
    }
}
