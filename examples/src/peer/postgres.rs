//! A PostgreSQL server of a test's own: in a folder of its own, on a Unix socket, gone with the test however that ends.
//! Must not know what is kept in it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User, chown, getuid};

use crate::unique::Folder;
use crate::wait;

/// How long the server may take to come up or to end, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A running server; it is stopped and its folder removed when dropped, or when this process ends.
#[derive(Debug)]
pub struct Postgres {
    /// Waits for this process to end, then stops the server.
    keeper: Option<Child>,
    programs: PathBuf,
    options: String,
    // Last, so that the server is gone before its folder is.
    folder: Folder,
}

/// Where the server's programs are, if they are installed.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(debian)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

impl Postgres {
    /// Makes a server and waits until it answers; `None` where PostgreSQL is not installed. With `CI=true` that
    /// is an error.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start() -> anyhow::Result<Option<Self>> {
        Self::start_with("")
    }

    /// Like [`start`](Self::start), with more options for the server, such as `-c fsync=off`.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start_with(options: &str) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else {
            if std::env::var("CI").is_ok_and(|value| value == "true") {
                bail!("needs postgresql");
            }
            say("skipped: needs postgresql");
            return Ok(None);
        };
        let folder = Folder::new("postgres")?;
        let mut postgres = Self {
            keeper: None,
            programs,
            options: options.to_owned(),
            folder,
        };
        if let Some((user, group)) = other_user() {
            chown(postgres.folder.path(), Some(user), Some(group))?;
        }
        let made = postgres
            .run("initdb")
            .args(["--no-sync", "--username=deskbell", "--auth=trust"])
            .args(["--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(postgres.data())
            .output()?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        postgres.launch()?;
        Ok(Some(postgres))
    }

    /// The address of a database, which [`create`](Self::create) has made.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres:///{database}?host={}&user=deskbell",
            self.folder.path().display()
        )
    }

    /// Makes an empty database and gives its address.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn create(&self, database: &str) -> anyhow::Result<String> {
        let made = self
            .run("createdb")
            .arg("--host")
            .arg(self.folder.path())
            .args(["--username=deskbell", database])
            .output()?;
        if !made.status.success() {
            bail!("createdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(self.url(database))
    }

    /// Does something in SQL, as a person would.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn sql(&self, database: &str, statement: &str) -> anyhow::Result<String> {
        let done = self
            .run("psql")
            .arg("--host")
            .arg(self.folder.path())
            .args([
                "--username=deskbell",
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
            ])
            .args(["--dbname", database, "--command", statement])
            .output()?;
        if !done.status.success() {
            bail!("psql failed: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// Ends every connection at once, as a crash would, and starts the server again.
    ///
    /// # Errors
    /// Where it does not come up again.
    pub fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        self.stop(Signal::SIGQUIT)?;
        self.launch()
    }

    /// Stops every process of the server where it stands, until [`thaw`](Self::thaw).
    ///
    /// # Errors
    /// Where the server is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::SIGSTOP)
    }

    /// Lets the server go on.
    ///
    /// # Errors
    /// Where the server is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::SIGCONT)
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        // The shell outlives this process by a moment: when its input ends, so does the server.
        let script = "\"$0\" -D \"$1\" -k \"$2\" -c listen_addresses= $3 >\"$2/server.log\" 2>&1 & server=$!; \
                      read forever; kill -QUIT $server; wait $server";
        let mut keeper = self.run("sh");
        keeper
            .arg("-c")
            .arg(script)
            .arg(self.programs.join("postgres"))
            .arg(self.data())
            .arg(self.folder.path())
            .arg(&self.options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.keeper = Some(keeper.spawn().context("failed to start a shell")?);
        wait::until("PostgreSQL", LIMIT, || {
            Ok(self.sql("postgres", "SELECT 1").ok())
        })
        .with_context(|| format!("the server said: {}", self.log()))?;
        Ok(())
    }

    fn stop(&mut self, signal: Signal) -> anyhow::Result<()> {
        if let Ok(postmaster) = self.postmaster() {
            // A frozen server hears nothing.
            self.thaw()?;
            kill(postmaster, signal)?;
        }
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait()?;
        }
        Ok(())
    }

    fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        let postmaster = self.postmaster()?;
        let mut processes = vec![postmaster];
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            if parent(&entry.path()) == Some(postmaster) {
                processes.push(Pid::from_raw(id));
            }
        }
        for process in processes {
            // A child may have ended meanwhile.
            let _ = kill(process, signal);
        }
        Ok(())
    }

    fn postmaster(&self) -> anyhow::Result<Pid> {
        let text = fs::read_to_string(self.data().join("postmaster.pid"))
            .context("PostgreSQL does not run")?;
        let id = text.lines().next().unwrap_or_default().trim();
        Ok(Pid::from_raw(id.parse()?))
    }

    /// A program of the server's, as a user it agrees to run as.
    fn run(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = Command::new(if path.exists() {
            path
        } else {
            PathBuf::from(program)
        });
        command.current_dir(self.folder.path());
        if let Some((user, group)) = other_user() {
            command.uid(user.as_raw()).gid(group.as_raw());
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its folder goes next, whether or not it could be stopped in order.
        let _ = self.stop(Signal::SIGQUIT);
    }
}

/// PostgreSQL does not run as root: somebody else who is there.
fn other_user() -> Option<(Uid, Gid)> {
    if !getuid().is_root() {
        return None;
    }
    let user = ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())?;
    Some((user.uid, user.gid))
}

/// The parent of a process, from its `/proc` folder.
fn parent(process: &Path) -> Option<Pid> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name in brackets may hold anything.
    let (_, after) = stat.rsplit_once(") ")?;
    let id = after.split(' ').nth(1)?;
    Some(Pid::from_raw(id.parse().ok()?))
}

#[expect(
    clippy::print_stderr,
    reason = "the words are for whoever reads the tests' output"
)]
fn say(text: &str) {
    eprintln!("{text}");
}
