//! Records of tickets for the tests of a journal: short ones, and one of every kind. Must not know where they are kept.
#![allow(
    dead_code,
    reason = "each of the programs that include this takes what it needs"
)]

use std::sync::Arc;
use std::time::Duration;

use helpdesk::ticket::CloseReason;
use helpdesk::{
    AccessDigest, Ask, Detail, Form, GivenPromise, Level, Line, LineId, Prefer, Preference, Record,
    RepId, Seq, SiteId, SkillId, Speaker, TicketId, TierId, Wait, Wishes,
};

pub(crate) fn ask(ticket: &str) -> Ask {
    Ask {
        ticket: TicketId::new(ticket),
        access: AccessDigest([7; 32]),
        site: SiteId::new("shop"),
        skills: vec![SkillId::new("cameras")],
        tier: TierId::new("gold"),
        wishes: Wishes::default(),
        rep: None,
        case: None,
        name: None,
        phone: None,
        message: None,
        details: Vec::new(),
        page: None,
        language: None,
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: Vec::new(),
    }
}

pub(crate) fn opened(ticket: &str) -> Record {
    Record::Opened {
        ask: Box::new(ask(ticket)),
        at_unix_ms: 1_000,
    }
}

pub(crate) fn line(ticket: &str, seq: u64, id: Option<&str>, text: &str) -> Record {
    let line = Line {
        seq: Seq(seq),
        id: id.map(LineId::new),
        from: Speaker::Shopper,
        name: None,
        text: Arc::from(text),
        at_unix_ms: 1_001,
    };
    Record::Line {
        ticket: TicketId::new(ticket),
        line,
    }
}

pub(crate) fn closed(ticket: &str, at_unix_ms: i64) -> Record {
    Record::Closed {
        ticket: TicketId::new(ticket),
        reason: CloseReason::Rep,
        at_unix_ms,
    }
}

/// One of every kind and every variant within, with every field both present and absent.
pub(crate) fn one_of_each() -> Vec<Record> {
    let (ticket, rep) = (TicketId::new("t1"), RepId::new("alice"));
    let full = Ask {
        skills: vec![SkillId::new("lenses"), SkillId::new("cameras")],
        rep: Some(rep.clone()),
        name: Some("Zoë \"Z\" O'Neil\n".to_owned()),
        phone: Some("+33 1 23 45 67 89".to_owned()),
        message: Some("emoji 📷 and \0 and \u{1f}".to_owned()),
        details: vec![Detail {
            label: "Order".to_owned(),
            answer: "A 17".to_owned(),
        }],
        page: Some("https://shop.example/?q=1&r=2".to_owned()),
        language: Some("fr-CA".to_owned()),
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: Some("sip:zoe@example.net".to_owned()),
        earlier: vec![TicketId::new("t0"), TicketId::new("t00")],
        case: Some("C-1".to_owned()),
        wishes: Wishes {
            least_levels: vec![(SkillId::new("lenses"), Level::MAX)],
            preferred: vec![
                Preference {
                    skill: SkillId::new("french"),
                    weight: Level::MAX,
                    least_level: Level::new(50),
                },
                Preference {
                    skill: SkillId::new("printing"),
                    weight: Level::MAX,
                    least_level: None,
                },
            ],
            prefer: Some(Prefer::Best),
            rep_deadline: Some(Duration::from_millis(1_500)),
        },
        ..ask("t1")
    };
    let speakers = [Speaker::Shopper, Speaker::Rep, Speaker::System];
    let said = (1..).zip(speakers).map(|(seq, from)| Record::Line {
        ticket: ticket.clone(),
        line: Line {
            seq: Seq(seq),
            id: (from == Speaker::Shopper).then(|| LineId::new("b-1")),
            from,
            name: (from == Speaker::Rep).then(|| Arc::from("Alice")),
            text: Arc::from("hello, world"),
            at_unix_ms: -5,
        },
    });
    let mut records = vec![
        Record::Opened {
            ask: Box::new(full),
            at_unix_ms: i64::MAX,
        },
        Record::Offered {
            ticket: ticket.clone(),
            rep: rep.clone(),
            at_unix_ms: 2,
        },
        Record::OfferEnded {
            ticket: ticket.clone(),
            rep: rep.clone(),
            why: Arc::from("no answer"),
            at_unix_ms: 3,
        },
        Record::Accepted {
            ticket: ticket.clone(),
            rep,
            at_unix_ms: 4,
        },
    ];
    records.extend(said);
    for to in [Some(RepId::new("bob")), None] {
        records.push(Record::Transferred {
            ticket: ticket.clone(),
            from: RepId::new("alice"),
            skills: vec![SkillId::new("lenses"), SkillId::new("printing")],
            to,
            at_unix_ms: 5,
        });
    }
    for reason in [
        CloseReason::Shopper,
        CloseReason::Rep,
        CloseReason::Abandoned,
    ] {
        records.push(Record::Closed {
            ticket: ticket.clone(),
            reason,
            at_unix_ms: 6,
        });
    }
    for comment in [Some("quick".to_owned()), None] {
        records.push(Record::Rated {
            ticket: ticket.clone(),
            stars: 5,
            comment,
            at_unix_ms: 7,
        });
    }
    for text in ["prefers e-mail", ""] {
        records.push(Record::Noted {
            ticket: ticket.clone(),
            rep: RepId::new("alice"),
            text: text.into(),
            at_unix_ms: 7,
        });
    }
    for form in [Form::Played, Form::Formula] {
        records.push(Record::Promised {
            ticket: ticket.clone(),
            promise: GivenPromise {
                wait: Wait {
                    seconds: 240,
                    low: 120,
                    high: 420,
                    confidence: 0.8,
                },
                position: 3,
                servers: 2,
                form,
            },
            at_unix_ms: 8,
        });
    }
    records.push(opened("t2"));
    records
}
