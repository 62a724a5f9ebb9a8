//! `POST /v1/sites/{site}/tickets`: one click for help.

use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use helpdesk::{Ask, AskRefused, RepId, SkillId, TicketId, TicketView, TierId};
use http::{HeaderMap, StatusCode, header};
use tracing::info;

use crate::authorised::{Anyone, Authorised};
use crate::body::JsonBody;
use crate::config::{Config, SiteFace};
use crate::desk::{Command, TicketKey};
use crate::face::Face;
use crate::identity::{self, Shopper};
use crate::key;
use crate::problem::Problem;
use crate::random::unguessable;
use crate::source::{Peer, source_of_request};
use crate::wire::ask::{AskBody, Asked};
use crate::wire::ticket::{TicketDocument, path};

/// Makes a ticket and hands its token to the one who clicked.
#[utoipa::path(
    post,
    path = "/v1/sites/{site}/tickets",
    tag = "tickets",
    params(("site" = String, Path, description = "The site.")),
    request_body = AskBody,
    responses((status = 201, description = "The ticket, with the token that opens it.", body = TicketDocument<'static>)),
    security((), ("shop_token" = []))
)]
pub(super) async fn ask(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AskBody>,
) -> Result<Response, Problem> {
    let config = face.config();
    let site = config
        .site(&site)
        .ok_or_else(|| Problem::not_found(format!("No site is called {site:?}.")))?;
    let source = source_of_request(peer, &headers, &face.options.proxies);
    face.clicks
        .take(&site.id, source, &face.options.clicks, Instant::now())?;
    let shopper = shopper_of(&headers, site);
    let body = body.bounded()?;
    let token = unguessable()?;
    let may_drop_rep = body.rep.is_none();
    let ask = Ask {
        ticket: TicketId::new(&unguessable()?),
        access: key::digest(&token),
        site: site.id.clone(),
        skills: skills_of(&body, site),
        wishes: body.wishes,
        tier: tier_of(&shopper, &config)?,
        rep: body.rep.or_else(|| shopper.rep.as_deref().map(RepId::new)),
        case: shopper.case.clone(),
        // A proven name goes before a typed one; the number to call is the one typed just now.
        name: shopper.name.clone().or(body.name),
        phone: body.phone.or(shopper.phone.clone()),
        message: body.message,
        page: body.page,
        language: body.lang,
        proof: shopper.proof,
        channel: body.channel,
        im: shopper.im.clone(),
    };
    let unclaimed = Unclaimed::new(&face, &ask);
    let answer = match put(&face, ask.clone()).await? {
        // The shopper did not choose the rep of the shop's token and cannot mend it.
        Err(AskRefused::UnknownRep(_)) if may_drop_rep => {
            put(&face, Ask { rep: None, ..ask }).await?
        }
        answer => answer,
    };
    unclaimed.claim();
    let view = answer.map_err(refusal)?;
    info!(site = %site.id, state = ?view.state, "ticket opened");
    Ok((
        StatusCode::CREATED,
        [
            (header::LOCATION, path(view.id.as_str())),
            (
                header::SET_COOKIE,
                key::cookie(view.id.as_str(), &token, &face.options),
            ),
        ],
        Json(TicketDocument::with_token(&view, &token)),
    )
        .into_response())
}

/// A click whose answer is still owed. Dropped before it is claimed, because its page has gone, it ends
/// the ticket: nobody holds the token, and a rep would answer an empty conversation.
struct Unclaimed {
    face: Face,
    key: Option<TicketKey>,
}

impl Unclaimed {
    fn new(face: &Face, ask: &Ask) -> Self {
        Self {
            face: face.clone(),
            key: Some(TicketKey {
                ticket: ask.ticket.clone(),
                access: ask.access,
            }),
        }
    }

    fn claim(mut self) {
        self.key = None;
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let desk = self.face.desk.clone();
        self.face.tasks.spawn(async move {
            let ended = desk.call(|answer| Command::End { key, answer }).await;
            if ended.is_ok_and(|view| view.is_some()) {
                info!("a ticket ended before its page knew of it");
            }
        });
    }
}

async fn put(face: &Face, ask: Ask) -> Result<Result<TicketView, AskRefused>, Problem> {
    let ask = Box::new(ask);
    Ok(face
        .desk
        .call(|answer| Command::Ask { ask, answer })
        .await?)
}

fn shopper_of(headers: &HeaderMap, site: &SiteFace) -> Shopper {
    key::bearer(headers).map_or_else(Shopper::default, |token| identity::verify(token, site))
}

fn tier_of(shopper: &Shopper, config: &Config) -> Result<TierId, Problem> {
    let proven = shopper.tier.as_deref();
    config
        .tiers
        .iter()
        .find(|tier| Some(tier.as_str()) == proven)
        .or_else(|| config.tiers.first())
        .cloned()
        .ok_or_else(|| Problem::unprocessable("This site serves nobody: it has no tier."))
}

fn skills_of(body: &Asked, site: &SiteFace) -> Vec<SkillId> {
    match site.skills.as_slice() {
        [only] if body.skills.is_empty() => vec![only.clone()],
        _ => body.skills.clone(),
    }
}

fn refusal(refused: AskRefused) -> Problem {
    match &refused {
        AskRefused::UnknownSite(_) => Problem::not_found(sentence(&refused)),
        AskRefused::UnknownSkill(_)
        | AskRefused::UnknownTier(_)
        | AskRefused::UnknownRep(_)
        | AskRefused::BeyondReach(_)
        | AskRefused::NoSkill
        | AskRefused::TooLong => Problem::unprocessable(sentence(&refused)),
        AskRefused::NotCalled(refused) => Problem::not_called(refused),
        AskRefused::TicketTaken => Problem::new(StatusCode::CONFLICT, sentence(&refused)),
        AskRefused::Closed => Problem::closed(),
        AskRefused::OutsideHours { opens_unix_ms } => Problem::outside_hours(*opens_unix_ms),
        AskRefused::QueueFull => Problem::queue_full(),
    }
}

fn sentence(refused: &AskRefused) -> String {
    let text = refused.to_string();
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
        .unwrap_or_default()
}
