//! The servers that pages watch and ask, how each is configured, and how each is told that something has changed.
//! Must not know what pages do.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use examples::http::Http;

use crate::compare::contender::{Running, free_address};
use crate::watchers::pages::EVENTS;
use crate::watchers::{Rep, State, configuration};

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deskbell,
    /// nginx with nchan for pages that watch.
    Nchan,
    /// nginx with the document in a file, sent by copying it: faster than `sendfile` for so few bytes.
    File,
    /// The same with `sendfile`.
    FileBySendfile,
}

/// A server at work.
pub(super) struct Site {
    pub(super) server: Running,
    pub(super) http: SocketAddr,
    /// Where it takes HTTP/2.
    pub(super) streams: SocketAddr,
    /// Where pages watch.
    pub(super) events: &'static str,
    /// Where they ask.
    pub(super) document: &'static str,
    pub(super) document_bytes: usize,
    pub(super) voice: Voice,
}

/// Who says that something has changed.
pub(super) enum Voice {
    /// A softphone that publishes.
    Rep(Rep),
    /// A program that posts what pages are to be told.
    Program {
        stream: TcpStream,
        documents: Documents,
    },
}

/// What Deskbell says of each state: nginx sends the same bytes.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    here: String,
    away: String,
    busy: String,
}

/// Where Deskbell has the state of the site.
const DOCUMENT: &str = "/v1/sites/shop/presence";
/// nchan, as Debian lays it.
pub(super) const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// What nginx writes down of a run, in its folder.
pub(super) const LOG: &str = "nginx.log";

impl Kind {
    pub(super) const ALL: [Self; 4] = [
        Self::Deskbell,
        Self::Nchan,
        Self::File,
        Self::FileBySendfile,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Deskbell => "Deskbell",
            Self::Nchan => "nchan",
            Self::File => "nginx, a file",
            Self::FileBySendfile => "nginx, a file by sendfile",
        }
    }

    pub(super) const fn is_watched(self) -> bool {
        match self {
            Self::Deskbell | Self::Nchan => true,
            Self::File | Self::FileBySendfile => false,
        }
    }

    pub(super) const fn is_asked(self) -> bool {
        match self {
            Self::Deskbell | Self::File | Self::FileBySendfile => true,
            Self::Nchan => false,
        }
    }
}

impl Site {
    /// Starts it on one processor and waits until it answers.
    pub(super) fn start(
        kind: Kind,
        deskbell: &Path,
        folder: &Path,
        processor: u32,
        documents: &Documents,
    ) -> anyhow::Result<Self> {
        // Nobody shall read what nginx wrote down of a run before.
        fs::write(folder.join(LOG), "")?;
        match kind {
            Kind::Deskbell => {
                let (server, http, mut rep) = start_deskbell(deskbell, folder, processor)?;
                rep.publish(State::Here)?;
                Ok(Self {
                    server,
                    http,
                    streams: http,
                    events: EVENTS,
                    document: DOCUMENT,
                    document_bytes: documents.here.len(),
                    voice: Voice::Rep(rep),
                })
            }
            Kind::Nchan | Kind::File | Kind::FileBySendfile => {
                let (http, streams) = (free_address()?, free_address()?);
                let file = folder.join("nginx.conf");
                let sendfile = match kind {
                    Kind::FileBySendfile => "on",
                    Kind::Deskbell | Kind::Nchan | Kind::File => "off",
                };
                fs::write(&file, nginx(http, streams, folder, sendfile))?;
                fs::write(folder.join("presence.json"), &documents.here)?;
                let mut command = pinned(processor);
                command.args(["nginx", "-c"]).arg(file);
                let answers = || Ok(TcpStream::connect(http).is_ok());
                let server = Running::start_until(command, folder, http, "nginx", answers)?;
                let stream = TcpStream::connect(http)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                Ok(Self {
                    server,
                    http,
                    streams,
                    events: "/events",
                    document: "/presence.json",
                    document_bytes: documents.here.len(),
                    voice: Voice::Program {
                        stream,
                        documents: documents.clone(),
                    },
                })
            }
        }
    }
}

impl Voice {
    /// Returns when the server has taken it.
    pub(super) fn say(&mut self, state: State) -> anyhow::Result<()> {
        match self {
            Self::Rep(rep) => rep.publish(state),
            Self::Program { stream, documents } => post(stream, documents.of(state)),
        }
    }
}

impl Documents {
    /// Asks a server that is started for it.
    pub(super) fn of_deskbell(
        deskbell: &Path,
        folder: &Path,
        processor: u32,
    ) -> anyhow::Result<Self> {
        let (_server, http, mut rep) = start_deskbell(deskbell, folder, processor)?;
        let mut of = |state: State| {
            rep.publish(state)?;
            for _ in 0..100 {
                let body = Http::new(http).get(DOCUMENT)?.body;
                if body.contains(state.mark()) {
                    return Ok(body);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            bail!("the state {state:?} does not show")
        };
        Ok(Self {
            here: of(State::Here)?,
            away: of(State::Away)?,
            busy: of(State::Busy)?,
        })
    }

    fn of(&self, state: State) -> &str {
        match state {
            State::Here => &self.here,
            State::Away => &self.away,
            State::Busy => &self.busy,
        }
    }
}

fn start_deskbell(
    deskbell: &Path,
    folder: &Path,
    processor: u32,
) -> anyhow::Result<(Running, SocketAddr, Rep)> {
    let (sip, http) = (free_address()?, free_address()?);
    let file = folder.join("deskbell.toml");
    fs::write(&file, configuration(sip, http))?;
    let mut command = pinned(processor);
    command
        .arg(fs::canonicalize(deskbell)?)
        .args(["serve", "--config"])
        .arg(file);
    command.env("DESKBELL_LOG", "error");
    let server = Running::start(command, folder, sip, "Deskbell")?;
    Ok((server, http, Rep::new(sip)?))
}

fn pinned(processor: u32) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]);
    command
}

/// One worker, no log, files that stay open, as many requests over a connection as come.
fn nginx(http: SocketAddr, streams: SocketAddr, folder: &Path, sendfile: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "load_module {MODULE};\nuser root;\nworker_processes 1;\nworker_rlimit_nofile 20000;\ndaemon off;\n\
         pid {folder}/nginx.pid;\nerror_log {folder}/{LOG} crit;\n\
         events {{ worker_connections 19900; use epoll; multi_accept on; }}\n\
         http {{\naccess_log off;\n{temporary}tcp_nodelay on;\nsendfile {sendfile};\nkeepalive_requests 1000000000;\n\
         keepalive_timeout 3600;\nsend_timeout 600;\nopen_file_cache max=16;\n\
         server {{\nlisten {http} backlog=4096;\nlisten {streams} http2 backlog=4096;\n\
         location = /events {{ nchan_subscriber eventsource; nchan_channel_id shop; nchan_eventsource_event presence; \
         nchan_subscriber_first_message -1; nchan_eventsource_ping_interval 15; }}\n\
         location = /publish {{ nchan_publisher; nchan_channel_id shop; nchan_message_buffer_length 100; \
         nchan_message_timeout 60; }}\n\
         location = /presence.json {{ root {folder}; default_type application/json; }}\n}}\n}}\n"
    )
}

/// Over a connection that stays open.
fn post(stream: &mut TcpStream, body: &str) -> anyhow::Result<()> {
    let request = format!(
        "POST /publish HTTP/1.1\r\nHost: help.shop.example\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            bail!("nchan closed the connection");
        }
        answer.extend_from_slice(buffer.get(..length).unwrap_or_default());
        if let Some(status) = whole(&answer)? {
            if !(200..300).contains(&status) {
                bail!("nchan answered {status}");
            }
            return Ok(());
        }
    }
}

/// The status of an answer once all of it has come.
fn whole(answer: &[u8]) -> anyhow::Result<Option<u16>> {
    let text = std::str::from_utf8(answer).context("nchan answers no text")?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .context("nchan says no length")?;
    if body.len() < length.parse::<usize>()? {
        return Ok(None);
    }
    let status = head.split(' ').nth(1).context("nchan says no status")?;
    Ok(Some(status.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let check = |text: &str, expected: Option<u16>| {
            assert_eq!(whole(text.as_bytes()).unwrap(), expected, "{text}");
        };
        check("HTTP/1.1 201 Created\r\nContent-Le", None);
        check("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nqu", None);
        check(
            "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nque",
            Some(201),
        );
        assert!(whole(b"HTTP/1.1 201 Created\r\n\r\n").is_err());
    }
}
