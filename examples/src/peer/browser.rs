//! A browser with the storefront open, steered by `crates/gateway/browser/page-driver.mjs`:
//! one JSON object a line goes in, one comes back.
//! Must not know what the page does.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// How long the driver may take beyond the time a command itself may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    keyboard: ChildStdin,
    answers: Receiver<String>,
}

impl Browser {
    /// Starts the driver, which starts the browser.
    ///
    /// # Errors
    /// Where node cannot be started.
    pub fn start(node: &Path, driver: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(node)
            .arg(driver)
            .current_dir(driver.parent().context("the driver lies nowhere")?)
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
        Ok(Self {
            child,
            keyboard,
            answers,
        })
    }

    /// Gives one command and returns its answer.
    ///
    /// # Errors
    /// Where the driver is silent, or answers with anything but `"ok": true`.
    pub fn command(&mut self, command: &Value) -> anyhow::Result<Value> {
        writeln!(self.keyboard, "{command}").context("failed to write to the driver")?;
        self.keyboard.flush()?;
        let line = self
            .answers
            .recv_timeout(LIMIT)
            .with_context(|| format!("the driver is silent after {command}"))?;
        let answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("failed to read the driver's answer {line}"))?;
        if answer.get("ok") != Some(&Value::Bool(true)) {
            bail!("{command} was answered {answer}");
        }
        Ok(answer)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver closes its browser when it is told to quit; kill is for one that does not listen.
        let told = writeln!(self.keyboard, "{{\"command\":\"quit\"}}").is_ok();
        let ended = told
            && crate::wait::until("the driver's end", Duration::from_secs(5), || {
                Ok(self.child.try_wait()?)
            })
            .is_ok();
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
