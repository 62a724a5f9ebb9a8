//! A small HTTP/1.1 client for tests: one request a connection, and server-sent events.
//! Must not know which paths there are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// How long a server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Events that may wait to be looked at.
const EVENTS: usize = 1024;

/// A client of one server.
#[derive(Debug, Clone, Copy)]
pub struct Http {
    address: SocketAddr,
}

/// What the server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200 and its relatives.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The whole body.
    pub body: String,
}

impl Answer {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The cookie whose name has this part, as it is given back: name and value.
    #[must_use]
    pub fn cookie(&self, part: &str) -> Option<&str> {
        let set = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        set.filter_map(|(_, value)| value.split(';').next())
            .find(|cookie| cookie.contains(part))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where it is none.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("failed to read as JSON: {}", self.body))
    }
}

impl Http {
    /// A client of the server at that address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// GET without headers of its own.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.request("GET", path, &[], "")
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let headers = [("Content-Type", "application/json")];
        self.request("POST", path, &headers, &body.to_string())
    }

    /// Any request.
    ///
    /// # Errors
    /// Where no answer comes, or none that HTTP would allow.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<Answer> {
        let mut head = self.send(method, path, headers, body)?;
        let mut body = Vec::new();
        head.body
            .read_to_end(&mut body)
            .context("failed to read the body")?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body)?,
        })
    }

    /// Opens a stream of server-sent events.
    ///
    /// # Errors
    /// Where the server answers with anything else.
    pub fn events(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Events> {
        let all = [headers, &[("Accept", "text/event-stream")]].concat();
        let head = self.send("GET", path, &all, "")?;
        let kind = find(&head.headers, "Content-Type").unwrap_or_default();
        if head.status != 200 || !kind.starts_with("text/event-stream") {
            bail!("no stream of events, but {} {kind}", head.status);
        }
        let (sender, events) = sync_channel(EVENTS);
        // The thread ends with the server's connection or with the test's interest.
        thread::spawn(move || {
            let mut event = Event::default();
            for line in head.body.lines() {
                let Ok(line) = line else { return };
                if line.is_empty() {
                    let whole = std::mem::take(&mut event);
                    if !whole.data.is_empty() && sender.send(whole).is_err() {
                        return;
                    }
                } else {
                    event.read_line(&line);
                }
            }
        });
        Ok(Events { events })
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<Head> {
        let stream = TcpStream::connect(self.address)
            .with_context(|| format!("failed to connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        (&stream).write_all(text.as_bytes())?;

        let mut reader = BufReader::new(stream.try_clone()?);
        let status = read_line(&mut reader)?
            .split(' ')
            .nth(1)
            .context("no status line")?
            .parse()?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("a header without a colon")?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        // From here on silence is the server's right: events may be rare.
        if find(&headers, "Content-Type").is_some_and(|kind| kind.starts_with("text/event-stream"))
        {
            stream.set_read_timeout(None)?;
        }
        let body: Box<dyn BufRead + Send> = if find(&headers, "Transfer-Encoding").is_some() {
            Box::new(BufReader::new(Chunked::new(reader)))
        } else if let Some(length) = find(&headers, "Content-Length") {
            Box::new(reader.take(length.parse()?))
        } else {
            Box::new(reader)
        };
        Ok(Head {
            status,
            headers,
            body,
        })
    }
}

/// An answer whose body is still to be read.
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    body: Box<dyn BufRead + Send>,
}

/// One server-sent event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// What `event:` said.
    pub name: String,
    /// What `id:` said.
    pub id: String,
    /// What the `data:` lines said.
    pub data: String,
}

impl Event {
    fn read_line(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "id" => value.clone_into(&mut self.id),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments have no name; `retry` is for browsers.
            _ => {}
        }
    }

    /// The data as JSON.
    ///
    /// # Errors
    /// Where it is none.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.data)
            .with_context(|| format!("failed to read as JSON: {}", self.data))
    }
}

/// An open stream of events.
#[derive(Debug)]
pub struct Events {
    events: Receiver<Event>,
}

impl Events {
    /// The next event, if one comes within `patience`.
    ///
    /// # Errors
    /// Where the server closed the stream.
    pub fn next(&self, patience: Duration) -> anyhow::Result<Option<Event>> {
        match self.events.recv_timeout(patience) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the server closed the stream of events"),
        }
    }
}

/// Takes the chunks of a body apart (RFC 9112 §7.1).
#[derive(Debug)]
struct Chunked<R> {
    inner: R,
    left: usize,
    ended: bool,
}

impl<R: BufRead> Chunked<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            left: 0,
            ended: false,
        }
    }
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 && !self.ended {
            let mut line = String::new();
            self.inner.read_line(&mut line)?;
            let size = line.trim().split(';').next().unwrap_or_default();
            self.left = usize::from_str_radix(size, 16).map_err(std::io::Error::other)?;
            self.ended = self.left == 0;
        }
        if self.ended {
            return Ok(0);
        }
        let wanted = buffer.len().min(self.left);
        let read = self
            .inner
            .read(buffer.get_mut(..wanted).unwrap_or_default())?;
        self.left -= read;
        if self.left == 0 {
            let mut line_end = String::new();
            self.inner.read_line(&mut line_end)?;
        }
        Ok(read)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn read_line(reader: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    if reader
        .read_line(&mut line)
        .context("failed to read the answer")?
        == 0
    {
        bail!("the server closed the connection without an answer");
    }
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_one_body() {
        let body = b"4\r\nring\r\n6;why=not\r\n a bel\r\n1\r\nl\r\n0\r\n\r\n";
        let mut text = String::new();
        Chunked::new(body.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "ring a bell");
    }

    #[test]
    fn an_event_is_put_together_from_its_lines() {
        let mut event = Event::default();
        for line in [
            ": comment",
            "event: presence",
            "id:7",
            "data: {\"a\":",
            "data: 1}",
        ] {
            event.read_line(line);
        }
        assert_eq!((event.name.as_str(), event.id.as_str()), ("presence", "7"));
        assert_eq!(event.json().unwrap()["a"], 1);
    }
}
