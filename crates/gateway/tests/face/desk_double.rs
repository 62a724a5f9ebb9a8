//! A scripted owner of the helpdesk: it keeps tickets and lines in a map, says no where the skill's name
//! says so, and lets a test speak for the rep.

mod journal;
mod reports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ::presence::Availability;
use gateway::{Command, Desk, RepCommand, SeatWatch};
use helpdesk::{
    AccessDigest, Ask, AskRefused, CallbackRefused, CallbackStage, CallbackView, Case, CaseRefused,
    CaseState, GroupSnapshot, GroupState, Line, LineId, NewCase, RepId, SayRefused, SeatView, Seq,
    ShopperEvent, SiteId, SiteSnapshot, SkillId, Snapshot, Speaker, TicketId, TicketState,
    TicketView, TierId,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) struct DeskDouble {
    state: Arc<Mutex<State>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    owner: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    asks: Vec<Ask>,
    signs: Vec<String>,
    cases: Vec<NewCase>,
    ratings: Vec<(u8, Option<String>)>,
    tickets: HashMap<TicketId, Ticket>,
    /// Answers that never come: those to asks by the name of `late`.
    late: Vec<oneshot::Sender<Result<TicketView, AskRefused>>>,
    /// What consoles watch: nothing is in hand, and nothing comes.
    seats: Vec<(watch::Sender<Arc<SeatView>>, broadcast::Sender<TicketId>)>,
}

struct Ticket {
    access: AccessDigest,
    view: TicketView,
    lines: Vec<Line>,
    followers: Vec<mpsc::Sender<ShopperEvent>>,
}

impl DeskDouble {
    pub(crate) fn start() -> (Self, Desk) {
        let (commands, mut inbox) = mpsc::channel(64);
        let (snapshots, shown) = watch::channel(Arc::new(snapshot(1, 2)));
        let state = Arc::new(Mutex::new(State::default()));
        let (errands_in, mut errands) = mpsc::channel(4);
        let owned = state.clone();
        let owner = tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(command) = inbox.recv() => owned.lock().unwrap().handle(command),
                    Some(errand) = errands.recv() => journal::run(errand),
                    else => return,
                }
            }
        });
        let double = Self {
            state,
            snapshots,
            owner,
        };
        let desk = Desk::new(commands, shown).with_errands(errands_in);
        (double, desk)
    }

    /// Shows a newer state of the groups; `available` reps for cameras.
    pub(crate) fn show(&self, version: u64, available: u32) {
        self.snapshots
            .send_replace(Arc::new(snapshot(version, available)));
    }

    pub(crate) fn asks(&self) -> Vec<Ask> {
        self.state.lock().unwrap().asks.clone()
    }

    pub(crate) fn cases(&self) -> Vec<NewCase> {
        self.state.lock().unwrap().cases.clone()
    }

    pub(crate) fn state_of(&self, ticket: &TicketId) -> TicketState {
        self.state.lock().unwrap().tickets[ticket].view.state
    }

    pub(crate) fn signs(&self) -> Vec<String> {
        self.state.lock().unwrap().signs.clone()
    }

    pub(crate) fn ratings(&self) -> Vec<(u8, Option<String>)> {
        self.state.lock().unwrap().ratings.clone()
    }

    /// Alice says something.
    pub(crate) fn rep_says(&self, ticket: &str, text: &str) {
        let mut state = self.state.lock().unwrap();
        let ticket = state.tickets.get_mut(&TicketId::new(ticket)).unwrap();
        ticket.say(None, Speaker::Rep, text);
    }

    pub(crate) fn rep_types(&self, ticket: &str) {
        let mut state = self.state.lock().unwrap();
        let ticket = state.tickets.get_mut(&TicketId::new(ticket)).unwrap();
        ticket.tell(&ShopperEvent::RepTyping);
    }

    /// Alice takes the conversation.
    pub(crate) fn rep_answers(&self, ticket: &str) {
        let mut state = self.state.lock().unwrap();
        let ticket = state.tickets.get_mut(&TicketId::new(ticket)).unwrap();
        ticket.view.state = TicketState::Open;
        ticket.view.rep = Some("Alice".into());
        ticket.view.answered_by = Some(RepId::new("alice"));
        ticket.tell(&ShopperEvent::State(ticket.view.clone()));
    }

    /// Whether the ticket is known.
    pub(crate) fn knows(&self, ticket: &str) -> bool {
        let state = self.state.lock().unwrap();
        state.tickets.contains_key(&TicketId::new(ticket))
    }

    /// Lets go of all who follow the ticket, as of followers that do not keep up.
    pub(crate) fn drop_followers(&self, ticket: &str) {
        let mut state = self.state.lock().unwrap();
        let ticket = state.tickets.get_mut(&TicketId::new(ticket)).unwrap();
        ticket.followers.clear();
    }

    /// The owner stops and takes no more commands.
    pub(crate) async fn close(self) {
        self.owner.abort();
        assert!(self.owner.await.unwrap_err().is_cancelled());
    }

    pub(crate) fn watchers(&self) -> usize {
        self.snapshots.receiver_count()
    }
}

/// Answers. A page that has left meanwhile does not hear it, as with a real desk.
pub(crate) fn tell<T>(asker: oneshot::Sender<T>, answer: T) {
    drop(asker.send(answer));
}

impl State {
    fn handle(&mut self, command: Command) {
        match command {
            Command::Ask { ask, answer } => {
                let is_late = ask.name.as_deref() == Some("late");
                let answered = self.open(*ask);
                if is_late {
                    self.late.push(answer);
                } else {
                    tell(answer, answered);
                }
            }
            Command::View { key, answer } => {
                let view = self.find(&key).map(|ticket| ticket.view.clone());
                tell(answer, view);
            }
            Command::Follow {
                key,
                after,
                events,
                answer,
            } => {
                let view = self.find(&key).map(|ticket| ticket.follow(after, events));
                tell(answer, view);
            }
            Command::Say {
                key,
                id,
                text,
                answer,
            } => {
                let said = match self.find(&key) {
                    None => Err(SayRefused::UnknownTicket),
                    Some(ticket) if ticket.view.state.is_final() => Err(SayRefused::Ended),
                    Some(ticket) => Ok(ticket.say(Some(id), Speaker::Shopper, &text)),
                };
                tell(answer, said);
            }
            Command::Typing { key } => {
                if self.find(&key).is_some() {
                    self.signs.push("typing".to_owned());
                }
            }
            Command::Seen { key, seq } => {
                if self.find(&key).is_some() {
                    self.signs.push(format!("seen {}", seq.0));
                }
            }
            Command::End { key, answer } => {
                let view = self.find(&key).map(Ticket::end);
                tell(answer, view);
            }
            Command::WantCall {
                key,
                number,
                answer,
            } => {
                let calling = match (self.find(&key), number.as_deref()) {
                    (None, _) => Err(CallbackRefused::UnknownTicket),
                    (Some(_), Some("+44 1")) => Err(CallbackRefused::NotAllowed),
                    (Some(_), Some("again")) => Err(CallbackRefused::NumberLimit),
                    (Some(ticket), _) => {
                        ticket.view.callback = Some(CallbackView {
                            number: "+33•••••••78".into(),
                            stage: CallbackStage::Waiting,
                            again_unix_ms: None,
                        });
                        Ok(ticket.view.clone())
                    }
                };
                tell(answer, calling);
            }
            Command::UnwantCall { key, answer } => {
                let view = self.find(&key).map(|ticket| {
                    ticket.view.callback = None;
                    ticket.view.clone()
                });
                tell(answer, view);
            }
            Command::Rep(command) => self.handle_rep(command),
            Command::Standing { tickets, answer } => {
                let known = tickets.iter().filter_map(|id| self.tickets.get(id));
                tell(answer, known.map(|ticket| ticket.view.clone()).collect());
            }
            Command::OpenCase { case, answer } => {
                let refused = case.skills.iter().any(|skill| skill.as_str() == "full");
                let kept = if refused {
                    Err(CaseRefused::TooMany)
                } else {
                    Ok(kept(&case))
                };
                self.cases.push(*case);
                tell(answer, kept);
            }
            Command::CloseCase { case, by, answer } => {
                let found = self.cases.iter().find(|known| known.id == case);
                let closed = found.map(|known| Case {
                    state: CaseState::Closed { at_unix_ms: 0, by },
                    ..kept(known)
                });
                tell(answer, closed.ok_or(CaseRefused::UnknownCase(case)));
            }
            Command::Forget {
                tickets, answer, ..
            } => {
                for id in &tickets {
                    self.tickets.remove(id);
                }
                tell(answer, ());
            }
            Command::Report(report) => reports::tell(report, &self.cases),
            Command::Rate {
                key,
                stars,
                comment,
                answer,
            } => {
                let view = self.find(&key).map(|ticket| ticket.view.clone());
                if view.is_some() {
                    self.ratings.push((stars, comment));
                }
                tell(answer, view);
            }
        }
    }

    fn handle_rep(&mut self, command: RepCommand) {
        match command {
            RepCommand::Watch { rep, answer } => {
                let (views_in, views) = watch::channel(Arc::new(empty_seat(rep)));
                let (typing_in, typing) = broadcast::channel(1);
                self.seats.push((views_in, typing_in));
                drop(answer.send(Some(SeatWatch { views, typing })));
            }
            RepCommand::Follow { answer, .. }
            | RepCommand::Say { answer, .. }
            | RepCommand::Note { answer, .. }
            | RepCommand::Take { answer, .. } => drop(answer.send(false)),
            RepCommand::Typing { .. }
            | RepCommand::Life { .. }
            | RepCommand::Ready { .. }
            | RepCommand::Resume { .. } => {}
        }
    }

    fn open(&mut self, ask: Ask) -> Result<TicketView, AskRefused> {
        self.asks.push(ask.clone());
        if ask.rep.as_ref().is_some_and(|rep| rep.as_str() == "nobody") {
            return Err(AskRefused::UnknownRep(RepId::new("nobody")));
        }
        match ask.skills.first().map(SkillId::as_str) {
            None => return Err(AskRefused::NoSkill),
            Some("closed") => return Err(AskRefused::Closed),
            Some("full") => return Err(AskRefused::QueueFull),
            Some("cameras" | "lenses") => {}
            Some(other) => return Err(AskRefused::UnknownSkill(SkillId::new(other))),
        }
        let view = TicketView {
            id: ask.ticket.clone(),
            state: TicketState::Queued,
            position: Some(1),
            wait: None,
            rep: None,
            why: None,
            callback: None,
            delivered: None,
            answered_by: None,
        };
        self.tickets.insert(
            ask.ticket,
            Ticket {
                access: ask.access,
                view: view.clone(),
                lines: Vec::new(),
                followers: Vec::new(),
            },
        );
        Ok(view)
    }

    fn find(&mut self, key: &gateway::TicketKey) -> Option<&mut Ticket> {
        self.tickets
            .get_mut(&key.ticket)
            .filter(|ticket| ticket.access == key.access)
    }
}

fn kept(case: &NewCase) -> Case {
    let case = case.clone();
    Case {
        id: case.id,
        site: case.site,
        shopper: case.shopper,
        name: case.name,
        contact: case.contact,
        skills: case.skills,
        ticket: case.ticket,
        reason: case.reason,
        words: case.words,
        state: CaseState::Open,
        opened_unix_ms: 0,
        rep: case.rep,
    }
}

fn empty_seat(rep: RepId) -> SeatView {
    SeatView {
        name: Arc::from(rep.as_str()),
        rep,
        availability: Availability::Available,
        is_free: true,
        capacity: 1,
        on_calls: 0,
        pause: None,
        doubted_until_unix_ms: None,
        wrap_ups_unix_ms: Vec::new(),
        in_hand: Vec::new(),
    }
}

impl Ticket {
    fn follow(&mut self, after: Seq, events: mpsc::Sender<ShopperEvent>) -> TicketView {
        for line in self.lines.iter().filter(|line| line.seq > after) {
            events.try_send(ShopperEvent::Line(line.clone())).unwrap();
        }
        events
            .try_send(ShopperEvent::State(self.view.clone()))
            .unwrap();
        self.followers.push(events);
        self.view.clone()
    }

    fn say(&mut self, id: Option<LineId>, from: Speaker, text: &str) -> Seq {
        if let Some(known) = self.lines.iter().find(|line| id.is_some() && line.id == id) {
            return known.seq;
        }
        let line = Line {
            seq: Seq(self.lines.len() as u64 + 1),
            id,
            from,
            name: (from == Speaker::Rep).then(|| "Alice".into()),
            text: text.into(),
            at_unix_ms: 1_767_268_800_000,
        };
        self.lines.push(line.clone());
        let seq = line.seq;
        self.tell(&ShopperEvent::Line(line));
        seq
    }

    fn end(&mut self) -> TicketView {
        self.view.state = TicketState::Closed;
        self.view.position = None;
        self.tell(&ShopperEvent::State(self.view.clone()));
        self.view.clone()
    }

    fn tell(&mut self, event: &ShopperEvent) {
        self.followers
            .retain(|follower| follower.try_send(event.clone()).is_ok());
    }
}

fn snapshot(version: u64, available: u32) -> Snapshot {
    let group = |skill: &str, tier: &str, available: u32| GroupSnapshot {
        skill: SkillId::new(skill),
        tier: TierId::new(tier),
        state: if available > 0 {
            GroupState::Available
        } else {
            GroupState::Closed
        },
        available,
        busy: 0,
        away: 0,
        offline: 1,
        queued: 0,
        opens_unix_ms: None,
        next_rep: None,
        wait: None,
    };
    let site = |site: &str, groups: Vec<GroupSnapshot>| SiteSnapshot {
        site: SiteId::new(site),
        groups: groups.into_iter().collect(),
    };
    Snapshot {
        version,
        at_unix_ms: 1_767_268_800_000,
        sites: vec![
            site(
                "shop",
                vec![
                    group("cameras", "standard", available),
                    group("cameras", "gold", available + 1),
                    group("lenses", "standard", 0),
                    group("lenses", "gold", 0),
                ],
            ),
            site("library", vec![group("lenses", "standard", 1)]),
        ],
    }
}
