//! Connections with TLS or WebSocket around them. Must not know what the messages mean.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

use super::wire::{Streams, wait};

/// A TLS connection whose peer may be anybody.
pub(crate) struct Secured(StreamOwned<ClientConnection, TcpStream>);

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl AsFd for Secured {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.sock.as_fd()
    }
}

/// Connects by TLS.
pub(crate) fn connect(server: SocketAddr, count: usize) -> anyhow::Result<Streams<Secured>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let config = Arc::new(config);
    Streams::new(count, || {
        let mut stream = dial(server)?;
        let mut session = ClientConnection::new(config.clone(), server.ip().into())?;
        while session.is_handshaking() {
            session
                .complete_io(&mut stream)
                .context("failed to agree on TLS")?;
        }
        stream.set_nonblocking(true)?;
        Ok(Secured(StreamOwned::new(session, stream)))
    })
}

/// The certificates of servers under load are made for the occasion.
#[derive(Debug)]
struct Anybody(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Connections that carry one message in each WebSocket frame (RFC 7118 §5).
pub(crate) struct Upgraded {
    sockets: Vec<WebSocket<TcpStream>>,
    outgoing: Vec<(usize, Vec<u8>)>,
}

/// Connects and upgrades.
pub(crate) fn upgrade(server: SocketAddr, count: usize) -> anyhow::Result<Upgraded> {
    let open = || {
        let mut request = format!("ws://{server}/sip").into_client_request()?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
        let (socket, _) = tungstenite::client(request, dial(server)?)
            .map_err(|error| anyhow::anyhow!("failed to upgrade to WebSocket: {error}"))?;
        socket.get_ref().set_nonblocking(true)?;
        Ok(socket)
    };
    let sockets: anyhow::Result<Vec<_>> = (0..count.max(1)).map(|_| open()).collect();
    Ok(Upgraded {
        sockets: sockets?,
        outgoing: Vec::new(),
    })
}

impl Upgraded {
    pub(super) fn push(&mut self, lane: usize, message: &[u8]) {
        let lane = lane % self.sockets.len();
        self.outgoing.push((lane, message.to_vec()));
    }

    /// What a socket does not take at once it keeps, and takes with the next.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        for (lane, message) in self.outgoing.drain(..) {
            if let Some(socket) = self.sockets.get_mut(lane) {
                done(socket.write(Message::binary(message)))?;
            }
        }
        self.sockets
            .iter_mut()
            .try_for_each(|socket| done(socket.flush()))
    }

    pub(super) fn receive(&mut self, mut show: impl FnMut(&[u8])) -> anyhow::Result<()> {
        for socket in &mut self.sockets {
            loop {
                match socket.read() {
                    Ok(Message::Text(text)) => show(text.as_bytes()),
                    Ok(Message::Binary(bytes)) => show(&bytes),
                    Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                    Ok(Message::Close(_)) => anyhow::bail!("the server closed a connection"),
                    Err(error) => {
                        done(Err(error))?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn wait(&self, time: Duration) -> anyhow::Result<()> {
        let sockets: Vec<_> = self.sockets.iter().map(|it| it.get_ref().as_fd()).collect();
        wait(&sockets, Some(time))
    }
}

/// A socket that is not ready is no fault.
fn done(result: Result<(), Error>) -> anyhow::Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn dial(server: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(server).context("failed to connect")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
