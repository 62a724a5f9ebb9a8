//! A telephone system of our own: takes SUBSCRIBEs to extensions after a digest challenge, and tells what a test
//! lets the lines do (RFC 4235). Must not know the server's code.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rsip::headers::UntypedHeader;
use rsip::message::HeadersExt;
use rsip::{Method, Request, SipMessage};

use crate::unique::token;
use crate::wait;

/// How long one look at the socket lasts.
const GLANCE: Duration = Duration::from_millis(20);

/// A running telephone system; ends when dropped.
#[derive(Debug)]
pub struct Pbx {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    closing: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

/// What the system does with the next SUBSCRIBEs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Challenges, grants and tells.
    Serving,
    /// Says nothing at all.
    Dead,
    /// Refuses with this status.
    Refusing(u16),
}

#[derive(Debug)]
struct Desk {
    socket: UdpSocket,
    mood: Mood,
    /// Subscriptions by extension.
    dialogs: HashMap<String, Dialog>,
    /// What each line does: the inside of a `<dialog-info>`.
    calls: HashMap<String, String>,
    /// SUBSCRIBEs that carried credentials.
    proven: u32,
    /// The statuses that answered NOTIFYs.
    answers: Vec<u16>,
    expires: u32,
}

#[derive(Debug, Clone)]
struct Dialog {
    call_id: String,
    /// From of the SUBSCRIBE, with its tag: To of the NOTIFYs.
    to: String,
    /// To of the SUBSCRIBE with our tag.
    from: String,
    target: String,
    peer: SocketAddr,
    cseq: u32,
    version: u32,
}

impl Pbx {
    /// Starts one that grants subscriptions for so many seconds.
    ///
    /// # Errors
    /// Where no socket can be had.
    pub fn start(expires: u32) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let reading = socket.try_clone()?;
        reading.set_read_timeout(Some(GLANCE))?;
        let desk = Arc::new(Mutex::new(Desk {
            socket,
            mood: Mood::Serving,
            dialogs: HashMap::new(),
            calls: HashMap::new(),
            proven: 0,
            answers: Vec::new(),
            expires,
        }));
        let closing = Arc::new(AtomicBool::new(false));
        let (working, stop) = (Arc::clone(&desk), Arc::clone(&closing));
        let worker = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, peer)) = reading.recv_from(&mut buffer) else {
                    continue;
                };
                let bytes = buffer.get(..length).unwrap_or_default();
                // What cannot be read is not answered, and the test that waits for more says so.
                let _ = locked(&working).handle(bytes, peer);
            }
        });
        Ok(Self {
            address,
            desk,
            closing,
            worker: Some(worker),
        })
    }

    /// Where it listens, over UDP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does with the next SUBSCRIBEs.
    pub fn set_mood(&self, mood: Mood) {
        locked(&self.desk).mood = mood;
    }

    /// Lets an extension do what a `<dialog>` says, such as `<dialog id="1"><state>confirmed</state></dialog>`, and
    /// tells it whole.
    ///
    /// # Errors
    /// Where the socket refuses.
    pub fn tell(&self, extension: &str, dialogs: &str) -> anyhow::Result<()> {
        let mut desk = locked(&self.desk);
        desk.calls.insert(extension.to_owned(), dialogs.to_owned());
        desk.notify(extension, "active", "full", dialogs)
    }

    /// Tells only these dialogs of an extension; `skipped` documents before it are lost on the way.
    ///
    /// # Errors
    /// Where the socket refuses.
    pub fn tell_part(&self, extension: &str, dialogs: &str, skipped: u32) -> anyhow::Result<()> {
        let mut desk = locked(&self.desk);
        if let Some(dialog) = desk.dialogs.get_mut(extension) {
            dialog.version += skipped;
        }
        desk.notify(extension, "active", "partial", dialogs)
    }

    /// Changes what an extension does without a word.
    pub fn set(&self, extension: &str, dialogs: &str) {
        locked(&self.desk)
            .calls
            .insert(extension.to_owned(), dialogs.to_owned());
    }

    /// Ends the subscription to an extension for this reason.
    ///
    /// # Errors
    /// Where the socket refuses.
    pub fn end(&self, extension: &str, reason: &str) -> anyhow::Result<()> {
        let mut desk = locked(&self.desk);
        desk.notify(
            extension,
            &format!("terminated;reason={reason}"),
            "full",
            "",
        )?;
        desk.dialogs.remove(extension);
        Ok(())
    }

    /// Forgets the subscription to an extension, as a restart does.
    pub fn forget(&self, extension: &str) {
        locked(&self.desk).dialogs.remove(extension);
    }

    /// Waits until an extension is subscribed to, in another dialog than `before`. Returns its Call-ID.
    ///
    /// # Errors
    /// Where it is not.
    pub fn wait_subscribed(
        &self,
        extension: &str,
        before: &str,
        limit: Duration,
    ) -> anyhow::Result<String> {
        wait::until(&format!("a subscription to {extension}"), limit, || {
            let desk = locked(&self.desk);
            let call_id = desk
                .dialogs
                .get(extension)
                .map(|found| found.call_id.clone());
            Ok(call_id.filter(|found| found != before))
        })
    }

    /// SUBSCRIBEs that proved themselves so far.
    #[must_use]
    pub fn proven(&self) -> u32 {
        locked(&self.desk).proven
    }

    /// The statuses that answered its NOTIFYs so far.
    #[must_use]
    pub fn answers(&self) -> Vec<u16> {
        locked(&self.desk).answers.clone()
    }
}

impl Desk {
    fn handle(&mut self, bytes: &[u8], peer: SocketAddr) -> anyhow::Result<()> {
        if self.mood == Mood::Dead {
            return Ok(());
        }
        match SipMessage::try_from(bytes)? {
            SipMessage::Response(response) => {
                self.answers.push(response.status_code.code());
                Ok(())
            }
            SipMessage::Request(request) if request.method == Method::Subscribe => {
                self.handle_subscribe(&request, peer)
            }
            SipMessage::Request(_) => Ok(()),
        }
    }

    fn handle_subscribe(&mut self, request: &Request, peer: SocketAddr) -> anyhow::Result<()> {
        let header = |name: &str| {
            request
                .headers
                .iter()
                .map(ToString::to_string)
                .find_map(|line| {
                    let (found, value) = line.split_once(':')?;
                    found
                        .trim()
                        .eq_ignore_ascii_case(name)
                        .then(|| value.trim().to_owned())
                })
        };
        if let Mood::Refusing(status) = self.mood {
            return self.answer(request, &format!("{status} No"), "", "no", peer);
        }
        if header("Authorization").is_none() {
            let challenge = format!(
                "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"{}\", qop=\"auth\", algorithm=MD5\r\n",
                token()
            );
            return self.answer(request, "401 Unauthorized", &challenge, "no", peer);
        }
        self.proven += 1;
        let call_id = request.call_id_header()?.value().to_owned();
        let to = request.to_header()?.value().to_owned();
        let extension = to
            .split("sip:")
            .nth(1)
            .and_then(|rest| rest.split('@').next())
            .context("To names no extension")?
            .to_owned();
        let held = self
            .dialogs
            .get(&extension)
            .is_some_and(|dialog| dialog.call_id == call_id);
        if to.contains(";tag=") && !held {
            return self.answer(request, "481 Subscription Does Not Exist", "", "no", peer);
        }
        let tag = format!("pbx{extension}");
        let expires: u32 = header("Expires")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let expires = expires.min(self.expires);
        let lines = format!(
            "Expires: {expires}\r\nContact: <sip:pbx@{}>\r\n",
            self.socket.local_addr()?
        );
        self.answer(request, "200 OK", &lines, &tag, peer)?;
        if expires == 0 {
            self.dialogs.remove(&extension);
            return Ok(());
        }
        let contact = header("Contact").context("no Contact")?;
        let target = contact
            .split(['<', '>'])
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        if !held {
            let dialog = Dialog {
                call_id,
                to: request.from_header()?.value().to_owned(),
                from: format!("{to};tag={tag}"),
                target,
                peer,
                cseq: 0,
                version: 0,
            };
            self.dialogs.insert(extension.clone(), dialog);
        }
        let dialogs = self.calls.get(&extension).cloned().unwrap_or_default();
        self.notify(&extension, "active", "full", &dialogs)
    }

    fn answer(
        &self,
        request: &Request,
        status: &str,
        lines: &str,
        tag: &str,
        peer: SocketAddr,
    ) -> anyhow::Result<()> {
        let to = request.to_header()?.value();
        let tag = if to.contains(";tag=") {
            String::new()
        } else {
            format!(";tag={tag}")
        };
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}Content-Length: 0\r\n\r\n",
            request.via_header()?.value(),
            request.from_header()?.value(),
            request.call_id_header()?.value(),
            request.cseq_header()?.value(),
        );
        self.socket.send_to(text.as_bytes(), peer)?;
        Ok(())
    }

    fn notify(
        &mut self,
        extension: &str,
        standing: &str,
        extent: &str,
        dialogs: &str,
    ) -> anyhow::Result<()> {
        let local = self.socket.local_addr()?;
        let dialog = self
            .dialogs
            .get_mut(extension)
            .context("nobody has subscribed")?;
        dialog.cseq += 1;
        let body = format!(
            "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{}\" state=\"{extent}\" entity=\"sip:{extension}@pbx\">{dialogs}</dialog-info>",
            dialog.version
        );
        dialog.version += 1;
        let text = format!(
            "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} NOTIFY\r\nEvent: dialog\r\nSubscription-State: {standing}\r\nContact: <sip:pbx@{local}>\r\n\
             Content-Type: application/dialog-info+xml\r\nContent-Length: {}\r\n\r\n{body}",
            dialog.target,
            token(),
            dialog.from,
            dialog.to,
            dialog.call_id,
            dialog.cseq,
            body.len(),
        );
        self.socket.send_to(text.as_bytes(), dialog.peer)?;
        Ok(())
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            // It has nothing to tell that the test has not seen.
            let _ = worker.join();
        }
    }
}

fn locked(desk: &Mutex<Desk>) -> std::sync::MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
