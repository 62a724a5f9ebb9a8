//! Pages over streams in memory, with time moved by hand.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use helpdesk::{GroupSnapshot, GroupState, SiteId, SiteSnapshot, SkillId, TierId};
use prometheus_client::metrics::gauge::Gauge;

use super::*;
use crate::config::Options;
use crate::connection::{Connection, Places};
use crate::metrics::Counted;

/// A page's stream, whose other end is looked at.
#[derive(Clone, Default)]
struct Stream(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    written: String,
    /// Bytes that the kernel takes; without an end where there is none.
    room: Option<usize>,
    has_closed: bool,
    writes: usize,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut ends = self.0.borrow_mut();
        ends.writes += 1;
        let length = bytes.len().min(ends.room.unwrap_or(usize::MAX));
        if length == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        ends.room = ends.room.map(|room| room - length);
        ends.written += std::str::from_utf8(&bytes[..length]).unwrap();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0.borrow().has_closed {
            true => Ok(0),
            false => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Stream {
    /// The versions of the events that came since this was last asked, and nothing but those.
    fn versions(&self) -> Vec<u64> {
        let text = std::mem::take(&mut self.0.borrow_mut().written);
        let versions = text.lines().filter_map(|line| line.strip_prefix("id: "));
        versions.map(|version| version.parse().unwrap()).collect()
    }
}

struct Script {
    pages: Pages<Stream>,
    events: SharedEvents,
    now: Instant,
    watchers: Gauge,
}

const TICK: Duration = Duration::from_millis(10);

impl Script {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            pages: Pages::new(snapshot(1, [1, 1]), now),
            events: SharedEvents::default(),
            now,
            watchers: Gauge::default(),
        }
    }

    fn join(&mut self, skill: &str, last_event_id: Option<u64>) -> Stream {
        let stream = Stream::default();
        let place = Places::new(&Options::default()).take(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let counted = Counted::new(&Gauge::default());
        let connection = Connection::new(stream.clone(), place.unwrap(), counted);
        let arrival = Arrival {
            held: connection.exit().take().unwrap(),
            selection: Selection {
                site: SiteId::new("shop"),
                skill: Some(SkillId::new(skill)),
                tier: None,
            },
            last_event_id,
            opening: Bytes::from_static(b"HTTP/1.1 200 OK\r\n\r\n: deskbell\n\n"),
            counted: Counted::new(&self.watchers),
        };
        self.pages.join(arrival, &self.events, self.now);
        stream
    }

    fn show(&mut self, version: u64, available: [u32; 2]) {
        self.pages
            .handle_snapshot(snapshot(version, available), self.now);
    }

    /// Lets time pass until nothing is to be done before the next round, or so long.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            self.pages.handle_time(&self.events, self.now);
            while self.pages.has_work() {
                self.pages.take_turn(self.now);
            }
        }
    }

    fn is_writable(&mut self, key: usize, stream: &Stream, room: Option<usize>) {
        stream.0.borrow_mut().room = room;
        let readiness = Readiness {
            readable: false,
            writable: true,
        };
        self.pages.handle_ready(key, readiness, self.now);
    }
}

fn snapshot(version: u64, available: [u32; 2]) -> Arc<Snapshot> {
    let groups = ["cameras", "lenses"].into_iter().zip(available);
    let groups = groups.map(|(skill, available)| GroupSnapshot {
        skill: SkillId::new(skill),
        tier: TierId::new("standard"),
        state: GroupState::Available,
        available,
        busy: 0,
        away: 0,
        offline: 0,
        queued: 0,
        wait: None,
        opens_unix_ms: None,
        next_rep: None,
    });
    Arc::new(Snapshot {
        version,
        at_unix_ms: 0,
        sites: vec![SiteSnapshot {
            site: SiteId::new("shop"),
            groups: groups.collect(),
        }],
    })
}

#[tokio::test]
async fn a_change_reaches_each_page_that_watches_the_group_once() {
    let mut script = Script::new();
    let pages: Vec<_> = (0..100).map(|_| script.join("cameras", None)).collect();
    let other = script.join("lenses", None);
    let known = script.join("cameras", Some(1));
    assert!(pages.iter().all(|page| page.versions() == [1]));
    assert_eq!((other.versions(), known.versions()), (vec![1], vec![]));
    // Head, greeting and event are one piece.
    assert_eq!(pages[0].0.borrow().writes, 1);
    script.pass(GAP);
    script.show(2, [7, 1]);
    script.pass(TICK);
    assert!(pages.iter().all(|page| page.versions() == [2]));
    assert_eq!((other.versions(), known.versions()), (vec![], vec![2]));
}

#[tokio::test]
async fn changes_within_the_gap_are_one_event_with_the_newest_and_none_if_it_is_what_was_told() {
    let mut script = Script::new();
    let page = script.join("cameras", None);
    assert_eq!(page.versions(), [1]);
    script.show(2, [7, 1]);
    script.pass(GAP / 2);
    script.show(3, [8, 1]);
    assert_eq!(page.versions(), Vec::<u64>::new());
    script.pass(GAP);
    assert_eq!(page.versions(), [3]);
    script.show(4, [9, 1]);
    script.show(5, [8, 1]);
    script.pass(2 * GAP);
    assert_eq!(page.versions(), Vec::<u64>::new());
}

#[tokio::test]
async fn pages_not_told_yet_when_something_newer_comes_are_told_that_alone() {
    let mut script = Script::new();
    let pages: Vec<_> = (0..WRITES_IN_A_TURN * 3)
        .map(|_| script.join("cameras", None))
        .collect();
    script.pass(GAP);
    assert!(pages.iter().all(|page| page.versions() == [1]));
    script.show(2, [2, 1]);
    script.pages.handle_time(&script.events, script.now);
    script.pages.take_turn(script.now);
    script.now += GAP;
    script.show(3, [3, 1]);
    script.pass(TICK);
    let heard: Vec<_> = pages.iter().map(Stream::versions).collect();
    let (both, newest): (Vec<_>, Vec<_>) = heard.iter().partition(|versions| versions.len() == 2);
    assert_eq!(both, vec![&vec![2, 3]; WRITES_IN_A_TURN]);
    assert_eq!(newest, vec![&vec![3]; 2 * WRITES_IN_A_TURN]);
}

#[tokio::test]
async fn a_page_that_takes_nothing_costs_nothing_and_gets_the_newest_when_it_does() {
    let mut script = Script::new();
    let page = script.join("cameras", None);
    page.0.borrow_mut().room = Some(10);
    for version in 2..10 {
        script.show(version, [version as u32, 1]);
        script.pass(GAP);
    }
    // What was taken, and that nothing more is.
    assert_eq!(page.0.borrow().writes, 1 + 2);
    script.is_writable(0, &page, Some(20));
    assert_eq!(page.0.borrow().writes, 3 + 2);
    script.is_writable(0, &page, None);
    assert_eq!(page.versions(), [1, 2, 9]);
    let written = page.0.borrow().writes;
    script.is_writable(0, &page, None);
    assert_eq!(page.0.borrow().writes, written);
}

#[tokio::test]
async fn a_page_that_takes_nothing_for_too_long_is_let_go() {
    let mut script = Script::new();
    let page = script.join("cameras", None);
    page.0.borrow_mut().room = Some(10);
    script.show(2, [2, 1]);
    script.pass(WRITE_DEADLINE);
    assert_eq!(script.watchers.get(), 1);
    script.pass(2 * ROUNDS_EVERY);
    assert_eq!(script.watchers.get(), 0);
}

#[tokio::test]
async fn a_comment_goes_out_where_nothing_happens() {
    let mut script = Script::new();
    let pages: Vec<_> = (0..LOOKS_IN_A_TURN + 100)
        .map(|_| script.join("cameras", None))
        .collect();
    assert!(pages.iter().all(|page| page.versions() == [1]));
    script.pass(KEEP_ALIVE - ROUNDS_EVERY);
    assert!(pages.iter().all(|page| page.0.borrow().written.is_empty()));
    script.pass(3 * ROUNDS_EVERY);
    assert!(pages.iter().all(|page| page.0.borrow().written == ":\n\n"));
}

#[tokio::test]
async fn pages_that_go_leave_nothing_behind_and_the_others_where_they_are() {
    let mut script = Script::new();
    let pages: Vec<_> = (0..10).map(|_| script.join("cameras", None)).collect();
    let goodbye = |script: &mut Script, key: usize| {
        pages[key].0.borrow_mut().has_closed = true;
        let readiness = Readiness {
            readable: true,
            writable: true,
        };
        script.pages.handle_ready(key, readiness, script.now);
    };
    for key in [0, 9, 4] {
        goodbye(&mut script, key);
    }
    assert_eq!(script.watchers.get(), 7);
    let later = script.join("cameras", None);
    assert!(pages.iter().all(|page| page.versions() == [1]));
    assert_eq!(later.versions(), [1]);
    script.pass(GAP);
    script.show(2, [2, 1]);
    script.pass(TICK);
    for (key, page) in pages.iter().enumerate() {
        let expected: &[u64] = if [0, 4, 9].contains(&key) { &[] } else { &[2] };
        assert_eq!(page.versions(), expected, "{key}");
    }
    assert_eq!(later.versions(), [2]);
    for key in [1, 2, 3, 5, 6, 7, 8] {
        goodbye(&mut script, key);
    }
    later.0.borrow_mut().has_closed = true;
    let readiness = Readiness {
        readable: true,
        writable: false,
    };
    for key in [0, 4, 9] {
        script.pages.handle_ready(key, readiness, script.now);
    }
    assert!(script.pages.pages.is_empty() && script.pages.kinds.is_empty());
    assert!(script.pages.kinds_by_selection.is_empty() && !script.pages.has_work());
    assert_eq!(script.watchers.get(), 0);
}
