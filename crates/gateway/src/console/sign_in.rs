//! `/console/session`: a rep signs in with the credentials of the softphone, is told who is signed in, signs out.
//! Must not know how credentials are kept.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use helpdesk::RepId;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::ConsoleFace;
use super::call::{ConsoleCall, Password, SignInRefused, SignedIn};
use super::session::{Change, Door, Session, Who, cookie_of, ends_unix_ms, presented};
use crate::authorised::{Anyone, Authorised, Right};
use crate::body::JsonBody;
use crate::bucket::Rate;
use crate::face::Face;
use crate::problem::Problem;
use crate::source::{Peer, source_of_request};

/// How often one source may try to sign in, whoever as; what counts wrong passwords counts besides.
const TRIES: Rate = Rate {
    burst: 20,
    interval: Duration::from_secs(3),
};

/// Longer users and passwords are nobody's.
const LONGEST: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    user: String,
    password: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SignedInDocument {
    rep: String,
    name: String,
    /// May look at the wall too.
    supervisor: bool,
}

/// Signs in.
pub(super) async fn enter(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    JsonBody(credentials): JsonBody<Credentials>,
) -> Result<Response, Problem> {
    let console = console(&face)?;
    let source = read_client(&face, peer, &headers, &console)?;
    let Credentials { user, password } = credentials;
    let signed_in = try_sign_in(&console, user, password, source).await?;
    let session = Session {
        who: Who::Rep(signed_in.rep.as_str().to_owned()),
        proof: signed_in.proof,
        since_unix_ms: signed_in.since_unix_ms,
    };
    let body = Json(document(&console, &signed_in.rep));
    with_cookie(
        body.into_response(),
        &face,
        Door::Console,
        Change::Begin(&session),
    )
}

/// Who is signed in; nothing where nobody is.
pub(super) async fn show(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let console = console(&face)?;
    let Ok(signed_in) = signed_in(&face, &headers) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if is_good(&console, signed_in.clone()).await? {
        Ok(Json(document(&console, &signed_in.rep)).into_response())
    } else {
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

/// Signs out.
pub(super) async fn leave(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let console = console(&face)?;
    if let Ok(session) = signed_in(&face, &headers) {
        ask(&console, ConsoleCall::SignOut { session }).await?;
    }
    let gone = StatusCode::NO_CONTENT.into_response();
    with_cookie(gone, &face, Door::Console, Change::End)
}

/// A rep whose session the request's cookie is. Whether it is still good is for whoever answers its first call to say.
pub(super) struct AtConsole {
    pub(super) console: ConsoleFace,
    pub(super) session: SignedIn,
}

impl Right for AtConsole {
    const WHO: &'static str = "rep";

    async fn prove(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let console = console(face)?;
        let session = signed_in(face, &parts.headers)?;
        Ok(Self { console, session })
    }
}

/// The console, where there is one.
fn console(face: &Face) -> Result<ConsoleFace, Problem> {
    let console = face.config().console.clone();
    console.ok_or_else(|| Problem::not_found("This server has no console."))
}

/// The rep whose session the request's cookie is; whether it is still good is for the call to say.
fn signed_in(face: &Face, headers: &HeaderMap) -> Result<SignedIn, Problem> {
    let session = presented(Door::Console, headers, &face.options).ok_or_else(nobody)?;
    match session.who {
        Who::Rep(rep) => Ok(SignedIn {
            rep: RepId::new(&rep),
            proof: session.proof,
            since_unix_ms: session.since_unix_ms,
        }),
        Who::Key(_) => Err(nobody()),
    }
}

/// Whether a session is good still: its time is not over, and the rep is there and has the same password.
pub(crate) async fn is_good(console: &ConsoleFace, session: SignedIn) -> Result<bool, Problem> {
    if Timestamp::now().as_millisecond() >= ends_unix_ms(session.since_unix_ms) {
        return Ok(false);
    }
    let (answer, answered) = oneshot::channel();
    ask(console, ConsoleCall::Check { session, answer }).await?;
    answered
        .await
        .map_err(|_| Problem::for_status(StatusCode::SERVICE_UNAVAILABLE))
}

/// Puts a call, waiting while the other side is busy.
pub(super) async fn ask(console: &ConsoleFace, call: ConsoleCall) -> Result<(), Problem> {
    let sent = console.calls().send(call).await;
    sent.map_err(|_| Problem::for_status(StatusCode::SERVICE_UNAVAILABLE))
}

/// Where a try comes from, unless there were too many.
pub(crate) fn read_client(
    face: &Face,
    peer: Peer,
    headers: &HeaderMap,
    console: &ConsoleFace,
) -> Result<IpAddr, Problem> {
    let source = source_of_request(peer, headers, &face.options.proxies);
    let taken = console.sign_ins().take(source, TRIES, Instant::now());
    taken.map_err(|wait| too_often(wait.seconds()))?;
    Ok(source)
}

/// Checks a rep's credentials.
pub(crate) async fn try_sign_in(
    console: &ConsoleFace,
    user: String,
    password: String,
    source: IpAddr,
) -> Result<SignedIn, Problem> {
    if user.len() > LONGEST || password.len() > LONGEST {
        return Err(wrong());
    }
    let (answer, answered) = oneshot::channel();
    let call = ConsoleCall::SignIn {
        user,
        password: Password(password),
        source,
        answer,
    };
    ask(console, call).await?;
    match answered.await {
        Ok(Ok(signed_in)) => Ok(signed_in),
        Ok(Err(SignInRefused::Wrong)) => Err(wrong()),
        Ok(Err(SignInRefused::TooOften { seconds })) => Err(too_often(seconds)),
        Err(_) => Err(Problem::for_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

/// The response with what becomes of the session.
pub(crate) fn with_cookie(
    mut response: Response,
    face: &Face,
    door: Door,
    change: Change<'_>,
) -> Result<Response, Problem> {
    let broken = || Problem::for_status(StatusCode::INTERNAL_SERVER_ERROR);
    let cookie = cookie_of(door, change, &face.options).map_err(|_| broken())?;
    let cookie = HeaderValue::from_str(&cookie).map_err(|_| broken())?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

fn document(console: &ConsoleFace, rep: &RepId) -> SignedInDocument {
    let name = console.names_by_rep.get(rep);
    SignedInDocument {
        rep: rep.as_str().to_owned(),
        name: name.cloned().unwrap_or_else(|| rep.as_str().to_owned()),
        supervisor: console.supervisors.contains(rep),
    }
}

fn nobody() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "Nobody is signed in here.")
}

fn wrong() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "User and password do not fit. They are those of the softphone.",
    )
}

fn too_often(seconds: u32) -> Problem {
    Problem::too_fast(
        format!("Too many tries to sign in. Wait {seconds} seconds."),
        seconds,
    )
}
