//! Recorded arrivals: a CSV file with the columns `arrival_s`, `class` and, if known, `patience_s` and
//! `service_s`. Must not know how they are played.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use helpdesk::simulation::{Arrival, Class};

/// A year, in seconds: beyond, a time is surely a mistake of units.
const LONGEST: f64 = 31_557_600.0;

/// Reads the file; every mistake names its line and column.
pub(super) fn read(path: &Path, classes: &[Class]) -> anyhow::Result<Vec<Arrival>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("failed to read the trace {}", path.display()))?;
    parse(&text, classes).map_err(|error| anyhow!("{}:{error}", path.display()))
}

fn parse(text: &str, classes: &[Class]) -> anyhow::Result<Vec<Arrival>> {
    let mut lines = text.lines().zip(1_usize..);
    let Some((header, _)) = lines.next() else {
        bail!(
            "1: is empty; the first line names the columns: arrival_s,class,patience_s,service_s"
        );
    };
    let columns = Columns::read(header)?;
    let mut rows: Vec<Arrival> = Vec::new();
    for (line, number) in lines {
        if line.trim().is_empty() {
            continue;
        }
        let row = columns
            .row(line, classes)
            .map_err(|error| anyhow!("{number}: {error}"))?;
        if rows.last().is_some_and(|last| last.at > row.at) {
            bail!("{number}: arrival_s: is earlier than the line before; sort the file by time");
        }
        rows.push(row);
    }
    if rows.is_empty() {
        bail!("2: holds no arrival");
    }
    Ok(rows)
}

/// Where each column stands.
struct Columns {
    arrival: usize,
    class: usize,
    patience: Option<usize>,
    service: Option<usize>,
}

impl Columns {
    fn read(header: &str) -> anyhow::Result<Self> {
        let names: Vec<&str> = cells(header).collect();
        let known = ["arrival_s", "class", "patience_s", "service_s"];
        if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
            bail!(
                "1: {unknown}: is no column of a trace; known: {}",
                known.join(", ")
            );
        }
        let place = |name: &str| names.iter().position(|known| *known == name);
        let required =
            |name: &str| place(name).ok_or_else(|| anyhow!("1: {name}: this column is missing"));
        Ok(Self {
            arrival: required("arrival_s")?,
            class: required("class")?,
            patience: place("patience_s"),
            service: place("service_s"),
        })
    }

    fn row(&self, line: &str, classes: &[Class]) -> anyhow::Result<Arrival> {
        let cells: Vec<&str> = cells(line).collect();
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let optional = |place: Option<usize>, name: &str| match place.map(cell) {
            None | Some("") => Ok(None),
            Some(text) => seconds(text, name).map(Some),
        };
        let class = cell(self.class);
        let Some(index) = classes.iter().position(|known| known.name == class) else {
            bail!("class: there is no class called {class:?} in the scenario");
        };
        Ok(Arrival {
            at: seconds(cell(self.arrival), "arrival_s")?,
            class: index,
            patience: optional(self.patience, "patience_s")?,
            service: optional(self.service, "service_s")?,
        })
    }
}

fn seconds(text: &str, column: &str) -> anyhow::Result<f64> {
    let seconds: Option<f64> = text.parse().ok();
    match seconds.filter(|seconds| (0.0..=LONGEST).contains(seconds)) {
        Some(seconds) => Ok(seconds),
        None => bail!("{column}: {text:?} is not a number of seconds from 0 to a year"),
    }
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',')
        .map(|cell| cell.trim().trim_matches('"').trim())
}
