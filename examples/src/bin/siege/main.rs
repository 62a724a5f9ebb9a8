//! Besieges the built server with what strangers send, and tells what honest phones noticed of it:
//! `cargo run --release -p examples --bin siege -- target/release/deskbell malformed`.

mod calls;
mod dice;
mod figures;
mod flood;
mod idle;
mod malformed;
mod publishing;

use std::process::ExitCode;

use anyhow::{Context, bail};

const USAGE: &str = "usage: siege PROGRAM malformed [DATAGRAMS] [CONNECTIONS]
       siege PROGRAM flood [PER_SECOND] [SECONDS]
       siege PROGRAM idle [CONNECTIONS] [SECONDS]
       siege PROGRAM calls [CALLS]
       siege PROGRAM keeping [SECONDS] [both|sqlite|postgres] [SETTLING]
       siege ADDRESS publish [SECONDS]
PROGRAM is the built server; each run starts one of its own on loopback.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [program, kind, numbers @ ..] = arguments else {
        bail!("{USAGE}");
    };
    if kind == "publish" {
        let seconds = numbers.first().map_or(Ok(10), |text| text.parse());
        return publishing::at(program, seconds.context(USAGE)?);
    }
    // Servers are started in folders of their own.
    let program =
        std::fs::canonicalize(program).with_context(|| format!("failed to find {program}"))?;
    let program = program.to_string_lossy();
    let number = |place: usize, usual: usize| match numbers.get(place) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| anyhow::anyhow!("{USAGE}")),
    };
    match kind.as_str() {
        "malformed" => malformed::run(&program, number(0, 200_000)?, number(1, 10_000)?),
        "flood" => flood::run(&program, number(0, 20_000)?, number(1, 60)?),
        "idle" => idle::run(&program, number(0, 9_500)?, number(1, 300)?),
        "keeping" => {
            let databases = match numbers.get(1).map(String::as_str) {
                None | Some("both") => publishing::Databases::Both,
                Some("sqlite") => publishing::Databases::Sqlite,
                Some("postgres") => publishing::Databases::Postgres,
                Some(_) => bail!("{USAGE}"),
            };
            let seconds = |place, usual| anyhow::Ok(u64::try_from(number(place, usual)?)?);
            publishing::run(&program, seconds(0, 10)?, databases, seconds(2, 40)?)
        }
        "calls" => calls::run(&program, number(0, 10_000)?),
        _ => bail!("{USAGE}"),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what the program is for"
)]
fn say(line: &str) {
    println!("{line}");
}
