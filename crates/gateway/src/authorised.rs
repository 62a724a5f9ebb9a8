//! Who may come to an address. A handler is built round the proof that its caller may: `addresses` takes no other.
//! Must not know what a handler does.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::desk::TicketKey;
use crate::face::Face;
use crate::key;
use crate::problem::Problem;

/// The proof that the caller of a handler has the right `R`. Made by nothing but the request itself.
#[derive(Debug)]
pub(crate) struct Authorised<R>(R);

/// A right, and how a request proves it.
pub(crate) trait Right: Sized + Send + 'static {
    /// Who has it, in the words of the table of addresses.
    const WHO: &'static str;

    /// The right, or the problem of a request that does not have it.
    fn prove(parts: &mut Parts, face: &Face) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// Anybody may come; whatever the handler shows is public, or is opened by what its body holds.
#[derive(Debug)]
pub(crate) struct Anyone(());

/// The holder of a ticket's bearer token; whether it opens the ticket of the path is the desk's to say, whose every
/// command wants the key.
#[derive(Debug)]
pub(crate) struct Holder(TicketKey);

impl<R> Authorised<R> {
    /// What was proven.
    pub(crate) fn into_right(self) -> R {
        self.0
    }
}

impl<R> std::ops::Deref for Authorised<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0
    }
}

impl Holder {
    /// Opens the ticket.
    pub(crate) fn into_key(self) -> TicketKey {
        self.0
    }
}

impl Right for Anyone {
    const WHO: &'static str = "anyone";

    async fn prove(_: &mut Parts, _: &Face) -> Result<Self, Problem> {
        Ok(Self(()))
    }
}

impl Right for Holder {
    const WHO: &'static str = "holder";

    async fn prove(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, face)
            .await
            .map_err(|_| Problem::no_ticket())?;
        let (_, id) = parameters
            .iter()
            .find(|(name, _)| *name == "id")
            .ok_or_else(Problem::no_ticket)?;
        Ok(Self(key::of_request(id, &parts.headers)?))
    }
}

impl<R: Right> FromRequestParts<Face> for Authorised<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        R::prove(parts, face).await.map(Self)
    }
}
