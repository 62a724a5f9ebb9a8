//! The project's recipes, run as `cargo xtask RECIPE`: what the build machine runs is what a developer types.
//! Must not know the product: it starts cargo and counts.

mod count;
mod fuzz;
mod peers;
mod python;
mod recipes;
mod report;
mod shell;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask RECIPE

  test    format, lints, tests, doc tests, documentation, supply chain, real peers and browser
  fmt     format every crate
  bench   the micro-benchmarks; further arguments go to the benchmark program
  instructions  what a PUBLISH costs in instructions, against those on record; --record puts the new ones there
  crash   kill the server under load and count what was lost: --kills N (100), --postgres for PostgreSQL alone
  screenshots  every state of bell, panel, sites, console and wall, light and dark, wide and narrow, into target/screenshots
  fuzz    every fuzz target for ten minutes; `fuzz TARGET` for one, `--seconds N` for another time
  help    this text

With CI=true `test` fails where it would skip for want of a peer.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let recipe = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match (recipe.as_deref(), rest.as_slice()) {
        (Some("test"), []) => recipes::test(),
        (Some("fmt"), []) => recipes::fmt(),
        (Some("screenshots"), []) => recipes::screenshots(),
        (Some("bench"), rest) => recipes::bench(rest),
        (Some("instructions"), rest @ ([] | [_])) if rest.iter().all(|it| it == "--record") => {
            recipes::instructions(rest)
        }
        (Some("crash"), rest) => match recipes::read_crash(rest) {
            Some(crash) => recipes::crash(&crash),
            None => {
                shell::complain(HELP.trim_end());
                return ExitCode::from(2);
            }
        },
        (Some("fuzz"), rest) => match fuzz::Plan::read(rest) {
            Some(plan) => fuzz::run(&plan),
            None => return wrong_usage(),
        },
        (None | Some("help" | "--help" | "-h"), []) => {
            shell::say(HELP.trim_end());
            return ExitCode::SUCCESS;
        }
        _ => return wrong_usage(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            shell::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn wrong_usage() -> ExitCode {
    shell::complain(HELP.trim_end());
    ExitCode::from(2)
}
