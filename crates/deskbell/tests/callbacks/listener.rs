//! A shop's program that is told of events over HTTP. Must not know what they are about.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};

use serde_json::Value;

use crate::desk::LIMIT;

/// Takes whatever it is told.
pub(crate) struct Listener {
    address: SocketAddr,
    events: Receiver<Value>,
}

impl Listener {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, events) = sync_channel(100);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A test that is over listens no more.
                if told.send(take(stream.unwrap())).is_err() {
                    return;
                }
            }
        });
        Self { address, events }
    }

    /// The table of the configuration that has it told of tickets.
    pub(crate) fn table(&self) -> String {
        format!(
            "[[webhook]]\nid = \"backend\"\nurl = \"http://{}/\"\nnetworks = [\"127.0.0.0/8\"]\nevents = [\"ticket\"]\n\
             key = \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"\n",
            self.address
        )
    }

    /// All that it is told, up to the first event of this type.
    pub(crate) fn until(&self, kind: &str) -> Vec<Value> {
        let mut told = Vec::new();
        loop {
            let event = self.events.recv_timeout(LIMIT);
            assert!(event.is_ok(), "no {kind} after {told:?}");
            let event = event.unwrap();
            let is_it = event.get("type").is_some_and(|found| found == kind);
            told.push(event);
            if is_it {
                return told;
            }
        }
    }

    /// What it was told meanwhile.
    pub(crate) fn so_far(&self) -> Vec<Value> {
        self.events.try_iter().collect()
    }
}

fn take(mut stream: TcpStream) -> Value {
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).unwrap();
    serde_json::from_slice(&body).unwrap()
}
