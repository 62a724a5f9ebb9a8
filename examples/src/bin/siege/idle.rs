//! Connections that say nothing, and some that say one byte a second, opened again as often as the server closes them,
//! while new phones log in over TCP. Must not know the server's inside.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use examples::server::Server;
use examples::wire::{self, Protocol};

use crate::figures::{Waits, counters, memory, metric};
use crate::say;

/// As many as one source may have that has a message half sent.
const PER_SOURCE: usize = 16;
const SLOW: usize = 500;
const PHONES: usize = 100;
const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
const MESSAGE: &[u8] =
    b"REGISTER sip:shop.example SIP/2.0\r\nVia: SIP/2.0/TCP phone.invalid;branch=z9hG4bKslow\r\n";
/// Within it every descriptor has to be given back.
const GRACE: Duration = Duration::from_secs(30);

pub(crate) fn run(program: &str, idle: usize, seconds: usize) -> anyhow::Result<()> {
    let mut server = Server::start(program)?;
    // The first login makes the server open what it keeps open.
    server.phone(Protocol::Tcp, "alice")?.register(60)?;
    thread::sleep(Duration::from_secs(1));
    let (before, base) = (memory(server.id())?, descriptors(server.id())?);
    say(&format!(
        "resident memory before: {before} KiB, {base} descriptors"
    ));
    let (is_over, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut waits, mut failed, mut peak, mut most) = (Waits::default(), 0, before, 0);
    thread::scope(|scope| -> anyhow::Result<()> {
        let (target, is_over, opened) = (server.sip(), &is_over, &opened);
        let attack = scope.spawn(move || besiege(target, idle, is_over, opened));
        while opened.load(Ordering::Relaxed) < idle && !attack.is_finished() {
            thread::sleep(Duration::from_millis(50));
        }
        let pause = Duration::from_secs(u64::try_from(seconds)?) / u32::try_from(PHONES)?;
        for user in USERS.into_iter().cycle().take(PHONES) {
            let begun = Instant::now();
            let registered = server
                .phone(Protocol::Tcp, user)
                .and_then(|mut phone| phone.register(60));
            match registered {
                Ok(answer) if answer.status_code.code() == 200 => waits.add(begun.elapsed()),
                Ok(_) | Err(_) => failed += 1,
            }
            peak = peak.max(memory(server.id())?);
            most = most.max(metric(&server.http(), "deskbell_sip_connections")?);
            thread::sleep(pause.saturating_sub(begun.elapsed()));
        }
        is_over.store(true, Ordering::Relaxed);
        match attack.join() {
            Ok(done) => done,
            Err(_) => bail!("the attack failed"),
        }
    })?;
    say(&format!(
        "{} connections opened in all, {most} open at a time as the server counts",
        opened.load(Ordering::Relaxed)
    ));
    say(&format!(
        "new phones, from connecting to their 200: {}, {failed} failed",
        waits.summary()
    ));
    let closed = Instant::now();
    let mut left = descriptors(server.id())?;
    while left > base && closed.elapsed() < GRACE {
        thread::sleep(Duration::from_millis(100));
        left = descriptors(server.id())?;
    }
    say(&format!("{left} descriptors {:?} after", closed.elapsed()));
    thread::sleep(GRACE.saturating_sub(closed.elapsed()));
    say(&format!(
        "resident memory at its peak: {peak} KiB, {GRACE:?} after: {} KiB",
        memory(server.id())?
    ));
    say(&format!("counters: {}", counters(&server.http())?));
    server.check_alive()?;
    if failed > 0 || left > base || server.log().contains("panicked") {
        bail!("{failed} phones failed, {left} descriptors of {base} are left");
    }
    Ok(())
}

/// Holds as many connections open as were wished for, until it is over.
fn besiege(
    server: SocketAddr,
    idle: usize,
    is_over: &AtomicBool,
    opened: &AtomicUsize,
) -> anyhow::Result<()> {
    let mut held: Vec<Option<TcpStream>> = (0..idle + SLOW).map(|_| None).collect();
    let mut written = 0;
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        for (n, place) in held.iter_mut().enumerate() {
            if place.as_ref().is_none_or(is_closed) {
                let source = SocketAddr::from((address(n / PER_SOURCE), 0));
                // The server may be turning everybody away at this moment.
                *place = wire::connect_from(source, server).ok();
                opened.fetch_add(usize::from(place.is_some()), Ordering::Relaxed);
            }
        }
        let byte = MESSAGE
            .get(written % MESSAGE.len())
            .copied()
            .unwrap_or(b'a');
        written += 1;
        for stream in held.iter().skip(idle).flatten() {
            // One that the server has closed meanwhile is opened again by the next round.
            if (&*stream).write(&[byte]).is_err() {
                continue;
            }
        }
        thread::sleep(Duration::from_secs(1).saturating_sub(begun.elapsed()));
    }
    Ok(())
}

fn is_closed(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    match (&mut &*stream).read(&mut [0; 16]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// 127.0.1.1 and those after it.
fn address(n: usize) -> Ipv4Addr {
    let n = u32::try_from(n).unwrap_or(0);
    Ipv4Addr::from_bits(0x7f00_0101 + n + n / 250 * 6)
}

fn descriptors(process: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{process}/fd"))?.count())
}
