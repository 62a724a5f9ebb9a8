//! A help room in virtual time, played by a script of short lines; what comes out is a trace to compare.
//! Must not reach into the machine: inputs, outputs and queries only.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use expect_test::Expect;
use helpdesk::{
    AccessDigest, Addressee, Answer, Ask, CallEnd, CallId, CallNews, CaseId, CaseReason, Channel,
    Clock, Config, DeliveryId, DeliveryOutcome, Detail, EndedBy, GroupState, Helpdesk, Input,
    LineId, NewCase, NotReached, Output, PageNews, PastCall, PauseFor, Prefer, Preference, Proof,
    Record, RepId, ReplyId, Seq, ShopperEvent, SiteId, SkillId, TicketId, TierId, Wishes,
};
use presence::Availability;

use crate::samples::{level, sample};
use crate::telling::{case_text, line_text, record_text, state, visible, wait};

/// Plays the script with the sample configuration and compares the trace.
pub(crate) fn check(script: &str, expect: Expect) {
    check_with(sample(), script, expect);
}

/// Plays the script with a configuration of its own.
pub(crate) fn check_with(config: Config, script: &str, expect: Expect) {
    let mut room = Room::new(config);
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
        room.play(line);
    }
    expect.assert_eq(&room.trace);
}

/// Where a play's time begins.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made otherwise; no test depends on which it is"
)]
pub(crate) fn any_instant() -> Instant {
    Instant::now()
}

pub(crate) struct Room {
    pub(crate) desk: Helpdesk,
    pub(crate) now: Instant,
    pub(crate) trace: String,
    pub(crate) records: Vec<Record>,
    config: Config,
    unix_ms: i64,
    started: Instant,
    deliveries: Vec<(DeliveryId, RepId)>,
    calls: Vec<(TicketId, CallId)>,
    letters: Vec<DeliveryId>,
    lines: u64,
    shows_records: bool,
}

impl Room {
    pub(crate) fn new(config: Config) -> Self {
        let now = any_instant();
        let unix_ms = 1_000_000;
        let clock = Clock { at: now, unix_ms };
        Self {
            desk: Helpdesk::new(config.clone(), clock).unwrap(),
            now,
            trace: String::new(),
            records: Vec::new(),
            config,
            unix_ms,
            started: now,
            deliveries: Vec::new(),
            calls: Vec::new(),
            letters: Vec::new(),
            lines: 0,
            shows_records: false,
        }
    }

    /// One line of a script:
    ///
    /// - `12s` lets time pass; `records` shows records from here on; `restart` replays them
    /// - `alice, bob available` (or `busy`, `away`, `offline`)
    /// - `alice: text` says something to the desk, `alice@t1: text` in a conversation, `alice typing`
    /// - `alice unreachable` fails her last message, `alice reached` delivers it
    /// - `ask t1 cameras [gold] [to=bob] [name=Zoe] [page=…] [site=lab] [: first words]`; `cameras+lenses`;
    ///   wishes: `level=60`, `likes=lenses:50`, `prefer=best`, `wait=90`, `lang=fr`
    /// - `case c1 [from=t1] [to=bob] [: words]` opens a case, `c1 closes [alice]` ends it, `ask t1 - case=c1`
    ///   comes back with it
    /// - `alice pauses 60`, `alice resumes 0`, `alice calls 1`
    /// - `t1 call [number]`, `t1 uncall`, `t1 page here`, `t1 page gone`, `t1 im sip:zoe@example.net text`;
    ///   asks have `phone=`, `im=`, `by=token`, `answer=call`
    /// - `t1 heard rep`, `t1 heard rep engaged`, `t1 heard shopper [engaged]`, `t1 heard over 60`; `letter lost`
    /// - `t1: text`, `t1 typing`, `t1 end`, `t1 rate 5`, `t1 seen 3`, `t1 forget`, `c1 forget-case`
    /// - `show t1`, `why t1`, `decisions t1`, `lines t1`, `group lenses [gold]`
    pub(crate) fn play(&mut self, line: &str) {
        if let Some(seconds) = line.strip_suffix('s').and_then(|s| s.parse::<u64>().ok()) {
            self.pass(Duration::from_secs(seconds));
            return;
        }
        if let Some(case) = line.strip_prefix("case ") {
            self.open_case(case);
            return;
        }
        if let Some(ask) = line.strip_prefix("ask ") {
            self.ask(ask);
            return;
        }
        if let Some((who, text)) = line.split_once(": ") {
            self.say(who, text);
            return;
        }
        let (words, last) = line.rsplit_once(' ').unwrap_or((line, ""));
        match (words, last) {
            ("records", _) => self.shows_records = true,
            ("restart", _) => self.restart(),
            (reps, "available") => self.presence(reps, Availability::Available),
            (reps, "busy") => self.presence(reps, Availability::Busy),
            (reps, "away") => self.presence(reps, Availability::Away),
            (reps, "offline") => self.presence(reps, Availability::Offline),
            (rep, "0") if rep.ends_with(" resumes") => self.input(Input::Pause {
                rep: RepId::new(rep.trim_end_matches(" resumes")),
                pause: None,
            }),
            (rep, seconds) if rep.ends_with(" pauses") => self.input(Input::Pause {
                rep: RepId::new(rep.trim_end_matches(" pauses")),
                pause: Some(PauseFor::Time(Duration::from_secs(
                    seconds.parse().unwrap(),
                ))),
            }),
            (rep, calls) if rep.ends_with(" calls") => self.input(Input::Calls {
                rep: RepId::new(rep.trim_end_matches(" calls")),
                calls: calls.parse().unwrap(),
            }),
            (rep, "unreachable") => self.deliver(rep, DeliveryOutcome::Undeliverable),
            (rep, "reached") => self.deliver(rep, DeliveryOutcome::Delivered),
            (who, "typing") if who.starts_with('t') => self.input(Input::ShopperTyping {
                ticket: TicketId::new(who),
            }),
            (who, "typing") => self.input(Input::RepTyping {
                rep: RepId::new(who),
                to: Addressee::Desk,
            }),
            (ticket, "end") => self.input(Input::ShopperEnd {
                ticket: TicketId::new(ticket),
            }),
            ("show", ticket) => {
                let view = self.desk.ticket(&TicketId::new(ticket));
                let text = view.map_or("unknown".to_owned(), |view| state(&view));
                writeln!(self.trace, "{ticket} is {text}").unwrap();
            }
            ("why", ticket) => {
                let now = self.desk.explain(&TicketId::new(ticket)).unwrap();
                let mut reps = now.candidates;
                reps.sort_by(|one, other| one.rep.cmp(&other.rep));
                for one in reps {
                    writeln!(self.trace, "{} {:?}", one.rep, one.standing).unwrap();
                }
            }
            ("decisions", ticket) => {
                for decision in self.desk.decisions(&TicketId::new(ticket)) {
                    for reason in decision.reasons() {
                        writeln!(self.trace, "{reason}").unwrap();
                    }
                }
            }
            ("lines", ticket) => {
                let ticket = TicketId::new(ticket);
                for said in self.desk.lines_after(&ticket, Seq(0)) {
                    writeln!(self.trace, "{} {}", said.seq.0, line_text(said)).unwrap();
                }
            }
            (other, last) => self.play_rest(other, last),
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.desk.handle(input, self.now);
        self.drain();
    }

    /// Wakes the machine whenever it asks for it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.desk.next_timeout().filter(|&due| due <= until) {
            assert!(due > self.now, "woken twice for the same moment");
            self.now = due;
            self.desk.handle_timeout(due);
            self.drain();
        }
        self.now = until;
    }

    /// Forgets everything and replays the journal.
    pub(crate) fn restart(&mut self) {
        self.restart_with(Vec::new());
    }

    /// The same, with the calls that are on record.
    pub(crate) fn restart_with(&mut self, calls: Vec<PastCall>) {
        let clock = Clock {
            at: self.now,
            unix_ms: self.unix_ms(),
        };
        self.desk = Helpdesk::new(self.config.clone(), clock).unwrap();
        self.desk.restore_calls(calls);
        self.desk.restore(self.records.clone(), self.now);
        self.drain();
    }

    pub(crate) fn unix_ms(&self) -> i64 {
        self.unix_ms + i64::try_from(self.now.duration_since(self.started).as_millis()).unwrap()
    }

    fn play_rest(&mut self, words: &str, last: &str) {
        let words: Vec<&str> = words.split(' ').chain([last]).collect();
        match words.as_slice() {
            [ticket, "call"] => self.input(Input::WantCall {
                ticket: TicketId::new(ticket),
                number: None,
                reply: ReplyId(5),
            }),
            [ticket, "call", number] => self.input(Input::WantCall {
                ticket: TicketId::new(ticket),
                number: Some((*number).to_owned()),
                reply: ReplyId(5),
            }),
            [ticket, "uncall"] => self.input(Input::UnwantCall {
                ticket: TicketId::new(ticket),
            }),
            [ticket, "page", news] => self.input(Input::Page {
                ticket: TicketId::new(ticket),
                news: match *news {
                    "here" => PageNews::Here,
                    "gone" => PageNews::Gone,
                    other => panic!("a page is not {other}"),
                },
            }),
            [ticket, "heard", news @ ..] => self.hear(ticket, news),
            ["letter", "lost"] => {
                let delivery = self.letters.pop().unwrap();
                let outcome = DeliveryOutcome::Undeliverable;
                self.input(Input::Delivery { delivery, outcome });
            }
            [ticket, "im", from, text] => self.input(Input::MessengerLine {
                ticket: TicketId::new(ticket),
                from: Arc::from(*from),
                id: LineId::new(text),
                text: Arc::from(*text),
                reply: ReplyId(6),
            }),
            [ticket, "rate", stars] => self.input(Input::Rate {
                ticket: TicketId::new(ticket),
                stars: stars.parse().unwrap(),
                comment: None,
            }),
            [ticket, "forget"] => self.input(Input::Forget {
                ticket: TicketId::new(ticket),
            }),
            [case, "forget-case"] => self.input(Input::ForgetCase {
                case: CaseId::new(case),
            }),
            [ticket, "seen", seq] => self.input(Input::ShopperSeen {
                ticket: TicketId::new(ticket),
                seq: Seq(seq.parse().unwrap()),
            }),
            [case, "closes", by @ ..] => self.input(Input::CloseCase {
                case: CaseId::new(case),
                by: by.first().map(|rep| RepId::new(rep)),
                reply: ReplyId(4),
            }),
            ["group", skill, rest @ ..] => {
                let tier = rest.first().copied().unwrap_or("standard");
                let text = self.group(skill, tier);
                writeln!(self.trace, "{text}").unwrap();
            }
            other => panic!("no such line in a script: {other:?}"),
        }
    }

    /// News of a ticket's last call.
    fn hear(&mut self, ticket: &str, news: &[&str]) {
        let ticket = TicketId::new(ticket);
        let mut calls = self.calls.iter().rev();
        let (_, call) = calls.find(|(of, _)| *of == ticket).unwrap().clone();
        let reached = |word: &str| match word {
            "engaged" => NotReached::Busy,
            "silent" => NotReached::NoAnswer,
            "declines" => NotReached::Declined,
            "unreachable" => NotReached::Unreachable(Arc::from("404")),
            other => panic!("no phone is {other}"),
        };
        let news = match news {
            ["rep"] => CallNews::RepAnswered,
            ["shopper"] => CallNews::ShopperAnswered,
            ["rep", word] => CallNews::Ended(CallEnd::Rep(reached(word))),
            ["shopper", word] => CallNews::Ended(CallEnd::Shopper(reached(word))),
            ["left"] => CallNews::Ended(CallEnd::RepLeft),
            ["cancelled"] => CallNews::Ended(CallEnd::Cancelled),
            ["refused"] => CallNews::Ended(CallEnd::NotBegun(Arc::from("no trunk answers"))),
            ["over", seconds] => CallNews::Ended(CallEnd::Over {
                talked: Duration::from_secs(seconds.parse().unwrap()),
                by: EndedBy::Shopper,
            }),
            other => panic!("no such news of a call: {other:?}"),
        };
        self.input(Input::Call { ticket, call, news });
    }

    fn presence(&mut self, reps: &str, availability: Availability) {
        for rep in reps.split(", ") {
            self.input(Input::Presence {
                rep: RepId::new(rep),
                availability,
            });
        }
    }

    fn ask(&mut self, text: &str) {
        let (head, message) = match text.split_once(" : ") {
            Some((head, message)) => (head, Some(message.replace("\\n", "\n"))),
            None => (text, None),
        };
        let mut words = head.split(' ');
        let ticket = TicketId::new(words.next().unwrap());
        let skills = words.next().unwrap_or("-");
        let mut ask = Ask {
            ticket,
            access: AccessDigest([7; 32]),
            site: SiteId::new("shop"),
            skills: skills
                .split('+')
                .filter(|&s| s != "-")
                .map(SkillId::new)
                .collect(),
            tier: TierId::new("standard"),
            wishes: Wishes::default(),
            rep: None,
            case: None,
            name: None,
            phone: None,
            message,
            details: Vec::new(),
            page: None,
            language: None,
            proof: Proof::None,
            channel: Channel::Page,
            im: None,
            earlier: Vec::new(),
        };
        for word in words {
            match word.split_once('=') {
                None => ask.tier = TierId::new(word),
                Some(("to", rep)) => ask.rep = Some(RepId::new(rep)),
                Some(("name", name)) => ask.name = Some(name.replace('_', " ")),
                Some(("page", page)) => ask.page = Some(page.to_owned()),
                Some(("form", asked)) => {
                    let (label, answer) = asked.split_once(':').unwrap();
                    ask.details.push(Detail {
                        label: label.to_owned(),
                        answer: answer.to_owned(),
                    });
                }
                Some(("level", least)) => ask
                    .wishes
                    .least_levels
                    .push((ask.skills[0].clone(), level(least.parse().unwrap()))),
                Some(("likes", wish)) => {
                    let (skill, weight) = wish.split_once(':').unwrap();
                    ask.wishes.preferred.push(Preference {
                        skill: SkillId::new(skill),
                        weight: level(weight.parse().unwrap()),
                        least_level: None,
                    });
                }
                Some(("prefer", "best")) => ask.wishes.prefer = Some(Prefer::Best),
                Some(("prefer", "first")) => ask.wishes.prefer = Some(Prefer::First),
                Some(("wait", seconds)) => {
                    let seconds = Duration::from_secs(seconds.parse().unwrap());
                    ask.wishes.rep_deadline = Some(seconds);
                }
                Some(("lang", tag)) => ask.language = Some(tag.to_owned()),
                Some(("case", case)) => ask.case = Some(case.to_owned()),
                Some(("site", site)) => ask.site = SiteId::new(site),
                Some(("phone", phone)) => ask.phone = Some(phone.to_owned()),
                Some(("im", im)) => ask.im = Some(im.to_owned()),
                Some(("by", "token")) => ask.proof = Proof::Token,
                Some(("answer", "call")) => ask.channel = Channel::Telephone,
                Some((other, _)) => panic!("an ask has no {other}"),
            }
        }
        self.input(Input::Ask {
            ask: Box::new(ask),
            reply: ReplyId(1),
        });
    }

    fn open_case(&mut self, text: &str) {
        let (head, words) = match text.split_once(" : ") {
            Some((head, words)) => (head, Some(words.to_owned())),
            None => (text, None),
        };
        let mut head = head.split(' ');
        let mut case = NewCase {
            id: CaseId::new(head.next().unwrap()),
            site: SiteId::new("shop"),
            shopper: None,
            name: None,
            contact: None,
            skills: Vec::new(),
            ticket: None,
            reason: CaseReason::Offline,
            words,
            rep: None,
        };
        for word in head {
            match word.split_once('=') {
                Some(("from", ticket)) => {
                    case.ticket = Some(TicketId::new(ticket));
                    case.reason = CaseReason::Unfinished;
                }
                Some(("to", rep)) => case.rep = Some(RepId::new(rep)),
                Some(("about", skill)) => case.skills.push(SkillId::new(skill)),
                Some(("site", site)) => case.site = SiteId::new(site),
                other => panic!("a case has no {other:?}"),
            }
        }
        self.input(Input::OpenCase {
            case: Box::new(case),
            reply: ReplyId(4),
        });
    }

    fn say(&mut self, who: &str, text: &str) {
        let text: Arc<str> = Arc::from(text.replace("\\n", "\n"));
        if who.starts_with('t') {
            let (ticket, id) = match who.split_once('#') {
                Some((ticket, id)) => (ticket, id.to_owned()),
                None => {
                    self.lines += 1;
                    (who, format!("line-{}", self.lines))
                }
            };
            self.input(Input::ShopperLine {
                ticket: TicketId::new(ticket),
                id: LineId::new(&id),
                text,
                reply: ReplyId(2),
            });
        } else {
            let (rep, to) = match who.split_once('@') {
                Some((rep, ticket)) => (rep, Addressee::Ticket(TicketId::new(ticket))),
                None => (who, Addressee::Desk),
            };
            self.input(Input::RepMessage {
                rep: RepId::new(rep),
                to,
                text,
                reply: ReplyId(3),
            });
        }
    }

    fn deliver(&mut self, rep: &str, outcome: DeliveryOutcome) {
        let last = self
            .deliveries
            .iter()
            .rposition(|(_, to)| to.as_str() == rep)
            .unwrap();
        let (delivery, _) = self.deliveries.remove(last);
        self.input(Input::Delivery { delivery, outcome });
    }

    fn group(&self, skill: &str, tier: &str) -> String {
        let snapshot = self.desk.snapshot();
        let group = snapshot
            .sites
            .iter()
            .flat_map(|site| &site.groups)
            .find(|group| group.skill.as_str() == skill && group.tier.as_str() == tier)
            .unwrap();
        let state = match group.state {
            GroupState::Available => "available",
            GroupState::Wait => "wait",
            GroupState::Closed => "closed",
        };
        format!(
            "{skill} {tier} {state}: {} available, {} busy, {} away, {} offline, {} queued{}",
            group.available,
            group.busy,
            group.away,
            group.offline,
            group.queued,
            wait(group.wait)
        )
    }

    fn drain(&mut self) {
        while let Some(output) = self.desk.poll_output() {
            let line = match output {
                Output::Record(record) => {
                    let shown = self.shows_records.then(|| record_text(&record)).flatten();
                    self.records.push(record);
                    shown.map(|text| format!("* {text}"))
                }
                Output::ToRep {
                    delivery,
                    rep,
                    ticket,
                    text,
                    ..
                } => {
                    self.deliveries.push((delivery, rep.clone()));
                    Some(format!("> {rep} ({ticket}): {text}"))
                }
                Output::TypingToRep { rep, ticket } => Some(format!("> {rep} ({ticket}) typing")),
                Output::ToShopper { ticket, event } => Some(match event {
                    ShopperEvent::Line(said) => format!("< {ticket} {}", line_text(&said)),
                    ShopperEvent::RepTyping => format!("< {ticket} rep typing"),
                    ShopperEvent::State(view) => format!("< {ticket} is {}", state(&view)),
                }),
                Output::Reply { answer, .. } => match answer {
                    Answer::Ticket(view) => Some(format!("= {} {}", view.id, state(&view))),
                    Answer::Refused(refused) => Some(format!("= refused: {refused}")),
                    Answer::Said(seq) => Some(format!("= said {}", seq.0)),
                    Answer::NotSaid(refused) => Some(format!("= not said: {refused}")),
                    Answer::Case(case) => Some(format!("= {}", case_text(&case))),
                    Answer::Calling(view) => Some(format!("= {} {}", view.id, state(&view))),
                    Answer::NotCalled(refused) => Some(format!("= not called: {refused}")),
                    Answer::CaseRefused(refused) => Some(format!("= refused: {refused}")),
                    Answer::Heard => None,
                    Answer::NoSuchConversation => Some("= no such conversation".to_owned()),
                },
                Output::PlaceCall(order) => {
                    let text = format!(
                        "@ call {}, then {}: {}",
                        order.rep,
                        order.number.as_str(),
                        order.display
                    );
                    self.calls.push((order.ticket, order.call));
                    Some(text)
                }
                Output::EndCall { call } => {
                    let (ticket, _) = self.calls.iter().find(|(_, one)| *one == call).unwrap();
                    Some(format!("@ end the call of {ticket}"))
                }
                Output::ToMessenger {
                    delivery,
                    ticket,
                    address,
                    name,
                    text,
                } => {
                    self.letters.push(delivery);
                    let name = name.as_deref().unwrap_or("-");
                    Some(format!("~ {address} ({ticket}) {name}: {text}"))
                }
                Output::Snapshot(_) => None,
            };
            if let Some(line) = line {
                let line: String = line.replace('\n', " | ").chars().map(visible).collect();
                writeln!(self.trace, "{line}").unwrap();
            }
        }
    }
}
