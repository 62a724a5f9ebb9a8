//! `deskbell serve`: runs the configured server until it is told to stop. SIGHUP reloads the configuration,
//! SIGTERM and SIGINT stop. Must not know what the server is made of.

use std::path::Path;
use std::pin::pin;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::config;
use crate::happenings::Happenings;
use crate::logging;
use crate::server::Server;

/// Runs the server that `path` configures.
pub(crate) fn run(path: &Path) -> anyhow::Result<()> {
    let settings = config::load_or_explain(path)?;
    logging::start("info");
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut server = Server::start(settings, Happenings::default()).await?;
        for (protocol, address) in server.sip_addresses() {
            tracing::info!(protocol = protocol.as_str(), %address, "listening for SIP");
        }
        tracing::info!(address = %server.http_address(), "listening for HTTP");
        let mut hangup = signal(SignalKind::hangup()).context("failed to listen for SIGHUP")?;
        let mut stop = pin!(stop_signal());
        let failure = loop {
            tokio::select! {
                stopped = &mut stop => break stopped.err(),
                error = server.failed() => break Some(error),
                _ = hangup.recv() => match reload(&server, path).await {
                    Ok(()) => tracing::info!("the new configuration is in force; addresses, name servers, storage, lifetimes, login tries and digest order as of the last start"),
                    Err(error) => tracing::error!("the old configuration stays in force: {error:#}"),
                },
            }
        };
        match failure {
            // Crash only: what is on disk is what the next start recovers from, and nobody is answered any more.
            Some(error) => Err(error),
            None => {
                tracing::info!("stopping");
                server.stop().await
            }
        }
    });
    // A read that waits for a failing disk holds nothing up.
    runtime.shutdown_background();
    done
}

async fn reload(server: &Server, path: &Path) -> anyhow::Result<()> {
    let settings = config::load_or_explain(path)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    server.reload(settings).await
}

/// The runtime of every command that serves.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")
}

/// Returns when the process is told to stop.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("failed to listen for SIGINT"),
    }
}
