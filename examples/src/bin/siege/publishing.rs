//! Publishes from many phones over UDP as fast as a server answers, and subscribes: what keeping costs, and how long a
//! restart with much on record takes. The same load can be put on another SIP server. Must not know the server's inside.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use examples::document::{Activity, Basic, pidf};
use examples::peer::postgres::Postgres;
use examples::serve::Serve;
use examples::wire::Protocol;
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};

use crate::figures::{Waits, memory};
use crate::say;

/// Requests that may be without an answer at once: enough to keep a server busy, and fewer than make it shed load.
const WINDOW: usize = 500;

/// A request that is not answered by then is sent again, and again after twice the time (RFC 3261 §17.1.2.2).
const REPEAT: Duration = Duration::from_millis(500);

/// A request that is not answered by then is counted as lost.
const PATIENCE: Duration = Duration::from_secs(32);

const PUBLICATIONS: usize = 100_000;
const SUBSCRIPTIONS: usize = 10_000;

/// Publishes at any server for a while: each phone once, as far as there are phones, then refreshes.
pub(crate) fn at(address: &str, seconds: u64) -> anyhow::Result<()> {
    let address: SocketAddr = address.parse().context("ADDRESS is IP:PORT")?;
    let mut crowd = Crowd::new(address, "shop.example")?;
    crowd.publish_and_refresh(Duration::from_secs(seconds))
}

/// Which databases are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Databases {
    Both,
    Sqlite,
    Postgres,
}

/// Strict publications a second, and a restart with 100,000 of them and 10,000 subscriptions, over each database. Memory
/// is looked at after `settling` seconds; what a server keeps of a request for its repetitions is gone after 32 (RFC 3261
/// §17.2.2, Timer J).
pub(crate) fn run(
    program: &str,
    seconds: u64,
    databases: Databases,
    settling: u64,
) -> anyhow::Result<()> {
    let (seconds, settling) = (Duration::from_secs(seconds), Duration::from_secs(settling));
    if databases != Databases::Postgres {
        say("SQLite");
        over(program, "sqlite:deskbell.db", seconds, settling)?;
    }
    if databases != Databases::Sqlite {
        let postgres = Postgres::start()?.context("PostgreSQL is not installed")?;
        say("PostgreSQL");
        over(program, &postgres.create("deskbell")?, seconds, settling)?;
    }
    Ok(())
}

fn over(program: &str, url: &str, seconds: Duration, settling: Duration) -> anyhow::Result<()> {
    let mut server = Serve::start(program, &configuration(url))?;
    say(&format!("begun: resident {} KiB", memory(server.id())?));
    let mut crowd = Crowd::new(server.sip(Protocol::Udp)?, "shop.example")?;
    crowd.publish_and_refresh(seconds)?;
    crowd.publish(PUBLICATIONS.saturating_sub(crowd.number))?;
    crowd.answer_for(settling)?;
    let published = memory(server.id())?;
    // As many requests and NOTIFYs, of which nothing stays: what the allocator keeps of them for the next ones is no
    // part of a subscription.
    crowd.fetch(SUBSCRIPTIONS)?;
    crowd.answer_for(settling)?;
    let before = memory(server.id())?;
    let subscribing = Instant::now();
    let subscribed = crowd.subscribe(SUBSCRIPTIONS)?;
    let subscribing = subscribing.elapsed();
    let at_once = memory(server.id())?;
    // Behind the answers what is told is kept within a moment.
    crowd.answer_for(settling)?;
    let after = memory(server.id())?;
    let each = |later: u64| {
        let bytes = later.saturating_sub(before) * 1024;
        bytes / u64::try_from(subscribed.max(1)).unwrap_or(1)
    };
    say(&format!(
        "{} publications: resident {published} KiB; {SUBSCRIPTIONS} fetches and nothing kept: {before} KiB; {subscribed} subscriptions more (in {subscribing:.1?}): {at_once} KiB, \
         {} bytes for each; once everything about their requests is forgotten: {after} KiB, {} for each",
        crowd.number,
        each(at_once),
        each(after)
    ));
    server.crash()?;
    let began = Instant::now();
    server.restart()?;
    let http = server.http()?;
    while http.get("/readyz").map_or(0, |answer| answer.status) != 200 {
        if began.elapsed() > Duration::from_secs(120) {
            bail!("it does not come back");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let ready = began.elapsed();
    say(&format!(
        "killed and started again: ready after {ready:.2?}, resident {} KiB",
        memory(server.id())?
    ));
    let took = server.log();
    for line in took.lines().filter(|line| line.contains("are back")) {
        say(line);
    }
    let told = crowd.answer_for(Duration::from_secs(5))?;
    let refreshed = crowd.refresh(1_000)?;
    say(&format!(
        "of 1000 phones {refreshed} refreshed by their old tags; {told} NOTIFYs came since; resident {} KiB",
        memory(server.id())?
    ));
    Ok(())
}

fn configuration(url: &str) -> String {
    format!(
        "[sip]\ndomain = \"shop.example\"\naliases = [\"127.0.0.1\"]\nlisten = [\"udp://127.0.0.1:0\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\
         [storage]\nurl = \"{url}\"\ndurability = \"strict\"\n\
         [[skill]]\nid = \"cameras\"\n[[site]]\nid = \"shop\"\n\
         [[rep]]\nid = \"alice\"\npassword = \"secret\"\nskills = {{ cameras = 90 }}\n\
         [dangerous]\nopen_domain = true\n"
    )
}

/// Many phones behind one socket.
struct Crowd {
    socket: UdpSocket,
    local: SocketAddr,
    domain: String,
    /// Phones that have published.
    number: usize,
    /// A user and the entity-tag of its publication, those given last behind.
    tags: VecDeque<String>,
    buffer: Vec<u8>,
    notified: u64,
    /// Requests sent once more, because either side's socket had no room.
    repeated: u64,
}

/// A request without an answer.
struct Sent {
    text: String,
    begun: Instant,
    repeat_at: Instant,
    pause: Duration,
}

/// What is asked again and again.
enum Request {
    Publish,
    Refresh(String),
    Subscribe,
    /// A SUBSCRIBE that ends at once.
    Fetch,
}

impl Crowd {
    fn new(server: SocketAddr, domain: &str) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        // As much as a window of answers and NOTIFYs takes; the system grants less where it must.
        setsockopt(&socket, RcvBuf, &(8 * 1024 * 1024))?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            domain: domain.to_owned(),
            number: 0,
            tags: VecDeque::new(),
            buffer: vec![0; 65_536],
            notified: 0,
            repeated: 0,
        })
    }

    /// First publications for a while, or until there are as many as [`PUBLICATIONS`], then refreshes for as long.
    fn publish_and_refresh(&mut self, time: Duration) -> anyhow::Result<()> {
        let number = self.number;
        let began = Instant::now();
        let first = |asked: usize| number + asked < PUBLICATIONS && began.elapsed() < time;
        self.measure("first publications", |asked, _| {
            first(asked).then_some(Request::Publish)
        })?;
        let began = Instant::now();
        self.measure("refreshes", |_, tags| {
            let tag = (began.elapsed() < time).then(|| tags.pop_front());
            tag.flatten().map(Request::Refresh)
        })
    }

    fn measure(
        &mut self,
        what: &str,
        next: impl FnMut(usize, &mut VecDeque<String>) -> Option<Request>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let repeated_before = self.repeated;
        let mut waits = Waits::default();
        let (good, bad, lost) = self.ask(next, &mut waits)?;
        let seconds = began.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(good)?) / seconds;
        say(&format!(
            "{what}: {rate:.0} a second ({good} in {seconds:.1} s, {bad} refused, {lost} lost, {} repeated), {}",
            self.repeated - repeated_before,
            waits.summary()
        ));
        Ok(())
    }

    fn publish(&mut self, many: usize) -> anyhow::Result<()> {
        let asked = |number, _: &mut _| (number < many).then_some(Request::Publish);
        let (_, bad, lost) = self.ask(asked, &mut Waits::default())?;
        if bad + lost > 0 {
            bail!("of {many} publications {bad} were refused and {lost} not answered");
        }
        Ok(())
    }

    fn subscribe(&mut self, many: usize) -> anyhow::Result<usize> {
        let asked = |number, _: &mut _| (number < many).then_some(Request::Subscribe);
        let (good, _, _) = self.ask(asked, &mut Waits::default())?;
        Ok(good)
    }

    fn fetch(&mut self, many: usize) -> anyhow::Result<()> {
        let asked = |number, _: &mut _| (number < many).then_some(Request::Fetch);
        self.ask(asked, &mut Waits::default())?;
        Ok(())
    }

    /// How many of so many phones are still known by their tags.
    fn refresh(&mut self, many: usize) -> anyhow::Result<usize> {
        let asked = |number, tags: &mut VecDeque<String>| {
            let tag = (number < many).then(|| tags.pop_front());
            tag.flatten().map(Request::Refresh)
        };
        let (good, _, _) = self.ask(asked, &mut Waits::default())?;
        Ok(good)
    }

    /// Answers NOTIFYs; says how many came.
    fn answer_for(&mut self, time: Duration) -> anyhow::Result<u64> {
        let (began, before) = (Instant::now(), self.notified);
        while began.elapsed() < time {
            self.receive()?;
        }
        Ok(self.notified - before)
    }

    /// Asks until `next` gives nothing more; says how many were answered well, refused and not answered.
    fn ask(
        &mut self,
        mut next: impl FnMut(usize, &mut VecDeque<String>) -> Option<Request>,
        waits: &mut Waits,
    ) -> anyhow::Result<(usize, usize, usize)> {
        let mut sent: Vec<Option<Sent>> = Vec::new();
        let (mut good, mut bad, mut lost, mut open, mut oldest) = (0, 0, 0, 0, 0);
        let mut look_at = Instant::now() + REPEAT;
        let run = examples::unique::token();
        loop {
            while open < WINDOW
                && let Some(request) = next(sent.len(), &mut self.tags)
            {
                let text = self.text(&request, &run, sent.len());
                self.socket.send(text.as_bytes())?;
                let begun = Instant::now();
                sent.push(Some(Sent {
                    text,
                    begun,
                    repeat_at: begun + REPEAT,
                    pause: REPEAT,
                }));
                open += 1;
            }
            if open == 0 {
                return Ok((good, bad, lost));
            }
            if let Some(answer) = self.receive()?
                && answer.run == run
                && let Some(request) = sent.get_mut(answer.number).and_then(Option::take)
            {
                open -= 1;
                waits.add(request.begun.elapsed());
                match answer.code {
                    200..300 => {
                        good += 1;
                        if let Some(tag) = answer.tag {
                            self.tags.push_back(tag);
                        }
                    }
                    _ => bad += 1,
                }
            }
            let now = Instant::now();
            if now < look_at {
                continue;
            }
            look_at = now + REPEAT / 10;
            while sent.get(oldest).is_some_and(Option::is_none) {
                oldest += 1;
            }
            for place in sent.iter_mut().skip(oldest) {
                let Some(request) = place else {
                    continue;
                };
                if now.duration_since(request.begun) > PATIENCE {
                    *place = None;
                    lost += 1;
                    open -= 1;
                } else if request.repeat_at <= now {
                    request.pause *= 2;
                    request.repeat_at = now + request.pause;
                    self.socket.send(request.text.as_bytes())?;
                    self.repeated += 1;
                }
            }
        }
    }

    fn text(&mut self, request: &Request, run: &str, number: usize) -> String {
        let (local, domain) = (self.local, &self.domain);
        let user = match request {
            Request::Publish => {
                self.number += 1;
                self.number
            }
            // A tag names its publication only within its user.
            Request::Refresh(tag) => tag
                .split_once(' ')
                .map_or(0, |(user, _)| user.parse().unwrap_or_default()),
            Request::Subscribe | Request::Fetch => 1 + number % 1_000,
        };
        let (method, target) = match request {
            Request::Publish | Request::Refresh(_) => ("PUBLISH", user),
            Request::Subscribe | Request::Fetch => ("SUBSCRIBE", user),
        };
        let from = match request {
            Request::Publish | Request::Refresh(_) => format!("user{user}"),
            Request::Subscribe | Request::Fetch => format!("watcher{number}"),
        };
        let (extra, body) = match request {
            Request::Publish => {
                let entity = format!("sip:user{user}@{domain}");
                let body = pidf(&entity, Basic::Open, Activity::None);
                let extra = "Expires: 3600\r\nContent-Type: application/pidf+xml\r\n".to_owned();
                (extra, body)
            }
            Request::Refresh(tag) => {
                let tag = tag.split_once(' ').map_or("", |(_, tag)| tag);
                let extra = format!("Expires: 3600\r\nSIP-If-Match: {tag}\r\n");
                (extra, String::new())
            }
            Request::Subscribe | Request::Fetch => {
                let expires = match request {
                    Request::Fetch => 0,
                    Request::Publish | Request::Refresh(_) | Request::Subscribe => 3600,
                };
                let extra = format!(
                    "Expires: {expires}\r\nAccept: application/pidf+xml\r\nContact: <sip:{from}@{local}>\r\n"
                );
                (extra, String::new())
            }
        };
        format!(
            "{method} sip:user{target}@{domain} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK{run}.{number}.{user};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@{domain}>;tag={run}{number}\r\n\
             To: <sip:user{target}@{domain}>\r\nCall-ID: {run}.{number}\r\nCSeq: 1 {method}\r\nEvent: presence\r\n\
             {extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// The next answer, if there is one by now; NOTIFYs are answered on the way.
    fn receive(&mut self) -> anyhow::Result<Option<Answered>> {
        let length = match self.socket.recv(&mut self.buffer) {
            Ok(length) => length,
            Err(_) => return Ok(None),
        };
        let message = self.buffer.get(..length).unwrap_or_default();
        let message = String::from_utf8_lossy(message);
        let header = |name: &str| {
            message
                .lines()
                .take_while(|line| !line.is_empty())
                .filter_map(|line| line.split_once(':'))
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        if message.starts_with("NOTIFY ") {
            let copied: String = message
                .lines()
                .take_while(|line| !line.is_empty())
                .filter(|line| {
                    let name = line.split(':').next().unwrap_or_default().to_lowercase();
                    ["via", "from", "to", "call-id", "cseq"].contains(&name.as_str())
                })
                .map(|line| format!("{line}\r\n"))
                .collect();
            let answer = format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n");
            self.notified += 1;
            self.socket.send(answer.as_bytes())?;
            return Ok(None);
        }
        let code = message
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        if code < 200 {
            return Ok(None);
        }
        let branch = header("via").unwrap_or_default();
        let branch = branch.split("branch=z9hG4bK").nth(1).unwrap_or_default();
        let branch = branch.split(';').next().unwrap_or_default();
        let mut parts = branch.split('.');
        let run = parts.next().unwrap_or_default().to_owned();
        let number = parts.next().and_then(|text| text.parse().ok());
        let user = parts.next().unwrap_or_default();
        Ok(number.map(|number| Answered {
            run,
            number,
            code,
            tag: header("sip-etag").map(|tag| format!("{user} {tag}")),
        }))
    }
}

/// An answer, by what the request was numbered with.
struct Answered {
    run: String,
    number: usize,
    code: u16,
    /// The user and the entity-tag given.
    tag: Option<String>,
}
