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
    /// Read a configuration, say every mistake with its line, print what would be served
    Check(ConfigArguments),
    /// Print an annotated default configuration
    Config,
    /// Run the routing and estimating code on simulated or recorded traffic
    Simulate(SimulateArguments),
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
pub(crate) struct ConfigArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "deskbell.toml")]
    pub(crate) config: PathBuf,
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
