//! `deskbell serve` with a TLS listener: a phone over TLS, and certificates that change under it.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use examples::unique::Folder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const LIMIT: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"
[sip]
domain = "shop.example"
listen = ["tls://127.0.0.1:0"]
[sip.tls]
certificate = "sip.crt"
key = "sip.key"
[http]
listen = "127.0.0.1:0"
[[rep]]
id = "alice"
password = "correct horse"
skills = {}
"#;

/// A running `deskbell serve`; killed when dropped.
struct Server {
    child: Child,
    log: Receiver<String>,
    folder: Folder,
}

impl Server {
    fn start() -> (Self, String, SocketAddr) {
        let folder = Folder::new("tls").unwrap();
        let certificate = write_certificate(&folder);
        let config = folder.write("deskbell.toml", CONFIG).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_deskbell"))
            .args(["serve", "--config"])
            .arg(config)
            .env("DESKBELL_LOG", "info")
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = sync_channel(1000);
        thread::spawn(move || {
            for line in screen.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let server = Self { child, log, folder };
        let line = server.wait_log("protocol=\"TLS\"");
        let address = line.rsplit("address=").next().unwrap().trim();
        let address = address.parse().unwrap();
        server.wait_log("listening for HTTP");
        (server, certificate, address)
    }

    /// The next line of the log that holds this text.
    fn wait_log(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(LIMIT).unwrap();
            if line.contains(text) {
                return line;
            }
        }
    }

    fn reload(&self) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGHUP).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new certificate in the server's folder, which is its own authority.
fn write_certificate(folder: &Folder) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    folder.write("sip.crt", &certificate).unwrap();
    folder
        .write("sip.key", &made.signing_key.serialize_pem())
        .unwrap();
    certificate
}

type Phone = StreamOwned<ClientConnection, TcpStream>;

/// Connects as somebody who believes this certificate alone.
fn connect(server: SocketAddr, certificate: &str) -> Phone {
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
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    StreamOwned::new(connection, stream)
}

/// The answer to an OPTIONS, or what went wrong on the way to it.
fn ask(phone: &mut Phone, branch: &str) -> std::io::Result<String> {
    write!(
        phone,
        "OPTIONS sip:shop.example SIP/2.0\r\nVia: SIP/2.0/TLS phone.invalid;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@shop.example>;tag=a\r\nTo: <sip:shop.example>\r\n\
         Call-ID: {branch}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        let length = phone.read(&mut piece)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(piece.get(..length).unwrap());
    }
    Ok(String::from_utf8(answer).unwrap())
}

#[test]
fn a_new_certificate_is_shown_after_a_reload_and_a_bad_one_changes_nothing() {
    let (server, before, address) = Server::start();
    let mut old = connect(address, &before);
    let answer = ask(&mut old, "one").unwrap();
    assert!(answer.starts_with("SIP/2.0 "), "{answer}");

    let after = write_certificate(&server.folder);
    server.reload();
    server.wait_log("the new configuration is in force");
    assert!(ask(&mut connect(address, &before), "two").is_err());
    let mut new = connect(address, &after);
    ask(&mut new, "three").unwrap();

    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    server.folder.write("sip.key", &key).unwrap();
    server.reload();
    let told = server.wait_log("the old configuration stays in force");
    let why = server.wait_log("does not belong to the certificate");
    assert!(why.contains("deskbell.toml:7:7"), "{told} {why}");
    ask(&mut connect(address, &after), "four").unwrap();

    // None of it has touched the connections that were open.
    ask(&mut old, "five").unwrap();
    ask(&mut new, "six").unwrap();
    assert!(fs::exists(server.folder.path().join("deskbell.db")).unwrap());
}

/// The first bytes that a client sends.
fn client_hello() -> Vec<u8> {
    let roots = RootCertStore::empty();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("shop.example").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

/// What the server says to these bytes, sent one after the other, before it closes or hears that no more come.
fn provoke(server: SocketAddr, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    for piece in pieces {
        // It may have heard enough before the end.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    // A server that wants no more may be gone: what counts is what it said until then.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Security row H20. Scale: every byte of a ClientHello, and 600 beginnings of random bytes instead of 10,000.
#[test]
fn no_hello_however_it_is_cut_or_broken_harms_the_server() {
    const HANDSHAKE: u8 = 0x16;
    const ALERT: u8 = 0x15;
    let (mut server, certificate, address) = Server::start();
    let hello = client_hello();
    for cut in 1..hello.len() {
        let (one, other) = hello.split_at(cut);
        let answer = provoke(address, &[one, other]);
        assert_eq!(answer.first(), Some(&HANDSHAKE), "cut at {cut}");
        // RUSTSEC-2024-0399: the handshake message itself in two records.
        let (head, body) = hello.split_at(5);
        if let Some((one, other)) = body.split_at_checked(cut).filter(|_| cut % 8 == 0) {
            let record = |part: &[u8]| {
                let length = u16::try_from(part.len()).unwrap().to_be_bytes();
                [head.get(..3).unwrap(), &length, part].concat()
            };
            let answer = provoke(address, &[&record(one), &record(other)]);
            assert_eq!(answer.first(), Some(&HANDSHAKE), "in two records at {cut}");
        }
    }
    // RUSTSEC-2024-0336: close_notify before, within and after the hello.
    let close_notify: &[u8] = &[ALERT, 3, 3, 0, 2, 1, 0];
    provoke(address, &[close_notify]);
    for cut in (1..hello.len()).step_by(16) {
        provoke(address, &[hello.get(..cut).unwrap(), close_notify]);
    }
    provoke(address, &[&hello, close_notify]);
    provoke(address, &[&hello, close_notify, close_notify, &hello]);
    let mut dice = 0x9e37_79b9_u32;
    for round in 0..600_u32 {
        let mut bytes = Vec::new();
        while bytes.len() < 64 {
            dice ^= dice << 13;
            dice ^= dice >> 17;
            dice ^= dice << 5;
            bytes.extend(dice.to_le_bytes());
        }
        // Half of them are records, a quarter a hello with one byte changed.
        if round % 2 == 0 {
            bytes.splice(..5, [HANDSHAKE, 3, 1, 0, 59]);
        }
        if round % 4 == 1 {
            let place = dice as usize % hello.len();
            bytes.clone_from(&hello);
            *bytes.get_mut(place).unwrap() ^= dice.to_le_bytes()[0] | 1;
        }
        provoke(address, &[&bytes]);
    }
    ask(&mut connect(address, &certificate), "after").unwrap();
    assert!(server.child.try_wait().unwrap().is_none());
    for line in server.log.try_iter() {
        assert!(!line.contains("panic"), "{line}");
    }
}
