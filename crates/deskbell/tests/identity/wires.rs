//! SIP over UDP, TCP, TLS and WebSocket as bytes, from any address of this machine. Must not know what is said.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use examples::serve::Serve;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What travels how.
pub(crate) enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Ws(TcpStream),
}

impl Wire {
    /// Over UDP from this address of the machine.
    pub(crate) fn udp_from(source: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((source, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self::Udp(socket)
    }

    pub(crate) fn udp(server: &Serve) -> Self {
        Self::udp_from(Ipv4Addr::LOCALHOST, server.sip_at("udp").unwrap())
    }

    pub(crate) fn tcp(server: &Serve) -> Self {
        Self::Tcp(connect(server.sip_at("tcp").unwrap()))
    }

    /// As somebody who believes this certificate alone.
    pub(crate) fn tls(server: &Serve, certificate: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("shop.example").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = connect(server.sip_at("tls").unwrap());
        Self::Tls(Box::new(StreamOwned::new(connection, stream)))
    }

    pub(crate) fn ws(server: &Serve) -> Self {
        let address = server.sip_at("ws").unwrap();
        let mut stream = connect(address);
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: sip\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        Self::Ws(stream)
    }

    /// As a Via names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Udp(_) => "UDP",
            Self::Tcp(_) => "TCP",
            Self::Tls(_) => "TLS",
            Self::Ws(_) => "WS",
        }
    }

    pub(crate) fn send(&mut self, text: &str) {
        let bytes = text.as_bytes();
        match self {
            Self::Udp(socket) => {
                socket.send(bytes).unwrap();
            }
            Self::Tcp(stream) => stream.write_all(bytes).unwrap(),
            Self::Tls(stream) => stream.write_all(bytes).unwrap(),
            Self::Ws(stream) => {
                // A mask of zeros is a mask (RFC 6455 §5.3).
                let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                let mut frame = vec![0x81, 0x80 | 126];
                frame.extend(length);
                frame.extend([0; 4]);
                frame.extend(bytes);
                stream.write_all(&frame).unwrap();
            }
        }
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> String {
        let bytes = match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 65_536];
                let length = socket.recv(&mut buffer).unwrap();
                buffer.truncate(length);
                buffer
            }
            Self::Tcp(stream) => read_message(stream),
            Self::Tls(stream) => read_message(stream),
            Self::Ws(stream) => read_frame(stream),
        };
        String::from_utf8(bytes).unwrap()
    }
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn read_message(stream: &mut impl Read) -> Vec<u8> {
    let mut message = Vec::new();
    while !message.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        message.extend(byte);
    }
    let head = String::from_utf8_lossy(&message).to_ascii_lowercase();
    let length = head.lines().find_map(|line| {
        let value = line.strip_prefix("content-length:")?;
        value.trim().parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    message.extend(body);
    message
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut length = usize::from(head[1]);
    if length == 126 {
        let mut long = [0; 2];
        stream.read_exact(&mut long).unwrap();
        length = usize::from(u16::from_be_bytes(long));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).unwrap();
    frame
}
