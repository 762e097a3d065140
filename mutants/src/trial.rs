//! Which tests reach which mutant, and whether one of them fails with it.

use crate::{Result, compile::Program};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

/// So many at a time: the tests themselves wait more than they work.
const WORKERS: usize = 3;
/// A test that takes longer than this without any mutant judges none.
const SLOWEST: f64 = 12.0;
/// Up to here a test is a quick one.
const QUICK: f64 = 0.3;
/// The cheapest tests go first, together: most mutants fall to one of them.
const FIRST: usize = 12;

#[derive(Clone, Serialize, Deserialize)]
pub struct Test {
    pub program: usize,
    pub name: String,
    pub seconds: f64,
    pub reached: Vec<u32>,
}

/// Tests that measure time: with two or three at once they say nothing.
const TIMED: [&str; 1] = ["corpus::the_corpus_takes_less_than_five_seconds"];

/// How the trial of one mutant went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub key: String,
    /// The test, or `time` for those that no longer end, or nobody.
    pub caught: Option<String>,
    pub tried: usize,
}

/// Runs every test alone, without a mutant, and writes down which it asks for.
pub fn reach(root: &Path, programs: &[Program], kept: &Path) -> Result<Vec<Test>> {
    let mut is = Vec::new();
    for program in programs {
        is.push((program.path.clone(), fs::metadata(&program.path)?.modified()?));
    }
    // Every build with other sources writes every program anew.
    let before = fs::read(kept).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some((was, tests)) = before.filter(|(was, _): &(Vec<(PathBuf, SystemTime)>, Vec<Test>)| *was == is)
    {
        eprintln!("{} tests in {} programs, as before", tests.len(), was.len());
        return Ok(tests);
    }
    let mut jobs = Vec::new();
    for (program, at) in programs.iter().enumerate() {
        let mut ignored = names(&at.path, root, &["--ignored"])?;
        ignored.extend(TIMED.map(str::to_owned));
        jobs.extend(
            names(&at.path, root, &[])?
                .into_iter()
                .filter(|name| !ignored.contains(name))
                .map(|name| (program, name)),
        );
    }
    eprintln!("{} tests in {} programs", jobs.len(), programs.len());
    let tests = Mutex::new(Vec::new());
    in_parallel(jobs.len(), |job| {
        let (program, name) = &jobs[job];
        let file = kept.with_extension(job.to_string());
        let _ = fs::remove_file(&file);
        let mut command = run(&programs[*program].path, root, &["--exact", name]);
        command.env("MUTANT_REACHED", &file);
        let (seconds, end) = timed(command, Duration::from_secs(60));
        let read = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(&file);
        match end {
            End::Passed if seconds <= SLOWEST => {
                let reached = read.lines().filter_map(|line| line.parse().ok()).collect();
                lock(&tests).push(Test { program: *program, name: name.clone(), seconds, reached });
            }
            End::Passed => eprintln!("left out, it takes {seconds:.0} s: {} {name}", programs[*program].name),
            End::Late => {
                eprintln!("left out, it takes more than a minute: {} {name}", programs[*program].name)
            }
            End::Failed(_) => {
                eprintln!("left out, it fails without a mutant: {} {name}", programs[*program].name)
            }
        }
    });
    let mut tests = tests.into_inner().unwrap_or_default();
    tests.sort_by(|a, b| (a.program, &a.name).cmp(&(b.program, &b.name)));
    fs::write(kept, serde_json::to_vec(&(is, &tests))?)?;
    Ok(tests)
}

/// Tries each mutant against the tests that reach it, and hands every outcome over as it comes.
///
/// The quick tests judge all mutants before the slow ones begin with those that are left.
pub fn tried(
    root: &Path,
    programs: &[Program],
    tests: &[Test],
    mutants: &[(u32, String)],
    tell: impl Fn(Outcome) + Sync,
) {
    let mut by: BTreeMap<u32, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        test.reached.iter().for_each(|number| by.entry(*number).or_default().push(test));
    }
    let mut open = mutants.to_vec();
    for is_slow in [false, true] {
        let left = Mutex::new(Vec::new());
        in_parallel(open.len(), |job| {
            let (number, key) = &open[job];
            let reaching = by.get(number).map_or(&[][..], Vec::as_slice);
            let these: Vec<&Test> =
                reaching.iter().copied().filter(|test| (test.seconds > QUICK) == is_slow).collect();
            match batches(&these).into_iter().find_map(|batch| caught(root, programs, *number, &batch)) {
                Some(test) => tell(Outcome { key: key.clone(), caught: Some(test), tried: reaching.len() }),
                None if is_slow => tell(Outcome { key: key.clone(), caught: None, tried: reaching.len() }),
                None => lock(&left).push((*number, key.clone())),
            }
        });
        open = left.into_inner().unwrap_or_default();
        open.iter().filter(|_| !is_slow).for_each(|(_, key)| eprintln!("left to the slow tests: {key}"));
    }
}

/// The cheapest unit tests, then the rest of them, then program by program.
fn batches<'t>(reaching: &[&'t Test]) -> Vec<Vec<&'t Test>> {
    let mut each: BTreeMap<usize, Vec<&Test>> = BTreeMap::new();
    reaching.iter().for_each(|test| each.entry(test.program).or_default().push(test));
    let cost = |tests: &Vec<&Test>| tests.iter().map(|test| test.seconds).sum::<f64>();
    let mut programs: Vec<Vec<&Test>> = each.into_values().collect();
    programs.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    // The unit tests are the first program.
    programs.sort_by_key(|tests| tests.first().is_none_or(|test| test.program != 0));
    programs
        .into_iter()
        .flat_map(|mut tests| {
            tests.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let rest = tests.split_off(tests.len().min(FIRST));
            [tests, rest]
        })
        .filter(|batch| !batch.is_empty())
        .collect()
}

fn caught(root: &Path, programs: &[Program], number: u32, batch: &[&Test]) -> Option<String> {
    let program = &programs[batch.first()?.program];
    let mut args = vec!["--exact"];
    args.extend(batch.iter().map(|test| test.name.as_str()));
    let mut command = run(&program.path, root, &args);
    command.env("MUTANT", number.to_string());
    let usual: f64 = batch.iter().map(|test| test.seconds).sum();
    match timed(command, Duration::from_secs_f64(10.0 + 5.0 * usual)).1 {
        End::Passed => None,
        End::Late => Some("time".into()),
        End::Failed(test) if fails_again(root, program, number, &test) => {
            Some(format!("{} {test}", program.name))
        }
        End::Failed(test) => {
            eprintln!("failed once, and not again: {} {test}", program.name);
            None
        }
    }
}

/// The test of this program that fails, or `time` where they no longer end; the mutant is built in.
pub fn caught_by_any(root: &Path, program: &Program) -> Option<String> {
    let skipped: Vec<&str> = TIMED.iter().flat_map(|test| ["--skip", test]).collect();
    match timed(run(&program.path, root, &skipped), Duration::from_secs(300)).1 {
        End::Passed => None,
        End::Late => Some("time".into()),
        End::Failed(test) => fails_again(root, program, 0, &test).then(|| format!("{} {test}", program.name)),
    }
}

/// A machine that has much to do makes a test fail now and then, and no mutant is caught by that.
fn fails_again(root: &Path, program: &Program, number: u32, test: &str) -> bool {
    let mut command = run(&program.path, root, &["--exact", test]);
    command.env("MUTANT", number.to_string());
    test == "died" || !matches!(timed(command, Duration::from_secs(60)).1, End::Passed)
}

/// Without a mutant, all these tests pass.
pub fn pass(root: &Path, program: &Program, tests: &BTreeSet<&str>) -> Result<()> {
    let args: Vec<&str> = std::iter::once("--exact").chain(tests.iter().copied()).collect();
    match timed(run(&program.path, root, &args), Duration::from_secs(300)).1 {
        End::Passed => Ok(()),
        End::Late => Err("the tests take more than five minutes without a mutant".into()),
        End::Failed(test) => Err(format!("fails without a mutant: {test}").into()),
    }
}

/// The mutants that their one test does not notice.
pub fn missed(root: &Path, program: &Program, jobs: &[(u32, &str)]) -> Vec<u32> {
    let missed = Mutex::new(Vec::new());
    in_parallel(jobs.len(), |job| {
        let (number, test) = jobs[job];
        let mut command = run(&program.path, root, &["--exact", test]);
        command.env("MUTANT", number.to_string());
        if matches!(timed(command, Duration::from_secs(60)).1, End::Passed) {
            lock(&missed).push(number);
        }
    });
    missed.into_inner().unwrap_or_default()
}

enum End {
    Passed,
    Failed(String),
    Late,
}

/// A mutant that never stops asking for memory must not take the machine's.
fn run(program: &Path, root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 12000000; exec \"$@\"", "sh"])
        .arg(program)
        .arg("--test-threads=2")
        .args(args);
    command.current_dir(root).env("CARGO_MANIFEST_DIR", root).env("RUST_BACKTRACE", "0");
    // The same draws each time, nothing kept from one mutant to the next, and no search for the smallest failure.
    command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    command.env("PROPTEST_MAX_SHRINK_ITERS", "0").env_remove("MUTANT").env_remove("MUTANT_REACHED");
    command
}

fn timed(mut command: Command, limit: Duration) -> (f64, End) {
    let from = Instant::now();
    let Ok(mut child) = command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped()).spawn()
    else {
        return (0.0, End::Failed("does not start".into()));
    };
    let out = child.stdout.take();
    let reader = thread::spawn(move || {
        let lines = out
            .into_iter()
            .flat_map(|out| BufReader::new(out).split(b'\n').map_while(std::result::Result::ok));
        let texts = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        texts
            .filter_map(|line| Some(line.strip_suffix(" ... FAILED")?.trim_start_matches("test ").to_owned()))
            .next()
    });
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return (from.elapsed().as_secs_f64(), End::Passed),
            Ok(None) if from.elapsed() < limit => thread::sleep(Duration::from_millis(4)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return (from.elapsed().as_secs_f64(), End::Late);
            }
            _ => {
                let test = reader.join().ok().flatten().unwrap_or_else(|| "died".into());
                return (from.elapsed().as_secs_f64(), End::Failed(test));
            }
        }
    }
}

pub fn names(program: &Path, root: &Path, args: &[&str]) -> Result<Vec<String>> {
    let mut list = Command::new(program);
    let said = list.args(["--list", "--format", "terse"]).args(args).current_dir(root).output()?;
    let text = String::from_utf8(said.stdout)?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

fn in_parallel(jobs: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let from = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        return;
                    }
                    work(job);
                    if (job + 1).is_multiple_of(100) {
                        eprintln!("{} of {jobs}, {} s", job + 1, from.elapsed().as_secs());
                    }
                }
            });
        }
    });
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Adds outcomes to a file, one JSON object a line.
pub fn append(file: &Mutex<fs::File>, outcome: &Outcome) {
    let line = serde_json::to_string(outcome).unwrap_or_default();
    let _ = writeln!(lock(file), "{line}");
}

pub fn kept(path: &Path) -> BTreeMap<String, Outcome> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let outcomes = text.lines().filter_map(|line| serde_json::from_str::<Outcome>(line).ok());
    outcomes.map(|outcome| (outcome.key.clone(), outcome)).collect()
}
