//! Requests without credentials in the name of every address of 127.0.0.0/8, while honest phones register.
//! Must not know the server's inside.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use examples::forged::Forger;
use examples::server::Server;
use examples::wire::Protocol;

use crate::dice::Dice;
use crate::figures::{Waits, counters, memory};
use crate::say;

const METHODS: [&str; 7] = [
    "REGISTER",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "MESSAGE",
    "INVITE",
    "OPTIONS",
];
/// Of all honest phones together.
const REGISTERS_PER_SECOND: u32 = 50;
const PHONES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
const BATCH: usize = 100;

pub(crate) fn run(program: &str, per_second: usize, seconds: usize) -> anyhow::Result<()> {
    let mut server = Server::start(program)?;
    let is_over = AtomicBool::new(false);
    let mut quiet = Waits::default();
    for user in PHONES {
        let mut phone = server.phone(Protocol::Udp, user)?;
        let begun = Instant::now();
        phone.register(60)?;
        quiet.add(begun.elapsed());
    }
    let before = memory(server.id())?;
    say(&format!(
        "resident memory before: {before} KiB; quiet REGISTER: {}",
        quiet.summary()
    ));
    let (mut waits, mut failed, mut peak, mut sent) = (Waits::default(), 0, before, 0);
    thread::scope(|scope| -> anyhow::Result<()> {
        let (server, is_over) = (&server, &is_over);
        let honest: Vec<_> = PHONES
            .into_iter()
            .map(|user| scope.spawn(move || register(server, user, is_over)))
            .collect();
        let target = server.sip();
        let duration = Duration::from_secs(u64::try_from(seconds)?);
        let attack = scope.spawn(move || {
            let sent = flood(target, per_second, duration);
            is_over.store(true, Ordering::Relaxed);
            sent
        });
        while !is_over.load(Ordering::Relaxed) {
            peak = peak.max(memory(server.id())?);
            thread::sleep(Duration::from_millis(250));
        }
        sent = attack
            .join()
            .map_err(|_| anyhow::anyhow!("the attack failed"))??;
        for phone in honest {
            let (own, own_failed) = phone
                .join()
                .map_err(|_| anyhow::anyhow!("a phone failed"))??;
            waits.merge(own);
            failed += own_failed;
        }
        Ok(())
    })?;
    say(&format!(
        "{sent} requests in {seconds} s from forged addresses"
    ));
    say(&format!(
        "honest REGISTER with its challenge: {}, {failed} failed",
        waits.summary()
    ));
    thread::sleep(Duration::from_secs(60));
    server.check_alive()?;
    let after = memory(server.id())?;
    say(&format!(
        "resident memory at its peak: {peak} KiB (+{} KiB), 60 s after: {after} KiB",
        peak.saturating_sub(before)
    ));
    say(&format!("counters: {}", counters(&server.http())?));
    if server.log().contains("panicked") {
        bail!("the server panicked");
    }
    Ok(())
}

fn register(server: &Server, user: &str, is_over: &AtomicBool) -> anyhow::Result<(Waits, usize)> {
    let phones = u32::try_from(PHONES.len())?;
    let pause = Duration::from_secs(1) * phones / REGISTERS_PER_SECOND;
    let (mut waits, mut failed) = (Waits::default(), 0);
    let mut phone = server.phone(Protocol::Udp, user)?;
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match phone.register(60) {
            Ok(answer) if answer.status_code.code() == 200 => waits.add(begun.elapsed()),
            Ok(_) | Err(_) => failed += 1,
        }
        thread::sleep(pause.saturating_sub(begun.elapsed()));
    }
    Ok((waits, failed))
}

/// Sends until the time is over, and says how many went.
fn flood(server: SocketAddr, per_second: usize, duration: Duration) -> anyhow::Result<usize> {
    let forger = Forger::towards(server)?;
    let (mut dice, mut sent) = (Dice::new(7), 0);
    let begun = Instant::now();
    while begun.elapsed() < duration {
        for _ in 0..BATCH {
            let method = METHODS
                .get(dice.below(METHODS.len()))
                .context("no method")?;
            let source = Ipv4Addr::from_bits(0x7f01_0000 | u32::try_from(dice.below(1 << 23))?);
            let text = request(method, &mut dice);
            forger.send(source, &text)?;
            sent += 1;
        }
        let due = Duration::from_secs_f64(sent as f64 / per_second.max(1) as f64);
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(sent)
}

fn request(method: &str, dice: &mut Dice) -> String {
    let (branch, user) = (dice.roll(), dice.below(100_000));
    format!(
        "{method} sip:shop.example SIP/2.0\r\nVia: SIP/2.0/UDP phone.invalid;branch=z9hG4bK{branch:x};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:u{user}@shop.example>;tag={branch:x}\r\nTo: <sip:u{user}@shop.example>\r\n\
         Call-ID: {branch:x}@phone.invalid\r\nCSeq: 1 {method}\r\nContact: <sip:u{user}@192.0.2.1>\r\n\
         User-Agent: a phone that nobody has\r\nEvent: presence\r\nContent-Length: 0\r\n\r\n"
    )
}
