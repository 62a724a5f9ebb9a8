//! Carries one call: gives the machine of third-party call control what the legs tell, and does what it says.
//! Must not decide anything about the call.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{CallEnd, CallNews, CallOrder};
use sip::call::{Body, Event, Outcome};
use sip::third_party::{Config, Controller, Flow, Input, News, Order, Origin, Output, Side};
use sip_transport::Placed;
use storage::CommitError;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::intent::Record;
use super::legs::{self, REP_RINGS};
use super::{Parts, Reporter, words};
use crate::config::{OfferBy, TrunkSettings};
use crate::random;
use crate::sip_service::Binding;

/// A leg says how it ended so long after its last timer at the latest: its transactions have 64*T1 for that.
const LATE: Duration = Duration::from_secs(40);
/// How long the journal may take.
const LONGEST_COMMIT: Duration = Duration::from_secs(10);
/// What the rep may have to wait beside the ringing of the last trunk: trunks that take no call say so sooner.
const REFUSALS: Duration = Duration::from_secs(60);

/// One call on its way.
pub(super) struct Joining<'a> {
    parts: &'a Parts,
    order: &'a CallOrder,
    reporter: &'a Reporter,
    phones: Vec<Binding>,
    trunks: Arc<[TrunkSettings]>,
    /// Where each trunk reaches us; found out while the rep's phone rings.
    contacts: Vec<String>,
    rep: Option<Placed>,
    shopper: Option<Placed>,
    /// Absent while it is written.
    record: Option<Record>,
    writing: Option<Writing>,
}

type Writing = Pin<Box<dyn Future<Output = (Record, Result<(), CommitError>)> + Send>>;

impl<'a> Joining<'a> {
    pub(super) fn new(
        parts: &'a Parts,
        order: &'a CallOrder,
        reporter: &'a Reporter,
        record: Record,
        trunks: Vec<TrunkSettings>,
    ) -> Self {
        Self {
            parts,
            order,
            reporter,
            phones: parts.bindings.phones(&order.rep, Instant::now()),
            trunks: trunks.into(),
            contacts: Vec::new(),
            rep: None,
            shopper: None,
            record: Some(record),
            writing: None,
        }
    }

    /// Makes the call; returns when both legs are over and all that had begun to be written is written.
    pub(super) async fn run(mut self, end: CancellationToken) -> (CallEnd, Option<Record>) {
        let config = match self.config() {
            Ok(config) => config,
            Err(error) => {
                let why = Arc::from(format!("there is no randomness: {error}"));
                return (CallEnd::NotBegun(why), self.record);
            }
        };
        let mut call = Controller::new(config);
        let trunks = Arc::clone(&self.trunks);
        let mut finding = Box::pin(legs::find_contacts(self.parts, &trunks));
        let (mut is_found, mut is_asked_to_end) = (false, false);
        let mut input = Some(Input::Begin);
        loop {
            if let Some(input) = input.take() {
                call.handle(input, Instant::now());
            }
            while let Some(output) = call.poll_output() {
                match output {
                    Output::Place { side, way, offer } => {
                        if !self.place(side, way, offer) {
                            input = Some(Input::NotPlaced { side });
                        }
                    }
                    Output::Order { side, order } => self.give(side, order),
                    Output::Commit => self.write(),
                    Output::News(news) => tell(self.reporter, &trunks, news).await,
                    Output::Ended(end) => {
                        if let Some(writing) = self.writing.take() {
                            self.record = Some(writing.await.0);
                        }
                        return (words::call_end(end), self.record);
                    }
                }
            }
            if input.is_some() {
                continue;
            }
            let due = call.next_timeout();
            // The end and the rep go first: nobody is called for whom nobody waits any more.
            input = tokio::select! {
                biased;
                () = end.cancelled(), if !is_asked_to_end => {
                    is_asked_to_end = true;
                    Some(Input::End)
                }
                event = hear(&mut self.rep) => Some(Input::Leg { side: Side::First, event }),
                event = hear(&mut self.shopper) => Some(Input::Leg { side: Side::Second, event }),
                contacts = &mut finding, if !is_found => {
                    is_found = true;
                    self.contacts = contacts;
                    None
                }
                // A phone that is taken up at once does not have a number dialled before we know where we are reached.
                (record, written) = written(&mut self.writing), if is_found => {
                    self.writing = None;
                    self.record = Some(record);
                    match written {
                        Ok(()) => Some(Input::Committed),
                        Err(error) => {
                            tracing::warn!(%error, "a number was not dialled: it could not be recorded");
                            Some(Input::NotCommitted)
                        }
                    }
                }
                () = sleep_to(due) => Some(Input::Timeout),
            };
        }
    }

    fn config(&self) -> Result<Config, getrandom::Error> {
        let longest_ring = self.trunks.iter().map(|trunk| trunk.ring).max();
        let longest_ring = longest_ring.unwrap_or_default();
        let is_seconds = self.trunks.iter().any(|trunk| match trunk.offer {
            OfferBy::Rep => false,
            OfferBy::Shopper => true,
        });
        Ok(Config {
            flow: if is_seconds {
                Flow::OfferOfSecond
            } else {
                Flow::OfferOfFirst
            },
            origin: Origin::new(
                u64::from_le_bytes(random::bytes()?),
                self.parts.reached.address(),
            ),
            ways_to_first: self.phones.len(),
            ways_to_second: self.trunks.len(),
            longest_ringing: REP_RINGS + LATE,
            longest_commit: LONGEST_COMMIT,
            longest_alone: longest_ring + REFUSALS,
            longest_parting: LATE,
        })
    }

    /// Whether there is a leg by this way.
    fn place(&mut self, side: Side, way: usize, offer: Option<Body>) -> bool {
        let placed = match side {
            Side::First => self
                .phones
                .get(way)
                .map(|phone| legs::call_rep(self.parts, self.order, phone, offer)),
            Side::Second => self.trunks.get(way).map(|trunk| {
                let contact = self.contacts.get(way).map(String::as_str);
                legs::call_shopper(self.parts, self.order, trunk, contact, offer).map(Some)
            }),
        };
        let placed = match placed {
            Some(Ok(placed)) => placed,
            Some(Err(error)) => {
                tracing::error!(%error, "a leg was not placed: there is no randomness");
                None
            }
            None => None,
        };
        let is_placed = placed.is_some();
        *self.leg(side) = placed;
        is_placed
    }

    fn give(&mut self, side: Side, order: Order) {
        if let Some(leg) = self.leg(side)
            && let Err(error) = leg.orders.give(order.into())
        {
            tracing::debug!(%error, "a leg took no order");
        }
    }

    /// On disk before the number's INVITE leaves: from here on it counts as dialled.
    fn write(&mut self) {
        self.writing = self.record.take().map(|mut record| {
            let writing: Writing = Box::pin(async move {
                let written = record.dial().await;
                (record, written)
            });
            writing
        });
    }

    const fn leg(&mut self, side: Side) -> &mut Option<Placed> {
        match side {
            Side::First => &mut self.rep,
            Side::Second => &mut self.shopper,
        }
    }
}

async fn tell(reporter: &Reporter, trunks: &[TrunkSettings], news: News) {
    let news = match news {
        News::Rings(Side::First) => CallNews::RepRings,
        News::Rings(Side::Second) => CallNews::ShopperRings,
        News::FirstAnswered => CallNews::RepAnswered,
        News::Joined => CallNews::ShopperAnswered,
        News::NextWay { way, outcome } => {
            let trunk = trunks.get(way).map(|trunk| trunk.hostport.as_str());
            let why = words::not_reached(outcome);
            tracing::warn!(trunk, %why, "a trunk takes no call, the next is tried");
            return;
        }
    };
    reporter.tell(news).await;
}

/// The next that a leg tells. A leg that is over tells nothing more.
async fn hear(leg: &mut Option<Placed>) -> Event {
    let Some(placed) = leg else {
        return pending().await;
    };
    let event = placed.events.recv().await;
    let event = event.unwrap_or(Event::Ended(Outcome::Lost));
    if matches!(event, Event::Ended(_)) {
        *leg = None;
    }
    event
}

async fn written(writing: &mut Option<Writing>) -> (Record, Result<(), CommitError>) {
    match writing {
        Some(writing) => writing.await,
        None => pending().await,
    }
}

async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}
