//! The one word a presentity's state comes down to. Must not know how it was found.

/// The composed state of a rep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    /// On duty and free.
    Available,
    /// On duty and occupied: on the phone, in a meeting.
    Busy,
    /// On duty but not at the desk.
    Away,
    /// Off duty, or nothing is known.
    Offline,
}
