//! What happened: answers by kind, latencies of good requests in calm and under attack, the server's memory.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// After calm and attack have changed places, what is left of the one is not counted for the other.
const SETTLES: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Tally {
    attack: Cell<bool>,
    turned: Cell<Option<Instant>>,
    answers: RefCell<BTreeMap<(&'static str, Answer), u64>>,
    pub(super) wrong: RefCell<BTreeMap<(&'static str, Answer), u64>>,
    /// Microseconds, in calm and under attack.
    latencies: [RefCell<Vec<u32>>; 2],
    resident: RefCell<Vec<(f64, f64)>>,
    /// Without what is mapped from files, which the kernel takes back as it likes.
    own: RefCell<Vec<f64>>,
}

/// A status; `None` where the server hung up.
pub(super) type Answer = Option<u16>;

impl Tally {
    pub(super) fn turn(&self, attack: bool) {
        if self.attack.replace(attack) != attack || self.turned.get().is_none() {
            self.turned.set(Some(Instant::now()));
        }
    }

    pub(super) fn is_attack(&self) -> bool {
        self.attack.get()
    }

    pub(super) fn answered(&self, kind: &'static str, answer: Answer, is_right: bool) {
        *self.answers.borrow_mut().entry((kind, answer)).or_default() += 1;
        if !is_right {
            *self.wrong.borrow_mut().entry((kind, answer)).or_default() += 1;
        }
    }

    pub(super) fn took(&self, begun: Instant) {
        if self.turned.get().is_some_and(|turned| begun >= turned + SETTLES) {
            let micros = u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.latencies[usize::from(self.is_attack())].borrow_mut().push(micros);
        }
    }

    pub(super) fn resident(&self, at: Duration, [all, own]: [f64; 2]) {
        self.resident.borrow_mut().push((at.as_secs_f64(), all));
        self.own.borrow_mut().push(own);
    }

    /// At the end of each tenth: all of it, and of that its own.
    pub(super) fn tenths(&self) -> Vec<(f64, f64)> {
        let (all, own) = (self.resident.borrow(), self.own.borrow());
        let last = |tenth: usize| (all.len() * tenth / 10).max(1) - 1;
        (1..=10).map(|tenth| (all[last(tenth)].1, own[last(tenth)])).collect()
    }

    pub(super) fn answers(&self) -> BTreeMap<(&'static str, Answer), u64> {
        self.answers.borrow().clone()
    }

    pub(super) fn latency(&self, attack: bool) -> Latency {
        let mut micros = self.latencies[usize::from(attack)].borrow().clone();
        micros.sort_unstable();
        let at = |part: f64| {
            let index = (micros.len().saturating_sub(1) as f64 * part) as usize;
            micros.get(index).copied().map_or(f64::NAN, f64::from)
        };
        Latency { requests: micros.len(), p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99) }
    }

    /// Over the last four fifths. Calm and attack are a wave, and where a wave is cut a line through it leans: so one point
    /// stands for each whole `cycle`, in seconds, and what is left over is not looked at.
    pub(super) fn memory(&self, cycle: f64) -> Memory {
        let samples = self.resident.borrow();
        let seconds = samples.last().map_or(0.0, |last| last.0);
        let (first, past) = ((seconds / 5.0 / cycle).ceil() as u64, (seconds / cycle) as u64);
        let mut kib = Vec::new();
        for number in first..past {
            let within = number as f64 * cycle..(number + 1) as f64 * cycle;
            let within = samples.iter().filter(|sample| within.contains(&sample.0));
            kib.push(mean(within.map(|sample| sample.1)));
        }
        let (at, middle) = ((kib.len() as f64 - 1.0) / 2.0, mean(kib.iter().copied()));
        let lean = |(number, kib): (usize, &f64)| (number as f64 - at) * (kib - middle);
        let both: f64 = kib.iter().enumerate().map(lean).sum();
        let spread: f64 = (0..kib.len()).map(|number| (number as f64 - at).powi(2)).sum();
        Memory { kib: middle, growth: both / spread * kib.len() as f64 / middle }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

pub(super) struct Latency {
    pub(super) requests: usize,
    pub(super) p10: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
}

/// `growth` is that of the fitted line from the window's beginning to its end, as a part of the mean.
pub(super) struct Memory {
    pub(super) kib: f64,
    pub(super) growth: f64,
}
