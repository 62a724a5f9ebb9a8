//! Connections to PostgreSQL: read from the address, secured over networks, and with limits on how long anything may
//! take. Must not know what is asked over them.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tracing::{debug, warn};

use super::tls::{self, Tls};
use crate::error::PostgresError;

/// How to reach one database.
#[derive(Clone)]
pub(crate) struct Settings {
    config: Config,
    security: Security,
}

#[derive(Clone)]
enum Security {
    /// Nobody listens between here and there.
    SameMachine,
    Tls(Tls),
}

/// A connection and the task that drives it.
pub(crate) struct Connection {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
}

/// How long reaching the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one round trip may take before the connection is given up; the server gives up its statement sooner.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What each session asks of the server. The server ends what its client has left: without it a transaction of a lost
/// connection would hold its locks for hours.
const SESSION: &str = "SET synchronous_commit = on; \
     SET statement_timeout = '2500ms'; \
     SET lock_timeout = '2500ms'; \
     SET idle_in_transaction_session_timeout = '10s'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
     SET client_min_messages = warning";

impl Settings {
    /// Reads `postgres://USER@HOST/DATABASE`, with `sslrootcert=FILE` where the server is on another machine.
    pub(crate) fn read(url: &str) -> Result<Self, PostgresError> {
        let (url, root) = take_parameter(url, "sslrootcert");
        // What the names promise is what is always done over a network.
        let url = url
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let mut config =
            Config::from_str(&url).map_err(|error| PostgresError::Unreachable(describe(&error)))?;
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .application_name("deskbell");
        let same_machine = config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || IpAddr::from_str(name).is_ok_and(|address| address.is_loopback())
            }
        });
        let security = match (root, config.get_ssl_mode()) {
            (Some(root), _) => Security::Tls(Tls::trusting(&root)?),
            (None, SslMode::Disable) => {
                if !same_machine {
                    warn!("sslmode=disable: what shoppers say crosses the network in the clear");
                }
                Security::SameMachine
            }
            (None, SslMode::Prefer | SslMode::Require) if same_machine => Security::SameMachine,
            (None, _) => {
                return Err(PostgresError::Tls(
                    "it is on another machine; add sslrootcert=FILE to the address, the certificate of the \
                     authority that signed the server's"
                        .to_owned(),
                ));
            }
        };
        config.ssl_mode(match &security {
            Security::SameMachine => SslMode::Disable,
            Security::Tls(_) => SslMode::Require,
        });
        Ok(Self { config, security })
    }

    /// Connects and sets the session's limits. The connection is driven by a task of the runtime this is called in.
    pub(crate) async fn connect(&self) -> Result<Connection, PostgresError> {
        let connecting = async {
            match &self.security {
                Security::SameMachine => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    Ok((client, tokio::spawn(drive(connection))))
                }
                Security::Tls(tls) => {
                    let (client, connection) = self.config.connect(tls.clone()).await?;
                    Ok((client, tokio::spawn(drive(connection))))
                }
            }
        };
        let connected = timeout(CONNECT_TIMEOUT, connecting).await;
        let (client, driver) = connected
            .map_err(|_| PostgresError::Unreachable("it does not answer".to_owned()))?
            .map_err(|error: tokio_postgres::Error| PostgresError::Unreachable(describe(&error)))?;
        let connection = Connection { client, driver };
        within(connection.client.batch_execute(SESSION)).await?;
        Ok(connection)
    }
}

impl Connection {
    /// Whether the server has hung up.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Refuses a server that may lose what it acknowledges, and warns of one that others could misuse so.
    pub(crate) async fn check_durability(&self) -> Result<(), PostgresError> {
        // The session has set synchronous_commit for itself: the server's own setting is asked for.
        let row = within(self.client.query_one(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'), \
             (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')",
            &[],
        ))
        .await?;
        let (fsync, full_page_writes, synchronous_commit): (String, String, Option<String>) =
            (row.get(0), row.get(1), row.get(2));
        if fsync != "on" {
            return Err(PostgresError::Fsync);
        }
        if full_page_writes != "on" {
            warn!("PostgreSQL's full_page_writes is off: a power cut may damage the journal");
        }
        if synchronous_commit.is_some_and(|setting| setting == "off") {
            warn!(
                "PostgreSQL's synchronous_commit is off; deskbell turns it on for itself, other programs may lose \
                 what was acknowledged to them"
            );
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A frozen server never ends it.
        self.driver.abort();
    }
}

/// Awaits an answer for as long as one may take.
pub(crate) async fn within<T>(
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, PostgresError> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(|error| PostgresError::Unreachable(describe(&error))),
        Err(_) => Err(PostgresError::Unreachable("it does not answer".to_owned())),
    }
}

/// The error with its causes; the first words alone say little.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return refusal.message().to_owned();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        debug!(error = describe(&error), "connection to PostgreSQL ended");
    }
}

/// Takes one parameter out of an address.
fn take_parameter(url: &str, name: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut found = None;
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.split_once('=') {
            Some((key, value)) if key == name => {
                found = Some(tls::unescape(value));
                false
            }
            Some(_) | None => true,
        })
        .collect();
    let url = if kept.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", kept.join("&"))
    };
    (url, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let read = match Settings::read(url) {
            Ok(settings) => match settings.security {
                Security::SameMachine => "in the clear".to_owned(),
                Security::Tls(_) => "over TLS".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        assert!(read.contains(expected), "{url}: {read}");
    }

    #[test]
    fn the_clear_is_for_this_machine_alone() {
        check("postgres://me:hush@127.0.0.1:5433/deskbell", "in the clear");
        check("postgres://me@[::1]/deskbell", "in the clear");
        check("postgres://me@localhost/deskbell", "in the clear");
        check("postgres:///deskbell?host=/run/postgresql", "in the clear");
        check("postgres://me@db.shop.example/deskbell", "sslrootcert=FILE");
        check(
            "postgres://me@db.shop.example/deskbell?sslmode=verify-full",
            "sslrootcert=FILE",
        );
        check(
            "postgres://me@db.shop.example/deskbell?sslmode=disable",
            "in the clear",
        );
        check(
            "postgres://me@db.shop.example/deskbell?sslrootcert=/no/such%20file",
            "/no/such file",
        );
    }

    #[test]
    fn an_unreadable_address_is_told_without_its_password() {
        let Err(error) = Settings::read("postgres://me:hush@db:port/deskbell") else {
            panic!("it was read")
        };
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}
