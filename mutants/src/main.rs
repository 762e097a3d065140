//! Mutates the library where a mistake lets somebody in, and looks whether a test notices. See `README.md`.

mod alone;
mod compile;
mod edit;
mod judge;
mod list;
mod passes;
mod sample;
mod switch;
mod tree;
mod trial;

use std::{env, path::PathBuf, process::ExitCode};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The repository, and where things are built.
pub struct Place {
    pub root: PathBuf,
    pub scratch: PathBuf,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = place().and_then(|place| match args[..] {
        [] => passes::full(&place, false),
        ["--resume"] => passes::full(&place, true),
        ["quick"] => sample::quick(&place),
        _ => Err("mutants/run [--resume | quick]".into()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn place() -> Result<Place> {
    let root = env::current_dir()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(Place { root, scratch: target.join("mutants") })
}
