//! A trunk made of plain sockets, and the telephone behind it. Must not know the server.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::desk::LIMIT;

/// How long nothing is waited for.
const QUIET: Duration = Duration::from_millis(400);

/// A trunk, and the telephone behind it.
pub(crate) struct Trunk {
    pub(crate) sip: UdpSocket,
    pub(crate) rtp: UdpSocket,
}

impl Trunk {
    pub(crate) fn open() -> Self {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        for socket in [&sip, &rtp] {
            socket.set_read_timeout(Some(LIMIT)).unwrap();
        }
        Self { sip, rtp }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    /// The next message that begins so; others are passed over.
    pub(crate) fn receive(&self, begins: &str) -> (String, SocketAddr) {
        let mut buffer = [0; 8192];
        loop {
            let (length, peer) = self.sip.recv_from(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
            if text.starts_with(begins) {
                return (text, peer);
            }
        }
    }

    /// What has come meanwhile and begins so.
    pub(crate) fn so_far(&self, begins: &str) -> Vec<String> {
        self.sip.set_nonblocking(true).unwrap();
        let mut buffer = [0; 8192];
        let mut all = Vec::new();
        while let Ok((length, _)) = self.sip.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
            if text.starts_with(begins) {
                all.push(text);
            }
        }
        self.sip.set_nonblocking(false).unwrap();
        all
    }

    pub(crate) fn answer(
        &self,
        request: &str,
        peer: SocketAddr,
        status: &str,
        more: &str,
        body: &str,
    ) {
        let copied = ["Via:", "From:", "Call-ID:", "CSeq:"];
        let mut text = format!("SIP/2.0 {status}\r\n");
        for line in request.lines() {
            if copied.iter().any(|name| line.starts_with(name)) {
                text += &format!("{line}\r\n");
            } else if line.starts_with("To:") {
                let tag = if line.contains("tag=") {
                    ""
                } else {
                    ";tag=phone"
                };
                text += &format!("{line}{tag}\r\n");
            }
        }
        text += &format!("{more}Content-Length: {}\r\n\r\n{body}", body.len());
        self.sip.send_to(text.as_bytes(), peer).unwrap();
    }

    /// Hangs up the call that this INVITE has begun.
    pub(crate) fn hang_up(&self, invite: &str, peer: SocketAddr) {
        self.ask("BYE", 1, "", invite, peer);
    }

    /// Sends a request in the call that this INVITE has begun.
    pub(crate) fn ask(&self, method: &str, cseq: u32, more: &str, invite: &str, peer: SocketAddr) {
        let line = |name: &str| {
            let found = invite.lines().find(|line| line.starts_with(name));
            found.unwrap().split_once(": ").unwrap().1.to_owned()
        };
        let contact = line("Contact:");
        let uri = contact.trim_matches(['<', '>']);
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{method}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: {};tag=phone\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} {method}\r\n{more}Content-Length: 0\r\n\r\n",
            self.address(),
            line("To:"),
            line("From:"),
            line("Call-ID:"),
        );
        self.sip.send_to(request.as_bytes(), peer).unwrap();
    }

    /// Nothing comes for a while.
    pub(crate) fn expect_nothing(&self) {
        self.sip.set_read_timeout(Some(QUIET)).unwrap();
        let mut buffer = [0; 8192];
        if let Ok((length, _)) = self.sip.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap());
            assert!(text.is_empty(), "{text}");
        }
        self.sip.set_read_timeout(Some(LIMIT)).unwrap();
    }

    /// What the phone of this description says comes straight to the telephone, from the port it has named.
    pub(crate) fn hear_media_of(&self, message: &str) {
        let named = port_in(message);
        let mut packet = [0; 2048];
        let mut heard = 0;
        while heard < 10 {
            let (length, from) = self.rtp.recv_from(&mut packet).unwrap();
            assert_eq!(from.port(), named, "media takes no detour");
            // Phones open their way through NAT by packets of other kinds.
            if length >= 12 && packet.first().unwrap() >> 6 == 2 {
                heard += 1;
            }
        }
    }

    /// The telephone is taken up.
    pub(crate) fn take(&self, invite: &str, peer: SocketAddr) {
        let port = self.rtp.local_addr().unwrap().port();
        let body = format!(
            "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        );
        let more = format!(
            "Contact: <sip:phone@{}>\r\nContent-Type: application/sdp\r\n",
            self.address()
        );
        self.answer(invite, peer, "200 OK", &more, &body);
    }
}

/// The port that a description names for sound.
pub(crate) fn port_in(message: &str) -> u16 {
    let named = message.split("m=audio ").nth(1).unwrap();
    named.split(' ').next().unwrap().parse().unwrap()
}
