//! `deskbell simulate`: plays a scenario and shows what came of it.
//! Must not know how a ticket is routed or a wait estimated.

mod plot;
mod show;
mod trace;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use helpdesk::simulation::{Arrivals, Report, Scenario, simulate};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::SimulateArguments;
use crate::config::{self, Mistake, ScenarioFile};

/// Plays the scenario and prints the results; `--plot` draws them too.
pub(crate) fn run(arguments: &SimulateArguments) -> anyhow::Result<()> {
    let mut scenario = read(&arguments.scenario)?;
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    let report = play(&scenario)
        .with_context(|| format!("failed to simulate {}", arguments.scenario.display()))?;
    let text = if arguments.json {
        show::json(&report)
    } else {
        show::text(&report)
    };
    writeln!(anstream::stdout().lock(), "{text}")?;
    if let Some(path) = &arguments.plot {
        let drawing = plot::draw(&report).context("failed to draw the plot")?;
        fs::write(path, drawing).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Scenario> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("failed to read the scenario {}", path.display()))?;
    let ScenarioFile {
        mut scenario,
        trace,
        warnings,
    } = config::read_scenario(&text, path).map_err(explain)?;
    let mut errors = anstream::stderr().lock();
    for warning in &warnings {
        writeln!(errors, "warning: {warning}")?;
    }
    if let Some(trace) = trace {
        let beside = path.parent().unwrap_or(Path::new("")).join(trace);
        scenario.arrivals = Arrivals::Trace(trace::read(&beside, &scenario.classes)?);
    }
    Ok(scenario)
}

fn explain(mistakes: Vec<Mistake>) -> anyhow::Error {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the scenario cannot be used\n{}", lines.join("\n"))
}

fn play(scenario: &Scenario) -> anyhow::Result<Report> {
    let arrivals = match &scenario.arrivals {
        Arrivals::Chance(count) => scenario.warm_up.saturating_add(*count),
        Arrivals::Trace(rows) => u64::try_from(rows.len())?,
    };
    // A terminal sees how far it is; a script's log stays clean.
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(arrivals), target);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {percent}%  {per_sec} arrivals  {eta} left",
    )?);
    let report = simulate(scenario, |played| bar.set_position(played));
    bar.finish_and_clear();
    Ok(report?)
}
