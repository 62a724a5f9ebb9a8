//! Load for SIP servers, and the figures of one against another: `cargo run --release -p benches -- load --help`.
//! Must not know the inside of any server.

mod compare;
mod echo;
mod load;
mod pages;
mod peers;
mod watchers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures SIP servers from outside.
#[derive(Debug, Parser)]
#[command(name = "benches", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Puts load on a server and prints one line of JSON.
    Load(load::Plan),
    /// Measures Deskbell, Debian's Kamailio and an echo in turn.
    Compare(compare::Compare),
    /// Measures strict publications of Deskbell and Kamailio over one PostgreSQL server in turn.
    Strict(compare::Strict),
    /// Measures Deskbell as there is more and more of everything.
    Growth(compare::Growth),
    /// Says what each case spends the server's processor on, by perf.
    Limits(compare::Limits),
    /// Writes the table of what was measured into its page.
    Tabulate(compare::Tabulate),
    /// Sends every datagram back: what the machine can do at most.
    Echo(echo::Echo),
    /// Holds many streams of presence open at a Deskbell of its own and prints one line of JSON: memory for each, and
    /// the time from a PUBLISH to the last of them.
    Watchers(watchers::Watchers),
    /// Measures Deskbell, nchan and a file of nginx in turn: pages that watch, and pages that ask.
    Pages(pages::Plan),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Load(plan) => load::run(&plan).map(|report| say(&report.to_json())),
        Command::Compare(compare) => compare::run(&compare),
        Command::Strict(strict) => compare::strict::run(&strict),
        Command::Growth(growth) => compare::growth::run(&growth),
        Command::Limits(limits) => compare::limits::run(&limits),
        Command::Tabulate(tabulate) => compare::tabulate(&tabulate),
        Command::Echo(echo) => echo::run(&echo),
        Command::Watchers(watchers) => watchers::run(&watchers).map(|line| say(&line)),
        Command::Pages(plan) => pages::run(&plan),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_wrong(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]
fn say(line: &str) {
    println!("{line}");
}

#[expect(
    clippy::print_stderr,
    reason = "a program on a terminal says what is wrong"
)]
fn say_wrong(error: &anyhow::Error) {
    eprintln!("benches: {error:#}");
}
