//! baresip as a rep: registers over UDP, publishes, shows texts and answers them.
//! Must not know the server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

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
    address: SocketAddr,
    _folder: Folder,
    _certificate: Option<Folder>,
}

/// How a telephone is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// At the first ring.
    AtOnce,
    /// By [`Baresip::take_up`].
    ByHand,
}

/// What went over the wire in one call, as the phone has counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// RTP packets that came.
    pub received: u32,
    /// RTP packets that left.
    pub sent: u32,
    /// Its own port.
    pub port: u16,
    /// The port it sent to.
    pub towards: u16,
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

    /// As `start`, but a call rings until its user takes or declines it.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_ringing(
        program: &Path,
        server: SocketAddr,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let contact = format!("\"Desk\" <sip:desk@{server}>\n");
        let account = account("udp", server, REFRESH, user, password);
        let account = account.replace("answermode=auto", "answermode=manual");
        Self::launch(program, server, &account, &contact)
    }

    /// Starts it as somebody's phone, of this number or name, that is called without a registration; see
    /// [`Self::address`]. Given a certificate with its key, in PEM, it is called over TLS, too.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_telephone(
        program: &Path,
        user: &str,
        answering: Answering,
        certificate: Option<&str>,
    ) -> anyhow::Result<Self> {
        // It takes the port after its own for TLS.
        let address = pair_of_ports()?;
        let mode = match answering {
            Answering::AtOnce => "auto",
            Answering::ByHand => "manual",
        };
        let account = format!("<sip:{user}@{address}>;regint=0;answermode={mode};mwi=no\n");
        let mut config = config(address);
        if let Some(certificate) = certificate {
            let folder = Folder::new("certificate")?;
            let path = folder.write("phone.pem", certificate)?;
            config += &format!("sip_certificate {}\n", path.display());
            return Self::launch_with(program, address, &config, &account, "", Some(folder));
        }
        Self::launch_with(program, address, &config, &account, "", None)
    }

    fn launch(
        program: &Path,
        server: SocketAddr,
        account: &str,
        contacts: &str,
    ) -> anyhow::Result<Self> {
        let listening = SocketAddr::new(server.ip(), 0);
        Self::launch_with(
            program,
            listening,
            &config(listening),
            account,
            contacts,
            None,
        )
    }

    fn launch_with(
        program: &Path,
        listening: SocketAddr,
        config: &str,
        account: &str,
        contacts: &str,
        certificate: Option<Folder>,
    ) -> anyhow::Result<Self> {
        let folder = Folder::new("baresip")?;
        folder.write("config", config)?;
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
            address: listening,
            _folder: folder,
            _certificate: certificate,
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

    /// Where it listens: its own port, or 0 where the system has chosen one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until somebody calls.
    ///
    /// # Errors
    /// Where nobody does.
    pub fn wait_call(&mut self) -> anyhow::Result<()> {
        self.terminal.wait_for("ncoming call from", 2 * LIMIT)
    }

    /// Takes the call that rings.
    ///
    /// # Errors
    /// Where baresip has ended.
    pub fn take_up(&mut self) -> anyhow::Result<()> {
        self.terminal.type_line("/accept")
    }

    /// Hangs up; a call that rings is refused as by somebody who is busy.
    ///
    /// # Errors
    /// Where baresip has ended.
    pub fn hang_up(&mut self) -> anyhow::Result<()> {
        self.terminal.type_line("/hangup")
    }

    /// Waits until so many packets of the call have come and as many have left, and gives what went over the wire.
    ///
    /// # Errors
    /// Where they do not.
    pub fn wait_media(&mut self, packets: u32) -> anyhow::Result<Media> {
        let terminal = &mut self.terminal;
        wait::until("sound both ways", 2 * LIMIT, || {
            terminal.type_line("/audio_debug")?;
            if terminal.wait_for("--- jitter buffer", ASKING).is_err() {
                return Ok(None);
            }
            let screen = terminal.screen();
            let newest = screen.rsplit("--- Audio stream ---").next();
            let media = newest.and_then(read_media);
            Ok(media.filter(|media| media.received >= packets && media.sent >= packets))
        })
        .with_context(|| format!("the terminal shows:\n{}", self.terminal.screen()))
    }

    /// Waits until the other end has ended the call.
    ///
    /// # Errors
    /// Where it does not.
    pub fn wait_ended(&mut self) -> anyhow::Result<()> {
        self.terminal.wait_for("session closed", 2 * LIMIT)
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

/// A port of the loopback address that nobody has, and the next one neither.
fn pair_of_ports() -> anyhow::Result<SocketAddr> {
    for _ in 0..16 {
        let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let Some(next) = first.port().checked_add(1) else {
            continue;
        };
        let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if is_free(first.port()) && is_free(next) {
            return Ok(first);
        }
    }
    bail!("found no two ports that are free");
}

/// Reads what baresip shows of the sound of a call.
fn read_media(shown: &str) -> Option<Media> {
    let number = |name: &str| {
        let (_, rest) = shown.split_once(name)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let (_, ports) = shown.split_once(" local: ")?;
    let (own, rest) = ports.split_once(',')?;
    let (_, other) = rest.split_once("remote: ")?;
    let port = |address: &str| address.rsplit_once(':')?.1.trim().parse().ok();
    Some(Media {
        received: number("rcvd=")?,
        sent: number("TX: packets=")?,
        port: port(own)?,
        towards: port(other.split('/').next()?)?,
    })
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

fn config(listening: SocketAddr) -> String {
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
        "sip_listen {listening}\n\
         audio_player aufile,out.wav\n\
         audio_source ausine,400\n\
         audio_alert aufile,/dev/null\n\
         ausrc_srate 48000\nausrc_channels 2\nauplay_srate 48000\nauplay_channels 2\n\
         module_path {MODULES}\n{modules}\n",
        modules = modules.join("\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_call_is_read() {
        let shown = " audio dir=sendrecv pt_enc=0\r\n local: 0.0.0.0:12308, remote: 192.0.2.2:31026/192.0.2.2:31027\r\n\
                     IP=192.0.2.2:31026 psent=250 rcvd=449\r\n  TX: packets=451, octets=72160\r\n";
        let media = Media {
            received: 449,
            sent: 451,
            port: 12308,
            towards: 31026,
        };
        assert_eq!(read_media(shown), Some(media));
        assert_eq!(read_media("--- Audio stream ---"), None);
    }
}
