//! linphonec as a rep: registers over TCP, publishes, shows texts and answers them.
//! Must not know the server.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::terminal::Terminal;
use crate::unique::Folder;
use crate::wait;

/// How long linphonec may take for anything it does.
const LIMIT: Duration = Duration::from_secs(20);

/// How long what it says lasts, unless told otherwise.
const REFRESH: Duration = Duration::from_secs(60);

/// How long it may take to answer a question on its terminal.
const ASKING: Duration = Duration::from_millis(300);

/// Whether somebody has this UDP port; linphonec takes it for both families at once.
fn is_bound(port: u16) -> anyhow::Result<bool> {
    let mut sockets = fs::read_to_string("/proc/net/udp")?;
    // There is none without IPv6.
    if let Ok(more) = fs::read_to_string("/proc/net/udp6") {
        sockets += &more;
    }
    let ending = format!(":{port:04X}");
    // sl, local_address, …
    let mut locals = sockets
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    Ok(locals.any(|local| local.ends_with(&ending)))
}

/// A running linphonec.
#[derive(Debug)]
pub struct Linphone {
    terminal: Terminal,
    _folder: Folder,
}

impl Linphone {
    /// Starts it over TCP for the rep `user` of the server at `server`, whose digest realm is `realm`.
    /// It registers and publishes by itself.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start(
        program: &Path,
        server: SocketAddr,
        realm: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        Self::start_refreshing(program, server, realm, REFRESH, user, password)
    }

    /// As `start`, and it takes every call at once.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_answering(
        program: &Path,
        server: SocketAddr,
        realm: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let settings = settings(server, realm, REFRESH, user, password);
        Self::launch_with(program, &settings, &["-a"])
    }

    /// Starts it as somebody's phone or messenger, of this number or name, that is called and written to without a
    /// registration; what it writes goes over the proxy, if there is one. Calls are taken at once.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_telephone(
        program: &Path,
        user: &str,
        proxy: Option<SocketAddr>,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port();
        let mut settings = format!(
            "[sip]\nsip_port={port}\nsip_tcp_port={port}\nguess_hostname=0\n\
             contact=\"{user}\" <sip:{user}@{address}>\nregister_only_when_network_is_up=0\n"
        );
        if let Some(proxy) = proxy {
            settings += &format!(
                "default_proxy=0\n[proxy_0]\nreg_proxy=<sip:{proxy}>\n\
                 reg_identity=\"{user}\" <sip:{user}@{address}>\n\
                 reg_sendregister=0\npublish=0\nquality_reporting_enabled=0\n"
            );
        }
        let telephone = Self::launch_with(program, &settings, &["-a"])?;
        // It says that it is up before it listens.
        wait::until("the socket of linphonec", LIMIT, || {
            Ok(is_bound(port)?.then_some(()))
        })?;
        Ok((telephone, address))
    }

    /// Ends the call.
    ///
    /// # Errors
    /// Where linphonec has ended.
    pub fn hang_up(&mut self) -> anyhow::Result<()> {
        self.terminal.type_line("terminate")
    }

    /// As `start`, refreshing what it says in this time.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_refreshing(
        program: &Path,
        server: SocketAddr,
        realm: &str,
        refresh: Duration,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let settings = settings(server, realm, refresh, user, password);
        Self::launch(program, &settings)
    }

    /// As `start`, with a friend `watched`, whose presence it subscribes to.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_watching(
        program: &Path,
        server: SocketAddr,
        realm: &str,
        user: &str,
        password: &str,
        watched: &str,
    ) -> anyhow::Result<Self> {
        let settings = settings(server, realm, REFRESH, user, password);
        let friend = format!("[friend_0]\nurl=\"Watched\" <{watched}>\npol=accept\nsubscribe=1\n");
        Self::launch(program, &format!("{settings}{friend}"))
    }

    /// As `start`, with these users of the server as friends, all of which it subscribes to by one list (RFC 5367).
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_listing(
        program: &Path,
        server: SocketAddr,
        realm: &str,
        user: &str,
        password: &str,
        watched: &[&str],
    ) -> anyhow::Result<Self> {
        let mut settings = settings(server, realm, REFRESH, user, password).replacen(
            "[sip]\n",
            &format!("[sip]\nrls_uri=sip:rls@{server};transport=tcp\n"),
            1,
        );
        for (place, friend) in watched.iter().enumerate() {
            settings += &format!(
                "[friend_{place}]\nurl=\"{friend}\" <sip:{friend}@{server}>\npol=accept\nsubscribe=1\n"
            );
        }
        Self::launch(program, &settings)
    }

    /// Waits until linphonec has shown a friend of its list in a state, such as `Online`, `times` times.
    ///
    /// # Errors
    /// Where it does not within `limit`.
    pub fn wait_friend(
        &mut self,
        friend: &str,
        state: &str,
        times: usize,
        limit: Duration,
    ) -> anyhow::Result<()> {
        wait::until("a friend's state", limit, || {
            let screen = self.terminal.screen();
            let lines = screen.lines().filter(|line| {
                line.contains(&format!("Friend \"{friend}\""))
                    && line.contains(&format!("is {state}"))
            });
            Ok((lines.count() >= times).then_some(()))
        })
        .with_context(|| format!("the terminal shows:\n{}", self.terminal.screen()))
    }

    fn launch(program: &Path, settings: &str) -> anyhow::Result<Self> {
        Self::launch_with(program, settings, &[])
    }

    fn launch_with(program: &Path, settings: &str, more: &[&str]) -> anyhow::Result<Self> {
        let folder = Folder::new("linphone")?;
        // Without this folder its core does not start.
        fs::create_dir_all(folder.path().join(".local/share/linphone"))?;
        let settings = folder.write("linphonerc", settings)?;
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(settings)
            .args(more)
            .env("HOME", folder.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(folder.path());
        let terminal = Terminal::start(&mut command)?;
        Ok(Self {
            terminal,
            _folder: folder,
        })
    }

    /// Waits until the server took the registration; linphonec tells only when it is asked.
    ///
    /// # Errors
    /// Where it does not.
    pub fn wait_registered(&mut self) -> anyhow::Result<()> {
        let terminal = &mut self.terminal;
        wait::until("the registration of linphonec", LIMIT, || {
            terminal.type_line("status register")?;
            let told = terminal.wait_for("registered, identity", ASKING);
            Ok(told.is_ok().then_some(()))
        })
        .with_context(|| format!("the terminal shows:\n{}", self.terminal.screen()))
    }

    /// Sends a text.
    ///
    /// # Errors
    /// Where linphonec has ended.
    pub fn say(&mut self, to: &str, text: &str) -> anyhow::Result<()> {
        self.terminal.type_line(&format!("chat {to} {text}"))
    }

    /// Waits until linphonec shows an incoming text that contains `text`.
    ///
    /// # Errors
    /// Where it does not come within `limit`.
    pub fn wait_text(&mut self, text: &str, limit: Duration) -> anyhow::Result<()> {
        self.terminal.wait_for(text, limit)
    }

    /// Ends it as its user would; it takes back its presence and its registration.
    ///
    /// # Errors
    /// Where it does not end.
    pub fn quit(mut self) -> anyhow::Result<String> {
        self.terminal.type_line("quit")?;
        self.terminal.wait_exit(LIMIT)?;
        Ok(self.terminal.screen())
    }

    /// Ends it as a crash would: SIGKILL, and no word to anybody.
    pub fn kill(self) {
        drop(self.terminal);
    }

    /// Everything it showed.
    #[must_use]
    pub fn screen(&self) -> String {
        self.terminal.screen()
    }
}

fn settings(
    server: SocketAddr,
    realm: &str,
    refresh: Duration,
    user: &str,
    password: &str,
) -> String {
    // -1 is a port of the system's choice.
    format!(
        "[sip]\n\
         sip_port=-1\nsip_tcp_port=-1\ndefault_proxy=0\nguess_hostname=0\n\
         contact=\"{user}\" <sip:{user}@{ip}>\n\
         register_only_when_network_is_up=0\nrefresher_retry_after=2000\n\
         [proxy_0]\n\
         reg_proxy=<sip:{server};transport=tcp>\n\
         reg_identity=\"{user}\" <sip:{user}@{server}>\n\
         reg_expires={seconds}\nreg_sendregister=1\npublish=1\npublish_expires={seconds}\nquality_reporting_enabled=0\n\
         [auth_info_0]\n\
         username={user}\npasswd={password}\nrealm={realm}\n",
        ip = server.ip(),
        seconds = refresh.as_secs(),
    )
}
