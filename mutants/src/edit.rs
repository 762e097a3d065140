//! A source text and the changes to it: each replaces a stretch, and may quote stretches that are changed in turn.

use crate::list::Place;

/// What stands where the stretch stood.
pub enum Piece {
    Text(String),
    Source(usize, usize),
}

struct Edit {
    start: usize,
    end: usize,
    pieces: Vec<Piece>,
}

pub struct Text<'a> {
    source: &'a str,
    lines: Vec<usize>,
    /// An outer one comes before those inside it.
    edits: Vec<Edit>,
}

impl<'a> Text<'a> {
    pub fn new(source: &'a str) -> Self {
        let starts = source.match_indices('\n').map(|(at, _)| at + 1);
        Self { source, lines: std::iter::once(0).chain(starts).collect(), edits: Vec::new() }
    }

    /// The byte at which a line and column stand.
    pub fn offset(&self, place: Place) -> usize {
        let line = self.lines.get(place.line - 1).copied().unwrap_or(self.source.len());
        let rest = &self.source[line..];
        line + rest.char_indices().nth(place.column - 1).map_or(rest.len(), |(at, _)| at)
    }

    pub fn replace(&mut self, (start, end): (usize, usize), pieces: Vec<Piece>) {
        self.edits.push(Edit { start, end, pieces });
    }

    pub fn rendered(&self) -> String {
        let mut out = String::new();
        self.render((0, self.source.len()), 0, &mut out);
        out
    }

    fn render(&self, (start, end): (usize, usize), from: usize, out: &mut String) {
        let mut at = start;
        while let Some((index, edit)) = self.next((at, end), from) {
            out.push_str(&self.source[at..edit.start]);
            for piece in &edit.pieces {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Source(start, end) => self.render((*start, *end), index + 1, out),
                }
            }
            at = edit.end;
            if edit.start == edit.end {
                // An insertion ends where it begins; what else stands there comes after it.
                self.render_after(index, (at, end), out);
                return;
            }
        }
        out.push_str(&self.source[at..end]);
    }

    fn render_after(&self, index: usize, range: (usize, usize), out: &mut String) {
        self.render(range, index + 1, out);
    }

    /// The outermost of those that begin first.
    fn next(&self, (start, end): (usize, usize), from: usize) -> Option<(usize, &Edit)> {
        let edits = self.edits.iter().enumerate().skip(from);
        let within = edits.filter(|(_, edit)| edit.start >= start && edit.end <= end);
        within.min_by_key(|(index, edit)| (edit.start, edit.start != edit.end, usize::MAX - edit.end, *index))
    }
}
