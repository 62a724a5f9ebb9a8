//! Broken datagrams and half-open connections from many addresses, while a real softphone publishes.
//! Must not know the server's inside.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use examples::peer::baresip::Baresip;
use examples::peer::{self};
use examples::server::Server;
use examples::site::Site;
use examples::wire;

use crate::dice::Dice;
use crate::figures::{Waits, counters, memory, metric};
use crate::say;

const SOURCES: usize = 1000;
/// As many as may have a message half sent.
const CONNECTIONS_PER_SOURCE: usize = 16;
const LIMIT: Duration = Duration::from_secs(10);
/// A phone sends again what is not answered by then (RFC 3261 §17.1.2.2).
const IN_TIME: Duration = Duration::from_millis(500);

pub(crate) fn run(program: &str, datagrams: usize, connections: usize) -> anyhow::Result<()> {
    let mut server = Server::start(program)?;
    let baresip = peer::find("baresip").context("baresip is not installed")?;
    let alice = server.rep("alice")?;
    let mut phone = Baresip::start(&baresip, server.sip(), &alice.user, &alice.password)?;
    phone.wait_registered()?;
    let site = Site::new(server.http(), "shop");
    site.wait_state("cameras", "available", LIMIT)?;
    let before = memory(server.id())?;
    say(&format!("resident memory before: {before} KiB"));

    let is_over = AtomicBool::new(false);
    let mut waits = Waits::default();
    let mut peak = before;
    thread::scope(|scope| {
        let (target, process, is_over) = (server.sip(), server.id(), &is_over);
        let attack = scope.spawn(move || {
            let begun = Instant::now();
            let strangers = half_open(target, connections);
            let opened = begun.elapsed();
            let sent = strangers.and_then(|strangers| {
                say(&format!(
                    "{} connections half open in {opened:?}",
                    strangers.len()
                ));
                let begun = Instant::now();
                broken_datagrams(target, datagrams)?;
                say(&format!(
                    "{datagrams} broken datagrams in {:?}",
                    begun.elapsed()
                ));
                Ok(strangers)
            });
            is_over.store(true, Ordering::Relaxed);
            sent
        });
        let mut seen = 0;
        while !is_over.load(Ordering::Relaxed) {
            for (state, is_online) in [("closed", false), ("available", true)] {
                let begun = Instant::now();
                match is_online {
                    true => phone.go_online()?,
                    false => phone.go_offline()?,
                }
                site.wait_state("cameras", state, LIMIT)?;
                waits.add(begun.elapsed());
                peak = peak.max(memory(process)?);
                seen = seen.max(metric(&server.http(), "deskbell_sip_connections")?);
                thread::sleep(Duration::from_millis(50));
            }
        }
        say(&format!(
            "connections open at a time, as the server counts: {seen}"
        ));
        match attack.join() {
            Ok(strangers) => strangers.map(drop),
            Err(_) => bail!("the attack failed"),
        }
    })?;
    say(&format!(
        "baresip's changes, from its keyboard to the web page (sent again after {IN_TIME:?}): {}",
        waits.summary()
    ));
    thread::sleep(Duration::from_secs(20));
    server.check_alive()?;
    let after = memory(server.id())?;
    let open = metric(&server.http(), "deskbell_sip_connections")?;
    say(&format!(
        "resident memory at its peak: {peak} KiB, 20 s after: {after} KiB; {open} connections open"
    ));
    say(&format!("counters: {}", counters(&server.http())?));
    let panics = server.log().matches("panicked").count();
    say(&format!("panics: {panics}"));
    if panics > 0 {
        bail!("the server panicked");
    }
    Ok(())
}

/// Connections that begin a message and do not go on.
fn half_open(server: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut strangers = Vec::new();
    for n in 0..count {
        let source = address(n / CONNECTIONS_PER_SOURCE);
        // The server may have closed it by now.
        if let Ok(mut stranger) = wire::connect_from(SocketAddr::from((source, 0)), server) {
            let begun = stranger.write_all(b"REGISTER sip:shop.example SIP/2.0\r\nVia: ");
            if begun.is_ok() {
                strangers.push(stranger);
            }
        }
    }
    Ok(strangers)
}

fn broken_datagrams(server: SocketAddr, count: usize) -> anyhow::Result<()> {
    let fixtures = fixtures()?;
    let sockets: Vec<UdpSocket> = (0..SOURCES)
        .map(|n| UdpSocket::bind((address(n), 0)))
        .collect::<Result<_, _>>()?;
    let mut dice = Dice::new(3);
    for n in 0..count {
        let fixture = fixtures
            .get(dice.below(fixtures.len()))
            .context("no fixtures")?;
        let broken = broken(fixture, &mut dice);
        let socket = sockets.get(n % SOURCES).context("no sockets")?;
        socket.send_to(&broken, server)?;
        if n % 50 == 0 {
            // About 10,000 a second.
            thread::sleep(Duration::from_millis(4));
        }
    }
    Ok(())
}

/// 127.0.1.1 and those after it.
fn address(n: usize) -> Ipv4Addr {
    let n = u32::try_from(n).unwrap_or(0);
    Ipv4Addr::from_bits(0x7f00_0101 + n + n / 250 * 6)
}

/// Every message of the fixtures' folders.
fn fixtures() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip-fixtures")];
    let mut messages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "sip") {
                messages.push(std::fs::read(path)?);
            }
        }
    }
    messages.sort();
    Ok(messages)
}

fn broken(message: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.byte();
                }
            }
            2 => bytes.insert(at, dice.byte()),
            3 => {
                let end = (at + dice.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let end = (at + dice.below(200)).min(bytes.len());
                let piece = bytes.get(at..end).unwrap_or_default().to_vec();
                let place = dice.below(bytes.len());
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes.truncate(60_000);
    bytes
}
