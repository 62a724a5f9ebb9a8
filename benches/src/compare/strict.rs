//! Publications that are in a database before they are answered: Deskbell and Kamailio over the same PostgreSQL server,
//! and Deskbell over SQLite, under the same load in turn. Must not know how load is made.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use examples::peer::postgres::Postgres;
use serde_json::{Value, json};

use super::contender::{Running, free_address};

/// How often and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Strict {
    /// The built server.
    #[arg(long, default_value = "target/release/deskbell")]
    deskbell: PathBuf,
    /// Rounds; each has every contender and every case once.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// Users who publish first: enough that few have a second publication at the end.
    #[arg(long, default_value_t = 100_000)]
    users: u32,
    /// Users who refresh what they have published before.
    #[arg(long, default_value_t = 10_000)]
    refreshing: u32,
}

/// A server with its database, and how much waits for it at once: what it is fastest with.
#[derive(Clone, Copy, Debug)]
struct Contender {
    name: &'static str,
    server: Server,
    window: u32,
}

#[derive(Clone, Copy, Debug)]
enum Server {
    DeskbellOnPostgres,
    DeskbellOnSqlite,
    /// With so many processes.
    Kamailio(u32),
}

const CONTENDERS: [Contender; 5] = [
    Contender {
        name: "Deskbell, PostgreSQL",
        server: Server::DeskbellOnPostgres,
        window: 1000,
    },
    Contender {
        name: "Kamailio, PostgreSQL, 8 processes",
        server: Server::Kamailio(8),
        window: 64,
    },
    Contender {
        name: "Kamailio, PostgreSQL, 16 processes",
        server: Server::Kamailio(16),
        window: 64,
    },
    Contender {
        name: "Kamailio, PostgreSQL, 32 processes",
        server: Server::Kamailio(32),
        window: 128,
    },
    Contender {
        name: "Deskbell, SQLite",
        server: Server::DeskbellOnSqlite,
        window: 1000,
    },
];

const CASES: [&str; 2] = ["publish", REFRESH];

const REFRESH: &str = "refresh";

const KAMAILIO: &str = include_str!("../../kamailio-postgres.cfg");

/// Where Debian's package has the tables.
const TABLES: &str = "/usr/share/kamailio/postgres";

/// Runs all rounds, says each run's figures as JSON and then a table of all.
///
/// # Errors
/// Where a server does not start, or a run fails.
pub(crate) fn run(strict: &Strict) -> anyhow::Result<()> {
    let myself = std::env::current_exe()?;
    let folder = std::env::temp_dir().join(format!("benches-strict-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let postgres = Postgres::start()?.context("PostgreSQL is not installed")?;
    let mut lines = Vec::new();
    for round in 0..strict.rounds as usize {
        for turn in 0..CONTENDERS.len() {
            // Each round begins with another one, so that none is always first.
            let Some(contender) = CONTENDERS.get((turn + round) % CONTENDERS.len()) else {
                continue;
            };
            for case in CASES {
                let number = lines.len();
                let server = contender.start(&strict.deskbell, &postgres, &folder, number)?;
                let mut line = load(strict, &myself, &server, *contender, case)?;
                if let Some(fields) = line.as_object_mut() {
                    fields.insert("contender".to_owned(), json!(contender.name));
                }
                crate::say(&line.to_string());
                lines.push(line);
            }
        }
    }
    fs::remove_dir_all(&folder)?;
    crate::say(&table(&lines));
    Ok(())
}

impl Contender {
    /// On a database of its own, which nobody has written to.
    fn start(
        self,
        deskbell: &Path,
        postgres: &Postgres,
        folder: &Path,
        number: usize,
    ) -> anyhow::Result<Running> {
        let address = free_address()?;
        let name = format!("strict{number}");
        match self.server {
            Server::DeskbellOnPostgres | Server::DeskbellOnSqlite => {
                let url = match self.server {
                    Server::DeskbellOnPostgres => postgres.create(&name)?,
                    Server::DeskbellOnSqlite | Server::Kamailio(_) => {
                        format!("sqlite:{name}.db")
                    }
                };
                let file = folder.join("deskbell.toml");
                fs::write(&file, configuration(address, free_address()?, &url))?;
                let mut command = Command::new(fs::canonicalize(deskbell)?);
                command.args(["serve", "--config"]).arg(file);
                command.env("DESKBELL_LOG", "error");
                Running::start(command, folder, address, self.name)
            }
            Server::Kamailio(processes) => {
                let url = postgres.create(&name)?;
                for tables in ["standard", "presence"] {
                    let path = format!("{TABLES}/{tables}-create.sql");
                    let sql = fs::read_to_string(path);
                    let sql = sql.context("Debian's kamailio-postgres-modules is not installed")?;
                    postgres.sql(&name, &sql)?;
                }
                let socket = url
                    .split("host=")
                    .nth(1)
                    .and_then(|rest| rest.split('&').next())
                    .context("the database has no socket")?;
                let head = format!(
                    "#!KAMAILIO\n#!substdef \"!DATABASE!\\\"postgres://deskbell@/{name}\\\"!g\"\n\
                     listen=udp:{address}\nchildren={processes}\n"
                );
                let file = folder.join("kamailio.cfg");
                fs::write(&file, head + KAMAILIO)?;
                let mut command = Command::new("kamailio");
                command
                    .args(["-DD", "-E", "-x", "fm", "-m", "1024", "-M", "32", "-f"])
                    .arg(file)
                    .env("PGHOST", socket);
                Running::start(command, folder, address, self.name)
            }
        }
    }
}

/// A server of ours that takes publications from everybody.
fn configuration(sip: SocketAddr, http: SocketAddr, url: &str) -> String {
    format!(
        "[sip]\ndomain = \"shop.example\"\nlisten = [\"udp://{sip}\"]\n[http]\nlisten = \"{http}\"\n\
         [storage]\nurl = \"{url}\"\ndurability = \"strict\"\n\
         [limits]\nrequests_in_all = {{ per_second = 1000000, at_once = 10000000 }}\n\
         [dangerous]\nopen_domain = true\n[[rep]]\nid = \"alice\"\npassword = \"correct horse\"\nskills = {{}}\n"
    )
}

fn load(
    strict: &Strict,
    myself: &Path,
    server: &Running,
    contender: Contender,
    case: &str,
) -> anyhow::Result<Value> {
    let users = if case == REFRESH {
        strict.refreshing
    } else {
        strict.users
    };
    let output = Command::new(myself)
        .args(["load", "--case", case, "--transport", "udp"])
        .args(["--target", &server.address().to_string()])
        .args(["--pid", &server.id().to_string()])
        .args(["--seconds", &strict.seconds.to_string()])
        .args(["--users", &users.to_string()])
        .args(["--window", &contender.window.to_string()])
        .output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("{case} at {}: {}", contender.name, why.trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The best run of each, and how it stands to the best of Kamailio's.
fn table(lines: &[Value]) -> String {
    let mut text = String::from(
        "| case | server | answers/s, each run | best | to Kamailio's best | p50 | p99 | refused | unanswered |\n\
         |---|---|---|---|---|---|---|---|---|",
    );
    for case in CASES {
        let of = |name: &str| -> Vec<&Value> {
            let is_of = |line: &&Value| {
                line.get("case").and_then(Value::as_str) == Some(case)
                    && line.get("contender").and_then(Value::as_str) == Some(name)
            };
            lines.iter().filter(is_of).collect()
        };
        let theirs = CONTENDERS
            .iter()
            .filter(|contender| matches!(contender.server, Server::Kamailio(_)))
            .flat_map(|contender| of(contender.name))
            .map(rate)
            .fold(0.0, f64::max);
        for contender in CONTENDERS {
            let runs = of(contender.name);
            let Some(best) = runs
                .iter()
                .max_by(|one, two| rate(one).total_cmp(&rate(two)))
            else {
                continue;
            };
            let each: Vec<String> = runs.iter().map(|run| format!("{:.0}", rate(run))).collect();
            let ms = |field: &str| {
                let us = best.get(field).and_then(Value::as_f64).unwrap_or_default();
                format!("{:.1} ms", us / 1000.0)
            };
            let sum = |field: &str| -> u64 {
                let counts = runs.iter().filter_map(|run| run.get(field)?.as_u64());
                counts.sum()
            };
            text += &format!(
                "\n| {case} | {} | {} | {:.0} | {:.1} times | {} | {} | {} | {} |",
                contender.name,
                each.join(", "),
                rate(best),
                if theirs > 0.0 {
                    rate(best) / theirs
                } else {
                    0.0
                },
                ms("p50_us"),
                ms("p99_us"),
                sum("refused"),
                sum("unanswered"),
            );
        }
    }
    text
}

fn rate(line: &Value) -> f64 {
    line.get("per_second")
        .and_then(Value::as_f64)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;

    #[test]
    fn the_best_of_each_stands_beside_the_best_of_kamailio() {
        let run = |contender: &str, per_second: u32, unanswered: u32| {
            json!({"case": "publish", "contender": contender, "per_second": per_second, "p50_us": 1500,
                   "p99_us": 9000, "refused": 0, "unanswered": unanswered})
        };
        let table = table(&[
            run("Deskbell, PostgreSQL", 30_000, 0),
            run("Deskbell, PostgreSQL", 40_000, 0),
            run("Kamailio, PostgreSQL, 8 processes", 3_000, 1),
            run("Kamailio, PostgreSQL, 16 processes", 4_000, 0),
        ]);
        let ours = "| publish | Deskbell, PostgreSQL | 30000, 40000 | 40000 | 10.0 times | 1.5 ms | 9.0 ms | 0 | 0 |";
        assert!(table.contains(ours), "{table}");
        let theirs = "8 processes | 3000 | 3000 | 0.8 times | 1.5 ms | 9.0 ms | 0 | 1 |";
        assert!(table.contains(theirs), "{table}");
    }
}
