//! A browser with the storefront open, steered by `crates/gateway/browser/page-driver.mjs`:
//! one JSON object a line goes in, one comes back.
//! Must not know how the page does what it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

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
    /// Starts the driver, which starts the browser, for the pages of the server at `server`.
    ///
    /// # Errors
    /// Where node or the browser cannot be started.
    pub fn start(node: &Path, driver: &Path, server: SocketAddr) -> anyhow::Result<Self> {
        let mut child = Command::new(node)
            .arg(driver)
            .arg(format!("http://{server}"))
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
        let mut browser = Self {
            child,
            keyboard,
            answers,
        };
        browser.read_answer("the start")?;
        Ok(browser)
    }

    /// Opens a page of the server.
    ///
    /// # Errors
    /// Where it does not load or has no bell.
    pub fn open(&mut self, path: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "open", "url": path})).map(drop)
    }

    /// Opens a page of the site that has nothing but the bell of a skill; a server without a demo has none of its own.
    ///
    /// # Errors
    /// Where the bell does not come up.
    pub fn open_shop(&mut self, site: &str, skill: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "open-shop", "site": site, "skill": skill}))
            .map(drop)
    }

    /// Has the bell carry this token of the shop.
    ///
    /// # Errors
    /// Where the page has no bell.
    pub fn carry_token(&mut self, token: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "carry-token", "token": token}))
            .map(drop)
    }

    /// Leaves the page, as a shopper who closes the tab.
    ///
    /// # Errors
    /// Where the driver is silent.
    pub fn leave(&mut self) -> anyhow::Result<()> {
        self.command(&json!({"do": "leave"})).map(drop)
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// Where it does not load.
    pub fn reload(&mut self) -> anyhow::Result<()> {
        self.command(&json!({"do": "reload"})).map(drop)
    }

    /// Waits until the bell of a skill shows a state: `available`, `wait` or `closed`. Returns its text.
    ///
    /// # Errors
    /// Where it shows another one when the time is over.
    pub fn wait_bell(
        &mut self,
        skill: &str,
        state: &str,
        limit: Duration,
    ) -> anyhow::Result<String> {
        let limit = u64::try_from(limit.as_millis())?;
        let answer = self.command(
            &json!({"do": "wait-state", "skill": skill, "state": state, "timeout_ms": limit}),
        )?;
        let text = answer.get("text").and_then(Value::as_str);
        Ok(text.unwrap_or_default().to_owned())
    }

    /// Clicks the bell of a skill, which opens its panel.
    ///
    /// # Errors
    /// Where no panel opens.
    pub fn click_bell(&mut self, skill: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "click-bell", "skill": skill}))
            .map(drop)
    }

    /// Fills the panel's form and sends it.
    ///
    /// # Errors
    /// Where no conversation comes up.
    pub fn ask(&mut self, name: &str, message: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "start", "name": name, "message": message}))
            .map(drop)
    }

    /// Writes a line into the conversation.
    ///
    /// # Errors
    /// Where there is none.
    pub fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "say", "text": text})).map(drop)
    }

    /// Waits for a line of `shopper`, `rep` or `system` that contains `text`.
    ///
    /// # Errors
    /// Where none comes.
    pub fn wait_line(&mut self, from: &str, text: &str, limit: Duration) -> anyhow::Result<()> {
        let limit = u64::try_from(limit.as_millis())?;
        self.command(&json!({"do": "wait-line", "from": from, "text": text, "timeout_ms": limit}))
            .map(drop)
    }

    /// All lines of shopper and rep as the page shows them: who, and what.
    ///
    /// # Errors
    /// Where the driver is silent.
    pub fn transcript(&mut self) -> anyhow::Result<Vec<(String, String)>> {
        let answer = self.command(&json!({"do": "lines"}))?;
        let lines = answer.get("lines").and_then(Value::as_array);
        Ok(lines
            .into_iter()
            .flatten()
            .map(|line| {
                let text = |key| line.get(key).and_then(Value::as_str).unwrap_or_default();
                (text("from").to_owned(), text("text").to_owned())
            })
            .filter(|(from, _)| from != "system")
            .collect())
    }

    /// What the page holds on the shopper's machine: cookies and both storages.
    ///
    /// # Errors
    /// Where the driver is silent.
    pub fn storage(&mut self) -> anyhow::Result<Value> {
        self.command(&json!({"do": "storage"}))
    }

    /// Waits until the panel says this.
    ///
    /// # Errors
    /// Where it does not within the limit.
    pub fn wait_panel(&mut self, words: &str, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.command(&json!({"do": "panel-text"}))?;
            let text = answer
                .get("text")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if text.contains(words) {
                return Ok(());
            }
            if Instant::now() > deadline {
                anyhow::bail!("the panel does not say {words:?} but {text:?}");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a button of the panel.
    ///
    /// # Errors
    /// Where there is none of this name.
    pub fn press_button(&mut self, name: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "press-button", "name": name}))?;
        Ok(())
    }

    /// Ends the conversation.
    ///
    /// # Errors
    /// Where there is none.
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.command(&json!({"do": "end"}))?;
        Ok(())
    }

    /// Presses a key.
    ///
    /// # Errors
    /// Where the driver is silent.
    pub fn press(&mut self, key: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "press", "key": key}))?;
        Ok(())
    }

    /// What the page complained of: errors on its console, and breaches of its content security policy.
    ///
    /// # Errors
    /// Where the driver is silent.
    pub fn complaints(&mut self) -> anyhow::Result<Vec<Value>> {
        let mut complaints = Vec::new();
        for (command, key) in [("errors", "errors"), ("csp-reports", "reports")] {
            let answer = self.command(&json!({"do": command}))?;
            let list = answer.get(key).and_then(Value::as_array);
            complaints.extend(list.into_iter().flatten().cloned());
        }
        Ok(complaints)
    }

    /// Keeps four pictures of what is shown now, for people to look at: light and dark, wide and narrow.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn keep(&mut self, name: &str) -> anyhow::Result<()> {
        self.command(&json!({"do": "keep", "name": name})).map(drop)
    }

    fn command(&mut self, command: &Value) -> anyhow::Result<Value> {
        writeln!(self.keyboard, "{command}").context("failed to write to the driver")?;
        self.keyboard.flush()?;
        self.read_answer(&command.to_string())
    }

    fn read_answer(&mut self, command: &str) -> anyhow::Result<Value> {
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
        let told = writeln!(self.keyboard, "{{\"do\":\"quit\"}}").is_ok();
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
