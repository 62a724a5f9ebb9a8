//! `deskbell check` and `deskbell config`. Must not know how a configuration is read.

use std::io::Write;
use std::path::Path;

use crate::config;

/// Says every mistake of the file, or what it would serve.
pub(crate) fn run(path: &Path) -> anyhow::Result<()> {
    let settings = config::load_or_explain(path)?;
    let mut errors = anstream::stderr().lock();
    for warning in &settings.warnings {
        writeln!(errors, "warning: {warning}")?;
    }
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", config::summary(&settings))?;
    Ok(())
}

/// Prints the annotated default configuration.
pub(crate) fn print_default() -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{}", config::DEFAULT)?;
    Ok(())
}
