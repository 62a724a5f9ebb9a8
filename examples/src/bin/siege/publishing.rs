//! Publishes from many phones over UDP as fast as a server answers, and subscribes: what keeping costs, and how long a
//! restart with much on record takes. The same load can be put on another SIP server. Must not know the server's inside.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use examples::document::{Activity, Basic, pidf};
use examples::peer::postgres::Postgres;
use examples::serve::Serve;
use examples::wire::Protocol;

use crate::figures::{Waits, memory};
use crate::say;

/// Requests that may be without an answer at once.
const WINDOW: usize = 1_500;

/// A request that is not answered by then is counted as lost.
const PATIENCE: Duration = Duration::from_secs(3);

const PUBLICATIONS: usize = 100_000;
const SUBSCRIPTIONS: usize = 10_000;

/// Publishes at any server for a while.
pub(crate) fn at(address: &str, seconds: u64) -> anyhow::Result<()> {
    let address: SocketAddr = address.parse().context("ADDRESS is IP:PORT")?;
    let mut crowd = Crowd::new(address, "shop.example")?;
    crowd.publish_for("warming up", Duration::from_secs(2))?;
    crowd.publish_for("publications", Duration::from_secs(seconds))
}

/// Strict publications a second, and a restart with 100,000 of them and 10,000 subscriptions, over each database.
pub(crate) fn run(program: &str, seconds: u64) -> anyhow::Result<()> {
    say("SQLite");
    over(program, "sqlite:deskbell.db", seconds)?;
    let postgres = Postgres::start()?.context("PostgreSQL is not installed")?;
    say("PostgreSQL");
    over(program, &postgres.create("deskbell")?, seconds)
}

fn over(program: &str, url: &str, seconds: u64) -> anyhow::Result<()> {
    let mut server = Serve::start(program, &configuration(url))?;
    let mut crowd = Crowd::new(server.sip(Protocol::Udp)?, "shop.example")?;
    crowd.publish_for("warming up", Duration::from_secs(2))?;
    crowd.publish_for("strict publications", Duration::from_secs(seconds))?;
    let missing = PUBLICATIONS.saturating_sub(crowd.number);
    crowd.publish(missing)?;
    let subscribing = Instant::now();
    let subscribed = crowd.subscribe(SUBSCRIPTIONS)?;
    say(&format!(
        "{} publications and {subscribed} subscriptions (in {:?}); resident {} KiB",
        crowd.number,
        subscribing.elapsed(),
        memory(server.id())?
    ));
    // Behind the answers what is told is kept within a moment.
    crowd.answer_for(Duration::from_secs(2))?;
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
        "killed and started again: ready after {ready:?}, resident {} KiB",
        memory(server.id())?
    ));
    let told = crowd.answer_for(Duration::from_secs(5))?;
    let refreshed = crowd.refresh(1_000)?;
    say(&format!(
        "of 1000 phones {refreshed} refreshed by their old tags; {told} NOTIFYs came since; resident {} KiB",
        memory(server.id())?
    ));
    let took = server.log();
    for line in took.lines().filter(|line| line.contains("are back")) {
        say(line);
    }
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
    tags: Vec<String>,
    buffer: Vec<u8>,
    notified: u64,
}

/// What is asked again and again.
enum Request {
    Publish,
    Refresh(String),
    Subscribe,
}

impl Crowd {
    fn new(server: SocketAddr, domain: &str) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            domain: domain.to_owned(),
            number: 0,
            tags: Vec::new(),
            buffer: vec![0; 65_536],
            notified: 0,
        })
    }

    fn publish_for(&mut self, what: &str, time: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut waits = Waits::default();
        let (good, bad, lost) = self.ask(
            |_| (began.elapsed() < time).then_some(Request::Publish),
            &mut waits,
        )?;
        let seconds = began.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(good)?) / seconds;
        say(&format!(
            "{what}: {rate:.0} a second ({good} in {seconds:.1} s, {bad} refused, {lost} lost), {}",
            waits.summary()
        ));
        Ok(())
    }

    fn publish(&mut self, many: usize) -> anyhow::Result<()> {
        let asked = |number| (number < many).then_some(Request::Publish);
        self.ask(asked, &mut Waits::default())?;
        Ok(())
    }

    fn subscribe(&mut self, many: usize) -> anyhow::Result<usize> {
        let asked = |number| (number < many).then_some(Request::Subscribe);
        let (good, _, _) = self.ask(asked, &mut Waits::default())?;
        Ok(good)
    }

    /// How many of so many phones are still known by their tags.
    fn refresh(&mut self, many: usize) -> anyhow::Result<usize> {
        let tags: Vec<String> = self.tags.iter().take(many).cloned().collect();
        let asked = |number: usize| tags.get(number).cloned().map(Request::Refresh);
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
        next: impl Fn(usize) -> Option<Request>,
        waits: &mut Waits,
    ) -> anyhow::Result<(usize, usize, usize)> {
        let mut sent: Vec<Option<Instant>> = Vec::new();
        let (mut good, mut bad, mut lost, mut open, mut oldest) = (0, 0, 0, 0, 0);
        let run = examples::unique::token();
        loop {
            while open < WINDOW
                && let Some(request) = next(sent.len())
            {
                let text = self.text(&request, &run, sent.len());
                self.socket.send(text.as_bytes())?;
                sent.push(Some(Instant::now()));
                open += 1;
            }
            if open == 0 {
                return Ok((good, bad, lost));
            }
            if let Some(answer) = self.receive()?
                && answer.run == run
                && let Some(begun) = sent.get_mut(answer.number).and_then(Option::take)
            {
                open -= 1;
                waits.add(begun.elapsed());
                match answer.code {
                    200..300 => {
                        good += 1;
                        if let Some(tag) = answer.tag {
                            self.tags.push(tag);
                        }
                    }
                    _ => bad += 1,
                }
            }
            while let Some(place) = sent.get_mut(oldest) {
                match place {
                    Some(begun) if begun.elapsed() > PATIENCE => {
                        *place = None;
                        lost += 1;
                        open -= 1;
                    }
                    Some(_) => break,
                    None => {}
                }
                oldest += 1;
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
            // The tags were given in about this order, and a tag names its publication by itself only within its user.
            Request::Refresh(tag) => tag
                .split_once(' ')
                .map_or(0, |(user, _)| user.parse().unwrap_or_default()),
            Request::Subscribe => 1 + number % 1_000,
        };
        let (method, target) = match request {
            Request::Publish | Request::Refresh(_) => ("PUBLISH", user),
            Request::Subscribe => ("SUBSCRIBE", user),
        };
        let from = match request {
            Request::Publish | Request::Refresh(_) => format!("user{user}"),
            Request::Subscribe => format!("watcher{number}"),
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
            Request::Subscribe => {
                let extra = format!(
                    "Expires: 3600\r\nAccept: application/pidf+xml\r\nContact: <sip:{from}@{local}>\r\n"
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
