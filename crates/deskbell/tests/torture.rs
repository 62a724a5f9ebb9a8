//! The torture set of RFC 4475 and RFC 5118 against the running server: each message gets what the table beside the
//! fixtures says, the answer repeats what it must, and the next request is served.
//! Must not know the server's inside, nor read anything with the server's own parser.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::time::{Duration, Instant};

use examples::phone::{Account, credentials};
use examples::rsip::Method;
use examples::server::Server;
use examples::unique;
use examples::wire::{Link, Protocol};
use sip_fixtures::{Afterwards, Outcome, Torture, anomalies, torture};

/// How long an answer, or the end of a connection, may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the absence of an answer is watched where no later answer can show it.
const A_WHILE: Duration = Duration::from_millis(300);

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap()
}

/// Header lines in order, names long and in lower case, folds undone and runs of blanks made one.
struct Lines(Vec<(String, Vec<u8>)>);

impl Lines {
    fn read(message: &[u8]) -> Self {
        let end = find(message, b"\r\n\r\n").unwrap_or(message.len());
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut rest = message.get(..end).unwrap();
        while !rest.is_empty() {
            let at = find(rest, b"\r\n").unwrap_or(rest.len());
            let line = rest.get(..at).unwrap();
            match lines.last_mut() {
                Some(last) if line.first().is_some_and(|first| b" \t".contains(first)) => {
                    last.extend(line);
                }
                Some(_) | None => lines.push(line.to_vec()),
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        let headers = lines.iter().skip(1).filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
            let name = match name.as_str() {
                "i" => "call-id",
                "f" => "from",
                "t" => "to",
                "v" => "via",
                other => other,
            };
            Some((name.to_owned(), one_blank(value.get(1..)?)))
        });
        Self(headers.collect())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The value of a header that is there once.
    fn once<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// All Vias without blanks, and without what a server writes into the first of them.
    fn vias(&self) -> String {
        let lines: Vec<String> = self
            .all("via")
            .map(|via| String::from_utf8_lossy(via).into_owned())
            .collect();
        let all = lines.join(",").replace(' ', "");
        let (first, others) = all.split_once(',').unwrap_or((&all, ""));
        let first: Vec<_> = first
            .split(';')
            .filter(|part| !part.starts_with("received=") && !part.starts_with("rport"))
            .collect();
        format!("{},{others}", first.join(";"))
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn one_blank(value: &[u8]) -> Vec<u8> {
    let words: Vec<_> = value
        .split(|byte| b" \t\r\n".contains(byte))
        .filter(|word| !word.is_empty())
        .collect();
    words.join(&b' ')
}

/// Asks for the answer at the very port the message comes from (RFC 3581): without it, it would go to that of the
/// Via. No other octet is touched.
fn with_rport(message: &[u8]) -> Vec<u8> {
    let mut at = 0;
    let mut is_via = false;
    while let Some(length) = find(message.get(at..).unwrap(), b"\r\n") {
        let end = at + length;
        let line = message.get(at..end).unwrap();
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let name = String::from_utf8_lossy(line.get(..colon).unwrap()).into_owned();
        is_via |= matches!(name.trim().to_ascii_lowercase().as_str(), "via" | "v");
        let goes_on = matches!(message.get(end + 2), Some(b' ' | b'\t'));
        if is_via && !goes_on {
            let (before, after) = message.split_at(end);
            return [before, b";rport", after].concat();
        }
        at = end + 2;
    }
    message.to_vec()
}

fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer.get(..11).unwrap_or(answer)).into_owned();
    text.strip_prefix("SIP/2.0 ")
        .and_then(|code| code.parse().ok())
        .unwrap_or_default()
}

/// What RFC 3261 §8.2.6.2 has an answer repeat, as far as the request has it once.
#[track_caller]
fn assert_repeats(request: &[u8], answer: &[u8], name: &str) {
    let (asked, answered) = (Lines::read(request), Lines::read(answer));
    let shown = String::from_utf8_lossy(answer);
    for header in ["from", "call-id", "cseq"] {
        if let Some(value) = asked.once(header) {
            // A NUL that nothing quotes is not repeated.
            let is_repeatable = name != "unescaped-nul" || header != "from";
            assert!(
                !is_repeatable || answered.once(header) == Some(value),
                "{name}: {header} in {shown}"
            );
        }
    }
    if let Some(to) = asked.once("to") {
        let found = answered.once("to").unwrap_or_default();
        assert!(found.starts_with(to), "{name}: To in {shown}");
        let added = String::from_utf8_lossy(found.get(to.len()..).unwrap()).into_owned();
        assert!(
            added.is_empty() || added.starts_with(";tag="),
            "{name}: To in {shown}"
        );
    }
    assert_eq!(answered.vias(), asked.vias(), "{name}");
}

fn receive(link: &Link) -> Option<Vec<u8>> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let Some(answer) = link.receive(Duration::from_millis(100)).ok()? {
            return Some(answer);
        }
    }
    None
}

/// A sound request over `link`, whose answer must be the next thing that comes.
#[track_caller]
fn assert_serves(link: &Link, name: &str) {
    let token = unique::token();
    let probe = format!(
        "OPTIONS sip:shop.example SIP/2.0\r\nVia: SIP/2.0/{} 127.0.0.1:5999;branch=z9hG4bK{token};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@shop.example>;tag=a\r\nTo: <sip:shop.example>\r\n\
         Call-ID: {token}\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        link.protocol().name()
    );
    link.send(probe.as_bytes()).unwrap();
    let answer = receive(link).unwrap_or_else(|| panic!("nothing is served after {name}"));
    let shown = String::from_utf8_lossy(&answer);
    assert!(
        status(&answer) == 200 && shown.contains(&token),
        "after {name}: {shown}"
    );
}

fn check(server: &Server, protocol: Protocol, request: &[u8], expected: &Outcome, name: &str) {
    let link = Link::open(protocol, server.sip()).unwrap();
    link.send(request).unwrap();
    for status_expected in &expected.statuses {
        let answer = receive(&link).unwrap_or_else(|| {
            panic!("{name} over {protocol:?} is not answered {status_expected}")
        });
        let shown = String::from_utf8_lossy(&answer);
        assert_eq!(
            status(&answer),
            *status_expected,
            "{name} over {protocol:?}: {shown}"
        );
        if expected.statuses.len() == 1 {
            assert_repeats(request, &answer, name);
        }
    }
    match expected.afterwards {
        Afterwards::Serves => assert_serves(&link, name),
        Afterwards::Closes => {
            let begun = Instant::now();
            let mut end = link.receive(Duration::from_millis(100));
            while begun.elapsed() < LIMIT && matches!(end, Ok(None)) {
                end = link.receive(Duration::from_millis(100));
            }
            assert!(
                end.is_err(),
                "{name} over {protocol:?} left the connection open: {end:?}"
            );
        }
        Afterwards::Waits => {
            let answer = link.receive(A_WHILE).unwrap();
            assert_eq!(answer, None, "{name} over {protocol:?}");
        }
    }
}

#[test]
fn each_message_is_answered_over_udp_as_the_table_says() {
    let mut server = start();
    for Torture {
        message, over_udp, ..
    } in torture()
    {
        check(
            &server,
            Protocol::Udp,
            &with_rport(&message.bytes),
            &over_udp,
            &message.name,
        );
    }
    server.check_alive().unwrap();
}

#[test]
fn each_message_is_answered_over_tcp_as_the_table_says() {
    let mut server = start();
    for Torture {
        message, over_tcp, ..
    } in torture()
    {
        check(
            &server,
            Protocol::Tcp,
            &message.bytes,
            &over_tcp,
            &message.name,
        );
    }
    server.check_alive().unwrap();
}

/// Every field of a request with every filling, as PROTOS did it: whatever is answered, what comes next is served.
#[test]
fn requests_with_one_broken_field_stop_nothing() {
    let mut server = start();
    let anomalies = anomalies();
    // They stay open, so that what the server has yet to answer them comes to no port of somebody else.
    let mut attacks = Vec::new();
    for some in anomalies.chunks(64) {
        let attack = Link::open(Protocol::Udp, server.sip()).unwrap();
        for anomaly in some {
            attack.send(&anomaly.bytes).unwrap();
        }
        attacks.push(attack);
        let last = &some.last().unwrap().name;
        assert_serves(&Link::open(Protocol::Udp, server.sip()).unwrap(), last);
    }
    // What loses the framing of a stream costs its connection, and no other.
    let honest = Link::open(Protocol::Tcp, server.sip()).unwrap();
    for anomaly in anomalies.iter().step_by(7) {
        let attack = Link::open(Protocol::Tcp, server.sip()).unwrap();
        attack.send(&anomaly.bytes).unwrap();
        drop(attack);
        assert_serves(&honest, &anomaly.name);
    }
    server.check_alive().unwrap();
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// Once alice has proven who she is, the request itself is judged.
#[test]
fn what_needs_a_login_is_judged_after_it() {
    let mut server = start();
    let alice = server.rep("alice").unwrap();
    let account = Account {
        user: alice.user.clone(),
        password: alice.password.clone(),
        domain: server.demo().domain.clone(),
    };
    let mut count = 0;
    for Torture {
        message, proven, ..
    } in torture()
    {
        let Some(expected) = proven else { continue };
        count += 1;
        let link = Link::open(Protocol::Udp, server.sip()).unwrap();
        let request = with_rport(&message.bytes);
        link.send(&request).unwrap();
        let refused = receive(&link).unwrap();
        let (first_line, rest) = request.split_at(find(&request, b"\r\n").unwrap() + 2);
        let first_line = String::from_utf8(first_line.to_vec()).unwrap();
        let mut words = first_line.split(' ');
        let method: Method = words.next().unwrap().parse().unwrap();
        let credentials = credentials(&refused, &account, method, words.next().unwrap()).unwrap();
        let proof = format!("Authorization: {credentials}\r\n");
        // RFC 3261 §22.2: the same request again, so a new transaction.
        let cookie = find(rest, b"branch=z9hG4bK").unwrap() + b"branch=z9hG4bK".len();
        let (before, after) = rest.split_at(cookie);
        link.send(
            &[
                first_line.as_bytes(),
                proof.as_bytes(),
                before,
                b"again",
                after,
            ]
            .concat(),
        )
        .unwrap();
        let answer = receive(&link).unwrap();
        let shown = String::from_utf8_lossy(&answer);
        assert_eq!(status(&answer), expected, "{}: {shown}", message.name);
    }
    assert_eq!(count, 13);
    server.check_alive().unwrap();
}
