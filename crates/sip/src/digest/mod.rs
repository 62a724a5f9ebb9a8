//! Digest authentication (RFC 7616 and 8760, and the older RFC 2617 that phones still speak), both sides.
//! Must not know users, passwords at rest, or how often somebody may try.

mod algorithm;
mod authenticator;
mod challenge;
mod credentials;
mod nonce;
mod params;
mod reuse;
mod secret;

pub use algorithm::{Algorithm, Keying, Suite};
pub use authenticator::{Authenticator, Freshness, Occasion, Offer, Verdict};
pub use challenge::{Challenge, Qop};
pub use credentials::{Asked, Credentials, Protection};
pub use nonce::NonceKeeper;
pub use secret::Ha1;
