//! Asks one trunk by OPTIONS, again and again, whether it is there (RFC 3261 §11). Any answer says so but 503, whose
//! sender takes no calls. Must not know what follows.

use std::time::{Duration, Instant};

use gateway::Ping;
use sip::{HeaderName, Method, RequestDraft, StatusCode};
use sip_transport::Target;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Change, Parts, Teller};
use crate::config::TrunkSettings;
use crate::random;

/// Asks until `stop`. Returns at once where the trunk is not to be asked.
pub(super) async fn keep(
    parts: &Parts,
    trunk: &TrunkSettings,
    teller: &Teller,
    stop: &CancellationToken,
) {
    let Some(interval) = trunk.ping else {
        return;
    };
    let asking = async {
        let mut silent_since = None;
        loop {
            let began = Instant::now();
            let ping = match ask(parts, trunk).await {
                Ok(took) => {
                    silent_since = None;
                    Ping::Answered { took }
                }
                Err(why) => Ping::Silent {
                    why,
                    since: *silent_since.get_or_insert(began),
                },
            };
            teller.tell(Change::Ping(ping)).await;
            sleep(interval).await;
        }
    };
    stop.run_until_cancelled(asking).await;
}

/// Asks the servers of a trunk until one answers; gives how long that one took, or why nobody does.
async fn ask(parts: &Parts, trunk: &TrunkSettings) -> Result<Duration, String> {
    let servers = parts.sender.servers(&trunk.first_hop()).await;
    let servers = servers.map_err(|error| error.to_string())?;
    let mut why = String::from("it has no server");
    for server in servers {
        let draft = options(parts, trunk).map_err(|error| error.to_string())?;
        let began = Instant::now();
        let asked = parts.sender.request(draft, Target::Server(server));
        match timeout(trunk.answers_within, asked).await {
            Ok(Ok(response)) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                why = response.status().to_string();
            }
            Ok(Ok(_)) => return Ok(began.elapsed()),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = "nothing came back in time".to_owned(),
        }
    }
    Err(why)
}

fn options(parts: &Parts, trunk: &TrunkSettings) -> Result<RequestDraft, getrandom::Error> {
    let uri = format!("sip:{}", trunk.hostport);
    let from = format!("<{}>", trunk.caller(parts.reached.domain()));
    let mut draft = RequestDraft::new(Method::Options, uri)
        .from(&from, &random::word::<16>()?)
        .to(format!("<sip:{}>", trunk.place()))
        .call_id(random::word::<20>()?)
        .cseq(1);
    if let Some(route) = trunk.route() {
        draft = draft.header(HeaderName::Route, route);
    }
    Ok(draft.header(HeaderName::Accept, "application/sdp"))
}
