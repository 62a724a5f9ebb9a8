//! The lines of a conversation. Must not know how a line travels.

use std::sync::Arc;

use crate::ids::{LineId, Seq};

/// One line said, with its place in the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its place, from 1 without gaps.
    pub seq: Seq,
    /// The identity the browser or the rep's console gave it, if one did.
    pub id: Option<LineId>,
    /// Who said it.
    pub from: Speaker,
    /// The speaker's name for people, where there is one.
    pub name: Option<Arc<str>>,
    /// What was said; plain text.
    pub text: Arc<str>,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
}

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The person who asked for help.
    Shopper,
    /// The representative.
    Rep,
    /// Deskbell itself.
    System,
}
