//! The presence agent as watching phones see it: SUBSCRIBE and NOTIFY for reps and groups (RFC 3856, RFC 6665).
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::Command;
use std::time::{Duration, Instant};

use examples::document::{Activity, Basic};
use examples::peer;
use examples::peer::baresip::Baresip;
use examples::peer::linphone::Linphone;
use examples::peer::terminal::Terminal;
use examples::phone::TestPhone;
use examples::phone::watcher::{Arrival, Watcher, granted};
use examples::rsip::headers::{self, UntypedHeader};
use examples::rsip::{Header, Response};
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::wire::Protocol;

/// How soon a watcher must be told what is due at once, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// The same of a change that follows another one closely and waits for its turn.
const PACED: Duration = Duration::from_secs(10);

/// Nothing more is to come in this time, which is longer than the server's interval.
const QUIET: Duration = Duration::from_millis(700);

/// Watchers are told of changes as often as a test can wait for.
const OFTEN: &str = "[presence.watchers]\ninterval = \"200ms\"\n";

/// How long a program may take to start, to show what it was told, or to end.
const PHONE_LIMIT: Duration = Duration::from_secs(20);

fn start() -> Server {
    serve(&Setup::tables(OFTEN))
}

fn serve(setup: &Setup) -> Server {
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), setup).unwrap()
}

fn aor(server: &Server, user: &str) -> String {
    format!("sip:{user}@{}", server.demo().domain)
}

fn code(response: &Response) -> u16 {
    response.status_code.code()
}

fn publisher(server: &Server, user: &str) -> TestPhone {
    let mut phone = server.phone(Protocol::Udp, user).unwrap();
    assert_eq!(code(&phone.register(60).unwrap()), 200);
    phone
}

/// A watcher of `user` who has been told the first state.
fn watcher_of(server: &Server, protocol: Protocol, watcher: &str, user: &str) -> Watcher {
    let mut watcher = server.watcher(protocol, watcher).unwrap();
    let answer = watcher
        .subscribe(&aor(server, user), Some(600), Vec::new())
        .unwrap();
    assert_eq!((code(&answer), granted(&answer)), (200, Some(600)));
    let first = watcher.next_notify(SOON).unwrap().unwrap();
    assert!(first.state.starts_with("active;expires="), "{first:?}");
    watcher
}

/// Lets `watcher` ask with these headers and returns the status.
#[track_caller]
fn refused(server: &Server, uri: &str, extra: Vec<Header>) -> u16 {
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    code(&watcher.subscribe(uri, Some(60), extra).unwrap())
}

#[test]
fn a_watcher_is_told_each_state_of_a_rep() {
    let mut server = start();
    for (protocol, user) in [(Protocol::Udp, "alice"), (Protocol::Tcp, "dave")] {
        let mut rep = publisher(&server, user);
        let mut watcher = server.watcher(protocol, "bob").unwrap();
        let answer = watcher
            .subscribe(&aor(&server, user), Some(600), Vec::new())
            .unwrap();
        assert_eq!((code(&answer), granted(&answer)), (200, Some(600)));
        let first = watcher.next_notify(SOON).unwrap().unwrap();
        assert_eq!(
            (first.cseq, first.state.as_str()),
            (1, "active;expires=600")
        );
        assert_eq!(first.content_type, "application/pidf+xml");
        assert!(first.body.contains("<basic>closed</basic>"), "{first:?}");
        assert!(first.body.contains(&aor(&server, user)), "{first:?}");
        // RFC 6665 §4.2.1.2: the answer goes out before the NOTIFY.
        let order = [
            Arrival::Answer(401),
            Arrival::Answer(200),
            Arrival::Notify(1),
        ];
        assert_eq!(watcher.arrivals, order);

        rep.publish(Basic::Open, Activity::None, 60).unwrap();
        let free = watcher.wait_notify("<basic>open</basic>", PACED).unwrap();
        assert_eq!(free.cseq, 2);
        rep.publish(Basic::Open, Activity::OnThePhone, 60).unwrap();
        watcher.wait_notify("<rpid:on-the-phone/>", PACED).unwrap();
        rep.unpublish().unwrap();
        watcher.wait_notify("<basic>closed</basic>", PACED).unwrap();
        // A refresh says nothing new.
        assert_eq!(watcher.next_notify(QUIET).unwrap(), None);
    }
    server.check_alive().unwrap();
}

#[test]
fn a_change_after_a_quiet_time_is_told_at_once() {
    let server = serve(&Setup::tables("[presence.watchers]\ninterval = \"2s\"\n"));
    let mut alice = publisher(&server, "alice");
    let mut watcher = watcher_of(&server, Protocol::Udp, "bob", "alice");
    assert_eq!(watcher.next_notify(Duration::from_secs(2)).unwrap(), None);
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    let at_once = Instant::now();
    let told = watcher.wait_notify("<rpid:busy/>", SOON).unwrap();
    let waited = told.at.duration_since(at_once);
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

#[test]
fn a_refresh_is_answered_with_the_full_state_and_keeps_the_dialog() {
    let server = start();
    let mut watcher = watcher_of(&server, Protocol::Tcp, "bob", "alice");
    let answer = watcher.refresh(300).unwrap();
    assert_eq!((code(&answer), granted(&answer)), (200, Some(300)));
    let again = watcher.next_notify(SOON).unwrap().unwrap();
    assert_eq!(
        (again.cseq, again.state.as_str()),
        (2, "active;expires=300")
    );
    assert!(again.body.contains("<basic>closed</basic>"));
}

#[test]
fn an_unsubscription_ends_with_the_full_state() {
    let server = start();
    let mut watcher = watcher_of(&server, Protocol::Udp, "bob", "alice");
    let answer = watcher.refresh(0).unwrap();
    assert_eq!((code(&answer), granted(&answer)), (200, Some(0)));
    let last = watcher.next_notify(SOON).unwrap().unwrap();
    assert_eq!(last.state, "terminated;reason=timeout");
    assert!(last.body.contains("<basic>closed</basic>"));
    assert_eq!(code(&watcher.refresh(600).unwrap()), 481);
}

#[test]
fn a_fetch_is_told_once_and_leaves_nothing() {
    let server = start();
    let mut alice = publisher(&server, "alice");
    alice.publish(Basic::Open, Activity::Away, 60).unwrap();
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    let answer = watcher
        .subscribe(&aor(&server, "alice"), Some(0), Vec::new())
        .unwrap();
    assert_eq!((code(&answer), granted(&answer)), (200, Some(0)));
    let only = watcher.next_notify(SOON).unwrap().unwrap();
    assert_eq!(only.state, "terminated;reason=timeout");
    assert!(only.body.contains("<rpid:away/>"), "{only:?}");
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    assert_eq!(watcher.next_notify(QUIET).unwrap(), None);
    assert_eq!(code(&watcher.refresh(60).unwrap()), 481);
}

#[test]
fn a_subscription_that_is_not_refreshed_ends_with_a_word() {
    let server = start();
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    let answer = watcher
        .subscribe(&aor(&server, "alice"), Some(2), Vec::new())
        .unwrap();
    // RFC 6665 §3.1.1: what is granted is never longer than what was asked for.
    assert_eq!(granted(&answer), Some(2));
    watcher.next_notify(SOON).unwrap().unwrap();
    let last = watcher.wait_notify("terminated", PACED).unwrap();
    assert_eq!(last.state, "terminated;reason=timeout");
    assert_eq!(code(&watcher.refresh(60).unwrap()), 481);
}

#[test]
fn an_hour_is_granted_to_whoever_asks_for_more_or_for_nothing() {
    let server = start();
    for expires in [None, Some(86_400)] {
        let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
        let answer = watcher
            .subscribe(&aor(&server, "alice"), expires, Vec::new())
            .unwrap();
        assert_eq!(granted(&answer), Some(3600));
    }
}

/// RFC 6665 §4.2.2.
#[test]
fn a_watcher_that_answers_481_is_told_no_more() {
    let server = start();
    let mut alice = publisher(&server, "alice");
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    watcher.answer_notifies(Some(481));
    let answer = watcher.subscribe(&aor(&server, "alice"), Some(600), Vec::new());
    assert_eq!(code(&answer.unwrap()), 200);
    watcher.next_notify(SOON).unwrap().unwrap();
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    assert_eq!(watcher.next_notify(QUIET).unwrap(), None);
    assert_eq!(code(&watcher.refresh(60).unwrap()), 481);
}

#[test]
fn a_watcher_that_is_dead_delays_no_other() {
    let server = start();
    let mut alice = publisher(&server, "alice");
    let mut dead = server.watcher(Protocol::Udp, "carol").unwrap();
    dead.answer_notifies(None);
    dead.subscribe(&aor(&server, "alice"), Some(600), Vec::new())
        .unwrap();
    let mut watcher = watcher_of(&server, Protocol::Udp, "bob", "alice");
    assert_eq!(watcher.next_notify(QUIET).unwrap(), None);
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    watcher.wait_notify("<rpid:busy/>", SOON).unwrap();
    // Only ever the one NOTIFY, sent again and again.
    dead.next_notify(SOON).unwrap().unwrap();
    assert_eq!(dead.next_notify(QUIET).unwrap(), None);
}

/// RFC 3856 §6.10.
#[test]
fn a_storm_of_changes_costs_a_watcher_few_notifies_and_the_last_state_wins() {
    let server = serve(&Setup::tables("[presence.watchers]\ninterval = \"2s\"\n"));
    let mut alice = publisher(&server, "alice");
    let mut watcher = watcher_of(&server, Protocol::Tcp, "bob", "alice");
    for round in 0..40 {
        let activity = if round % 2 == 0 {
            Activity::Busy
        } else {
            Activity::None
        };
        alice.publish(Basic::Open, activity, 60).unwrap();
    }
    alice.publish(Basic::Open, Activity::Away, 60).unwrap();
    let last = watcher.wait_notify("<rpid:away/>", PACED + PACED).unwrap();
    assert!(last.cseq <= 4, "{} NOTIFYs for a storm", last.cseq);
    assert_eq!(watcher.next_notify(Duration::from_secs(3)).unwrap(), None);
}

#[test]
fn a_group_is_a_presentity() {
    let mut server = start();
    let mut gold = watcher_of(&server, Protocol::Udp, "bob", "lenses.gold");
    let mut lenses = watcher_of(&server, Protocol::Tcp, "bob", "lenses");
    let mut standard = watcher_of(&server, Protocol::Udp, "dave", "lenses.standard");
    // carol serves gold and platinum only.
    let mut carol = publisher(&server, "carol");
    carol.publish(Basic::Open, Activity::None, 60).unwrap();
    for watcher in [&mut gold, &mut lenses] {
        let told = watcher.wait_notify("<basic>open</basic>", PACED).unwrap();
        assert!(told.body.contains("<rpid:activities/>"), "{told:?}");
        assert!(
            told.body.contains("<dm:note>1 available, 0 busy"),
            "{told:?}"
        );
    }
    carol
        .publish(Basic::Open, Activity::OnThePhone, 60)
        .unwrap();
    for watcher in [&mut gold, &mut lenses] {
        let told = watcher.wait_notify("<rpid:busy/>", PACED).unwrap();
        assert!(told.body.contains("<basic>open</basic>"), "{told:?}");
        assert!(
            told.body.contains("<dm:note>0 available, 1 busy"),
            "{told:?}"
        );
    }
    carol.unpublish().unwrap();
    gold.wait_notify("<basic>closed</basic>", PACED).unwrap();
    assert_eq!(standard.next_notify(QUIET).unwrap(), None);
    server.check_alive().unwrap();
}

#[test]
fn what_cannot_be_watched_is_refused_by_the_book() {
    let mut server = start();
    let alice = aor(&server, "alice");
    assert_eq!(refused(&server, &aor(&server, "nobody"), Vec::new()), 404);
    assert_eq!(
        refused(&server, &aor(&server, "cameras.tin"), Vec::new()),
        404
    );
    assert_eq!(
        refused(&server, "sip:alice@elsewhere.example", Vec::new()),
        404
    );
    let accept = |kind: &str| vec![headers::Accept::new(kind).into()];
    assert_eq!(
        refused(&server, &alice, accept("application/xpidf+xml")),
        406
    );
    let several = "application/xpidf+xml, application/pidf+xml";
    assert_eq!(refused(&server, &alice, accept(several)), 200);
    let require = vec![headers::Require::new("100rel").into()];
    assert_eq!(refused(&server, &alice, require), 420);
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    watcher.subscribe(&alice, Some(60), Vec::new()).unwrap();
    assert_eq!(code(&watcher.refresh_unknown(60).unwrap()), 481);
    assert_eq!(code(&watcher.refresh(60).unwrap()), 200);
    server.check_alive().unwrap();
}

/// RFC 3857.
#[test]
fn a_rep_sees_who_watches_and_nobody_else_does() {
    let mut server = start();
    let alice = aor(&server, "alice");
    let mut own = server.watcher(Protocol::Udp, "alice").unwrap();
    assert_eq!(code(&own.subscribe_to_watchers(&alice, 600).unwrap()), 200);
    let first = own.next_notify(SOON).unwrap().unwrap();
    assert_eq!(first.content_type, "application/watcherinfo+xml");
    assert!(
        first.body.contains("version=\"0\" state=\"full\""),
        "{first:?}"
    );
    assert!(!first.body.contains("<watcher "), "{first:?}");

    let mut bob = watcher_of(&server, Protocol::Tcp, "bob", "alice");
    watcher_of(&server, Protocol::Udp, "carol", "alice");
    let two = own.wait_notify(&aor(&server, "carol"), PACED).unwrap();
    assert!(two.body.contains(&aor(&server, "bob")), "{two:?}");
    bob.refresh(0).unwrap();
    let one = own.next_notify(PACED).unwrap().unwrap();
    assert!(!one.body.contains(&aor(&server, "bob")), "{one:?}");
    assert!(
        one.body.contains(&format!("version=\"{}\"", one.cseq - 1)),
        "{one:?}"
    );

    let mut nosy = server.watcher(Protocol::Udp, "bob").unwrap();
    assert_eq!(code(&nosy.subscribe_to_watchers(&alice, 600).unwrap()), 403);
    let cameras = aor(&server, "cameras");
    assert_eq!(
        code(&nosy.subscribe_to_watchers(&cameras, 600).unwrap()),
        403
    );
    server.check_alive().unwrap();
}

/// Nobody watches without an account, and nobody in another's name.
#[test]
fn a_stranger_watches_nobody() {
    let server = start();
    let account = examples::phone::Account {
        user: "bob".to_owned(),
        password: "guess".to_owned(),
        domain: server.demo().domain.clone(),
    };
    let mut stranger = Watcher::connect(Protocol::Udp, server.sip(), account).unwrap();
    let answer = stranger.subscribe(&aor(&server, "alice"), Some(60), Vec::new());
    assert_eq!(code(&answer.unwrap()), 401);
    assert_eq!(stranger.next_notify(QUIET).unwrap(), None);
}

#[test]
fn a_subscription_comes_back_over_another_connection() {
    let server = start();
    let mut alice = publisher(&server, "alice");
    let mut watcher = watcher_of(&server, Protocol::Tcp, "bob", "alice");
    watcher.reconnect(server.sip()).unwrap();
    assert_eq!(code(&watcher.refresh(600).unwrap()), 200);
    watcher.next_notify(SOON).unwrap().unwrap();
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    watcher.wait_notify("<rpid:busy/>", PACED).unwrap();
}

#[test]
fn deskbell_watch_prints_each_state_and_says_goodbye() {
    let server = start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskbell"));
    command
        .args(["watch", &aor(&server, "alice"), "--user", "bob", "--server"])
        .arg(server.sip().to_string())
        .env("DESKBELL_PASSWORD", &server.rep("bob").unwrap().password);
    let mut terminal = Terminal::start(&mut command).unwrap();
    let alice_is = |state: &str| format!("{} {state}", aor(&server, "alice"));
    terminal
        .wait_for(&alice_is("offline"), PHONE_LIMIT)
        .unwrap();
    let mut alice = publisher(&server, "alice");
    alice
        .publish(Basic::Open, Activity::OnThePhone, 60)
        .unwrap();
    let busy = alice_is("busy, on-the-phone by the line");
    terminal.wait_for(&busy, PACED).unwrap();
    terminal.terminate().unwrap();
    assert!(terminal.wait_exit(PHONE_LIMIT).unwrap().success());
}

/// The desk's own knowledge is told as such, and not as something that somebody set by hand.
#[test]
fn deskbell_watch_says_who_decides() {
    let mut setup = Setup::tables("[presence.watchers]\ninterval = \"200ms\"\n");
    setup.rep_lines = vec![("alice", "capacity = 1".to_owned())];
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let mut alice = publisher(&server, "alice");
    alice.publish(Basic::Open, Activity::None, 60).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskbell"));
    command
        .args(["watch", "sip:alice@shop.example", "--user", "bob"])
        .args(["--server", &server.sip().to_string()])
        .env("DESKBELL_PASSWORD", &server.rep("bob").unwrap().password);
    let mut terminal = Terminal::start(&mut command).unwrap();
    let by_hand = "sip:alice@shop.example available by hand, for ";
    terminal.wait_for(by_hand, PHONE_LIMIT).unwrap();
    // Her only place is taken by the offer.
    let site = Site::new(server.http(), "shop");
    site.ask("cameras", "Sam", "hello").unwrap();
    let by_the_desk =
        "sip:alice@shop.example busy by the desk (no more conversations for the moment), for ";
    terminal.wait_for(by_the_desk, PACED).unwrap();
    terminal.terminate().unwrap();
    assert!(terminal.wait_exit(PHONE_LIMIT).unwrap().success());
}

#[test]
fn deskbell_watch_says_what_is_wrong() {
    let server = start();
    let watch = |uri: &str, password: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_deskbell"))
            .args(["watch", uri, "--user", "bob", "--server"])
            .arg(server.sip().to_string())
            .env("DESKBELL_PASSWORD", password)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = watch(&aor(&server, "alice"), "guess");
    assert!(told.contains("password"), "{told}");
    let password = &server.rep("bob").unwrap().password;
    let told = watch(&aor(&server, "nobody"), password);
    assert!(told.contains("no such rep"), "{told}");
    let told = watch("alice", password);
    assert!(told.contains("sip:alice@shop.example"), "{told}");
}

/// baresip takes the words of the document literally. It has no word for away: it shows such a contact as offline.
#[test]
fn the_contact_list_of_baresip_follows_a_rep() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let server = start();
    let mut alice = publisher(&server, "alice");
    let bob = server.rep("bob").unwrap();
    let watched = format!("sip:alice@{}", server.sip());
    let mut baresip =
        Baresip::start_watching(&program, server.sip(), "bob", &bob.password, &watched).unwrap();
    baresip.wait_registered().unwrap();
    for (activity, shown) in [
        (Activity::Busy, "Busy"),
        (Activity::Away, "Offline"),
        (Activity::OnThePhone, "Busy"),
        (Activity::None, "Online"),
    ] {
        alice.publish(Basic::Open, activity, 60).unwrap();
        baresip.wait_contact(shown, PHONE_LIMIT).unwrap();
    }
    alice.publish(Basic::Closed, Activity::None, 60).unwrap();
    baresip.wait_contact("Offline", PHONE_LIMIT).unwrap();
    baresip.quit().unwrap();
}

#[test]
fn the_contact_list_of_baresip_follows_a_group() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let server = start();
    let bob = server.rep("bob").unwrap();
    let watched = format!("sip:lenses.gold@{}", server.sip());
    let mut baresip =
        Baresip::start_watching(&program, server.sip(), "bob", &bob.password, &watched).unwrap();
    baresip.wait_registered().unwrap();
    baresip.wait_contact("Offline", PHONE_LIMIT).unwrap();
    let mut alice = publisher(&server, "alice");
    alice.publish(Basic::Open, Activity::None, 60).unwrap();
    baresip.wait_contact("Online", PHONE_LIMIT).unwrap();
    alice
        .publish(Basic::Open, Activity::OnThePhone, 60)
        .unwrap();
    baresip.wait_contact("Busy", PHONE_LIMIT).unwrap();
    baresip.quit().unwrap();
}

#[test]
fn a_friend_of_linphonec_is_shown_as_published() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    let server = start();
    let mut alice = publisher(&server, "alice");
    let bob = server.rep("bob").unwrap();
    let realm = &server.demo().domain;
    let watched = format!("sip:alice@{}", server.sip());
    let mut linphone = Linphone::start_watching(
        &program,
        server.sip(),
        realm,
        "bob",
        &bob.password,
        &watched,
    )
    .unwrap();
    linphone.wait_registered().unwrap();
    for (activity, shown) in [
        (Activity::Busy, "is Busy"),
        (Activity::Away, "is Away"),
        (Activity::OnThePhone, "is On the phone"),
    ] {
        alice.publish(Basic::Open, activity, 60).unwrap();
        linphone.wait_text(shown, PHONE_LIMIT).unwrap();
    }
    linphone.quit().unwrap();
}
