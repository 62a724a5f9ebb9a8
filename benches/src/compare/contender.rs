//! The servers that are compared: how each is configured and started. Must not know what is asked of them.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Digest, PASSWORD, Run};
use crate::load;

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    Deskbell,
    /// Answers without a transaction: a repeated request is a new one.
    Kamailio,
    KamailioWithTransactions,
    Echo,
}

/// What of its configuration differs from run to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) digest: Digest,
    /// Users who stand in the configuration.
    pub(super) reps: usize,
    /// Skills among which these are shared out.
    pub(super) groups: usize,
    pub(super) priority: Priority,
}

/// How a server stands to others on its processor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Priority {
    Usual,
    /// Before all that is not of this kind, threads of the kernel among them (`SCHED_RR`).
    RealTime,
}

/// A server, killed when dropped.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

const KAMAILIO: &str = include_str!("../../kamailio.cfg");
const START_TIME: Duration = Duration::from_secs(20);
/// Empty tables of the text database, as Debian's package has them.
const TABLES: &str = "/usr/share/kamailio/dbtext/kamailio";

impl Contender {
    pub(super) const ALL: [Self; 4] = [
        Self::Deskbell,
        Self::Kamailio,
        Self::KamailioWithTransactions,
        Self::Echo,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Deskbell => "Deskbell",
            Self::Kamailio => "Kamailio",
            Self::KamailioWithTransactions => "Kamailio with tm",
            Self::Echo => "echo",
        }
    }

    /// Whether a run means anything for it.
    pub(super) fn takes(self, run: Run) -> bool {
        match self {
            Self::Deskbell => run.case != "echo",
            // A subscription has transactions in any case.
            Self::Kamailio => !["echo", "watch"].contains(&run.case),
            Self::KamailioWithTransactions => {
                !["echo", "options"].contains(&run.case) && run.transport == "udp"
            }
            Self::Echo => run.case == "echo",
        }
    }

    /// Starts it on one processor and waits until it answers.
    pub(super) fn start(
        self,
        deskbell: &Path,
        myself: &Path,
        folder: &Path,
        processor: u32,
        setup: Setup,
    ) -> anyhow::Result<Running> {
        let address = free_address()?;
        let mut command = match setup.priority {
            Priority::Usual => Command::new("taskset"),
            Priority::RealTime => {
                let mut command = Command::new("chrt");
                command.args(["--rr", "1", "taskset"]);
                command
            }
        };
        command.args(["-c", &processor.to_string()]);
        match self {
            Self::Deskbell => {
                let file = folder.join("deskbell.toml");
                fs::write(&file, configuration(address, setup)?)?;
                command
                    .arg(fs::canonicalize(deskbell)?)
                    .args(["serve", "--config"])
                    .arg(file);
                command.env("DESKBELL_LOG", "error");
            }
            Self::Kamailio | Self::KamailioWithTransactions => {
                let tables = folder.join("tables");
                if !tables.exists() {
                    copy_tables(&tables)?;
                }
                let tm = match self {
                    Self::KamailioWithTransactions => "#!define WITH_TM\n",
                    Self::Deskbell | Self::Kamailio | Self::Echo => "",
                };
                let login = match setup.digest {
                    Digest::Nobody => "",
                    Digest::NonceReused | Digest::ChallengedEachTime => "#!define WITH_LOGIN\n",
                };
                let head = format!(
                    "#!KAMAILIO\n{tm}{login}#!substdef \"!PASSWORD!{PASSWORD}!g\"\n#!substdef \"!DATABASE!\\\"text://{}\\\"!g\"\nlisten=udp:{address}\nlisten=tcp:{address}\n",
                    tables.display()
                );
                let file = folder.join("kamailio.cfg");
                fs::write(&file, head + KAMAILIO)?;
                command
                    .args([
                        "kamailio", "-DD", "-E", "-x", "fm", "-m", "2048", "-M", "32", "-f",
                    ])
                    .arg(file);
            }
            Self::Echo => {
                command
                    .arg(myself)
                    .args(["echo", "--listen", &address.to_string()]);
            }
        }
        Running::start(command, folder, address, self.name())
    }
}

impl Running {
    /// Starts it and waits until it answers SIP at that address.
    pub(crate) fn start(
        command: Command,
        folder: &Path,
        address: SocketAddr,
        name: &str,
    ) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut number = 0;
        Self::start_until(command, folder, address, name, || {
            number += 1;
            let text = format!(
                "OPTIONS sip:shop.example SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKstart{number};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:a@shop.example>;tag=1\r\nTo: <sip:shop.example>\r\nCall-ID: start{number}\r\nCSeq: 1 OPTIONS\r\n\
                 User-Agent: the one that waits until it answers\r\nContent-Length: 0\r\n\r\n",
                socket.local_addr()?
            );
            socket.send_to(text.as_bytes(), address)?;
            Ok(socket.recv(&mut [0; 4096]).is_ok())
        })
    }

    /// Starts it and waits until it answers, which `answers` finds out.
    pub(crate) fn start_until(
        mut command: Command,
        folder: &Path,
        address: SocketAddr,
        name: &str,
        mut answers: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<Self> {
        let child = command
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        let mut running = Self { child, address };
        let begun = Instant::now();
        while begun.elapsed() < START_TIME {
            if answers()? {
                return Ok(running);
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("{name} ended: {status}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("{name} does not answer")
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM, so that Kamailio ends its children.
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id
            && rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok()
        {
            let begun = Instant::now();
            while begun.elapsed() < START_TIME && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(20));
            }
        }
        // It may have ended by itself.
        if self.child.kill().is_ok() {
            let (Ok(_) | Err(_)) = self.child.wait();
        }
    }
}

fn configuration(address: SocketAddr, setup: Setup) -> anyhow::Result<String> {
    let open = match setup.digest {
        Digest::Nobody => true,
        Digest::NonceReused | Digest::ChallengedEachTime => false,
    };
    let mut text = format!(
        "[sip]\ndomain = \"shop.example\"\nlisten = [\"udp://{address}\", \"tcp://{address}\"]\n[http]\nlisten = \"{}\"\n\
         [storage]\nurl = \"sqlite::memory:\"\n[presence]\npresentities = 10000000\n[presence.watchers]\ninterval = \"100ms\"\nsubscriptions = 1000000\n\
         [limits]\nrequests_in_all = {{ per_second = 1000000, at_once = 10000000 }}\n\
         [dangerous]\nopen_domain = {open}\n",
        free_address()?
    );
    let skills: Vec<String> = (0..setup.groups).map(|group| format!("s{group}")).collect();
    for skill in &skills {
        text += &format!("[[skill]]\nid = \"{skill}\"\n");
    }
    if !skills.is_empty() {
        text += &format!("[[site]]\nid = \"shop\"\nskills = {skills:?}\n");
    }
    for user in 0..setup.reps {
        let skill = match setup.groups {
            0 => String::new(),
            groups => format!(" s{} = 50 ", user % groups),
        };
        text += &format!(
            "[[rep]]\nid = \"{}\"\npassword = \"{PASSWORD}\"\nskills = {{{skill}}}\n",
            load::user_name(user)
        );
    }
    Ok(text)
}

/// Free for both UDP and TCP at this moment.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free")
}

fn copy_tables(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for table in fs::read_dir(TABLES).context("Debian's kamailio is not installed")? {
        let table = table?;
        fs::copy(table.path(), folder.join(table.file_name()))?;
    }
    Ok(())
}
