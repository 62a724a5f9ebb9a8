//! The JSON of the outer face: one file per document, each made from or into domain types.
//! Must not know how a document travels.

pub(crate) mod ask;
pub(crate) mod callback;
pub(crate) mod console;
pub(crate) mod earlier;
pub(crate) mod frame;
pub(crate) mod note;
pub(crate) mod past;
pub(crate) mod presence;
pub(crate) mod rating;
pub(crate) mod ticket;
pub(crate) mod wait;
pub(crate) mod wall;
