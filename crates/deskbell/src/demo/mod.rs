//! `deskbell demo`: the whole product on loopback with sample data. Robots, which are real SIP phones and
//! real HTTP clients, play the reps and a few shoppers. Must not know what the server is made of.

mod facts;
mod guide;
mod robot;
mod secrets;
mod shopper;
mod words;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sip::Protocol;
use tokio::task::JoinSet;

use crate::cli::DemoArguments;
use crate::config;
use crate::happenings::Happenings;
use crate::logging;
use crate::serve::{runtime, stop_signal};
use crate::server::Server;

use self::facts::Facts;
use self::guide::Robots;
use self::secrets::Secrets;

/// The sample data, with a name between two signs where a secret goes.
const SAMPLE: &str = include_str!("sample.toml");

/// How often a port is looked for that both UDP and TCP have free.
const PORT_TRIES: usize = 16;

/// Runs the demo until it is told to stop.
pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<()> {
    logging::start("warn");
    let data = match &arguments.data {
        Some(directory) => Data::Kept(directory.clone()),
        None => Data::temporary()?,
    };
    std::fs::create_dir_all(data.path())
        .with_context(|| format!("failed to make the directory {}", data.path().display()))?;
    runtime()?.block_on(serve(arguments, data.path()))
}

async fn serve(arguments: &DemoArguments, data: &Path) -> anyhow::Result<()> {
    let (secrets, sample) = Secrets::fill(SAMPLE, Facts::read(data)?.as_ref())?;
    let text = format!("{}\n{sample}", addresses(arguments, data)?);
    let settings = config::read_or_explain(&text, Path::new("demo"))?;
    let mut server = Server::start(settings.clone(), Happenings::shown()).await?;
    let sip = server
        .sip_address(Protocol::Udp)
        .context("the demo has no SIP address")?;
    let facts = Facts::new(&settings, &secrets, sip, server.http_address());
    facts.write(data)?;
    let robots = if arguments.no_robots {
        Robots::Rest
    } else {
        Robots::Play
    };
    guide::print(&facts, data, robots)?;
    let mut players = JoinSet::new();
    if robots == Robots::Play {
        robot::start(&mut players, &facts, &server.bindings());
        shopper::start(&mut players, &facts);
    }
    let failure = tokio::select! {
        stopped = stop_signal() => stopped.err(),
        error = server.failed() => Some(error),
    };
    players.shutdown().await;
    let stopped = server.stop().await;
    match failure {
        Some(error) => Err(error),
        None => stopped,
    }
}

/// The part of the configuration that the command line decides.
fn addresses(arguments: &DemoArguments, data: &Path) -> anyhow::Result<String> {
    let sip = one_port(arguments.sip)?;
    let http = arguments.http;
    let alias = sip.ip();
    let journal = format!("sqlite:{}", data.join("demo.db").display());
    // A JSON string is a TOML string too.
    let journal = serde_json::to_string(&journal)?;
    Ok(format!(
        "[sip]\ndomain = \"shop.example\"\naliases = [\"{alias}\", \"localhost\"]\n\
         listen = [\"udp://{sip}\", \"tcp://{sip}\"]\ndigest = [\"MD5\"]\n\
         [http]\nlisten = \"{http}\"\n\
         [storage]\nurl = {journal}\n"
    ))
}

/// Port 0 leaves the choice to the system, but UDP and TCP must have the same one.
fn one_port(wish: SocketAddr) -> anyhow::Result<SocketAddr> {
    if wish.port() != 0 {
        return Ok(wish);
    }
    for _ in 0..PORT_TRIES {
        let datagrams = UdpSocket::bind(wish)?;
        let address = datagrams.local_addr()?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!(
        "found no port that is free for both UDP and TCP on {}",
        wish.ip()
    )
}

/// Where the demo keeps its data.
enum Data {
    /// In a directory of the user's.
    Kept(PathBuf),
    /// In a directory that goes with the demo.
    Temporary(PathBuf),
}

impl Data {
    fn temporary() -> anyhow::Result<Self> {
        let name = format!("deskbell-demo-{}", crate::random::word::<8>()?);
        Ok(Self::Temporary(std::env::temp_dir().join(name)))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Temporary(path) => path,
        }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self
            && let Err(error) = std::fs::remove_dir_all(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "the demo's data could not be removed");
        }
    }
}
