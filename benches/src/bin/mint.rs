//! Makes a key and tokens for the servers of a run: `mint ALG FOLDER`.

use std::path::Path;
use tower_bearer_benches::socket;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [alg, folder] = arguments.as_slice() else { panic!("mint ALG FOLDER") };
    socket::mint(alg, Path::new(folder));
}
