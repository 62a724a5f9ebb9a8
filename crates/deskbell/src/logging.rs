//! Where log lines go: standard error, filtered by `DESKBELL_LOG` (default `info`), as JSON when
//! `DESKBELL_LOG_FORMAT=json`. Must not know what is logged.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process; `quiet` is the filter when none is set.
pub(crate) fn start(default_filter: &str) {
    let filter =
        EnvFilter::try_from_env("DESKBELL_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_target(false);
    if std::env::var("DESKBELL_LOG_FORMAT").is_ok_and(|format| format == "json") {
        builder.json().init();
    } else {
        builder.with_ansi(colours).init();
    }
}
