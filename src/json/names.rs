use super::document::Members;

/// Where to look for a name first: most that are asked for are not there, and that should cost nothing.
pub(super) struct Names {
    /// The first name with each place.
    first: [u16; PLACES],
    /// A bit for each place that several names have.
    shared: u64,
}

const PLACES: usize = 64;
/// More members than that are held against each other by their hashes.
pub(super) const FEW: usize = 48;
/// The same for an object inside: of those there can be many before any signature was checked. In pairs, 12 KiB of objects with
/// 48 members each took three times as long.
pub(super) const FEW_NESTED: usize = 12;

impl Default for Names {
    fn default() -> Self {
        Self { first: [0; PLACES], shared: 0 }
    }
}

impl Names {
    /// `None` where a name is there twice.
    pub(super) fn of(members: Members<'_>) -> Option<Self> {
        let mut names = Self::default();
        let is_large = members.is_large(FEW);
        for (index, (item, _)) in members.clone().enumerate() {
            let name = item.text();
            let is_free = names.take(name, item.at());
            if !is_free && !is_large && members.clone().take(index).any(|(had, _)| had.is(name)) {
                return None;
            }
        }
        (!is_large || !members.repeat()).then_some(names)
    }

    /// Says where a name stands; false where another one, or the same, has its place.
    fn take(&mut self, name: &str, at: usize) -> bool {
        let place = place(name);
        match self.first.get_mut(place) {
            Some(first @ 0) => {
                *first = u16::try_from(at).unwrap_or_default();
                true
            }
            _ => {
                self.shared |= 1 << place;
                false
            }
        }
    }

    /// Where a name may stand, and whether it may as well stand elsewhere. `None` where it stands nowhere.
    pub(super) fn first(&self, name: &str) -> Option<(usize, bool)> {
        let place = place(name);
        let first = self.first.get(place).copied().filter(|at| *at != 0)?;
        Some((usize::from(first), self.shared & (1 << place) != 0))
    }
}

/// One of the places, by what is cheaply seen of a name.
pub(super) fn place(name: &str) -> usize {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
    let middle = bytes.get(bytes.len() / 2).copied().unwrap_or(0);
    (bytes.len() + 7 * usize::from(first) + 13 * usize::from(last) + 29 * usize::from(middle)) % PLACES
}
