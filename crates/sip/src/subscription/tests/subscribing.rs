//! The subscriber's behaviour: answers and NOTIFYs in, SUBSCRIBEs out, time moved by hand.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::{Expect, expect};

use crate::header_name::HeaderName;
use crate::message::{Message, Request};
use crate::subscription::{
    Subscriber, SubscriberConfig, SubscriberInput, SubscriberOutput, SubscriberStanding, Words,
};

struct Line {
    subscriber: Subscriber,
    start: Instant,
    now: Instant,
    words: u32,
    sent: Vec<Request>,
    log: String,
}

#[track_caller]
fn check(act: impl FnOnce(&mut Line), expected: Expect) {
    let mut line = Line::new();
    act(&mut line);
    expected.assert_eq(&line.log);
}

impl Line {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can be had in no other way; it is never read again"
    )]
    fn new() -> Self {
        let start = Instant::now();
        let config = SubscriberConfig {
            uri: "sip:101@pbx.example".to_owned(),
            from: "sip:deskbell@pbx.example".to_owned(),
            event: "dialog",
            accept: "application/dialog-info+xml",
            lifetime: Duration::from_secs(600),
            user: "deskbell".to_owned(),
            password: "secret".to_owned(),
            realm: Some("pbx.example".to_owned()),
        };
        Self {
            subscriber: Subscriber::new(config, start),
            start,
            now: start,
            words: 0,
            sent: Vec::new(),
            log: String::new(),
        }
    }

    fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.subscriber.next_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.handle(SubscriberInput::Timeout);
        }
        self.now = end;
    }

    /// The PBX answers the last SUBSCRIBE.
    fn answer(&mut self, status: &str, lines: &str) {
        let request = self.sent.last().unwrap();
        let header = |name| String::from_utf8_lossy(request.header(name).unwrap()).into_owned();
        let to = header(HeaderName::To);
        let tag = if to.contains("tag=") { "" } else { ";tag=pbx" };
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}\r\n",
            header(HeaderName::Via),
            header(HeaderName::From),
            header(HeaderName::CallId),
            header(HeaderName::CSeq),
        );
        let Message::Response(response) = Message::parse(Bytes::from(text)).unwrap() else {
            panic!("not a response");
        };
        self.handle(SubscriberInput::Answered(response));
    }

    fn grant(&mut self, expires: u32) {
        let lines = format!(
            "Expires: {expires}\r\nContact: <sip:pbx@192.0.2.7:5080>\r\nRecord-Route: <sip:b@h;lr>, <sip:a@h;lr>\r\n"
        );
        self.answer("200 OK", &lines);
    }

    /// A NOTIFY of the PBX, in the dialog of the last SUBSCRIBE unless a tag differs.
    fn notify(&self, tags: [&str; 2], cseq: u32, state: &str) -> Request {
        let call_id = self.subscriber.call_id().unwrap_or("gone");
        let [theirs, ours] = tags;
        let text = format!(
            "NOTIFY sip:deskbell@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:101@pbx.example>;tag={theirs}\r\nTo: <sip:deskbell@pbx.example>;tag={ours}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\nEvent: dialog\r\nContact: <sip:pbx@192.0.2.7:5090>\r\n\
             {state}\r\n\r\nbody {cseq}"
        );
        match Message::parse(Bytes::from(text)).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("not a request"),
        }
    }

    fn tell(&mut self, cseq: u32, state: &str) {
        let ours = self.our_tag();
        let notify = self.notify(
            ["pbx", &ours],
            cseq,
            &format!("Subscription-State: {state}"),
        );
        if self.subscriber.expects(&notify) {
            self.handle(SubscriberInput::Notify(notify));
        } else {
            writeln!(self.log, "at {}: not expected", self.seconds(self.now)).unwrap();
        }
    }

    fn our_tag(&self) -> String {
        let sent = self.sent.last().unwrap();
        sent.from().unwrap().tag().unwrap().to_owned()
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.duration_since(self.start).as_secs_f64()
    }

    fn handle(&mut self, input: SubscriberInput) {
        self.words += 1;
        let words = Words {
            call_id: format!("call-{}", self.words),
            tag: format!("ours-{}", self.words),
            client_nonce: format!("nonce-{}", self.words),
        };
        self.subscriber.handle(input, &words, self.now);
        while let Some(output) = self.subscriber.poll_output() {
            let at = self.seconds(self.now);
            let said = match output {
                SubscriberOutput::Send(draft) => {
                    let printed = draft.print("UDP 192.0.2.9:5060", "z9hG4bKours");
                    let Message::Request(mut request) = Message::parse(printed).unwrap() else {
                        panic!("not a request");
                    };
                    request.check().unwrap();
                    let text = |name| {
                        let value = request.header(name).unwrap_or_default();
                        String::from_utf8_lossy(value).into_owned()
                    };
                    let proof = match text(HeaderName::Authorization) {
                        proof if proof.is_empty() => "",
                        proof if proof.contains("nc=00000001") => " with proof",
                        _ => " with proof again",
                    };
                    let route = match text(HeaderName::Route) {
                        route if route.is_empty() => String::new(),
                        route => format!(" by {route}"),
                    };
                    let said = format!(
                        "subscribe {} {} cseq {} for {}{route}{proof}",
                        String::from_utf8_lossy(request.uri_text()),
                        text(HeaderName::CallId),
                        request.cseq().unwrap().number,
                        text(HeaderName::Expires),
                    );
                    self.sent.push(request);
                    said
                }
                SubscriberOutput::Answer(status) => format!("answer {}", status.code()),
                SubscriberOutput::Document(body) => {
                    format!("read {:?}", String::from_utf8_lossy(&body))
                }
                SubscriberOutput::Standing(SubscriberStanding::Active { until }) => {
                    format!("active until {}", self.seconds(until))
                }
                SubscriberOutput::Standing(SubscriberStanding::Lost { why, again_at }) => {
                    format!("lost until {}: {why}", self.seconds(again_at))
                }
            };
            writeln!(self.log, "at {at}: {said}").unwrap();
        }
    }
}

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"pbx.example\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";

#[test]
fn a_subscription_is_proven_told_and_kept_alive() {
    check(
        |line| {
            line.wait(0);
            line.answer("401 Unauthorized", CHALLENGE);
            line.grant(400);
            line.tell(1, "active;expires=400");
            line.wait(300);
            line.grant(400);
            line.tell(2, "active;expires=400");
            line.handle(SubscriberInput::Stop);
            line.wait(9000);
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: subscribe sip:101@pbx.example call-1 cseq 2 for 600 with proof
            at 0: answer 200
            at 0: active until 400
            at 0: read "body 1"
            at 300: subscribe sip:pbx@192.0.2.7:5090 call-1 cseq 3 for 600 by <sip:a@h;lr> with proof again
            at 300: active until 700
            at 300: answer 200
            at 300: active until 700
            at 300: read "body 2"
            at 300: subscribe sip:pbx@192.0.2.7:5090 call-1 cseq 4 for 0 by <sip:a@h;lr> with proof again
        "#]],
    );
}

/// RFC 6665 §4.4.1.
#[test]
fn a_notify_may_overtake_the_answer() {
    check(
        |line| {
            line.wait(0);
            line.tell(1, "active;expires=600");
            line.grant(600);
            line.wait(40);
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: answer 200
            at 0: read "body 1"
            at 0: active until 600
        "#]],
    );
}

/// RFC 6665 §4.1.3, RFC 3261 §12.2.2: what is not of the dialog is not looked at, what is late is refused.
#[test]
fn a_stray_notify_is_not_expected() {
    check(
        |line| {
            line.wait(0);
            let ours = line.our_tag();
            line.grant(600);
            for tags in [["pbx", "guess"], ["fork", &*ours]] {
                let stray = line.notify(tags, 1, "Subscription-State: active");
                assert!(!line.subscriber.expects(&stray), "{tags:?}");
            }
            line.tell(5, "active");
            line.tell(5, "active");
            line.tell(4, "active");
            let without = line.notify(["pbx", &ours], 6, "Subject: none");
            line.handle(SubscriberInput::Notify(without));
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: answer 200
            at 0: active until 600
            at 0: read "body 5"
            at 0: answer 500
            at 0: answer 500
            at 0: answer 400
        "#]],
    );
}

#[test]
fn whoever_does_not_answer_is_asked_ever_more_seldom() {
    check(
        |line| {
            line.wait(0);
            for _ in 0..8 {
                line.handle(SubscriberInput::Unanswered);
                line.wait(400);
            }
            line.grant(600);
            line.wait(31);
            line.wait(1);
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: lost until 5: there is no answer
            at 5: subscribe sip:101@pbx.example call-3 cseq 1 for 600
            at 400: lost until 410: there is no answer
            at 410: subscribe sip:101@pbx.example call-5 cseq 1 for 600
            at 800: lost until 820: there is no answer
            at 820: subscribe sip:101@pbx.example call-7 cseq 1 for 600
            at 1200: lost until 1240: there is no answer
            at 1240: subscribe sip:101@pbx.example call-9 cseq 1 for 600
            at 1600: lost until 1680: there is no answer
            at 1680: subscribe sip:101@pbx.example call-11 cseq 1 for 600
            at 2000: lost until 2160: there is no answer
            at 2160: subscribe sip:101@pbx.example call-13 cseq 1 for 600
            at 2400: lost until 2700: there is no answer
            at 2700: subscribe sip:101@pbx.example call-15 cseq 1 for 600
            at 2800: lost until 3100: there is no answer
            at 3100: subscribe sip:101@pbx.example call-17 cseq 1 for 600
            at 3232: lost until 3532: the subscription was granted, but no NOTIFY came
        "#]],
    );
}

/// What was told holds as long as the subscription does, and the PBX says why it ends.
#[test]
fn a_notifier_that_ends_it_says_when_to_come_back() {
    let after = |state: &str| {
        let mut line = Line::new();
        line.wait(0);
        line.grant(600);
        line.tell(1, "active");
        line.tell(2, state);
        let next = line.subscriber.next_timeout().unwrap();
        next.duration_since(line.now).as_secs()
    };
    assert_eq!(after("terminated;reason=deactivated"), 1);
    assert_eq!(after("terminated;reason=timeout"), 1);
    assert_eq!(after("terminated;reason=probation;retry-after=77"), 77);
    assert_eq!(after("terminated;reason=giveup"), 5);
    assert_eq!(after("terminated;reason=rejected"), 1800);
    assert_eq!(after("terminated"), 5);
    assert_eq!(
        after("terminated;reason=probation;retry-after=99999999"),
        1800
    );
}

#[test]
fn refusals_are_taken_by_their_kind() {
    check(
        |line| {
            line.wait(0);
            line.answer("423 Interval Too Brief", "Min-Expires: 1800\r\n");
            line.answer("503 Service Unavailable", "Retry-After: 60 (soon)\r\n");
            line.wait(60);
            line.grant(1800);
            line.tell(1, "active;expires=100");
            line.wait(75);
            // The PBX has forgotten us.
            line.answer("481 Subscription Does Not Exist", "");
            line.answer("404 Not Found", "");
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: subscribe sip:101@pbx.example call-1 cseq 2 for 1800
            at 0: lost until 60: the answer is 503 Service Unavailable
            at 60: subscribe sip:101@pbx.example call-4 cseq 1 for 1800
            at 60: answer 200
            at 60: active until 160
            at 60: read "body 1"
            at 135: subscribe sip:pbx@192.0.2.7:5090 call-4 cseq 2 for 1800 by <sip:a@h;lr>
            at 135: subscribe sip:101@pbx.example call-8 cseq 1 for 1800
            at 135: lost until 1935: the answer is 404 Not Found
        "#]],
    );
}

/// A challenge is answered for the realm that is configured, and not for ever.
#[test]
fn the_password_goes_to_nobody_else() {
    let other = CHALLENGE.replace("pbx.example", "elsewhere.example");
    check(
        |line| {
            line.wait(0);
            line.answer("401 Unauthorized", &other);
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: lost until 1800: the user or the password is wrong
        "#]],
    );
    check(
        |line| {
            line.wait(0);
            for _ in 0..3 {
                line.answer("401 Unauthorized", CHALLENGE);
            }
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: subscribe sip:101@pbx.example call-1 cseq 2 for 600 with proof
            at 0: subscribe sip:101@pbx.example call-1 cseq 3 for 600 with proof
            at 0: lost until 1800: the user or the password is wrong
        "#]],
    );
}

/// A document that was missed is asked for by a refresh, which brings the whole state.
#[test]
fn what_was_missed_is_asked_for() {
    check(
        |line| {
            line.wait(0);
            line.grant(600);
            line.tell(1, "active");
            line.handle(SubscriberInput::Missed);
            line.handle(SubscriberInput::Missed);
            line.grant(600);
        },
        expect![[r#"
            at 0: subscribe sip:101@pbx.example call-1 cseq 1 for 600
            at 0: answer 200
            at 0: active until 600
            at 0: read "body 1"
            at 0: subscribe sip:pbx@192.0.2.7:5090 call-1 cseq 2 for 600 by <sip:a@h;lr>
            at 0: active until 600
        "#]],
    );
}
