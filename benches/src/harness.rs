//! Rounds that take turns.
//!
//! 1. A case's round is a fixed number of iterations, found once so that it takes about as long as the table says.
//! 2. In each round of a table every case has its turn, one after the other, and the first one moves on by one: what the
//!    machine does meanwhile, it does to all of them alike.
//! 3. A table is made several times, and its rounds are shared among those.
//! 4. Ratios are those of medians; their spread is that of the ratios within single rounds.

use std::time::{Duration, Instant};

/// How long a round of one case should take.
const ROUND: Duration = Duration::from_micros(1500);

/// One thing that is measured.
pub struct Case {
    pub name: String,
    pub alg: &'static str,
    /// How many distinct tokens take turns; 0 where there is none.
    pub tokens: u64,
    /// What this one is held against, where it is not what the table says.
    pub floor: Option<&'static str>,
    /// Cases of one family are held against its first.
    pub family: String,
    run: Box<dyn FnMut(u64)>,
}

impl Case {
    pub fn new(name: &str, alg: &'static str, tokens: u64, mut op: impl FnMut() + 'static) -> Self {
        Self::bulk(name, alg, tokens, move |times| (0..times).for_each(|_| op()))
    }

    /// A case that does its iterations itself, on several threads for instance.
    pub fn bulk(name: &str, alg: &'static str, tokens: u64, run: impl FnMut(u64) + 'static) -> Self {
        Self { name: name.into(), alg, tokens, floor: None, family: name.into(), run: Box::new(run) }
    }

    /// Held against this case instead of the table's.
    pub fn against(mut self, floor: &'static str) -> Self {
        self.floor = Some(floor);
        self
    }

    /// One of several that differ in size.
    pub fn family(mut self, family: &str) -> Self {
        self.family = family.into();
        self
    }

    /// Under which its allocations are filed.
    pub fn id(&self) -> String {
        format!("{} {} {}", self.name, self.alg, self.tokens)
    }

    /// Of the case it is held against, with as many tokens of the same algorithm.
    pub fn floor_id(&self) -> Option<String> {
        self.floor.map(|floor| format!("{floor} {} {}", self.alg, self.tokens))
    }

    /// Does it so many times.
    pub fn repeat(&mut self, times: u64) {
        (self.run)(times)
    }

    fn timed(&mut self, times: u64) -> Duration {
        let begun = Instant::now();
        (self.run)(times);
        begun.elapsed()
    }

    fn calibrate(&mut self, round: Duration) -> u64 {
        let mut times = 1;
        loop {
            // The best of three: whatever else ran meanwhile would be taken for the case's own time.
            let took = (0..3).map(|_| self.timed(times)).min().unwrap_or_default();
            if took * 2 >= round || times > 1 << 24 {
                let wanted = round.as_secs_f64() / took.as_secs_f64() * times as f64;
                return (wanted as u64).max(1);
            }
            times *= 2;
        }
    }
}

/// What the others are held against.
#[derive(Clone, Copy)]
pub enum Floor {
    /// Only what a case names itself.
    Paired,
    /// The first case of each family.
    First,
    /// This case's time is the unit.
    Case(&'static str),
    /// What `unit` takes more than `bare` is the unit of what a case takes more than `bare`.
    Added { bare: &'static str, unit: &'static str },
}

/// Cases that are measured together.
pub struct Table {
    pub title: String,
    pub cases: Vec<Case>,
    pub floor: Floor,
    pub round: Duration,
    /// What a reader should know beside the figures.
    pub notes: Vec<String>,
}

/// How often a table is made anew: other keys, other tokens, other places in memory. A single one may lie badly in the
/// processor's caches for as long as it lives.
const TABLES: usize = 3;

/// Makes the table several times, and measures each as many rounds as make `rounds` together. The table is the last one.
pub fn measure(make: &dyn Fn() -> Table, rounds: usize) -> (Table, Vec<Vec<f64>>) {
    let share = |done| (rounds + TABLES - 1 - done) / TABLES;
    let mut table = make();
    let mut samples = table.measure(share(0));
    for done in 1..TABLES {
        drop(table);
        table = make();
        let more = table.measure(share(done));
        samples.iter_mut().zip(more).for_each(|(samples, more)| samples.extend(more));
    }
    (table, samples)
}

impl Table {
    pub fn new(title: impl Into<String>, floor: Floor, cases: Vec<Case>) -> Self {
        Self { title: title.into(), cases, floor, round: ROUND, notes: Vec::new() }
    }

    /// Nanoseconds for one iteration, for each case, in each round.
    fn measure(&mut self, rounds: usize) -> Vec<Vec<f64>> {
        let times: Vec<u64> = self.cases.iter_mut().map(|case| case.calibrate(self.round)).collect();
        let mut samples = vec![Vec::with_capacity(rounds); self.cases.len()];
        for round in 0..rounds {
            for turn in 0..self.cases.len() {
                let index = (round + turn) % self.cases.len();
                let took = self.cases[index].timed(times[index]);
                samples[index].push(took.as_nanos() as f64 / times[index] as f64);
            }
        }
        samples
    }
}

/// Median, tenth and ninetieth percentile.
#[derive(Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub p10: f64,
    pub p90: f64,
}

impl Spread {
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
        Self { median: at(0.5), p10: at(0.1), p90: at(0.9) }
    }
}
