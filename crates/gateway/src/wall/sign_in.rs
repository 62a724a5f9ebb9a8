//! `/wall/session`: a supervisor signs in with an admin key, or as a rep who is marked `supervisor`.
//! The right [`Supervisor`] is the only way to what the wall shows.

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use helpdesk::RepId;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admin::AdminKey;
use crate::authorised::{Anyone, Authorised, Right};
use crate::body::JsonBody;
use crate::console::{
    Change, ConsoleFace, Door, Session, SignedIn, Who, has_cookie, is_good, presented, read_client,
    try_sign_in, with_cookie,
};
use crate::face::Face;
use crate::problem::Problem;
use crate::source::Peer;

/// What opens the wall: a key, or a rep's user and password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    key: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SupervisorDocument {
    name: String,
    /// Works at a console too.
    rep: bool,
}

/// Somebody who may look at the wall. Only a good session makes one.
pub(super) struct Supervisor {
    name: String,
    is_rep: bool,
    /// May change something too: a rep who is one, or whose key may write.
    pub(super) may_change: bool,
}

/// A supervisor who may change something.
pub(super) struct Changer {
    pub(super) name: String,
}

impl Right for Changer {
    const WHO: &'static str = "supervisor:write";

    async fn prove(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let Supervisor {
            name, may_change, ..
        } = Supervisor::prove(parts, face).await?;
        if !may_change {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "The key that this wall was opened with may only look.",
            ));
        }
        Ok(Self { name })
    }
}

impl Right for Supervisor {
    const WHO: &'static str = "supervisor";

    async fn prove(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        Self::of(&parts.headers, face).await
    }
}

impl Supervisor {
    /// Whoever these headers prove. A rep at a console need not sign in here, unless the rep has left the wall.
    pub(super) async fn of(headers: &HeaderMap, face: &Face) -> Result<Self, Problem> {
        let console = console(face)?;
        let door = if has_cookie(Door::Wall, headers) {
            Door::Wall
        } else {
            Door::Console
        };
        let session = presented(door, headers, &face.options);
        let Session {
            who,
            proof,
            since_unix_ms,
        } = session.ok_or_else(nobody)?;
        match who {
            Who::Key(name) => {
                let key = find_key(face, |key| key.name == name && key.proof() == proof);
                let key = key.ok_or_else(nobody)?;
                Ok(Self {
                    name,
                    is_rep: false,
                    may_change: key.may_write(),
                })
            }
            Who::Rep(rep) => {
                let rep = RepId::new(&rep);
                if !console.supervisors.contains(&rep) {
                    return Err(no_supervisor());
                }
                let session = SignedIn {
                    rep: rep.clone(),
                    proof,
                    since_unix_ms,
                };
                if !is_good(&console, session).await? {
                    return Err(nobody());
                }
                Ok(Self {
                    name: name_of(&console, &rep),
                    is_rep: true,
                    may_change: true,
                })
            }
        }
    }
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
    let (session, document) = match credentials {
        Credentials {
            key: Some(secret),
            user: None,
            password: None,
        } => {
            let key = find_key(&face, |key| key.is_opened_by(&secret));
            let key = key.ok_or_else(|| {
                Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "No admin key that may read is like this one.",
                )
            })?;
            let session = Session {
                who: Who::Key(key.name.clone()),
                proof: key.proof(),
                since_unix_ms: Timestamp::now().as_millisecond(),
            };
            let document = SupervisorDocument {
                name: key.name,
                rep: false,
            };
            (session, document)
        }
        Credentials {
            key: None,
            user: Some(user),
            password: Some(password),
        } => {
            let signed_in = try_sign_in(&console, user, password, source).await?;
            if !console.supervisors.contains(&signed_in.rep) {
                return Err(no_supervisor());
            }
            let document = SupervisorDocument {
                name: name_of(&console, &signed_in.rep),
                rep: true,
            };
            let session = Session {
                who: Who::Rep(signed_in.rep.as_str().to_owned()),
                proof: signed_in.proof,
                since_unix_ms: signed_in.since_unix_ms,
            };
            (session, document)
        }
        Credentials { .. } => {
            return Err(Problem::unprocessable(
                "Give a key, or a user with a password.",
            ));
        }
    };
    let entered = Json(document).into_response();
    with_cookie(entered, &face, Door::Wall, Change::Begin(&session))
}

/// Who is signed in; nothing where nobody is who may look.
pub(super) async fn show(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match Supervisor::of(&headers, &face).await {
        Ok(Supervisor { name, is_rep, .. }) => {
            Ok(Json(SupervisorDocument { name, rep: is_rep }).into_response())
        }
        Err(problem) if problem == nobody() || problem == no_supervisor() => {
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Signs out of the wall; a rep's consoles go on.
pub(super) async fn leave(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    console(&face)?;
    let change = if has_cookie(Door::Console, &headers) {
        Change::Bar
    } else {
        Change::End
    };
    let gone = StatusCode::NO_CONTENT.into_response();
    with_cookie(gone, &face, Door::Wall, change)
}

pub(super) fn console(face: &Face) -> Result<ConsoleFace, Problem> {
    let console = face.config().console.clone();
    console.ok_or_else(|| Problem::not_found("This server has no wall."))
}

/// A key in force that may look.
fn find_key(face: &Face, fits: impl Fn(&AdminKey) -> bool) -> Option<AdminKey> {
    let config = face.config();
    let now = Timestamp::now().as_millisecond();
    let keys = config.admin.iter().flat_map(|admin| &admin.keys);
    let mut valid = keys.filter(|key| key.may_read_at(now));
    valid.find(|key| fits(key)).cloned()
}

fn name_of(console: &ConsoleFace, rep: &RepId) -> String {
    let name = console.names_by_rep.get(rep);
    name.cloned().unwrap_or_else(|| rep.as_str().to_owned())
}

fn nobody() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "Nobody is signed in here.")
}

fn no_supervisor() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "This rep may not look at the wall; supervisor = true in the configuration allows it.",
    )
}
