//! A registrar of a few lines for trying phones on: challenges, answers 200, remembers what was asked.
//! Must not be mistaken for a server: it verifies digest and nothing else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rsip::headers::ToTypedHeader;
use rsip::message::HeadersExt;
use rsip::services::DigestGenerator;
use rsip::{Header, Request, SipMessage};

use examples::wire::take_message;

/// The password of every user.
pub(crate) const PASSWORD: &str = "open-sesame";

pub(crate) struct Registrar {
    pub(crate) address: SocketAddr,
    udp: UdpSocket,
    phone: Mutex<Option<SocketAddr>>,
    requests: Mutex<Vec<Request>>,
    answers: Mutex<Vec<String>>,
}

impl Registrar {
    /// Listens on UDP and on TCP of the same port.
    pub(crate) fn start() -> Arc<Self> {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).unwrap();
        let registrar = Arc::new(Self {
            address,
            udp,
            phone: Mutex::default(),
            requests: Mutex::default(),
            answers: Mutex::default(),
        });
        let on_udp = Arc::clone(&registrar);
        std::thread::spawn(move || on_udp.serve_datagrams());
        let on_tcp = Arc::clone(&registrar);
        std::thread::spawn(move || on_tcp.serve_connections(&tcp));
        registrar
    }

    /// What was asked so far with good credentials: methods, and entity-tags after those that named one.
    pub(crate) fn accepted(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| {
                let named = other(request, "SIP-If-Match").map(|tag| format!(" {tag}"));
                format!("{}{}", request.method, named.unwrap_or_default())
            })
            .collect()
    }

    /// The answers of the phone to what `send_to_phone` sent.
    pub(crate) fn answers(&self) -> Vec<String> {
        self.answers.lock().unwrap().clone()
    }

    /// Sends raw bytes to whichever phone wrote last over UDP.
    pub(crate) fn send_to_phone(&self, bytes: &str) {
        let phone = self.phone.lock().unwrap().unwrap();
        self.udp.send_to(bytes.as_bytes(), phone).unwrap();
    }

    fn serve_datagrams(&self) {
        let mut buffer = [0; 65_536];
        while let Ok((length, from)) = self.udp.recv_from(&mut buffer) {
            *self.phone.lock().unwrap() = Some(from);
            if let Some(answer) = self.handle(&buffer[..length]) {
                self.udp.send_to(answer.as_bytes(), from).unwrap();
            }
        }
    }

    fn serve_connections(&self, listener: &TcpListener) {
        while let Ok((mut stream, _)) = listener.accept() {
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let mut bytes = Vec::new();
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..length]);
                while let Some(message) = take_message(&mut bytes).unwrap() {
                    if let Some(answer) = self.handle(&message) {
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                }
            }
        }
    }

    fn handle(&self, bytes: &[u8]) -> Option<String> {
        let request = match SipMessage::try_from(bytes).ok()? {
            SipMessage::Request(request) => request,
            SipMessage::Response(response) => {
                self.answers.lock().unwrap().push(response.to_string());
                return None;
            }
        };
        let (status, extra) = match request.authorization_header() {
            None => (
                "401 Unauthorized",
                "WWW-Authenticate: Digest realm=\"test\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n"
                    .to_owned(),
            ),
            Some(header) => {
                let authorization = header.typed().unwrap();
                let digest = DigestGenerator::from(&authorization, PASSWORD, &request.method);
                if digest.verify(&authorization.response) {
                    let mut requests = self.requests.lock().unwrap();
                    requests.push(request.clone());
                    ("200 OK", format!("SIP-ETag: tag{}\r\n", requests.len()))
                } else {
                    ("403 Forbidden", String::new())
                }
            }
        };
        let copied: String = request
            .headers
            .iter()
            .filter(|header| {
                matches!(
                    header,
                    Header::Via(_)
                        | Header::From(_)
                        | Header::To(_)
                        | Header::CallId(_)
                        | Header::CSeq(_)
                )
            })
            .map(|header| format!("{header}\r\n"))
            .collect();
        Some(format!(
            "SIP/2.0 {status}\r\n{copied}{extra}Content-Length: 0\r\n\r\n"
        ))
    }
}

fn other(request: &Request, name: &str) -> Option<String> {
    request.headers.iter().find_map(|header| match header {
        Header::Other(other, value) if other.eq_ignore_ascii_case(name) => Some(value.clone()),
        _ => None,
    })
}

/// A MESSAGE as a server would send it.
pub(crate) fn message(branch: &str, text: &str) -> String {
    format!(
        "MESSAGE sip:alice@127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\n\
         From: \"Shopper\" <sip:ticket@test>;tag=f\r\n\
         To: <sip:alice@test>\r\n\
         Call-ID: {branch}\r\n\
         CSeq: 1 MESSAGE\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    )
}
