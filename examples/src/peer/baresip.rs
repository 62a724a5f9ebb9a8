//! baresip as a rep: registers over UDP, publishes, shows texts and answers them.
//! Must not know the server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::terminal::Terminal;
use crate::unique::Folder;
use crate::wait;

/// How long baresip may take for anything it does.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it may take to answer a question on its terminal.
const ASKING: Duration = Duration::from_millis(300);

/// How long what it says lasts, unless told otherwise.
const REFRESH: Duration = Duration::from_secs(60);

/// Where Debian keeps baresip's modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    terminal: Terminal,
    _folder: Folder,
}

impl Baresip {
    /// Starts it for the rep `user` of the server at `server`; its one contact is `sip:desk@` that server,
    /// because baresip writes to its current contact and not to whoever wrote last.
    /// It publishes as soon as it runs.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start(
        program: &Path,
        server: SocketAddr,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        Self::start_over(program, "udp", server, REFRESH, user, password)
    }

    /// As `start`, over `udp`, `tcp` or `tls`, and refreshing what it says in this time.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_over(
        program: &Path,
        transport: &str,
        server: SocketAddr,
        refresh: Duration,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let contact = format!("\"Desk\" <sip:desk@{server};transport={transport}>\n");
        let account = account(transport, server, refresh, user, password);
        Self::launch(program, server, &account, &contact)
    }

    /// As `start`, but its one contact is `watched`, whose presence it subscribes to.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_watching(
        program: &Path,
        server: SocketAddr,
        user: &str,
        password: &str,
        watched: &str,
    ) -> anyhow::Result<Self> {
        let contact = format!("\"Watched\" <{watched}>;presence=p2p\n");
        let account = account("udp", server, REFRESH, user, password);
        Self::launch(program, server, &account, &contact)
    }

    fn launch(
        program: &Path,
        server: SocketAddr,
        account: &str,
        contacts: &str,
    ) -> anyhow::Result<Self> {
        let folder = Folder::new("baresip")?;
        folder.write("config", &config(server))?;
        folder.write("accounts", account)?;
        folder.write("contacts", contacts)?;
        let mut command = Command::new(program);
        command
            .arg("-f")
            .arg(folder.path())
            // Where the sound of a call would go.
            .current_dir(folder.path());
        let mut terminal = Terminal::start(&mut command)?;
        terminal
            .wait_for("baresip is ready", LIMIT)
            .context("failed to start baresip")?;
        Ok(Self {
            terminal,
            _folder: folder,
        })
    }

    /// Waits until the server took the registration.
    ///
    /// # Errors
    /// Where it does not.
    pub fn wait_registered(&mut self) -> anyhow::Result<()> {
        self.terminal.wait_for("200 OK", LIMIT)
    }

    /// Waits until the list of contacts shows `state`; it is looked at again and again.
    ///
    /// # Errors
    /// Where it does not come within `limit`.
    pub fn wait_contact(&mut self, state: &str, limit: Duration) -> anyhow::Result<()> {
        let terminal = &mut self.terminal;
        wait::until(&format!("{state:?} in the list of contacts"), limit, || {
            terminal.type_line("/contacts")?;
            let shown = terminal.wait_for(state, ASKING);
            Ok(shown.is_ok().then_some(()))
        })
        .with_context(|| format!("the terminal shows:\n{}", self.terminal.screen()))
    }

    /// Publishes "open".
    ///
    /// # Errors
    /// Where baresip has ended.
    pub fn go_online(&mut self) -> anyhow::Result<()> {
        self.terminal.type_line("/presence_online")
    }

    /// Publishes "closed".
    ///
    /// # Errors
    /// Where baresip has ended.
    pub fn go_offline(&mut self) -> anyhow::Result<()> {
        self.terminal.type_line("/presence_offline")
    }

    /// Sends a text to the desk.
    ///
    /// # Errors
    /// Where baresip has ended.
    pub fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.terminal.type_line(&format!("/message {text}"))
    }

    /// Waits until baresip shows an incoming text that contains `text`.
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
        self.terminal.type_line("/quit")?;
        self.terminal.wait_exit(LIMIT)?;
        Ok(self.terminal.screen())
    }

    /// Everything it showed.
    #[must_use]
    pub fn screen(&self) -> String {
        self.terminal.screen()
    }
}

/// Without `outbound` it would publish over UDP whatever its transport.
fn account(
    transport: &str,
    server: SocketAddr,
    refresh: Duration,
    user: &str,
    password: &str,
) -> String {
    let seconds = refresh.as_secs();
    let (address, outbound) = match transport {
        "udp" => (String::new(), String::new()),
        other => (
            format!(";transport={other}"),
            format!(";outbound=\"sip:{server};transport={other}\""),
        ),
    };
    format!(
        "<sip:{user}@{server}{address}>;auth_user={user};auth_pass={password}{outbound};\
         regint={seconds};pubint={seconds};answermode=auto;mwi=no\n"
    )
}

fn config(server: SocketAddr) -> String {
    let modules = [
        "module g711.so",
        "module ausine.so",
        "module aufile.so",
        "module uuid.so",
        "module stdio.so",
        "module_tmp account.so",
        "module_app contact.so",
        "module_app menu.so",
        "module_app presence.so",
    ];
    format!(
        "sip_listen {ip}:0\n\
         audio_player aufile,out.wav\n\
         audio_source ausine,400\n\
         audio_alert aufile,/dev/null\n\
         ausrc_srate 48000\nausrc_channels 2\nauplay_srate 48000\nauplay_channels 2\n\
         module_path {MODULES}\n{modules}\n",
        ip = server.ip(),
        modules = modules.join("\n"),
    )
}
