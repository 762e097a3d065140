//! The program does what it says: its `curl` lines are pasted, in order, and Ctrl-C stops it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Killed when the test ends otherwise.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The status that `curl -i` shows first.
fn paste(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).env("NO_PROXY", "127.0.0.1").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    shown.split_ascii_whitespace().nth(1).unwrap_or_default().to_owned()
}

#[test]
fn every_line_it_prints_is_answered_as_its_label_says_and_ctrl_c_stops_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower-bearer-cedar-example"));
    command.env("LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = Program(command.spawn().unwrap());
    let printed = BufReader::new(program.0.stdout.take().unwrap());
    let (mut label, mut pasted) = (String::new(), 0);
    for line in printed.lines().map(Result::unwrap) {
        if line.starts_with("curl ") {
            assert_eq!(paste(&line), label[2..5], "{label}");
            pasted += 1;
        }
        label = line;
        if pasted == 12 {
            break;
        }
    }
    assert_eq!(pasted, 12);
    // It serves by now, and so listens for the signal.
    let interrupt = Command::new("kill").args(["-INT", &program.0.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert!(program.0.wait().unwrap().success());
}
