//! Who may call from a browser: the gateway's own origin, and those a site lists, to the letter.
//! Must not know what a route does.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::config::Config;
use crate::console::{Door, has_cookie};
use crate::face::Face;
use crate::key;
use crate::problem::Problem;

/// Where a request comes from, as the browser tells it.
#[derive(Debug, PartialEq, Eq)]
enum Caller {
    /// No `Origin`: a script outside a browser, a navigation, or a read from our own page.
    Unnamed,
    /// A page of the gateway itself.
    Own,
    /// A page of a listed origin.
    Listed(HeaderValue),
    /// A page of any other origin.
    Foreign,
}

/// Refuses changes (and WebSockets) from foreign pages, answers preflights, and lets listed origins read.
pub(crate) async fn guard(State(face): State<Face>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let scope = Scope::of(&path);
    let own = Own::of(&request, &face);
    let caller = scope.caller(request.headers(), &face.config(), own);
    let mut response = match admit(&request, &caller) {
        Ok(Admission::Preflight) => preflight(),
        Ok(Admission::Route) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    match scope {
        Scope::Anybody => {}
        Scope::Site(_) | Scope::Tickets | Scope::Softphones => {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
    if let Caller::Listed(origin) = caller {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
            (
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "etag, location, retry-after",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// The origin of this server as its callers write it: the configured one, or what the request names.
pub(crate) fn of_this(headers: &HeaderMap, face: &Face) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match (&face.options.public_origin, host) {
        (Some(public), _) => public.clone(),
        (None, Some(host)) => format!("http://{host}"),
        (None, None) => "http://localhost".to_owned(),
    }
}

enum Admission {
    Route,
    Preflight,
}

fn admit(request: &Request, caller: &Caller) -> Result<Admission, Problem> {
    let headers = request.headers();
    if request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return match caller {
            Caller::Own | Caller::Listed(_) => Ok(Admission::Preflight),
            Caller::Unnamed | Caller::Foreign => Err(foreign()),
        };
    }
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) && !headers.contains_key(header::UPGRADE);
    if is_safe {
        return Ok(Admission::Route);
    }
    match caller {
        Caller::Own | Caller::Listed(_) => Ok(Admission::Route),
        Caller::Foreign => Err(foreign()),
        Caller::Unnamed => match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"same-origin") => Ok(Admission::Route),
            Some(b"none") | None if !is_by_cookie(headers) => Ok(Admission::Route),
            Some(b"none") | None => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "A request that relies on a cookie of ours has to say its Origin.",
            )),
            Some(_) => Err(foreign()),
        },
    }
}

/// Whether nothing but what a browser sends along unasked says who it is.
fn is_by_cookie(headers: &HeaderMap) -> bool {
    let doors = [Door::Console, Door::Wall];
    key::is_by_cookie(headers) || doors.iter().any(|door| has_cookie(*door, headers))
}

fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "Pages of this origin may not do this; the site's configuration lists those that may.",
    )
}

fn preflight() -> Response {
    (
        StatusCode::NO_CONTENT,
        [
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                "GET, HEAD, POST, DELETE",
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, idempotency-key, if-none-match, last-event-id",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ],
    )
        .into_response()
}

/// Whose list of origins rules a path.
enum Scope<'a> {
    /// The site named in the path.
    Site(&'a str),
    /// A ticket: the path does not say whose, so any site's origin may knock; the token opens.
    Tickets,
    /// Where softphones connect.
    Softphones,
    /// Everything else is open to reading by any page that can load it.
    Anybody,
}

impl<'a> Scope<'a> {
    fn of(path: &'a str) -> Self {
        if let Some(rest) = path.strip_prefix("/v1/sites/") {
            Self::Site(rest.split('/').next().unwrap_or(rest))
        } else if path.starts_with("/v1/tickets/") {
            Self::Tickets
        } else if path == "/sip" {
            Self::Softphones
        } else {
            Self::Anybody
        }
    }

    fn caller(&self, headers: &HeaderMap, config: &Config, own: Own<'_>) -> Caller {
        let Some(value) = headers.get(header::ORIGIN) else {
            return Caller::Unnamed;
        };
        let Ok(origin) = value.to_str() else {
            return Caller::Foreign;
        };
        if own.is(origin) {
            return Caller::Own;
        }
        let is_listed = match self {
            Self::Site(id) => config
                .site(id)
                .is_some_and(|site| site.origins.iter().any(|listed| listed == origin)),
            Self::Tickets => config
                .sites
                .iter()
                .flat_map(|site| &site.origins)
                .any(|listed| listed == origin),
            Self::Softphones => config
                .softphones
                .iter()
                .flat_map(|door| &door.origins)
                .any(|listed| listed == origin),
            Self::Anybody => false,
        };
        if is_listed {
            Caller::Listed(value.clone())
        } else {
            Caller::Foreign
        }
    }
}

/// The origin a request was sent to.
#[derive(Debug, Clone, Copy)]
enum Own<'a> {
    /// As configured.
    Public(&'a str),
    /// As the request names the authority; with or without TLS is for a proxy to know.
    Authority(Option<&'a str>),
}

impl<'a> Own<'a> {
    fn of(request: &'a Request, face: &'a Face) -> Self {
        if let Some(public) = &face.options.public_origin {
            return Self::Public(public);
        }
        // RFC 9113 §8.3.1: HTTP/2 carries the authority in the target and may leave Host out.
        let host = request.headers().get(header::HOST);
        let target = request
            .uri()
            .authority()
            .map(|authority| authority.as_str());
        Self::Authority(target.or_else(|| host.and_then(|host| host.to_str().ok())))
    }

    fn is(self, origin: &str) -> bool {
        match self {
            Self::Public(public) => origin == public,
            Self::Authority(authority) => {
                let named = origin
                    .strip_prefix("http://")
                    .or_else(|| origin.strip_prefix("https://"));
                named.is_some() && named == authority
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use helpdesk::SiteId;
    use tokio::sync::mpsc;

    use super::*;
    use crate::config::{SiteFace, SoftphoneDoor};

    fn check(path: &str, origin: &str, expected: &str) {
        let site = |id: &str, origin: &str| SiteFace {
            id: SiteId::new(id),
            name: id.to_owned(),
            skills: Vec::new(),
            origins: vec![origin.to_owned()],
            token_keys: Vec::new(),
            form: crate::FormFace::default(),
        };
        let config = Config {
            sites: vec![
                site("shop", "https://shop.example"),
                site("bank", "https://bank.example"),
            ],
            skills: Vec::new(),
            tiers: Vec::new(),
            demo: None,
            admin: None,
            console: None,
            softphones: Some(SoftphoneDoor {
                origins: vec!["https://phone.example".to_owned()],
                sockets: mpsc::channel(1).0,
            }),
            figures: crate::figures::Figures::default(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        let own = Own::Authority(Some("help.example:8080"));
        let caller = match Scope::of(path).caller(&headers, &config, own) {
            Caller::Unnamed => "unnamed",
            Caller::Own => "own",
            Caller::Listed(_) => "listed",
            Caller::Foreign => "foreign",
        };
        assert_eq!(caller, expected, "{path} from {origin}");
    }

    #[test]
    fn only_exact_origins_pass() {
        let path = "/v1/sites/shop/tickets";
        check(path, "https://shop.example", "listed");
        check(path, "http://help.example:8080", "own");
        check(path, "https://help.example:8080", "own");
        for foreign in [
            "null",
            "",
            "https://bank.example",
            "http://shop.example",
            "https://shop.example:443",
            "https://SHOP.example",
            "https://shop.example.evil.example",
            "https://evilshop.example",
            "https://a.shop.example",
            "https://shop.example/",
            "https://xn--shp-0na.example",
            "http://help.example",
            "http://help.example:80801",
            "ftp://help.example:8080",
            "help.example:8080",
        ] {
            check(path, foreign, "foreign");
        }
    }

    #[test]
    fn a_configured_origin_is_the_only_own_one() {
        let own = Own::Public("https://help.example");
        assert!(own.is("https://help.example"));
        assert!(!own.is("http://help.example"));
        assert!(!own.is("http://help.example:8080"));
        assert!(!Own::Authority(None).is("http://"));
        assert!(!Own::Authority(None).is("null"));
    }

    #[test]
    fn a_ticket_is_open_to_the_pages_of_every_site() {
        check("/v1/tickets/x/ws", "https://bank.example", "listed");
        check("/v1/tickets/x/ws", "https://evil.example", "foreign");
        check("/v1/sites/none/presence", "https://shop.example", "foreign");
        check("/metrics", "https://shop.example", "foreign");
    }

    #[test]
    fn softphones_have_origins_of_their_own() {
        check("/sip", "https://phone.example", "listed");
        check("/sip", "http://help.example:8080", "own");
        check("/sip", "https://shop.example", "foreign");
        check("/sip/", "https://phone.example", "foreign");
    }
}
