//! Our registration at one trunk. Must not know how a registration goes: the machine says.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::{Duration, Instant};

use gateway::Registration;
use sip::Response;
use sip::registration::{Config, Input, Output, Registrant, Standing};
use sip_transport::{RequestError, Target};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Change, Parts, Teller, contact_towards};
use crate::config::TrunkSettings;
use crate::random;

/// How long a trunk may take to let us go.
const LEAVE_TIME: Duration = Duration::from_secs(2);

type Asking = Pin<Box<dyn Future<Output = Result<Response, RequestError>> + Send>>;

/// Keeps it until `stop`, and takes it back then. Returns at once where the trunk wants none.
pub(super) async fn keep(
    parts: &Parts,
    trunk: &TrunkSettings,
    teller: &Teller,
    stop: &CancellationToken,
) {
    let Some(lifetime) = trunk.register else {
        return;
    };
    let contact = contact_towards(&parts.sender, &parts.reached, trunk).await;
    let registrant = match config(trunk, lifetime, contact) {
        Ok(config) => Registrant::new(config, Instant::now()),
        Err(error) => {
            tracing::error!(%error, "a trunk is not registered at: there is no randomness");
            return;
        }
    };
    let mut keeping = Keeping {
        parts,
        trunk,
        teller,
        registrant,
        asking: None,
    };
    if let Some(()) = stop.run_until_cancelled(keeping.run()).await {
        return;
    }
    keeping.registrant.handle(Input::Stop, Instant::now());
    if timeout(LEAVE_TIME, keeping.run()).await.is_err() {
        tracing::debug!(trunk = %trunk.label(), "a trunk did not let us go in time");
    }
}

struct Keeping<'a> {
    parts: &'a Parts,
    trunk: &'a TrunkSettings,
    teller: &'a Teller,
    registrant: Registrant,
    asking: Option<Asking>,
}

impl Keeping<'_> {
    /// Runs until the registration is over; may be dropped and run again.
    async fn run(&mut self) {
        loop {
            while let Some(output) = self.registrant.poll_output() {
                match output {
                    Output::Send(draft) => {
                        let sender = self.parts.sender.clone();
                        let target = Target::Uri(draft.next_hop().into());
                        let asking = async move { sender.request(*draft, target).await };
                        self.asking = Some(Box::pin(asking));
                    }
                    Output::Standing(standing) => self.tell(standing).await,
                    Output::Over => return,
                }
            }
            let input = tokio::select! {
                answered = answer(&mut self.asking) => {
                    self.asking = None;
                    match answered {
                        Ok(response) => Input::Answered(Box::new(response)),
                        Err(error) => {
                            tracing::debug!(%error, "a trunk was not reached");
                            Input::Unanswered
                        }
                    }
                }
                () = sleep_to(self.registrant.next_timeout()) => Input::Timeout,
            };
            self.registrant.handle(input, Instant::now());
        }
    }

    async fn tell(&mut self, standing: Standing) {
        let label = self.trunk.label();
        let registration = match standing {
            Standing::Registered { until } => {
                tracing::debug!(trunk = %label, "registered at a trunk");
                let happenings = &self.parts.happenings;
                happenings.sip(|| format!("REGISTER: {label} has our registration"));
                Registration::Registered { until }
            }
            Standing::Lost {
                why,
                again_at,
                held_until,
            } => {
                tracing::warn!(trunk = %label, %why, "not registered at a trunk");
                Registration::Lost {
                    why: why.to_string(),
                    again_at,
                    held_until,
                }
            }
        };
        self.teller.tell(Change::Registration(registration)).await;
    }
}

fn config(
    trunk: &TrunkSettings,
    lifetime: Duration,
    contact: String,
) -> Result<Config, getrandom::Error> {
    let user = trunk.user.as_deref().unwrap_or_default();
    Ok(Config {
        registrar: format!("sip:{}", trunk.hostport),
        address: format!("sip:{user}@{}", trunk.place()),
        contact,
        routes: trunk.route().into_iter().collect(),
        lifetime,
        account: trunk.account(),
        call_id: random::word::<20>()?,
        tag: random::word::<16>()?,
        seed: [
            u64::from_le_bytes(random::bytes()?),
            u64::from_le_bytes(random::bytes()?),
        ],
    })
}

async fn answer(asking: &mut Option<Asking>) -> Result<Response, RequestError> {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}

async fn sleep_to(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}
