//! One run: requests at a pace or as fast as they are answered, each answer checked, all of it told in one line.
//! Must not know the inside of the server.

mod drive;
pub(crate) mod messages;
pub(crate) mod process;
mod report;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;

use self::drive::Drive;
pub(crate) use self::report::Report;
use self::wire::{Datagrams, Streams, Wire};

/// What to send, where to, and how fast.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Address of the server.
    #[arg(long)]
    target: SocketAddr,
    /// How messages travel.
    #[arg(long, value_enum, default_value = "udp")]
    transport: Transport,
    /// What is asked.
    #[arg(long, value_enum, default_value = "publish")]
    case: Case,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before, which are not.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Requests without an answer at a time.
    #[arg(long, default_value_t = 64)]
    window: u16,
    /// Requests a second; latency counts from when each was due. As fast as they are answered if left out.
    #[arg(long)]
    rate: Option<f64>,
    /// Connections, where the transport has them.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Users who publish.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Domain of the users.
    #[arg(long, default_value = "shop.example")]
    domain: String,
    /// Process of the server, whose processor time and memory are told together with its children's.
    #[arg(long)]
    pid: Option<u32>,
    /// Seconds after the run before the server's memory is read once more.
    #[arg(long, default_value_t = 0.0)]
    rest: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Transport {
    Udp,
    Tcp,
}

/// What is asked again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Case {
    /// What the server can do.
    Options,
    /// A publication of a user, who has none or others.
    Publish,
    /// The same publications lengthened.
    Refresh,
    /// The same publications with another state each time.
    Modify,
    /// A publication that comes back as it is: of a server that is an echo.
    Echo,
    /// Nine refreshes to one change.
    Mixed,
}

/// How long a request is repeated before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(8);
/// T1 of RFC 3261 §17.1.2.2.
const ROUND_TRIP: Duration = Duration::from_millis(500);

/// Runs a plan.
///
/// # Errors
/// Where the server cannot be reached, or answers nothing at all.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<Report> {
    let (mut wire, via) = match plan.transport {
        Transport::Udp => {
            let datagrams = Datagrams::towards(plan.target)?;
            let via = format!("SIP/2.0/UDP {}", datagrams.local()?);
            (Wire::Udp(datagrams), via)
        }
        Transport::Tcp => {
            let streams = Streams::towards(plan.target, plan.connections)?;
            (Wire::Tcp(streams), "SIP/2.0/TCP 127.0.0.1:5999".to_owned())
        }
    };
    if plan.users == 0 || plan.users > 9_999_999 || plan.window == 0 {
        bail!("there have to be a user and a window, and at most 9,999,999 users");
    }
    let mut drive = Drive::new(plan, &via);
    match plan.case {
        Case::Options | Case::Publish | Case::Echo => {}
        Case::Refresh | Case::Modify | Case::Mixed => drive.publish_everybody(&mut wire)?,
    }
    drive.run(&mut wire)
}
