//! A plain HTTP/1.1 client: one connection per call, bodies whole or as a stream of events.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::world::soon;

#[derive(Clone, Copy)]
pub(crate) struct Client(pub(crate) SocketAddr);

pub(crate) struct Call {
    address: SocketAddr,
    builder: http::request::Builder,
    body: Bytes,
}

impl Client {
    pub(crate) fn call(self, method: &str, path: &str) -> Call {
        Call {
            address: self.0,
            builder: http::Request::builder()
                .method(method)
                .uri(path)
                .header("host", self.0.to_string()),
            body: Bytes::new(),
        }
    }
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = Bytes::copy_from_slice(body);
        self
    }

    /// The whole reply.
    pub(crate) async fn send(self) -> Reply {
        let (response, _connection) = self.start().await;
        let (parts, body) = response.into_parts();
        let body = soon(body.collect()).await.unwrap().to_bytes();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// The reply's head, and its body as a stream of events.
    pub(crate) async fn open(self) -> Events {
        let (response, connection) = self.start().await;
        let (parts, body) = response.into_parts();
        Events {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            text: String::new(),
            connection,
        }
    }

    async fn start(self) -> (http::Response<Incoming>, JoinHandle<()>) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let connection = tokio::spawn(async move {
            // An error here shows as a broken body in the test that reads it.
            let _ = connection.await;
        });
        let request = self.builder.body(Full::new(self.body)).unwrap();
        let response = soon(sender.send_request(request)).await.unwrap();
        (response, connection)
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON body of a reply that must have this status.
    pub(crate) fn json(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The detail of a problem that must have this status.
    pub(crate) fn problem(&self, status: u16) -> String {
        let problem = self.json(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn header<'a>(headers: &'a http::HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// An open event stream.
pub(crate) struct Events {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    body: Incoming,
    text: String,
    connection: JoinHandle<()>,
}

/// One block of an event stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) event: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

impl Events {
    /// The next block that has data.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let block = self.next_block().await.unwrap();
            if !block.data.is_empty() {
                return block;
            }
        }
    }

    /// The body as text, to its end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = std::mem::take(&mut self.text);
        while let Some(frame) = soon(self.body.frame()).await {
            let data = frame.unwrap().into_data().unwrap();
            text.push_str(std::str::from_utf8(&data).unwrap());
        }
        text
    }

    /// Waits for the end of the stream, past whatever still comes.
    pub(crate) async fn end(mut self) {
        while self.next_block().await.is_some() {}
        self.connection.await.unwrap();
    }

    /// The next block of any kind; `None` at the end of the stream.
    pub(crate) async fn next_block(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = read(block);
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = soon(self.body.frame()).await?.ok()?;
            let data = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

fn read(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap();
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match name {
            "" => event.comment = Some(value),
            "event" => event.event = Some(value),
            "id" => event.id = Some(value),
            "retry" => event.retry = Some(value),
            "data" => event.data.push_str(&value),
            _ => panic!("a line called {name}"),
        }
    }
    event
}
