//! Counts the instructions of what is done for every PUBLISH, by callgrind, which no noise of a machine changes, and
//! compares them with those on record: `cargo xtask instructions`, with `--record` to put the new ones on record.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot run must stop, and says what it found"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use bytes::Bytes;
use presence::{
    Activity, Availability, Basic, Composed, Document, EntityTag, GroupCounts, PresentityId,
    Publish, Store, StoreConfig, write_pidf,
};
use sip::digest::{
    Algorithm, Asked, Authenticator, Challenge, Credentials, Freshness, Ha1, NonceKeeper, Occasion,
    Offer, Qop, Verdict,
};
use sip::transaction::{Config, Endpoint, Input, Output};
use sip::{Flow, HeaderName, Message, Protocol, Request, ResponseBuilder, StatusCode};

/// How often each is done: what the second run has more than the first is that of so many times.
const TIMES: [usize; 2] = [1_000, 3_000];
/// More than on record by so much is a fault; less by so much belongs on record.
const TOLERANCE: f64 = 0.1;

/// Does one thing so many times.
type Case = fn(usize);

/// What is counted, by name.
const CASES: [(&str, Case); 17] = [
    ("read a PUBLISH", read_a_publish),
    ("read and check a PUBLISH", check_a_publish),
    ("read eight of its headers", read_eight_headers),
    ("write its 200", write_its_200),
    ("write its 200 when it is checked", write_its_200_checked),
    ("serve a PUBLISH to its 200", serve_a_publish),
    ("prove a digest of MD5", prove_a_digest),
    ("judge a digest with a nonce used before", judge_a_digest),
    ("challenge a PUBLISH", challenge_a_publish),
    ("read a PIDF of Linphone", read_a_pidf),
    ("write a PIDF", write_a_pidf),
    ("publish first", publish_first),
    ("refresh", refresh),
    ("change", change),
    ("refresh one of three sources", refresh_one_of_three),
    ("read a state", read_a_state),
    ("count a group of 100", count_a_group),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--do", name, times] => {
            let (_, case) = CASES.iter().find(|(known, _)| *known == name).unwrap();
            case(times.parse().unwrap());
            ExitCode::SUCCESS
        }
        [] => match std::fs::read_to_string(record()) {
            Ok(text) => judge(&measured(), &on_record(&text)),
            Err(error) => {
                println!("nothing is on record for this kind of processor: {error}");
                ExitCode::SUCCESS
            }
        },
        ["--record"] => {
            let text: String = measured()
                .iter()
                .map(|(name, count)| format!("{name} = {count}\n"))
                .collect();
            std::fs::write(record(), text).unwrap();
            ExitCode::SUCCESS
        }
        _ => panic!("usage: instructions [--record]"),
    }
}

fn judge(measured: &BTreeMap<String, u64>, on_record: &BTreeMap<String, u64>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (name, count) in measured {
        let verdict = match on_record.get(name) {
            None => {
                code = ExitCode::FAILURE;
                "is not on record; run cargo xtask instructions --record".to_owned()
            }
            Some(expected) => {
                let ratio = *count as f64 / *expected as f64;
                if ratio > 1.0 + TOLERANCE {
                    code = ExitCode::FAILURE;
                    format!("{expected} on record: too many, {ratio:.2} times")
                } else if ratio < 1.0 - TOLERANCE {
                    format!("{expected} on record: fewer, {ratio:.2} times; put it on record")
                } else {
                    format!("{expected} on record")
                }
            }
        };
        println!("{name}: {count} instructions; {verdict}");
    }
    code
}

fn measured() -> BTreeMap<String, u64> {
    let counts = CASES.iter().map(|(name, _)| {
        let [few, many] = TIMES.map(|times| counted(name, times));
        let more = (TIMES[1] - TIMES[0]) as u64;
        ((*name).to_owned(), (many - few) / more)
    });
    counts.collect()
}

/// The instructions of this program when it does one thing so many times.
fn counted(name: &str, times: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--do", name, &times.to_string()])
        .output()
        .unwrap_or_else(|error| panic!("valgrind does not start: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    let count = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    match count {
        Some((_, count)) if output.status.success() => count.trim().parse().unwrap(),
        Some(_) | None => panic!("nothing was counted: {text}"),
    }
}

fn on_record(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().map(|line| {
        let (name, count) = line.split_once(" = ").unwrap();
        (name.to_owned(), count.parse().unwrap())
    });
    lines.collect()
}

fn record() -> PathBuf {
    let name = format!("{}.txt", std::env::consts::ARCH);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn publish_request() -> Request {
    match Message::parse(Bytes::from(sip_fixtures::publish_892().bytes)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("the fixture is a request"),
    }
}

fn read_a_publish(times: usize) {
    let bytes = Bytes::from(sip_fixtures::publish_892().bytes);
    for _ in 0..times {
        black_box(Message::parse(black_box(bytes.clone())).unwrap());
    }
}

/// As the transport does with each request.
fn check_a_publish(times: usize) {
    let bytes = Bytes::from(sip_fixtures::publish_892().bytes);
    for _ in 0..times {
        let Message::Request(mut request) = Message::parse(black_box(bytes.clone())).unwrap()
        else {
            panic!("the fixture is a request")
        };
        request.check().unwrap();
        black_box(request);
    }
}

fn read_eight_headers(times: usize) {
    let request = publish_request();
    for _ in 0..times {
        let request = black_box(&request);
        black_box(request.via().unwrap());
        black_box(request.from().unwrap());
        black_box(request.to().unwrap());
        black_box(request.call_id().unwrap());
        black_box(request.cseq().unwrap());
        black_box(request.max_forwards().unwrap());
        black_box(request.expires().unwrap());
        black_box(request.content_type().unwrap());
    }
}

fn write_its_200(times: usize) {
    answer(&publish_request(), times);
}

fn write_its_200_checked(times: usize) {
    let mut request = publish_request();
    request.check().unwrap();
    answer(&request, times);
}

fn answer(request: &Request, times: usize) {
    let source = "192.0.2.10:5060".parse().unwrap();
    for _ in 0..times {
        let answer = ResponseBuilder::answer(black_box(request), StatusCode::OK)
            .received_from(source)
            .to_tag("8a9b0c1d")
            .header(HeaderName::SipEtag, "e7")
            .header(HeaderName::Expires, "3600")
            .build();
        black_box(answer);
    }
}

/// From the datagram to the answer, through the transactions, and without what it is about.
fn serve_a_publish(times: usize) {
    let fixture = sip_fixtures::publish_892().bytes;
    let digits = |label: &[u8]| {
        let at = fixture.windows(label.len()).position(|it| it == label);
        at.unwrap() + label.len()
    };
    let changing = [digits(b"branch=z9hG4bK"), digits(b"Call-ID: ")];
    let remote = "192.0.2.10:5060".parse().unwrap();
    let flow = Flow {
        transport: Protocol::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote,
        id: 1,
    };
    let mut endpoint = Endpoint::new(Config::default(), [1, 2]);
    let now = Instant::now();
    for number in 0..times {
        let mut bytes = fixture.clone();
        for at in changing {
            let place = bytes.get_mut(at..at + 8).unwrap();
            place.copy_from_slice(format!("{number:08x}").as_bytes());
        }
        let Message::Request(mut request) = Message::parse(black_box(bytes.into())).unwrap() else {
            panic!("the fixture is a request")
        };
        request.check().unwrap();
        let message = Message::Request(request);
        endpoint.handle(Input::Received { flow, message }, now);
        let Some(Output::Request {
            transaction,
            request,
            ..
        }) = endpoint.poll_output()
        else {
            panic!("the request is new")
        };
        let response = ResponseBuilder::answer(&request, StatusCode::OK)
            .received_from(remote)
            .to_tag("8a9b0c1d")
            .header(HeaderName::SipEtag, "e7")
            .header(HeaderName::Expires, "3600")
            .build();
        endpoint.handle(
            Input::Answer {
                transaction,
                response,
            },
            now,
        );
        let Some(Output::Transmit { .. }) = black_box(endpoint.poll_output()) else {
            panic!("the answer is sent")
        };
    }
}

fn prove_a_digest(times: usize) {
    let secret = Ha1::derive(Algorithm::Md5, "alice", "shop.example", "correct horse");
    let challenge =
        b"Digest realm=\"shop.example\", nonce=\"0123456789abcdef\", qop=\"auth\", algorithm=MD5";
    let asked = Asked {
        method: "PUBLISH",
        uri: "sip:alice@shop.example",
        body: b"",
    };
    let challenge = Challenge::parse(challenge).unwrap();
    let value = Credentials::answer(&challenge, "alice", &secret, &asked, "0a4f113b", 1);
    for _ in 0..times {
        let value = black_box(value.as_bytes());
        let credentials = Credentials::parse(HeaderName::Authorization, value)
            .unwrap()
            .unwrap();
        assert!(credentials.prove(&secret, b"PUBLISH", b""));
    }
}

/// A realm whose phones speak MD5, and one of them.
struct Realm {
    offer: Offer,
    secret: Ha1,
    occasion: Occasion,
}

/// What one nonce is used for before all is forgotten.
const USES: usize = 500;
const NAME: &str = "shop.example";
const USER: &str = "u0000001";
const USER_URI: &str = "sip:u0000001@shop.example";

impl Realm {
    fn new() -> Self {
        Self {
            offer: Offer {
                suites: vec![Algorithm::Md5.into()],
                qualities: vec![Qop::Auth],
                nonce_lifetime: Duration::from_secs(60),
            },
            secret: Ha1::derive(Algorithm::Md5, USER, NAME, "correct horse"),
            occasion: Occasion {
                source: Ipv4Addr::LOCALHOST.into(),
                now: Instant::now(),
            },
        }
    }

    /// Of one key and one start: each takes the nonces of the others.
    fn authenticator(&self) -> Authenticator {
        Authenticator::new(NAME, NonceKeeper::new([7; 32], self.occasion.now))
    }

    fn refresh(credentials: &str) -> Request {
        let bytes = format!(
            "PUBLISH {USER_URI} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n\
             From: <{USER_URI}>;tag=1\r\nTo: <{USER_URI}>\r\nCall-ID: c1\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\n\
             {credentials}SIP-If-Match: e7\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
        );
        match Message::parse(Bytes::from(bytes)).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request was written"),
        }
    }
}

/// Up to what proves the server to the phone, and without the search for the phone's user.
fn judge_a_digest(times: usize) {
    let realm = Realm::new();
    let mut authenticator = realm.authenticator();
    let challenge = authenticator
        .challenges(&realm.offer, Freshness::First, 1, realm.occasion)
        .next();
    let challenge = Challenge::parse(challenge.unwrap().as_bytes()).unwrap();
    let asked = Asked {
        method: "PUBLISH",
        uri: USER_URI,
        body: b"",
    };
    let requests: Vec<_> = (1..=USES)
        .map(|count| {
            let count = u32::try_from(count).unwrap();
            let value =
                Credentials::answer(&challenge, USER, &realm.secret, &asked, "0a4f113b", count);
            Realm::refresh(&format!("Authorization: {value}\r\n"))
        })
        .collect();
    for number in 0..times {
        let request = requests.get(number % USES).unwrap();
        if number % USES == 0 {
            authenticator = realm.authenticator();
        }
        let secret_of = |_: &str, _: Algorithm| Some(realm.secret.clone());
        let verdict =
            authenticator.judge(black_box(request), secret_of, &realm.offer, realm.occasion);
        assert!(matches!(verdict, Ok(Verdict::Good { .. })));
        black_box(verdict.unwrap());
    }
}

/// What comes without credentials gets a nonce.
fn challenge_a_publish(times: usize) {
    let realm = Realm::new();
    let authenticator = realm.authenticator();
    let request = Realm::refresh("");
    for _ in 0..times {
        let secret_of = |_: &str, _: Algorithm| Some(realm.secret.clone());
        let verdict =
            authenticator.judge(black_box(&request), secret_of, &realm.offer, realm.occasion);
        assert!(matches!(verdict, Ok(Verdict::Missing)));
        for challenge in authenticator.challenges(&realm.offer, Freshness::First, 1, realm.occasion)
        {
            black_box(challenge);
        }
    }
}

fn read_a_pidf(times: usize) {
    let fixture = sip_fixtures::phone("linphone/11-PUBLISH");
    let head = fixture.bytes.windows(4).position(|it| it == b"\r\n\r\n");
    let (_, body) = fixture.bytes.split_at(head.unwrap() + 4);
    for _ in 0..times {
        black_box(Document::read_pidf(black_box(body)).unwrap());
    }
}

fn write_a_pidf(times: usize) {
    let state = Composed {
        availability: Availability::Busy,
        activity: Some(Activity::Busy),
        ..Composed::NOTHING
    };
    for _ in 0..times {
        black_box(write_pidf("sip:alice@shop.example", black_box(&state)));
    }
}

/// A store, and who has published in it.
struct Filled {
    store: Store,
    reps: Vec<(PresentityId, EntityTag)>,
    now: Instant,
}

const REPS: usize = 500;

impl Filled {
    fn new(sources: usize) -> Self {
        let (store, now) = (Store::new(StoreConfig::new([1; 16])), Instant::now());
        let reps = (0..REPS).map(|number| {
            let rep = PresentityId::new(&format!("rep{number}"));
            let tags = (0..sources).map(|_| {
                let published = store.publish(&rep, first(), now);
                published.unwrap().entity_tag
            });
            let tag = tags.last().unwrap();
            (rep, tag)
        });
        let reps = reps.collect();
        while store.poll_changed().is_some() {}
        Self { store, reps, now }
    }

    fn renew(&mut self, times: usize, publish: impl Fn(&str, usize) -> Publish<'_>) {
        for round in 0..times {
            let (rep, tag) = self.reps.get_mut(round % REPS).unwrap();
            let text = tag.to_string();
            let published = self.store.publish(rep, publish(&text, round), self.now);
            *tag = published.unwrap().entity_tag;
            while let Some(rep) = self.store.poll_changed() {
                black_box(self.store.presentity(&rep));
            }
        }
    }
}

fn first() -> Publish<'static> {
    Publish::Initial {
        document: document(None),
        lifetime: None,
        publisher: None,
    }
}

fn document(activity: Option<Activity>) -> Document {
    Document {
        basic: Some(Basic::Open),
        activities: activity.into_iter().collect(),
        ..Document::default()
    }
}

fn publish_first(times: usize) {
    let store = Store::new(StoreConfig::new([1; 16]));
    let now = Instant::now();
    for number in 0..times {
        let rep = PresentityId::new(&format!("rep{number}"));
        store.publish(&rep, first(), now).unwrap();
        black_box(store.poll_changed());
    }
}

fn refresh_with(sources: usize, times: usize) {
    Filled::new(sources).renew(times, |entity_tag, _| Publish::Refresh {
        entity_tag,
        lifetime: None,
        publisher: None,
    });
}

fn refresh(times: usize) {
    refresh_with(1, times);
}

fn refresh_one_of_three(times: usize) {
    refresh_with(3, times);
}

fn change(times: usize) {
    Filled::new(1).renew(times, |entity_tag, round| Publish::Modify {
        entity_tag,
        document: document((round / REPS).is_multiple_of(2).then_some(Activity::Busy)),
        lifetime: None,
        publisher: None,
    });
}

fn read_a_state(times: usize) {
    let filled = Filled::new(1);
    for (rep, _) in filled.reps.iter().cycle().take(times) {
        black_box(filled.store.presentity(rep));
    }
}

fn count_a_group(times: usize) {
    let states = [
        Availability::Available,
        Availability::Busy,
        Availability::Away,
        Availability::Offline,
    ];
    for _ in 0..times {
        let members = black_box(&states).iter().copied().cycle().take(100);
        black_box(members.collect::<GroupCounts>());
    }
}
