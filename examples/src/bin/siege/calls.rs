//! SIPp's calls with digest, by UDP, by UDP that loses one message in twenty, by TCP and inside TLS.
//! Must not know the server's inside.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use examples::peer::{self, sipp};
use examples::secured::{NAME, Secured};
use examples::tunnel::Tunnel;

use crate::figures::memory;
use crate::say;

const LIMIT: Duration = Duration::from_secs(540);
const PER_SECOND: u32 = 400;

pub(crate) fn run(program: &str, calls: usize) -> anyhow::Result<()> {
    let sipp = peer::find("sipp").context("sipp is not installed")?;
    let mut server = Secured::start(program)?;
    let tunnel = Tunnel::open(server.address("tls")?, server.certificate())?;
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip-fixtures/sipp");
    let (udp, tcp) = (server.address("udp")?, server.address("tcp")?);
    let calls = u32::try_from(calls)?;
    let mut failures = 0;
    let ways = [
        ("UDP", udp, sipp::Transport::Udp, 0),
        ("TCP", tcp, sipp::Transport::Tcp, 0),
        ("TLS", tunnel.address(), sipp::Transport::Tcp, 0),
        ("UDP with 5 % lost", udp, sipp::Transport::Udp, 5),
    ];
    for (name, address, transport, loss_percent) in ways {
        for scenario in ["register.xml", "publish.xml"] {
            let begun = Instant::now();
            let load = sipp::Load {
                transport,
                calls,
                per_second: PER_SECOND,
                // A call that waits for what was lost holds up no other.
                at_once: if loss_percent > 0 { 40 } else { 10 },
                loss_percent,
            };
            let figures = sipp::run(
                &sipp,
                &scenarios.join(scenario),
                address,
                &server.reps(),
                NAME,
                load,
                LIMIT,
            )?;
            say(&format!(
                "{scenario} over {name}: {} successful, {} failed, {:?}",
                figures.successful,
                figures.failed,
                begun.elapsed()
            ));
            failures += figures.failed;
        }
    }
    say(&format!(
        "resident memory after: {} KiB",
        memory(server.id())?
    ));
    server.check_alive()?;
    if failures > 0 {
        bail!("{failures} calls failed");
    }
    Ok(())
}
