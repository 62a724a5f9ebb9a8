//! What 10,000 subscriptions to 1,000 presentities cost: resident bytes of each, the time to write them down, bring them
//! back and let them all lapse, and how far timers stray. Run by `cargo bench -p benches --bench subscriptions`.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use mimalloc::MiMalloc;
use sip::{
    Flow, Message, Protocol, Request, StatusCode,
    subscription::{Config, Input, Notifier, Outcome, Output, Standing, Subscribe},
};

/// As in the server.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SUBSCRIPTIONS: u32 = 10_000;
const PRESENTITIES: u32 = 1_000;

/// The allocator takes memory from the system by 16 MiB at a time, more than the subscriptions of one notifier need:
/// what one costs is seen over so many notifiers of [`SUBSCRIPTIONS`] each.
const NOTIFIERS: u32 = 40;

/// Between two SUBSCRIBEs, so that no two subscriptions lapse at once.
const APART: Duration = Duration::from_millis(7);

const LIFETIME: Duration = Duration::from_secs(600);

/// What a subscription is to.
type Resource = Box<str>;

fn main() {
    let start = Instant::now();
    // What a process takes for its first subscriptions, whatever their number, is no part of one.
    let mut first: Notifier<Resource> = Notifier::new(Config::default());
    for number in 0..100 {
        first.handle(Subscribing::new(SUBSCRIPTIONS + number).into_input(), start);
        answer_all(&mut first, start);
    }
    let before = resident();
    let taking = Instant::now();
    let mut notifiers: Vec<_> = (0..NOTIFIERS).map(|_| filled(start)).collect();
    let taken = taking.elapsed() / NOTIFIERS;
    let each = resident().saturating_sub(before) / (SUBSCRIPTIONS * NOTIFIERS) as usize;
    let Some(mut notifier) = notifiers.pop() else {
        panic!("no notifier");
    };
    drop(notifiers);
    assert_eq!(notifier.len(), SUBSCRIPTIONS as usize);

    let saving = Instant::now();
    let held: Vec<_> = notifier
        .subscriptions()
        .map(|held| held.subscription)
        .collect();
    let saved: Vec<_> = held.iter().filter_map(|id| notifier.saved(*id)).collect();
    let saving = saving.elapsed();
    let restoring = Instant::now();
    let mut another: Notifier<Resource> = Notifier::new(Config::default());
    for saved in saved {
        assert!(another.restore(saved, start, start));
    }
    let restoring = restoring.elapsed();
    assert_eq!(another.len(), notifier.len());
    drop(another);

    let lapsing = Instant::now();
    let (mut ended, mut furthest) = (0_u32, Duration::ZERO);
    while let Some(now) = notifier.next_timeout() {
        // The subscriptions lapse in the order in which they began.
        let due = start + APART * ended + LIFETIME;
        notifier.handle(Input::Timeout, now);
        let gone = answer_all(&mut notifier, now);
        if gone > 0 {
            furthest = furthest.max(now.max(due).duration_since(now.min(due)));
        }
        ended += gone;
    }
    let lapsed = lapsing.elapsed();
    assert_eq!((ended, notifier.is_empty()), (SUBSCRIPTIONS, true));
    println!(
        "{SUBSCRIPTIONS} subscriptions to {PRESENTITIES} presentities: {each} bytes resident for each; taken in \
         {taken:.0?}, read out in {saving:.0?}, put into another notifier in {restoring:.0?}, lapsed one by one in {lapsed:.0?}; the furthest timer was off by {furthest:.0?} after {LIFETIME:?}"
    );
}

fn filled(start: Instant) -> Notifier<Resource> {
    let mut notifier = Notifier::new(Config::default());
    for number in 0..SUBSCRIPTIONS {
        let now = start + APART * number;
        notifier.handle(Subscribing::new(number).into_input(), now);
        answer_all(&mut notifier, now);
    }
    notifier
}

/// Answers every NOTIFY and says how many subscriptions are over.
fn answer_all(notifier: &mut Notifier<Resource>, now: Instant) -> u32 {
    let mut ended = 0;
    while let Some(output) = notifier.poll_output() {
        match output {
            Output::Notify { subscription, .. } => {
                let outcome = Outcome::Answered {
                    status: StatusCode::OK,
                    retry_after: None,
                };
                let input = Input::Notified {
                    subscription,
                    outcome,
                };
                notifier.handle(input, now);
            }
            Output::Ended { .. } => ended += 1,
            Output::Answer { .. } | Output::ToKeep { .. } | Output::WatchersChanged { .. } => {}
        }
    }
    ended
}

/// One SUBSCRIBE as baresip writes it.
struct Subscribing {
    number: u32,
    request: Request,
}

impl Subscribing {
    fn new(number: u32) -> Self {
        let text = format!(
            "SUBSCRIBE sip:rep{rep}@shop.example SIP/2.0\r\n\
             Via: SIP/2.0/TCP 192.0.2.1:5091;branch=z9hG4bK{number:016x};rport\r\n\
             Contact: <sip:watcher{number}-0x55d0c8a4b2f0@192.0.2.1:5091;transport=tcp>\r\n\
             Max-Forwards: 70\r\n\
             To: <sip:rep{rep}@shop.example>\r\n\
             From: <sip:watcher{number}@shop.example>;tag={number:016x}\r\n\
             Call-ID: {number:032x}\r\n\
             CSeq: 2 SUBSCRIBE\r\n\
             Event: presence\r\n\
             Expires: {seconds}\r\n\
             Content-Length: 0\r\n\r\n",
            rep = number % PRESENTITIES,
            seconds = LIFETIME.as_secs(),
        );
        match Message::parse(Bytes::from(text)) {
            Ok(Message::Request(request)) => Self { number, request },
            other => panic!("not a request: {other:?}"),
        }
    }

    fn into_input(self) -> Input<Resource> {
        let Self { number, request } = self;
        let port = 1024 + (number % 60_000) as u16;
        Input::Subscribe(Box::new(Subscribe {
            request,
            flow: Flow {
                transport: Protocol::Tcp,
                local: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
                remote: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                id: u64::from(number),
            },
            watcher: format!("watcher{number}").into(),
            resource: Some(format!("rep{}", number % PRESENTITIES).into()),
            contact: "<sip:127.0.0.1:5060;transport=tcp>".to_owned(),
            local_tag: format!("{number:016x}").into(),
            entity_tag: None,
            standing: Standing::Active,
            require: None,
        }))
    }
}

/// Bytes of this process that are in memory, as Linux counts them.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or_default()
        * 4096
}
