//! A server that sends every datagram back and does nothing else. Must not know what they say.

use std::net::{SocketAddr, UdpSocket};

use anyhow::Context;

use crate::load::wire::Datagrams;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Echo {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Runs until killed.
pub(crate) fn run(echo: &Echo) -> anyhow::Result<()> {
    let socket = UdpSocket::bind(echo.listen).context("failed to listen")?;
    crate::say(&format!("listening on {}", socket.local_addr()?));
    let mut datagrams = Datagrams::new(socket)?;
    loop {
        datagrams.wait(None)?;
        datagrams.receive(|_| {})?;
        datagrams.send_back()?;
    }
}
