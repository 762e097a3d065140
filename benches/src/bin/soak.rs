//! Load on one core and the server on another: `soak SECONDS`. `soak serve ISSUER` is the other side, which it starts.

use tower_bearer_benches::soak;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", issuer] => soak::serve(issuer),
        [seconds] => soak::run(seconds.parse().expect("seconds")),
        _ => panic!("soak SECONDS, or soak serve ISSUER"),
    }
}
