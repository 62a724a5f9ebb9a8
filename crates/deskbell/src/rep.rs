//! `deskbell rep`: a rep in the terminal, over real SIP. Offers and lines are printed as they come; each
//! typed line goes to the current conversation. Must not know how a request is sent.

use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use crate::cli::RepArguments;
use crate::logging;
use crate::mood::{Mood, pidf};
use crate::phone::{Account, Incoming, Phone};
use crate::serve::{runtime, stop_signal};
use crate::{password, server_address};

/// How long a registration and a publication last unless they are refreshed.
const LIFETIME: Duration = Duration::from_secs(180);

/// How often they are refreshed: twice within a lifetime that may be lost once.
const REFRESH: Duration = Duration::from_secs(60);

/// How long leaving may take; the server notices by itself when the lifetime is over.
const LEAVE_TIME: Duration = Duration::from_secs(5);

/// Typed lines that may wait while one is being sent; beyond it the terminal waits.
const TYPED: usize = 16;

const HELP: &str =
    "/away, /back and /quit are for this terminal; everything else goes to the conversation.";

/// Plays the rep until it quits, its input ends or it is told to stop.
pub(crate) fn run(arguments: RepArguments) -> anyhow::Result<()> {
    logging::start("warn");
    let RepArguments {
        address,
        server,
        password,
    } = arguments;
    let password = match password {
        Some(password) => password,
        None => password::ask(&address.user)?,
    };
    runtime()?.block_on(async {
        let server = server.as_deref().unwrap_or(&address.domain);
        let (phone, incoming) = Phone::start(Account {
            server: server_address::find(server).await?,
            user: address.user,
            password,
            domain: address.domain,
        })
        .await?;
        let mut rep = Rep {
            phone,
            entity_tag: None,
            mood: Mood::Free,
        };
        rep.arrive().await?;
        let worked = tokio::select! {
            worked = rep.work(incoming) => worked,
            stopped = stop_signal() => stopped,
        };
        let left = match timeout(LEAVE_TIME, rep.leave()).await {
            Ok(left) => left,
            Err(_) => Err(anyhow::anyhow!(
                "the server did not hear that you left; it will notice in {} s",
                LIFETIME.as_secs()
            )),
        };
        worked.and(left)
    })
}

struct Rep {
    phone: Phone,
    entity_tag: Option<String>,
    mood: Mood,
}

impl Rep {
    async fn arrive(&mut self) -> anyhow::Result<()> {
        self.phone.register(LIFETIME).await?;
        self.publish(Mood::Free).await?;
        say(&format!(
            "You are on duty as {}. {HELP}",
            self.phone.address_of_record()
        ))
    }

    async fn work(&mut self, mut incoming: mpsc::Receiver<Incoming>) -> anyhow::Result<()> {
        let mut typed = typed_lines();
        let mut refresh = interval_at(tokio::time::Instant::now() + REFRESH, REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = incoming.recv() => match message {
                    Some(Incoming::Text(message)) => say(&message.text)?,
                    Some(Incoming::Notify(_)) => {}
                    None => bail!("the phone's socket is gone"),
                },
                line = typed.recv() => match line.as_deref().map(str::trim) {
                    Some("/quit") | None => return Ok(()),
                    Some("") => {}
                    Some("/away") => self.change(Mood::Away).await?,
                    Some("/back") => self.change(Mood::Free).await?,
                    Some(line) => self.send(line).await,
                },
                _ = refresh.tick() => self.refresh().await,
            }
        }
    }

    async fn change(&mut self, mood: Mood) -> anyhow::Result<()> {
        match self.publish(mood).await {
            Ok(()) => say(match mood {
                Mood::Away => "You are away.",
                Mood::Free | Mood::OnThePhone | Mood::Gone => "You are back.",
            }),
            Err(error) => {
                complain(&error);
                Ok(())
            }
        }
    }

    async fn send(&self, line: &str) {
        if let Err(error) = self
            .phone
            .message(&self.phone.desk(), line.to_owned())
            .await
        {
            complain(&error);
        }
    }

    async fn refresh(&mut self) {
        let refreshed = async {
            self.phone.register(LIFETIME).await?;
            let mood = self.mood;
            self.publish(mood).await
        };
        if let Err(error) = refreshed.await {
            complain(&error);
        }
    }

    /// Publishes in place of what is published. A server that no longer knows that (RFC 3903 §4.1: 412) is
    /// told anew.
    async fn publish(&mut self, mood: Mood) -> anyhow::Result<()> {
        let document = pidf(&self.phone.address_of_record(), mood);
        let earlier = self.entity_tag.take();
        let mut published = self
            .phone
            .publish(Some(document.clone()), earlier.as_deref(), LIFETIME)
            .await;
        if published.is_err() && earlier.is_some() {
            published = self.phone.publish(Some(document), None, LIFETIME).await;
        }
        self.entity_tag = published?;
        self.mood = mood;
        Ok(())
    }

    async fn leave(&mut self) -> anyhow::Result<()> {
        if let Some(tag) = self.entity_tag.take() {
            self.phone.publish(None, Some(&tag), Duration::ZERO).await?;
        }
        self.phone.register(Duration::ZERO).await
    }
}

/// What is typed, line by line, until the input ends. The thread ends with the process: a read from a
/// terminal cannot be called back.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(TYPED);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let sent = match line {
                Ok(line) => sender.blocking_send(line),
                Err(error) => {
                    complain(&anyhow::Error::new(error).context("failed to read what you typed"));
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    lines
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", harmless(text))?;
    out.flush()?;
    Ok(())
}

/// Somebody's words must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars()
        .filter(|&sign| sign == '\n' || sign == '\t' || !sign.is_control())
        .collect()
}

fn complain(error: &anyhow::Error) {
    anstream::eprintln!("deskbell: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_do_not_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n\tc\u{9b}1m"), "a[2Jb\n\tc1m");
    }
}
