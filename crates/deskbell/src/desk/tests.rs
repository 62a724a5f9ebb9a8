//! Owner and carrier with a real journal in memory: what is answered is on record, what is not on record is
//! not answered, and no full channel stops both. Must not know SIP or HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{Command, Desk, DeskRefused, TicketKey};
use helpdesk::{
    AccessDigest, Ask, Clock, Config, DeliveryId, DeliveryOutcome, Helpdesk, Level, LineId, Rep,
    RepId, Routing, Seq, ShopperEvent, Site, SiteId, Skill, SkillId, TicketId, TicketState,
    TicketView, Tier, TierId,
};
use presence::{Document, PresentityId, Publish, Store, StoreConfig};
use storage::{CommitError, Journal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::mood::{Mood, pidf};
use crate::webhooks::Webhooks;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How long the absence of something is watched.
const A_WHILE: Duration = Duration::from_millis(100);

/// A desk with one rep, alice, who takes any number of conversations.
struct Room {
    desk: Desk,
    deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
    letters: mpsc::Receiver<RepMail>,
    presence: PresenceSignal,
    store: Arc<Store>,
    journal: Journal,
    shutdown: CancellationToken,
    owner: JoinHandle<()>,
    carrier: JoinHandle<Result<(), CommitError>>,
    _reconfigure: mpsc::Sender<Config>,
    _rep_says: mpsc::Sender<RepSays>,
    _shopper_says: mpsc::Sender<ShopperSays>,
    _calls: mpsc::Sender<CallReport>,
    _orders: mpsc::Receiver<CallCommand>,
    _messengers: mpsc::Receiver<Letter>,
}

impl Room {
    /// Every channel holds `places` at most.
    async fn open(places: usize) -> Self {
        let journal = Journal::open("sqlite::memory:").await.unwrap();
        let store = Arc::new(Store::new(StoreConfig::new([7; 16])));
        let clock = Clock {
            at: Instant::now(),
            unix_ms: 0,
        };
        let helpdesk = Helpdesk::new(config(), clock).unwrap();
        let (commands_in, commands) = mpsc::channel(places);
        let (rep_says_in, rep_says) = mpsc::channel(places);
        let (shopper_says_in, shopper_says) = mpsc::channel(places);
        let (calls_in, calls) = mpsc::channel(places);
        let (gone_in, gone) = mpsc::channel(places);
        let (orders_in, orders) = mpsc::channel(places);
        let (messengers_in, messengers) = mpsc::channel(places);
        let (deliveries_in, deliveries) = mpsc::channel(places);
        let (reconfigure_in, reconfigure) = mpsc::channel(1);
        let (batches_in, batches) = mpsc::channel(places);
        let (letters_in, letters) = mpsc::channel(places);
        let (snapshots_in, snapshots) = watch::channel(helpdesk.snapshot());
        let presence = PresenceSignal::default();
        let owner = Owner::new(
            helpdesk,
            store.clone(),
            OwnerInputs {
                commands,
                rep_says,
                shopper_says,
                calls,
                gone,
                deliveries,
                presence: presence.clone(),
                reconfigure,
            },
            batches_in,
            snapshots_in,
            PresenceChanges::default(),
        );
        let announcer = Webhooks::new(journal.clone(), Vec::new()).announcer(&[]);
        let carrier = Carrier::new(
            journal.clone(),
            announcer,
            batches,
            Ways {
                mail: letters_in,
                letters: messengers_in,
                calls: orders_in,
                gone: gone_in,
            },
        );
        let shutdown = CancellationToken::new();
        Self {
            desk: Desk::new(commands_in, snapshots),
            deliveries: deliveries_in,
            letters,
            presence,
            store,
            journal,
            owner: tokio::spawn(owner.run(shutdown.clone())),
            carrier: tokio::spawn(carrier.run()),
            shutdown,
            _reconfigure: reconfigure_in,
            _rep_says: rep_says_in,
            _shopper_says: shopper_says_in,
            _calls: calls_in,
            _orders: orders,
            _messengers: messengers,
        }
    }

    async fn alice_is_free(&self) {
        let document = pidf("sip:alice@shop.example", Mood::Free);
        let publish = Publish::Initial {
            document: Document::read_pidf(document.as_bytes()).unwrap(),
            lifetime: None,
            publisher: None,
        };
        self.store
            .publish(&PresentityId::new("alice"), publish, Instant::now())
            .unwrap();
        let mut snapshots = self.desk.snapshots();
        self.presence.mark();
        timeout(LIMIT, snapshots.changed()).await.unwrap().unwrap();
    }

    async fn ask(&self, ticket: &str) -> Result<TicketView, DeskRefused> {
        let ask = Box::new(ask(ticket));
        let asked = self.desk.call(|answer| Command::Ask { ask, answer });
        let asked = timeout(LIMIT, asked).await.unwrap()?;
        Ok(asked.unwrap())
    }

    async fn say(&self, ticket: &str, id: &str) -> Result<Seq, DeskRefused> {
        let said = self.desk.call(|answer| Command::Say {
            key: key(ticket),
            id: LineId::new(id),
            text: Arc::from("hello"),
            answer,
        });
        let said = timeout(LIMIT, said).await.unwrap()?;
        Ok(said.unwrap())
    }
}

fn config() -> Config {
    let cameras = SkillId::new("cameras");
    Config {
        sites: vec![Site {
            id: SiteId::new("shop"),
            name: "Shop".to_owned(),
            skills: vec![cameras.clone()],
            hours: None,
            skill_hours: Vec::new(),
            shows_next_rep: false,
            callback: helpdesk::CallbackRules::default(),
        }],
        skills: vec![Skill {
            id: cameras.clone(),
            name: "Cameras".to_owned(),
            language: None,
            handling: None,
        }],
        tiers: vec![Tier {
            id: TierId::new("standard"),
            weight: 1.0,
        }],
        reps: vec![Rep {
            id: RepId::new("alice"),
            name: "Alice".to_owned(),
            skills: vec![(cameras, Level::new(90).unwrap())],
            tiers: None,
            capacity: 1_000,
        }],
        routing: Routing::default(),
    }
}

pub(crate) fn ask(ticket: &str) -> Ask {
    Ask {
        ticket: TicketId::new(ticket),
        access: AccessDigest([1; 32]),
        site: SiteId::new("shop"),
        skills: vec![SkillId::new("cameras")],
        tier: TierId::new("standard"),
        wishes: helpdesk::Wishes::default(),
        rep: None,
        case: None,
        name: None,
        phone: None,
        message: Some("which one?".to_owned()),
        details: Vec::new(),
        page: None,
        language: None,
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: Vec::new(),
    }
}

fn key(ticket: &str) -> TicketKey {
    TicketKey {
        ticket: TicketId::new(ticket),
        access: AccessDigest([1; 32]),
    }
}

#[tokio::test]
async fn an_answer_comes_after_its_record_is_committed() {
    let room = Room::open(8).await;
    room.alice_is_free().await;
    room.ask("t").await.unwrap();
    let asked = room.journal.totals().records;
    assert!(asked > 0, "the ticket was answered before it was on record");
    room.say("t", "a").await.unwrap();
    let said = room.journal.totals().records;
    assert!(
        said > asked,
        "the line was answered before it was on record"
    );
    assert_eq!(room.say("t", "a").await, room.say("t", "a").await);
    assert_eq!(
        room.journal.totals().records,
        said,
        "a repeated line was kept"
    );
}

#[tokio::test]
async fn a_letter_comes_after_its_record_is_committed() {
    let mut room = Room::open(8).await;
    room.alice_is_free().await;
    let ticket = Box::new(ask("t"));
    let (answer, _nobody_waits) = tokio::sync::oneshot::channel();
    let asked = Command::Ask {
        ask: ticket,
        answer,
    };
    room.desk.send(asked).await.unwrap();
    let letter = timeout(LIMIT, room.letters.recv()).await.unwrap().unwrap();
    assert_eq!(letter.rep, RepId::new("alice"));
    assert!(room.journal.totals().records > 0);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered_and_ends_both() {
    let mut room = Room::open(8).await;
    room.alice_is_free().await;
    room.ask("t").await.unwrap();
    while room.letters.try_recv().is_ok() {}
    room.journal.clone().close().await;

    assert_eq!(room.say("t", "a").await, Err(DeskRefused::Closed));
    let carried = timeout(LIMIT, room.carrier).await.unwrap().unwrap();
    assert_eq!(carried, Err(CommitError::Closed));
    assert!(room.letters.recv().await.is_none(), "alice heard of it");
    // The owner ends when it next has something to carry.
    assert_eq!(
        timeout(
            LIMIT,
            room.desk.call(|answer| Command::View {
                key: key("t"),
                answer
            })
        )
        .await
        .unwrap(),
        Err(DeskRefused::Closed)
    );
    timeout(LIMIT, room.owner).await.unwrap().unwrap();
}

#[tokio::test]
async fn full_channels_do_not_keep_outcomes_out() {
    let room = Room::open(1).await;
    room.alice_is_free().await;
    // Nobody takes letters, so that the carrier and then the owner come to wait.
    let desk = room.desk.clone();
    let mut asking = tokio::spawn(async move {
        let mut answers = Vec::new();
        for place in 0..20 {
            let (answer, answered) = tokio::sync::oneshot::channel();
            let ask = Box::new(ask(&format!("t{place}")));
            desk.send(Command::Ask { ask, answer }).await.unwrap();
            answers.push(answered);
        }
        answers
    });
    let waited = timeout(A_WHILE, &mut asking).await;
    assert!(waited.is_err(), "nothing is full");
    for delivery in 0..20 {
        let outcome = (DeliveryId(delivery), DeliveryOutcome::Delivered);
        timeout(LIMIT, room.deliveries.send(outcome))
            .await
            .unwrap()
            .unwrap();
    }
    // Once letters are taken, all goes on.
    let mut letters = room.letters;
    let taking = tokio::spawn(async move { while letters.recv().await.is_some() {} });
    for answered in timeout(LIMIT, asking).await.unwrap().unwrap() {
        timeout(LIMIT, answered).await.unwrap().unwrap().unwrap();
    }
    room.shutdown.cancel();
    timeout(LIMIT, room.owner).await.unwrap().unwrap();
    timeout(LIMIT, room.carrier)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    timeout(LIMIT, taking).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_ticket_opens_to_its_token_alone() {
    let room = Room::open(8).await;
    room.alice_is_free().await;
    room.ask("t").await.unwrap();
    let stranger = TicketKey {
        access: AccessDigest([2; 32]),
        ..key("t")
    };
    let (events, _page) = mpsc::channel(8);
    let view = |key| room.desk.call(|answer| Command::View { key, answer });
    assert!(view(key("t")).await.unwrap().is_some());
    assert_eq!(view(stranger.clone()).await.unwrap(), None);
    let followed = room.desk.call(|answer| Command::Follow {
        key: stranger.clone(),
        after: Seq(0),
        events,
        answer,
    });
    assert_eq!(followed.await.unwrap(), None);
    let ended = room.desk.call(|answer| Command::End {
        key: stranger,
        answer,
    });
    assert_eq!(ended.await.unwrap(), None);
    assert!(view(key("t")).await.unwrap().unwrap().state != TicketState::Closed);
}

#[tokio::test]
async fn a_page_that_follows_misses_nothing_and_hears_nothing_twice() {
    let room = Room::open(8).await;
    room.alice_is_free().await;
    room.ask("t").await.unwrap();
    let (events, mut page) = mpsc::channel(64);
    room.say("t", "a").await.unwrap();
    let followed = room.desk.call(|answer| Command::Follow {
        key: key("t"),
        after: Seq(0),
        events,
        answer,
    });
    assert!(followed.await.unwrap().is_some());
    room.say("t", "b").await.unwrap();
    let mut seqs = Vec::new();
    while let Ok(event) = page.try_recv() {
        if let ShopperEvent::Line(line) = event {
            seqs.push(line.seq.0);
        }
    }
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert!(seqs.len() >= 3, "{seqs:?}");
}

#[tokio::test]
async fn the_store_knows_what_a_rep_has_in_hand_and_the_helpdesk_does_not_hear_itself() {
    let room = Room::open(16).await;
    room.alice_is_free().await;
    room.ask("t1").await.unwrap();
    let in_hand = || {
        let alice = room.store.presentity(&PresentityId::new("alice")).unwrap();
        (
            alice.own_knowledge().map(|known| known.conversations),
            alice.published().availability,
        )
    };
    let known = timeout(LIMIT, async {
        while in_hand().0 != Some(1) {
            tokio::task::yield_now().await;
        }
    });
    known.await.unwrap();
    assert_eq!(in_hand().1, presence::Availability::Available);
    // Had the offer made alice busy for the helpdesk too, it would have been taken back.
    let second = room.ask("t2").await.unwrap();
    assert_eq!(second.state, TicketState::Offered);
}
