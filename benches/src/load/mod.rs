//! One run: requests at a pace or as fast as they are answered, each answer checked, all of it told in one line.
//! Must not know the inside of the server.

mod dialogs;
mod drive;
mod login;
pub(crate) mod messages;
pub(crate) mod process;
mod report;
mod secured;
mod watch;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;

use self::drive::Drive;
pub(crate) use self::login::name as user_name;
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
    /// Watchers of each user, in the case `watch`.
    #[arg(long, default_value_t = 100)]
    watchers: usize,
    /// The password of every user, where the server asks for one.
    #[arg(long)]
    password: Option<String>,
    /// Every request is sent without credentials first, and again when it was challenged; otherwise a nonce is used for as
    /// long as the server takes it.
    #[arg(long, requires = "password")]
    challenge_each: bool,
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
    /// Any certificate is taken.
    Tls,
    /// SIP in WebSocket frames (RFC 7118).
    Ws,
}

/// What is asked again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Case {
    /// What the server can do.
    Options,
    /// A phone says where it is, again and again.
    Register,
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
    /// Changes of users who are watched by many, each of whom is told.
    Watch,
}

impl Transport {
    const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
        }
    }

    /// As a Via names it.
    const fn via(self) -> &'static str {
        match self {
            Self::Udp => "SIP/2.0/UDP",
            Self::Tcp => "SIP/2.0/TCP",
            Self::Tls => "SIP/2.0/TLS",
            Self::Ws => "SIP/2.0/WS",
        }
    }

    /// As a URI names it.
    const fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            Self::Tls => ";transport=tls",
            Self::Ws => ";transport=ws",
        }
    }
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
    if plan.users == 0 || plan.users > 9_999_999 || plan.window == 0 {
        bail!("there have to be a user and a window, and at most 9,999,999 users");
    }
    let mut wire = match plan.transport {
        Transport::Udp => Wire::Udp(Datagrams::towards(plan.target)?),
        Transport::Tcp => Wire::Tcp(Streams::towards(plan.target, plan.connections)?),
        Transport::Tls => Wire::Tls(secured::connect(plan.target, plan.connections)?),
        Transport::Ws => Wire::Ws(secured::upgrade(plan.target, plan.connections)?),
    };
    let sent_by = match &wire {
        Wire::Udp(datagrams) => datagrams.local()?.to_string(),
        // Answers come over the connection, whatever stands here.
        Wire::Tcp(_) | Wire::Tls(_) | Wire::Ws(_) => "127.0.0.1:5999".to_owned(),
    };
    let via = format!("{} {sent_by}", plan.transport.via());
    if plan.case == Case::Watch {
        return watch::run(plan, &via, &mut wire);
    }
    let mut drive = Drive::new(plan, &via);
    match plan.case {
        Case::Options | Case::Register | Case::Publish | Case::Echo | Case::Watch => {}
        Case::Refresh | Case::Modify | Case::Mixed => drive.publish_everybody(&mut wire)?,
    }
    drive.run(&mut wire)
}
