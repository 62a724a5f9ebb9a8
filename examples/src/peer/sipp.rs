//! Runs a SIPp scenario and counts its calls.
//! Must not know what a scenario does.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::unique::Folder;
use crate::wait;

/// How a run of a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// Calls that went through the whole scenario.
    pub successful: u64,
    /// Calls that met something unexpected.
    pub failed: u64,
}

/// How SIPp's messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// All calls on one socket.
    Udp,
    /// All calls on one connection.
    Tcp,
}

/// How many calls, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// How they travel.
    pub transport: Transport,
    /// In all.
    pub calls: u32,
    /// Begun in a second.
    pub per_second: u32,
    /// Under way at a time.
    pub at_once: u32,
    /// Messages lost in either direction; SIPp sends again as RFC 3261 says.
    pub loss_percent: u32,
}

impl Load {
    /// Calls one after another over UDP, ten a second.
    #[must_use]
    pub fn gentle(calls: u32) -> Self {
        Self {
            transport: Transport::Udp,
            calls,
            per_second: 10,
            at_once: 1,
            loss_percent: 0,
        }
    }
}

/// Runs the calls of a scenario for reps of `domain`, each a user and a password, in turn.
///
/// # Errors
/// Where SIPp does not start, refuses the scenario, or does not end within `limit`.
pub fn run(
    program: &Path,
    scenario: &Path,
    server: SocketAddr,
    reps: &[(&str, &str)],
    domain: &str,
    load: Load,
    limit: Duration,
) -> anyhow::Result<Calls> {
    let folder = Folder::new("sipp")?;
    // SIPp reads `[authentication …]` out of a field, so that its parameters may come from the file.
    let lines: String = reps
        .iter()
        .map(|(user, password)| {
            format!("{user};{domain};[authentication username={user} password={password}]\n")
        })
        .collect();
    let reps = folder.write("reps.csv", &format!("SEQUENTIAL\n{lines}"))?;
    let transport = match load.transport {
        Transport::Udp => "u1",
        Transport::Tcp => "t1",
    };
    let figures = folder.path().join("figures.csv");
    let mut command = Command::new(program);
    command
        .arg(server.to_string())
        .arg("-sf")
        .arg(scenario)
        .arg("-inf")
        .arg(&reps)
        .args(["-t", transport])
        .args(["-m", &load.calls.to_string()])
        .args(["-r", &load.per_second.to_string()])
        .args(["-l", &load.at_once.to_string()])
        .args(["-i", &server.ip().to_string()])
        .args(["-recv_timeout", "20000", "-nostdin"])
        .args(["-trace_err", "-error_file", "errors.log"])
        .args(["-trace_stat", "-fd", "1", "-stf"])
        .arg(&figures)
        .current_dir(folder.path())
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if load.loss_percent > 0 {
        command.args(["-lost", &load.loss_percent.to_string()]);
    }
    let mut child = command.spawn().context("failed to start sipp")?;
    let status = wait::until("the end of sipp", limit, || Ok(child.try_wait()?));
    if status.is_err() {
        // It may just have ended.
        let _ = child.kill();
        let _ = child.wait();
    }
    let status = status?;
    let errors = std::fs::read_to_string(folder.path().join("errors.log")).unwrap_or_default();
    let calls = std::fs::read_to_string(&figures)
        .ok()
        .and_then(|figures| read_figures(&figures));
    // SIPp exits with 0 if every call was successful, with 1 if one was not.
    match (status.code(), calls) {
        (Some(0), Some(calls)) => Ok(calls),
        (code, calls) => bail!("sipp ended with {code:?} after {calls:?}: {errors}"),
    }
}

/// SIPp as a trunk: it waits for one call and answers it by a scenario. Killed when dropped.
#[derive(Debug)]
pub struct Answering {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

impl Answering {
    /// Starts it on a port of the kernel's choice; `keys` are words that the scenario has in brackets, and what they
    /// mean. SIPp itself knows such words too, but wants to know the status of a response before it reads them.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start(program: &Path, scenario: &Path, keys: &[(&str, &str)]) -> anyhow::Result<Self> {
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = Folder::new("sipp")?;
        let mut text = std::fs::read_to_string(scenario)?;
        for (key, meaning) in keys {
            text = text.replace(&format!("[{key}]"), meaning);
        }
        let scenario = folder.write("scenario.xml", &text)?;
        let mut command = Command::new(program);
        command
            .arg("-sf")
            .arg(scenario)
            // What it sends again is in the scenario, and what comes again is to be seen.
            .arg("-nr")
            .args(["-i", &address.ip().to_string()])
            .args(["-p", &address.port().to_string()])
            .args(["-m", "1", "-nostdin", "-recv_timeout", "40000"])
            .args(["-trace_err", "-error_file", "errors.log"])
            .current_dir(folder.path())
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().context("failed to start sipp")?;
        Ok(Self {
            child,
            address,
            folder,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the call has gone through the whole scenario.
    ///
    /// # Errors
    /// Where it has not within `limit`, or met something that the scenario does not expect.
    pub fn finish(mut self, limit: Duration) -> anyhow::Result<()> {
        let child = &mut self.child;
        let ended = wait::until("the end of sipp", limit, || Ok(child.try_wait()?));
        let errors = std::fs::read_to_string(self.folder.path().join("errors.log"));
        let errors = errors.unwrap_or_default();
        let status = ended.with_context(|| format!("sipp says: {errors}"))?;
        if !status.success() {
            bail!("sipp ended with {status}: {errors}");
        }
        Ok(())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last line of SIPp's statistics tells the sums.
fn read_figures(figures: &str) -> Option<Calls> {
    let mut lines = figures.lines();
    let names: Vec<&str> = lines.next()?.split(';').collect();
    let last: Vec<&str> = lines.last()?.split(';').collect();
    let read = |name: &str| {
        let at = names.iter().position(|other| *other == name)?;
        last.get(at)?.trim().parse().ok()
    };
    Some(Calls {
        successful: read("SuccessfulCall(C)")?,
        failed: read("FailedCall(C)")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_read_from_the_last_line() {
        let figures = "StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C)\n\
                       x;1;1;0\n\
                       x;1;2;1\n";
        assert_eq!(
            read_figures(figures),
            Some(Calls {
                successful: 2,
                failed: 1
            })
        );
    }
}
