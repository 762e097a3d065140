//! Requests over sockets, written by hand: a client would refuse to send most of them.

use std::io::{self, ErrorKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection that is kept alive, and made anew where it was not.
pub(super) struct Line {
    port: u16,
    stream: Option<TcpStream>,
    read: Vec<u8>,
}

impl Line {
    pub(super) fn new(port: u16) -> Self {
        Self { port, stream: None, read: Vec::new() }
    }

    /// The status that these bytes are answered by; `None` where the server hung up instead.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Option<u16> {
        let answer = self.asked(request).await;
        if answer.is_err() {
            self.hang_up();
        }
        answer.ok()
    }

    pub(super) fn hang_up(&mut self) {
        self.stream = None;
        self.read.clear();
    }

    /// Sends without waiting for an answer.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connected().await?.write_all(bytes).await
    }

    async fn connected(&mut self) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().ok_or_else(|| ErrorKind::NotConnected.into())
    }

    async fn asked(&mut self, request: &[u8]) -> io::Result<u16> {
        self.send(request).await?;
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        let length: usize = value(&head, "content-length: ").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.read.len() < end + length {
            self.more().await?;
        }
        self.read.drain(..end + length);
        if head.contains("connection: close") {
            self.hang_up();
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        status.ok_or_else(|| ErrorKind::InvalidData.into())
    }

    async fn more(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        match stream.read(&mut chunk).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.read.extend_from_slice(&chunk[..read]);
                Ok(())
            }
        }
    }
}

fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name))
}

/// A request as a client writes it, with these headers.
pub(super) fn request(headers: &str) -> Vec<u8> {
    format!("GET /orders HTTP/1.1\r\nhost: api.example.com\r\naccept: */*\r\n{headers}\r\n").into_bytes()
}

pub(super) fn bearing(token: &str) -> Vec<u8> {
    request(&format!("authorization: Bearer {token}\r\n"))
}
