//! The command line. Must not know what a command does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use sip::{Scheme, Uri};

/// A live help bell for web pages, driven by the presence of ordinary SIP softphones.
#[derive(Debug, Parser)]
#[command(name = "deskbell", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole product on loopback with sample data and robots as reps and shoppers
    Demo(DemoArguments),
    /// Run the server
    Serve(ConfigArguments),
    /// Be a rep in the terminal: take offers and talk over real SIP
    Rep(RepArguments),
    /// Subscribe to the presence of a rep or a group and print each state
    Watch(WatchArguments),
    /// Read a configuration, say every mistake with its line, print what would be served
    Check(ConfigArguments),
    /// Ask for a rep's password and print its hashes, for the configuration to hold in its place
    Passwd(PasswdArguments),
    /// Print an annotated default configuration
    Config,
    /// Run the routing and estimating code on simulated or recorded traffic
    Simulate(SimulateArguments),
    /// List the tickets of the journal, the oldest first
    Tickets(TicketsArguments),
    /// Print all that is kept of a customer, as JSON
    Export(CustomerArguments),
    /// Take all that is kept of a customer out of the journal for good
    Erase(CustomerArguments),
    /// Copy the journal into a new file while the server runs
    Backup(BackupArguments),
    /// Put a backup in the place of the journal; the server must be stopped
    Restore(RestoreArguments),
    /// Read the whole journal and say whether any of it was changed or lost
    Verify(ConfigArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TicketsArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Only those opened since then: a date such as 2026-01-31, or a span such as 90d or 12h
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Print one JSON object a line
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print CSV for spreadsheets
    #[arg(long)]
    pub(crate) csv: bool,
}

#[derive(Debug, Args)]
#[group(id = "customer", required = true, multiple = true)]
pub(crate) struct Customer {
    /// Tickets asked for with this telephone number, however it is written
    #[arg(long, value_name = "NUMBER")]
    pub(crate) phone: Option<String>,
    /// Tickets asked for under this name, small letters or capitals
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// This ticket; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) ticket: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CustomerArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    #[command(flatten)]
    pub(crate) customer: Customer,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// The file to make
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// A file that `deskbell backup` made
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Where to listen for SIP, UDP and TCP; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5060")]
    pub(crate) sip: SocketAddr,
    /// Where to listen for HTTP; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// Keep data here instead of in a temporary directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Start no robots: every rep is yours to play
    #[arg(long)]
    pub(crate) no_robots: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepArguments {
    /// The rep's address, such as sip:alice@shop.example
    #[arg(value_name = "SIP-URI")]
    pub(crate) address: RepAddress,
    /// Where the server listens for SIP over UDP; host and port of the address if absent
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) server: Option<String>,
    /// The rep's password; asked for if absent. Other users of the machine can read the command line, not the
    /// environment
    #[arg(long, env = "DESKBELL_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    /// Whom to watch, such as sip:alice@shop.example or sip:cameras.gold@shop.example
    #[arg(value_name = "SIP-URI")]
    pub(crate) uri: String,
    /// Where the server listens for SIP over UDP; host and port of the address if absent
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// The rep who watches; the one in the address if absent
    #[arg(long, env = "DESKBELL_USER")]
    pub(crate) user: Option<String>,
    /// The rep's password; asked for if absent. Other users of the machine can read the command line, not the
    /// environment
    #[arg(long, env = "DESKBELL_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "deskbell.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PasswdArguments {
    /// The rep's id
    #[arg(value_name = "REP")]
    pub(crate) rep: String,
    /// The realm of the server's challenges: `realm` of [sip], which is the domain if left out
    #[arg(long)]
    pub(crate) realm: String,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// The scenario: who comes, who serves, by which rules
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) scenario: PathBuf,
    /// Play with this seed instead of the scenario's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Print JSON for scripts
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the waits of each class, and the promised against the actual ones
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
}

/// A user of a domain, from a SIP URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepAddress {
    /// Who.
    pub(crate) user: String,
    /// Host, and port where one is written.
    pub(crate) domain: String,
}

impl FromStr for RepAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "write it as sip:USER@DOMAIN, for example sip:alice@shop.example";
        let uri = Uri::parse(text.as_bytes()).map_err(|_| EXPECTED)?;
        if uri.scheme != Scheme::Sip {
            return Err("sips: addresses are not called from the terminal; write sip:USER@DOMAIN");
        }
        let user = uri.user_decoded().ok_or(EXPECTED)?;
        Ok(Self {
            user: user.into_owned(),
            domain: match uri.port {
                Some(port) => format!("{}:{port}", uri.host),
                None => uri.host.to_string(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rep_is_named_by_a_sip_uri_with_a_user() {
        let alice: RepAddress = "sip:alice@shop.example".parse().unwrap();
        assert_eq!((&*alice.user, &*alice.domain), ("alice", "shop.example"));
        let here: RepAddress = "sip:alice@[::1]:5070;transport=udp".parse().unwrap();
        assert_eq!(here.domain, "[::1]:5070");
        for wrong in ["alice", "sip:shop.example", "tel:123", "sip:"] {
            assert!(wrong.parse::<RepAddress>().is_err(), "{wrong}");
        }
    }
}
