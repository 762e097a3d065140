//! Serves one case on a free port of the loopback, which it prints: `serve CASE FOLDER`, the folder being one that `mint` made.
//! `serve rivals` names the rivals, their releases and set-ups as JSON.

use axum::serve::ListenerExt;
use std::path::Path;
use tokio::{net::TcpListener, runtime::Builder};
use tower_bearer_benches::{ours, socket};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [word] if word == "rivals" => println!("{}", socket::rivals()),
        [case, folder] => serve(case, Path::new(folder)),
        _ => panic!("serve CASE FOLDER, or serve rivals"),
    }
}

/// One thread: a core is the server's, and more threads than that would only wait for each other.
fn serve(case: &str, folder: &Path) {
    // Made before the runtime below runs, as some of them make a runtime wait while they are made.
    let app = {
        let _entered = ours::RUNTIME.enter();
        socket::app(case, &socket::minted(folder))
    };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("it is bound").port());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
        axum::serve(listener, app).await.expect("it never ends");
    });
}
