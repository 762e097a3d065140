//! A server that answers with bytes, whether they are HTTP or not.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tower_bearer::testing::TestIssuer;

/// What a request finds when it comes.
pub(crate) struct Ask<'a> {
    pub(crate) path: &'a str,
    pub(crate) issuer: &'a TestIssuer,
    /// Somebody who must never be asked.
    pub(crate) stranger: SocketAddr,
}

/// What it is sent, and what follows.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

pub(crate) enum Then {
    Close,
    /// The connection stays open and says no more.
    Silence,
    /// These, over and over, as fast as they are taken.
    Again(Vec<u8>),
    /// These, over and over, one byte at a time.
    Trickle(&'static [u8]),
}

pub(crate) type Answer = fn(&Ask<'_>) -> Reply;

/// The issuer's documents over loopback, and the one who answers for them. It ends when it is dropped, and all that it
/// was sending.
pub(crate) struct Server {
    pub(crate) issuer: TestIssuer,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    issuer: TestIssuer,
    stranger: SocketAddr,
    answer: Mutex<Answer>,
    asked: AtomicUsize,
    /// Connections that are not closed yet.
    open: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(answer: Answer, stranger: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = TestIssuer::named(&format!("http://{}", listener.local_addr().unwrap()));
        let answer = Mutex::new(answer);
        let (asked, open) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { issuer: issuer.clone(), stranger, answer, asked, open });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { issuer, shared, accepting }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// How many connections nobody has closed yet.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Whoever hangs up early is free to.
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            shared.open.fetch_add(1, Ordering::SeqCst);
            let _ = answer(stream, &shared).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let path = asked_path(&mut stream).await?;
    shared.asked.fetch_add(1, Ordering::SeqCst);
    let answer = *shared.answer.lock().unwrap();
    let reply = answer(&Ask { path: &path, issuer: &shared.issuer, stranger: shared.stranger });
    stream.write_all(&reply.bytes).await?;
    match reply.then {
        Then::Close => stream.shutdown().await,
        Then::Silence => stream.read(&mut [0]).await.map(|_| ()),
        Then::Again(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
        Then::Trickle(bytes) => trickle(&mut stream, bytes).await,
    }
}

async fn asked_path(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut head, mut chunk) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&chunk[..read]),
        }
    }
    let head = String::from_utf8(head).unwrap();
    Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
}

async fn trickle(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut beat = tokio::time::interval(Duration::from_millis(5));
    for byte in bytes.iter().cycle() {
        beat.tick().await;
        stream.write_all(std::slice::from_ref(byte)).await?;
    }
    Ok(())
}
