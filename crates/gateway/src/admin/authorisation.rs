//! Who may use the admin addresses: a bearer key that is configured, in time and of the right scope. A handler
//! can only be given what its key allows.

use helpdesk::AccessDigest;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use super::AdminFace;
use crate::authorised::{Authorised, Right};
use crate::face::Face;
use crate::key;
use crate::problem::Problem;

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Looking.
    Read,
    /// Changing too.
    Write,
}

/// A configured key. Holds a digest, so that it can be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminKey {
    /// Its name for people, told in logs.
    pub name: String,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// When it ends, in milliseconds since the Unix epoch; `None` is never.
    pub expires_unix_ms: Option<i64>,
    digest: AccessDigest,
}

impl AdminKey {
    /// A key that opens `scopes` for ever to whoever presents `secret`.
    pub fn new(name: &str, secret: &str, scopes: &[Scope]) -> Self {
        Self {
            name: name.to_owned(),
            scopes: scopes.to_vec(),
            expires_unix_ms: None,
            digest: key::digest(secret),
        }
    }
}

impl AdminKey {
    /// Whether this secret is the key.
    pub(crate) fn is_opened_by(&self, secret: &str) -> bool {
        // Digests of random keys: how long the comparison takes tells a guesser nothing.
        self.digest == key::digest(secret)
    }

    /// Whether it may look at this moment.
    pub(crate) fn may_read_at(&self, now_unix_ms: i64) -> bool {
        self.scopes.contains(&Scope::Read)
            && self.expires_unix_ms.is_none_or(|end| now_unix_ms < end)
    }

    /// Whether it may change something too, while it is valid.
    pub(crate) fn may_write(&self) -> bool {
        self.scopes.contains(&Scope::Write)
    }

    /// A digest of the digest, for a session that ends when another key takes the name.
    pub(crate) fn proof(&self) -> [u8; 16] {
        let digest = key::digest(&format!("wall {:02x?}", self.digest.0)).0;
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(digest) {
            *to = from;
        }
        half
    }
}

/// The right to look, and what there is to see. Only a valid key makes one.
pub(crate) struct MayRead {
    /// What is configured.
    pub(crate) face: AdminFace,
}

/// The right to change something. Only a valid key makes one.
pub(crate) struct MayWrite {
    /// What is configured.
    pub(crate) face: AdminFace,
    /// The key's name for people, told in logs.
    pub(crate) key: String,
}

/// A request whose key gives the right `R`.
pub(crate) type Admin<R> = Authorised<R>;

impl Right for MayRead {
    const WHO: &'static str = "admin:read";

    async fn prove(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let (face, _) = open(parts, face, Scope::Read)?;
        Ok(Self { face })
    }
}

impl Right for MayWrite {
    const WHO: &'static str = "admin:write";

    async fn prove(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let (face, key) = open(parts, face, Scope::Write)?;
        Ok(Self { face, key })
    }
}

/// What the admin addresses show, and the name of the key that opens them for this.
fn open(parts: &Parts, face: &Face, scope: Scope) -> Result<(AdminFace, String), Problem> {
    let config = face.config();
    let admin = config.admin.as_ref().ok_or_else(|| {
        Problem::not_found("No admin key is configured, so that nobody may look here.")
    })?;
    let presented = key::bearer(&parts.headers).ok_or_else(unproven)?;
    let digest = key::digest(presented);
    // Digests of random keys: how long the comparison takes tells a guesser nothing.
    let found = admin.keys.iter().find(|key| key.digest == digest);
    let now = Timestamp::now().as_millisecond();
    let valid = found
        .filter(|key| key.expires_unix_ms.is_none_or(|end| now < end))
        .ok_or_else(unproven)?;
    if !valid.scopes.contains(&scope) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "This key may not do this; its scopes are in the configuration.",
        ));
    }
    Ok((admin.clone(), valid.name.clone()))
}

fn unproven() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "Send a valid admin key as Authorization: Bearer.",
    )
}
