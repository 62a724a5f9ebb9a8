//! `POST /v1/sites/{site}/tickets`: one click for help.

use std::net::IpAddr;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use helpdesk::{Ask, AskRefused, RepId, SiteId, SkillId, TicketId, TicketView, TierId};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use tracing::info;

use crate::authorised::{Anyone, Authorised};
use crate::body::JsonBody;
use crate::config::{Config, SiteFace};
use crate::desk::{Command, Recording, TicketKey};
use crate::face::Face;
use crate::identity::{self, Shopper};
use crate::key;
use crate::problem::Problem;
use crate::random::unguessable;
use crate::source::{Peer, source_of_request};
use crate::visitor::Visitor;
use crate::wire::ask::{AskBody, Asked};
use crate::wire::ticket::{TicketDocument, path};

/// Conversations that one visitor may have open.
const OPEN_AT_ONCE: usize = 3;

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
    parts: Parts,
    JsonBody(body): JsonBody<AskBody>,
) -> Result<Response, Problem> {
    let click = Click {
        site: &site,
        identity: key::bearer(&parts.headers),
        body,
    };
    let Opened {
        view,
        token,
        visitor,
    } = open(&face, click, &parts).await?;
    let mut response = (
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
        .into_response();
    if let Some(visitor) = visitor {
        let site = SiteId::new(&site);
        visitor.attach(&site, &parts.headers, &face.options, &mut response)?;
    }
    Ok(response)
}

/// What a click says, however it came.
pub(crate) struct Click<'a> {
    /// Where.
    pub(crate) site: &'a str,
    /// The shop's token.
    pub(crate) identity: Option<&'a str>,
    /// What is asked.
    pub(crate) body: AskBody,
}

/// What a click came to.
pub(crate) struct Opened {
    /// The ticket.
    pub(crate) view: TicketView,
    /// What opens it.
    pub(crate) token: String,
    /// The visitor as it is to be remembered.
    pub(crate) visitor: Option<Visitor>,
}

/// Makes a ticket within the limits of whoever asks.
pub(crate) async fn open(
    face: &Face,
    click: Click<'_>,
    request: &Parts,
) -> Result<Opened, Problem> {
    let config = face.config();
    let site = config
        .site(click.site)
        .ok_or_else(|| Problem::not_found(format!("No site is called {:?}.", click.site)))?;
    let source = source_of(request, face)?;
    let known = Visitor::of_request(&request.headers, &site.id, face);
    face.clicks.take(
        &site.id,
        source,
        known.as_ref(),
        &face.options.clicks,
        Instant::now(),
    )?;
    let shopper = click
        .identity
        .map_or_else(Shopper::default, |token| identity::verify(token, site));
    let body = click.body.bounded(&site.form)?;
    let known = match known {
        Some(visitor) => Some(up_to_date(visitor, face).await?),
        None => None,
    };
    let token = unguessable()?;
    let may_drop_rep = body.rep.is_none();
    let ask = Ask {
        ticket: TicketId::new(&unguessable()?),
        access: key::digest(&token),
        site: site.id.clone(),
        skills: skills_of(&body, site),
        wishes: body.wishes,
        tier: tier_of(&shopper, &config)?,
        // The rep of the shop's token goes before the one who helped last.
        rep: body
            .rep
            .or_else(|| shopper.rep.as_deref().map(RepId::new))
            .or_else(|| known.as_ref().and_then(Visitor::rep_id)),
        case: shopper
            .case
            .clone()
            .or_else(|| known.as_ref()?.cases.last().cloned()),
        earlier: known.as_ref().map_or_else(Vec::new, Visitor::ticket_ids),
        // A proven name goes before a typed one; the number to call is the one typed just now.
        name: (shopper.name.clone())
            .or(body.name)
            .or_else(|| known.as_ref()?.name.clone()),
        phone: (body.phone)
            .or(shopper.phone.clone())
            .or_else(|| known.as_ref()?.phone.clone()),
        message: body.message,
        details: body.details,
        page: body.page,
        language: body.lang,
        proof: shopper.proof,
        channel: body.channel,
        im: shopper.im.clone(),
    };
    let visitor = Visitor::to_remember(known, site.form.remember, body.remember)?;
    let visitor = visitor.map(|visitor| visitor.who_asks(&ask, shopper.im.clone()));
    let unclaimed = Unclaimed::new(face, &ask);
    let answer = match put(face, ask.clone()).await? {
        // The shopper did not choose the rep of the shop's token and cannot mend it.
        Err(AskRefused::UnknownRep(_)) if may_drop_rep => {
            put(face, Ask { rep: None, ..ask }).await?
        }
        answer => answer,
    };
    unclaimed.claim();
    let view = answer.map_err(refusal)?;
    info!(site = %site.id, state = ?view.state, "ticket opened");
    Ok(Opened {
        view,
        token,
        visitor,
    })
}

fn source_of(request: &Parts, face: &Face) -> Result<IpAddr, Problem> {
    let peer = request.extensions.get::<Peer>().copied();
    let peer = peer.ok_or_else(|| Problem::for_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(source_of_request(
        peer,
        &request.headers,
        &face.options.proxies,
    ))
}

/// The visitor with what the desk knows of the conversations remembered, unless too many of them are open.
async fn up_to_date(mut visitor: Visitor, face: &Face) -> Result<Visitor, Problem> {
    let tickets = visitor.ticket_ids();
    let standing = face
        .desk
        .call(|answer| Command::Standing { tickets, answer })
        .await?;
    let open = standing.iter().filter(|view| !view.state.is_final());
    if open.count() >= OPEN_AT_ONCE {
        return Err(Problem::many_open(OPEN_AT_ONCE));
    }
    for view in &standing {
        visitor.take_view(view);
    }
    Ok(visitor)
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
    match face.desk.recording() {
        // Whoever was there before still needs what room there is.
        Recording::Scarce | Recording::Full => {
            let detail = "We can take nobody new just now. Try again in a few minutes.";
            return Err(Problem::try_later(detail, 60));
        }
        Recording::Sound | Recording::Away => {}
    }
    let ask = Box::new(ask);
    Ok(face
        .desk
        .call(|answer| Command::Ask { ask, answer })
        .await?)
}

pub(super) fn shopper_of(headers: &HeaderMap, site: &SiteFace) -> Shopper {
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

pub(super) fn skills_of(body: &Asked, site: &SiteFace) -> Vec<SkillId> {
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

pub(crate) fn sentence(refused: &impl ToString) -> String {
    let text = refused.to_string();
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
        .unwrap_or_default()
}
