//! The command line. Must not know what a command does.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Subscribe to the presence of a rep or a group and print each state
    Watch(WatchArguments),
    /// Read a configuration, say every mistake with its line, print what would be served
    Check(ConfigArguments),
    /// Ask for a rep's password and print its hashes, for the configuration to hold in its place
    Passwd(PasswdArguments),
    /// Print an annotated default configuration
    Config,
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
