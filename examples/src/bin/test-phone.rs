//! A softphone on a terminal, for trying a server without a real one:
//! `cargo run -p examples --bin test-phone -- sip:alice@127.0.0.1:5060 PASSWORD [tcp]`.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rsip::Response;

use examples::document::{Activity, Basic};
use examples::phone::{Account, TestPhone};
use examples::wire::Protocol;

const USAGE: &str = "usage: test-phone sip:USER@ADDRESS:PORT PASSWORD [tcp]
type a line to answer the shopper, or :open, :away, :busy, :phone, :closed, :quit";

/// How long registration and publication hold, in seconds.
const EXPIRES: u32 = 60;

/// When both are renewed.
const RENEWAL: Duration = Duration::from_secs(45);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        [uri, password] => run(uri, password, Protocol::Udp),
        [uri, password, "tcp"] => run(uri, password, Protocol::Tcp),
        _ => {
            tell(USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(uri: &str, password: &str, protocol: Protocol) -> anyhow::Result<()> {
    let (user, domain) = uri
        .strip_prefix("sip:")
        .and_then(|rest| rest.split_once('@'))
        .context(USAGE)?;
    let server: SocketAddr = domain.parse().context(USAGE)?;
    let account = Account {
        user: user.to_owned(),
        password: password.to_owned(),
        domain: domain.to_owned(),
    };
    let mut phone = TestPhone::connect(protocol, server, account)?;
    accepted("REGISTER", &phone.register(EXPIRES)?)?;
    let open = phone.publish(Basic::Open, Activity::None, EXPIRES)?;
    accepted("PUBLISH", &open)?;
    tell(&format!("{uri} is open for shoppers"));

    let desk = format!("sip:desk@{domain}");
    let lines = read_lines();
    let mut renewed = Instant::now();
    loop {
        if let Some(text) = phone.next_text(Duration::from_millis(100))? {
            tell(&format!("{}: {}", text.from, text.text));
        }
        if renewed.elapsed() >= RENEWAL {
            accepted("REGISTER", &phone.register(EXPIRES)?)?;
            accepted("PUBLISH", &phone.refresh(EXPIRES)?)?;
            renewed = Instant::now();
        }
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Empty) => continue,
            Err(TryRecvError::Disconnected) => ":quit".to_owned(),
        };
        let state = match line.trim() {
            "" => continue,
            ":quit" => break,
            ":open" => (Basic::Open, Activity::None),
            ":away" => (Basic::Open, Activity::Away),
            ":busy" => (Basic::Open, Activity::Busy),
            ":phone" => (Basic::Open, Activity::OnThePhone),
            ":closed" => (Basic::Closed, Activity::None),
            text => {
                let answer = phone.send_text(&desk, text)?;
                if answer.status_code.code() != 200 {
                    tell(&format!("not delivered: {}", answer.status_code));
                }
                continue;
            }
        };
        accepted("PUBLISH", &phone.publish(state.0, state.1, EXPIRES)?)?;
    }
    accepted("PUBLISH", &phone.unpublish()?)?;
    accepted("REGISTER", &phone.register(0)?)
}

fn accepted(what: &str, answer: &Response) -> anyhow::Result<()> {
    if answer.status_code.code() != 200 {
        bail!("{what} was answered {}", answer.status_code);
    }
    Ok(())
}

/// Lines of the keyboard; the thread ends with the program.
fn read_lines() -> Receiver<String> {
    let (sender, lines) = sync_channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn tell(text: &str) {
    // A closed terminal is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{text}");
}
