//! Plain TCP in, TLS out: for programs that do not speak TLS themselves.
//! Must not know what travels through it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::secured::NAME;

/// An open tunnel; its threads end with the program.
#[derive(Debug)]
pub struct Tunnel {
    address: SocketAddr,
}

impl Tunnel {
    /// Listens, and carries each connection to `server`, which has to show `certificate` (PEM).
    ///
    /// # Errors
    /// Where nothing can be listened on or the certificate cannot be read.
    pub fn open(server: SocketAddr, certificate: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for plain in listener.incoming().map_while(Result::ok) {
                let config = Arc::clone(&config);
                // Either end notices by itself when the other is gone.
                thread::spawn(move || carry(plain, server, config));
            }
        });
        Ok(Self { address })
    }

    /// Where to connect in plain TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Carries bytes both ways until either end closes.
fn carry(
    mut plain: TcpStream,
    server: SocketAddr,
    config: Arc<ClientConfig>,
) -> anyhow::Result<()> {
    let mut sealed = TcpStream::connect(server)?;
    let mut connection = ClientConnection::new(config, ServerName::try_from(NAME)?)?;
    for stream in [&plain, &sealed] {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
    }
    let mut buffer = [0; 16_384];
    // What the plain side has not taken yet.
    let mut opened = Vec::new();
    loop {
        let mut wanted = PollFlags::POLLIN;
        wanted.set(PollFlags::POLLOUT, connection.wants_write());
        let mut plain_wanted = PollFlags::POLLIN;
        plain_wanted.set(PollFlags::POLLOUT, !opened.is_empty());
        let mut ends = [
            PollFd::new(sealed.as_fd(), wanted),
            PollFd::new(plain.as_fd(), plain_wanted),
        ];
        poll(&mut ends, PollTimeout::NONE)?;
        if let Some(length) = ready(connection.read_tls(&mut sealed))? {
            if length == 0 {
                return Ok(());
            }
            connection.process_new_packets()?;
            while let Some(length) = ready(connection.reader().read(&mut buffer))? {
                if length == 0 {
                    return Ok(());
                }
                opened.extend(buffer.iter().take(length));
            }
        }
        if let Some(length) = ready(plain.read(&mut buffer))? {
            if length == 0 {
                return Ok(());
            }
            connection
                .writer()
                .write_all(buffer.get(..length).unwrap_or_default())?;
        }
        while connection.wants_write() && ready(connection.write_tls(&mut sealed))?.is_some() {}
        if !opened.is_empty()
            && let Some(length) = ready(plain.write(&opened))?
        {
            opened.drain(..length);
        }
    }
}

/// Nothing where the stream has nothing or takes nothing.
fn ready(done: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match done {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
