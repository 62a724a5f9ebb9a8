//! SIP.js, the softphone of web pages, under node and steered by `crates/gateway/browser/sip-phone.mjs`:
//! one JSON object a line goes in, one comes back.
//! Must not know how the phone does what it is told.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// How long a command may take; the phone itself gives up earlier.
const LIMIT: Duration = Duration::from_secs(30);

/// A running phone.
#[derive(Debug)]
pub struct SipJs {
    child: Child,
    keyboard: ChildStdin,
    answers: Receiver<String>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the final answer.
    pub status: u64,
    /// The statuses of all answers on the way, each with whether it challenged with `stale=true`.
    pub answers: Vec<(u64, bool)>,
}

/// Whose phone it is.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The user part of the address of record.
    pub user: &'a str,
    /// Its host part.
    pub domain: &'a str,
    /// For digest.
    pub password: &'a str,
}

impl SipJs {
    /// Starts the phone and waits until its WebSocket to `url` is open.
    ///
    /// # Errors
    /// Where node cannot be started or the socket does not open.
    pub fn start(
        node: &Path,
        script: &Path,
        url: &str,
        account: Account<'_>,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(node)
            .arg(script)
            .args([url, account.user, account.domain, account.password])
            .current_dir(script.parent().context("the script lies nowhere")?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start node")?;
        let keyboard = child.stdin.take().context("no way to write to node")?;
        let screen = child.stdout.take().context("no way to read from node")?;
        let (sender, answers) = sync_channel(16);
        thread::spawn(move || {
            for line in BufReader::new(screen).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut phone = Self {
            child,
            keyboard,
            answers,
        };
        phone.read_answer("the start")?;
        Ok(phone)
    }

    /// Registers for a minute.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn register(&mut self) -> anyhow::Result<Outcome> {
        self.request(&json!({"do": "register"}))
    }

    /// Ends the registration, with the credentials of the first REGISTER as they were.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn unregister(&mut self) -> anyhow::Result<Outcome> {
        self.request(&json!({"do": "unregister"}))
    }

    /// Publishes `open` or `closed` with a note.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn publish(&mut self, basic: &str, note: &str) -> anyhow::Result<Outcome> {
        self.request(&json!({"do": "publish", "basic": basic, "note": note}))
    }

    /// Publishes open with an activity of RPID, such as `busy`.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn publish_activity(&mut self, activity: &str) -> anyhow::Result<Outcome> {
        let command = json!({"do": "publish", "basic": "open", "note": "", "activity": activity});
        self.request(&command)
    }

    /// Subscribes to an event package of an address. A success is told by the first NOTIFY only.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn subscribe(&mut self, to: &str, event: &str) -> anyhow::Result<()> {
        let command = json!({"do": "subscribe", "to": to, "event": event});
        self.command(&command).map(|_| ())
    }

    /// Waits for a document that holds all these texts.
    ///
    /// # Errors
    /// Where none comes.
    pub fn wait_notify(&mut self, texts: &[&str]) -> anyhow::Result<String> {
        let answer = self.command(&json!({"do": "wait-notify", "texts": texts}))?;
        let body = answer.get("body").and_then(Value::as_str);
        Ok(body.context("the NOTIFY has no body")?.to_owned())
    }

    /// Takes the publication back.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn unpublish(&mut self) -> anyhow::Result<Outcome> {
        self.request(&json!({"do": "unpublish"}))
    }

    /// Waits for a message that holds this text and tells its sender's address.
    ///
    /// # Errors
    /// Where it does not come.
    pub fn wait_message(&mut self, text: &str) -> anyhow::Result<String> {
        let answer = self.command(&json!({"do": "wait-message", "text": text}))?;
        let from = answer.pointer("/message/from").and_then(Value::as_str);
        Ok(from.context("the message has no sender")?.to_owned())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn say(&mut self, to: &str, text: &str) -> anyhow::Result<Outcome> {
        self.request(&json!({"do": "say", "to": to, "text": text}))
    }

    /// Stays silent but for keepalives, which go out each second; whether the socket is open after two.
    ///
    /// # Errors
    /// Where the phone does not answer.
    pub fn rest(&mut self) -> anyhow::Result<bool> {
        let answer = self.command(&json!({"do": "wait-keepalive"}))?;
        Ok(answer.get("connected") == Some(&Value::Bool(true)))
    }

    fn request(&mut self, command: &Value) -> anyhow::Result<Outcome> {
        let answer = self.command(command)?;
        let status = answer.get("status").and_then(Value::as_u64);
        let wire = answer.get("wire").and_then(Value::as_array);
        let answers = wire
            .into_iter()
            .flatten()
            .filter_map(|seen| {
                let line = seen.get("line")?.as_str()?;
                let status = line.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
                Some((status, seen.get("stale")?.as_bool()?))
            })
            .collect();
        Ok(Outcome {
            status: status.context("the answer has no status")?,
            answers,
        })
    }

    fn command(&mut self, command: &Value) -> anyhow::Result<Value> {
        writeln!(self.keyboard, "{command}").context("the phone has ended")?;
        self.read_answer(&command.to_string())
    }

    fn read_answer(&mut self, what: &str) -> anyhow::Result<Value> {
        let line = self
            .answers
            .recv_timeout(LIMIT)
            .with_context(|| format!("the phone did not answer {what}"))?;
        let answer: Value = serde_json::from_str(&line)?;
        if answer.get("ok") != Some(&Value::Bool(true)) {
            bail!("the phone failed at {what}: {line}");
        }
        Ok(answer)
    }
}

impl Drop for SipJs {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
