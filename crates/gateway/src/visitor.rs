//! A shopper who comes back: what the site's sealed cookie says, and the cookie itself.
//! Must not know what a ticket is to the desk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use helpdesk::{Ask, CaseId, NewCase, RepId, SiteId, TicketId, TicketView};
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Options;
use crate::face::Face;
use crate::form::Remember;
use crate::problem::Problem;
use crate::random::unguessable;

/// How long a shopper is known again after the last click.
const LIFE_S: i64 = 180 * 24 * 3600;

/// Conversations and cases remembered; the oldest goes.
const REMEMBERED: usize = 16;

/// Forgotten visitors whose copied cookies are refused, as long as the process runs.
const FORGOTTEN: usize = 65_536;

/// Names of the cookies begin with this, as a prefix of browsers demands where there is TLS (RFC 6265bis §4.1.3.2).
const NAME: &str = "deskbell-visitor-";

/// What the cookie says. Only what the shopper or the shop's token gave, and who helped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visitor {
    /// Unguessable, and tells nobody anything.
    pub(crate) id: String,
    /// The last click, in seconds since the Unix epoch.
    at: i64,
    /// Conversations, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tickets: Vec<String>,
    /// Who helped last: identity and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rep: Option<(String, Option<String>)>,
    /// Cases that are open, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cases: Vec<String>,
    /// As typed, or as the token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    /// Address of the shopper's own messenger; only ever from a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) im: Option<String>,
    /// Language of the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lang: Option<String>,
    /// The browser asks not to be profiled (Global Privacy Control): known until it is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) until_closed: bool,
}

impl Visitor {
    /// Somebody new.
    fn new() -> Result<Self, Problem> {
        Ok(Self {
            id: unguessable()?,
            at: 0,
            tickets: Vec::new(),
            rep: None,
            cases: Vec::new(),
            name: None,
            phone: None,
            im: None,
            lang: None,
            until_closed: false,
        })
    }

    /// Who is to be known again, by the site's rule and the shopper's own word.
    pub(crate) fn to_remember(
        known: Option<Self>,
        rule: Remember,
        word: Option<bool>,
    ) -> Result<Option<Self>, Problem> {
        match (rule, word) {
            (Remember::Never, _) | (Remember::Ask, Some(false)) => Ok(None),
            (Remember::Ask, None) => Ok(known),
            (Remember::Click, _) | (Remember::Ask, Some(true)) => match known {
                Some(visitor) => Ok(Some(visitor)),
                None => Self::new().map(Some),
            },
        }
    }

    /// The visitor that the request's cookie proves at this site; one that was forgotten, or has not come for long, is nobody.
    pub(crate) fn of_request(headers: &HeaderMap, site: &SiteId, face: &Face) -> Option<Self> {
        if face.options.cookie_keys.is_empty() {
            return None;
        }
        let jar = CookieJar::from_headers(headers);
        [Embedding::SameSite, Embedding::CrossSite]
            .into_iter()
            .find_map(|embedding| {
                let name = embedding.cookie_name(site, &face.options);
                Self::opened(jar.get(&name)?.value(), site, face)
            })
    }

    fn opened(sealed: &str, site: &SiteId, face: &Face) -> Option<Self> {
        let text = face.options.cookie_keys.open(sealed, &purpose(site))?;
        let visitor: Self = serde_json::from_slice(&text).ok()?;
        let is_known = now_s() - visitor.at <= LIFE_S && !face.forgotten.contains(&visitor.id);
        is_known.then_some(visitor)
    }

    /// Remembers who helped, if anybody did.
    pub(crate) fn take_view(&mut self, view: &TicketView) {
        if let Some(rep) = &view.answered_by {
            let known = self.rep.as_ref().filter(|(id, _)| id == rep.as_str());
            let name = view.rep.as_deref().map(str::to_owned);
            let name = name.or_else(|| known.and_then(|(_, name)| name.clone()));
            self.rep = Some((rep.as_str().to_owned(), name));
        }
    }

    /// The visitor after a click: with the conversation, and what was given with it.
    pub(crate) fn who_asks(mut self, ask: &Ask, im: Option<String>) -> Self {
        remember(&mut self.tickets, ask.ticket.as_str());
        self.name = ask.name.clone().or(self.name);
        self.phone = ask.phone.clone().or(self.phone);
        self.lang = ask.language.clone().or(self.lang);
        self.im = im.or(self.im);
        self
    }

    /// The visitor after a message was left.
    pub(crate) fn who_leaves(mut self, case: &NewCase) -> Self {
        remember(&mut self.cases, case.id.as_str());
        self.name = case.name.clone().or(self.name);
        self
    }

    /// The cases, for the desk.
    pub(crate) fn case_ids(&self) -> Vec<CaseId> {
        self.cases.iter().map(|id| CaseId::new(id)).collect()
    }

    /// Who helped last.
    pub(crate) fn rep_id(&self) -> Option<RepId> {
        self.rep.as_ref().map(|(id, _)| RepId::new(id))
    }

    /// Gives the browser the cookie with the answer.
    pub(crate) fn attach(
        self,
        site: &SiteId,
        headers: &HeaderMap,
        options: &Options,
        response: &mut Response,
    ) -> Result<(), Problem> {
        let cookie = self.cookie(site, headers, options)?;
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(())
    }

    /// The conversations, for the desk.
    pub(crate) fn ticket_ids(&self) -> Vec<TicketId> {
        self.tickets.iter().map(|id| TicketId::new(id)).collect()
    }

    /// The cookie that says this from now on; none where it would be refused by browsers or nothing seals it.
    fn cookie(
        mut self,
        site: &SiteId,
        headers: &HeaderMap,
        options: &Options,
    ) -> Result<Option<String>, Problem> {
        self.at = now_s();
        self.until_closed |= headers
            .get("sec-gpc")
            .is_some_and(|value| value.as_bytes() == b"1");
        // Only maps with keys that are no strings fail; there are none.
        let text = serde_json::to_vec(&self).unwrap_or_default();
        let Some(sealed) = options.cookie_keys.seal(&text, &purpose(site))? else {
            return Ok(None);
        };
        let life_s = (!self.until_closed).then_some(LIFE_S);
        Ok(Embedding::of(headers).cookie(site, sealed, life_s, options))
    }
}

/// The cookies that take a visitor's away again, whichever of the two there was.
pub(crate) fn farewells(site: &SiteId, options: &Options) -> Vec<String> {
    [Embedding::SameSite, Embedding::CrossSite]
        .into_iter()
        .filter_map(|embedding| embedding.cookie(site, String::new(), Some(0), options))
        .collect()
}

/// Whether a cookie of this name makes a shopper known again.
pub(crate) fn is_ours(name: &str) -> bool {
    name.strip_prefix("__Host-")
        .unwrap_or(name)
        .starts_with(NAME)
}

/// A site's cookie says nothing at another site of the same gateway.
fn purpose(site: &SiteId) -> String {
    format!("visitor 1 {site}")
}

fn remember(list: &mut Vec<String>, id: &str) {
    list.retain(|known| known != id);
    list.push(id.to_owned());
    let excess = list.len().saturating_sub(REMEMBERED);
    list.drain(..excess);
}

fn now_s() -> i64 {
    Timestamp::now().as_second()
}

/// How the page that embeds the bell stands to the gateway, by its browser's word (Fetch Metadata).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Embedding {
    /// The same registrable domain: the cookie is the shop's own and crosses no site.
    SameSite,
    /// Another site: the cookie is partitioned, so that it is known on that shop's pages alone (CHIPS).
    CrossSite,
}

impl Embedding {
    fn of(headers: &HeaderMap) -> Self {
        match headers.get("sec-fetch-site") {
            Some(site) if site.as_bytes() == b"cross-site" => Self::CrossSite,
            Some(_) | None => Self::SameSite,
        }
    }

    fn cookie_name(self, site: &SiteId, options: &Options) -> String {
        let prefix = if options.is_secure() { "__Host-" } else { "" };
        let suffix = match self {
            Self::SameSite => "",
            Self::CrossSite => "-embedded",
        };
        format!("{prefix}{NAME}{site}{suffix}")
    }

    fn cookie(
        self,
        site: &SiteId,
        value: String,
        life_s: Option<i64>,
        options: &Options,
    ) -> Option<String> {
        let is_secure = options.is_secure();
        let mut cookie = Cookie::build((self.cookie_name(site, options), value))
            .path("/")
            .http_only(true)
            .secure(is_secure);
        cookie = match self {
            Self::SameSite => cookie.same_site(SameSite::Lax),
            // Browsers take SameSite=None over TLS only.
            Self::CrossSite if !is_secure => return None,
            Self::CrossSite => cookie.same_site(SameSite::None).partitioned(true),
        };
        let text = cookie.build().to_string();
        Some(match life_s {
            Some(seconds) => format!("{text}; Max-Age={seconds}"),
            None => text,
        })
    }
}

/// Visitors who were forgotten: a copy of their cookie proves nobody.
#[derive(Default)]
pub(crate) struct Forgotten(Mutex<HashMap<String, Instant>>);

impl Forgotten {
    /// From now on the visitor is nobody.
    pub(crate) fn insert(&self, visitor: &str, now: Instant) {
        let mut forgotten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let life = Duration::from_secs(LIFE_S.unsigned_abs());
        if forgotten.len() >= FORGOTTEN {
            forgotten.retain(|_, at| now.saturating_duration_since(*at) < life);
        }
        if forgotten.len() >= FORGOTTEN {
            let oldest = forgotten.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                forgotten.remove(&oldest);
            }
        }
        forgotten.insert(visitor.to_owned(), now);
    }

    fn contains(&self, visitor: &str) -> bool {
        let forgotten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.contains_key(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(public_origin: Option<&str>) -> Options {
        Options {
            public_origin: public_origin.map(str::to_owned),
            cookie_keys: crate::CookieKeys::new([&b"secret"[..]]),
            ..Options::default()
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    fn check(public_origin: Option<&str>, request: &[(&'static str, &str)], expected: &str) {
        let visitor = Visitor::new().unwrap();
        let cookie = visitor
            .cookie(
                &SiteId::new("shop"),
                &headers(request),
                &options(public_origin),
            )
            .unwrap();
        let shown = cookie.map_or_else(String::new, |cookie| {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (_, attributes) = rest.split_once(';').unwrap();
            format!("{name}:{attributes}")
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_cookie_is_the_shops_own_or_partitioned() {
        let tls = Some("https://help.shop.example");
        check(
            tls,
            &[("sec-fetch-site", "same-site")],
            "__Host-deskbell-visitor-shop: HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=15552000",
        );
        check(
            tls,
            &[("sec-fetch-site", "cross-site")],
            "__Host-deskbell-visitor-shop-embedded: HttpOnly; SameSite=None; Partitioned; Secure; Path=/; Max-Age=15552000",
        );
        check(
            tls,
            &[("sec-gpc", "1")],
            "__Host-deskbell-visitor-shop: HttpOnly; SameSite=Lax; Secure; Path=/",
        );
        check(
            None,
            &[],
            "deskbell-visitor-shop: HttpOnly; SameSite=Lax; Path=/; Max-Age=15552000",
        );
        check(None, &[("sec-fetch-site", "cross-site")], "");
    }

    #[test]
    fn sixteen_conversations_are_remembered() {
        let mut tickets = Vec::new();
        for number in 0..20 {
            remember(&mut tickets, &number.to_string());
        }
        remember(&mut tickets, "10");
        assert_eq!(tickets.len(), 16);
        assert_eq!(tickets.first().unwrap(), "4");
        assert_eq!(tickets.last().unwrap(), "10");
    }

    #[test]
    fn the_list_of_the_forgotten_is_bounded() {
        let forgotten = Forgotten::default();
        let start = Instant::now();
        for number in 0..FORGOTTEN + 3 {
            forgotten.insert(&number.to_string(), start);
        }
        assert_eq!(forgotten.0.lock().unwrap().len(), FORGOTTEN);
    }
}
