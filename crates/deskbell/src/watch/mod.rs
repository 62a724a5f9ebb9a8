//! `deskbell watch`: subscribes to a rep or a group as a softphone does and prints each state it is told.
//! Must not know the server's insides.

mod telling;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use sip::{HeaderName, Request, StatusCode, Uri};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::telling::{Telling, tell};
use crate::cli::WatchArguments;
use crate::logging;
use crate::phone::{Account, Incoming, Phone, View, Watching};
use crate::serve::{runtime, stop_signal};
use crate::{password, server_address};

/// Asked for; the server may grant less.
const LIFETIME: Duration = Duration::from_secs(3600);

/// How long after a failure the next try comes.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How long the server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Watches until it is told to stop.
pub(crate) fn run(arguments: &WatchArguments) -> anyhow::Result<()> {
    logging::start("warn");
    let plan = Plan::read(arguments)?;
    let password = match &arguments.password {
        Some(password) => password.clone(),
        None => password::ask(&plan.user)?,
    };
    runtime()?.block_on(watch(plan, password))
}

/// What the arguments come to.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    uri: String,
    user: String,
    domain: String,
    server: String,
    view: View,
}

impl Plan {
    fn read(arguments: &WatchArguments) -> anyhow::Result<Self> {
        let text = arguments.uri.as_str();
        let text = match text.split_once(':') {
            Some(("sip", _)) => text.to_owned(),
            Some(_) | None => format!("sip:{text}"),
        };
        let uri = Uri::parse(text.as_bytes())
            .ok()
            .filter(|uri| uri.user.is_some())
            .with_context(|| {
                format!(
                    "failed to read {:?}: write it like sip:alice@shop.example",
                    arguments.uri
                )
            })?;
        let domain = match uri.port {
            Some(port) => format!("{}:{port}", uri.host),
            None => uri.host.to_string(),
        };
        let user = match &arguments.user {
            Some(user) => user.clone(),
            None => uri.user_decoded().unwrap_or_default().into_owned(),
        };
        let server = arguments.server.clone().unwrap_or_else(|| domain.clone());
        Ok(Self {
            uri: text,
            user,
            domain,
            server,
            view: if arguments.list {
                View::Members
            } else {
                View::Whole
            },
        })
    }
}

async fn watch(plan: Plan, password: String) -> anyhow::Result<()> {
    let (phone, mut incoming) = Phone::start(Account {
        user: plan.user,
        password,
        domain: plan.domain,
        server: server_address::find(&plan.server).await?,
    })
    .await?;
    let mut watching = Watching::of(&plan.uri, plan.view)?;
    let mut next = match phone.subscribe(&mut watching, LIFETIME).await? {
        Ok(granted) => Instant::now() + before_end(granted),
        Err(refusal) => return Err(explained(refusal.status, refusal.into())),
    };
    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            stopped = &mut stop => {
                stopped?;
                return say_goodbye(&phone, &mut watching, &mut incoming).await;
            }
            notify = incoming.recv() => match notify {
                Some(Incoming::Notify(notify)) if is_of(&notify, &watching) => {
                    if print(&watching.uri, &notify)? == Telling::Last {
                        // RFC 6665 §4.1.3: whoever still wants to watch subscribes anew.
                        watching = watching.anew()?;
                        next = Instant::now() + AGAIN_AFTER;
                    }
                }
                Some(Incoming::Notify(_) | Incoming::Text(_)) => {}
                None => bail!("the phone stopped by itself"),
            },
            () = sleep_until(next) => {
                next = Instant::now() + renew(&phone, &mut watching).await?;
            }
        }
    }
}

/// Refreshes the subscription, or begins another where it is gone. Gives the time until the next refresh.
async fn renew(phone: &Phone, watching: &mut Watching) -> anyhow::Result<Duration> {
    match phone.subscribe(watching, LIFETIME).await {
        Ok(Ok(granted)) => Ok(before_end(granted)),
        Ok(Err(refusal)) if refusal.status == StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST => {
            *watching = watching.anew()?;
            Ok(Duration::ZERO)
        }
        Ok(Err(refusal)) => Err(explained(refusal.status, refusal.into())),
        Err(error) => {
            tracing::warn!("{error:#}; trying again");
            Ok(AGAIN_AFTER)
        }
    }
}

async fn say_goodbye(
    phone: &Phone,
    watching: &mut Watching,
    incoming: &mut mpsc::Receiver<Incoming>,
) -> anyhow::Result<()> {
    let ended = tokio::time::timeout(GOODBYE, async {
        if phone.subscribe(watching, Duration::ZERO).await?.is_err() {
            return anyhow::Ok(());
        }
        // The last NOTIFY is taken in, so that the server need not send it again and again.
        while let Some(event) = incoming.recv().await {
            if let Incoming::Notify(notify) = event
                && telling::is_last(&notify)
            {
                break;
            }
        }
        Ok(())
    });
    match ended.await {
        Ok(done) => done,
        Err(_) => {
            tracing::warn!("the server did not say goodbye");
            Ok(())
        }
    }
}

/// Half of the lifetime, as phones do; at least a second.
fn before_end(granted: Duration) -> Duration {
    (granted / 2).max(Duration::from_secs(1))
}

fn is_of(notify: &Request, watching: &Watching) -> bool {
    notify.header(HeaderName::CallId) == Some(watching.call_id.as_bytes())
}

fn print(uri: &str, notify: &Request) -> anyhow::Result<Telling> {
    let now = jiff::ZonedDateTime::now();
    let (lines, telling) = tell(uri, notify, now.timestamp());
    let mut out = anstream::stdout().lock();
    for line in lines {
        writeln!(out, "{} {line}", now.strftime("%H:%M:%S"))?;
    }
    out.flush()?;
    Ok(telling)
}

fn explained(status: StatusCode, error: anyhow::Error) -> anyhow::Error {
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "give another --user or password",
        StatusCode::NOT_FOUND => "the server has no such rep, group or user",
        _ => "failed to subscribe",
    };
    error.context(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, server: Option<&str>, user: Option<&str>, expected: [&str; 4]) {
        let plan = Plan::read(&WatchArguments {
            uri: uri.to_owned(),
            server: server.map(str::to_owned),
            user: user.map(str::to_owned),
            password: None,
            list: false,
        })
        .unwrap();
        let Plan {
            uri,
            user,
            domain,
            server,
            view: _,
        } = &plan;
        assert_eq!([uri, user, domain, server], expected);
    }

    #[test]
    fn the_address_says_what_the_options_do_not() {
        check(
            "sip:alice@shop.example",
            None,
            None,
            [
                "sip:alice@shop.example",
                "alice",
                "shop.example",
                "shop.example",
            ],
        );
        check(
            "cameras.gold@127.0.0.1:5070",
            None,
            Some("bob"),
            [
                "sip:cameras.gold@127.0.0.1:5070",
                "bob",
                "127.0.0.1:5070",
                "127.0.0.1:5070",
            ],
        );
        check(
            "sip:alice@shop.example",
            Some("127.0.0.1:5070"),
            Some("bob"),
            [
                "sip:alice@shop.example",
                "bob",
                "shop.example",
                "127.0.0.1:5070",
            ],
        );
    }

    #[test]
    fn what_is_no_address_is_told_with_an_example() {
        for uri in ["", "alice", "tel:1", "sip:shop.example"] {
            let error = Plan::read(&WatchArguments {
                uri: uri.to_owned(),
                server: None,
                user: None,
                password: None,
                list: false,
            })
            .unwrap_err();
            assert!(
                error.to_string().contains("sip:alice@shop.example"),
                "{error}"
            );
        }
    }
}
