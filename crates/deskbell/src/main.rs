//! The deskbell program: reads the command line, runs the command, turns its end into an exit code
//! (0 done, 1 failed, 2 wrong usage). Must not know how a command does its work.
#![forbid(unsafe_code)]

mod archive;
mod browsers;
mod calls;
mod check;
mod cli;
mod config;
mod consoles;
mod demo;
mod desk;
mod figures;
mod happenings;
mod keeper;
mod logging;
mod mood;
mod passwd;
mod password;
mod phone;
mod random;
mod reached;
mod rep;
mod serve;
mod server;
mod server_address;
mod simulate;
mod sip_service;
mod trunks;
mod unix_time;
mod watch;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments.config),
        Command::Rep(arguments) => rep::run(arguments),
        Command::Check(arguments) => check::run(&arguments.config),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Passwd(arguments) => passwd::run(&arguments),
        Command::Config => check::print_default(),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Tickets(arguments) => archive::tickets(&arguments),
        Command::Export(arguments) => archive::export(&arguments),
        Command::Erase(arguments) => archive::erase(&arguments),
        Command::Backup(arguments) => archive::back_up(&arguments),
        Command::Restore(arguments) => archive::restore(&arguments),
        Command::Verify(arguments) => archive::verify(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("deskbell: {error:#}");
            ExitCode::FAILURE
        }
    }
}
