//! Reps in the terminal, as `deskbell rep` makes them: lines in, lines out, no terminal needed.
//! Must not know the server's inside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use examples::server::Server;
use examples::site::Site;
use examples::wait;

/// How long anything may take that happens at once, in a debug build on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

/// Lines that may wait to be looked at.
const LINES: usize = 64;

/// A running `deskbell rep`; killed when dropped.
struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Terminal {
    fn start(server: &Server, rep: &str, password: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deskbell"))
            .args(["rep", &server.rep(rep).unwrap().aor])
            .args(["--server", &server.sip().to_string()])
            .env("DESKBELL_PASSWORD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
        }
    }

    fn on_duty(server: &Server, rep: &str) -> Self {
        let terminal = Self::start(server, rep, &server.rep(rep).unwrap().password);
        terminal.reads("You are on duty");
        terminal
    }

    fn types(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    #[track_caller]
    fn reads(&self, text: &str) {
        let started = Instant::now();
        let mut seen = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(LIMIT.saturating_sub(started.elapsed()))
            {
                Ok(line) if line.contains(text) => return,
                Ok(line) => seen.push(line),
                Err(_) => panic!("{text:?} was not printed, but {seen:?}"),
            }
        }
    }

    fn ends(&mut self) -> ExitStatus {
        wait::until("the end of the terminal", LIMIT, || {
            Ok(self.child.try_wait()?)
        })
        .unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_reps_in_terminals_share_the_work() {
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let mut alice = Terminal::on_duty(&server, "alice");
    let mut bob = Terminal::on_duty(&server, "bob");
    wait::until("both reps", LIMIT, || {
        Ok((site.group("cameras", "standard")?.available == 2).then_some(()))
    })
    .unwrap();

    let ticket = site
        .ask("cameras", "Sam", "which camera for birds?")
        .unwrap();
    let conversation = ticket.events().unwrap();
    alice.reads("which camera for birds?");
    alice.types("/no");
    bob.reads("which camera for birds?");
    bob.types("how far away are they?");
    conversation
        .wait_line("rep", "how far away are they?", LIMIT)
        .unwrap();
    ticket.say("a", "fifty metres").unwrap();
    bob.reads("fifty metres");
    bob.types("/end");
    ticket.wait_state("closed", LIMIT).unwrap();

    alice.types("/away");
    alice.reads("You are away.");
    wait::until("alice away", LIMIT, || {
        Ok((site.group("lenses", "standard")?.away == 1).then_some(()))
    })
    .unwrap();
    alice.types("/back");
    alice.reads("You are back.");
    site.wait_state("lenses", "available", LIMIT).unwrap();

    alice.types("/quit");
    assert!(alice.ends().success());
    // The end of the input is as good as a word.
    drop(bob.input.take());
    assert!(bob.ends().success());
    for skill in ["cameras", "lenses", "printing"] {
        site.wait_state(skill, "closed", LIMIT).unwrap();
    }
}

#[test]
fn a_wrong_password_ends_with_the_servers_words() {
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let mut stranger = Terminal::start(&server, "alice", "guess");
    assert_eq!(stranger.ends().code(), Some(1));
}

#[test]
fn a_rep_without_a_sip_address_is_wrong_usage() {
    for arguments in [
        &["rep"][..],
        &["rep", "alice"],
        &["rep", "sip:shop.example"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_deskbell"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
