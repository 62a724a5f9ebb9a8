//! Digest authentication (RFC 7616 and 8760, and the older RFC 2617 that phones still speak), both sides.
//! Must not know users, passwords at rest, or how often somebody may try.

mod algorithm;
mod authenticator;
mod challenge;
mod credentials;
mod nonce;

pub use algorithm::{Algorithm, Ha1};
pub use authenticator::{Authenticator, Freshness, Verdict};
pub use challenge::Challenge;
pub use credentials::{Credentials, Protection};
pub use nonce::NonceKeeper;
