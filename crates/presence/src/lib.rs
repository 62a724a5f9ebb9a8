//! Presence documents, publications, composition and the presentity store. Must not know SIP syntax, HTTP or tokio.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(
        clippy::duplicate_mod,
        reason = "`schedules` compiles the store once more, over loom"
    )
)]

mod activity;
mod alike;
mod availability;
mod card;
mod composed;
mod dialog_info;
mod document;
mod document_error;
mod entity_tag;
mod expiry;
mod explain;
pub mod groups;
mod marks;
mod own;
mod partial;
mod pidf;
mod presentity;
mod presentity_id;
mod publication;
#[cfg(test)]
mod schedules;
mod source;
mod store;
mod store_config;
mod sync;
#[cfg(test)]
mod tests;
pub mod watchers;
pub mod xml;

pub use activity::Activity;
pub use availability::Availability;
pub use card::Card;
pub use composed::{Composed, compose};
pub use dialog_info::{DialogInfo, Dialogs, Extent, Line, MissedDialogInfo};
pub use document::{Basic, Document, Statement, UserInput};
pub use document_error::{DocumentError, LONGEST_DOCUMENT};
pub use entity_tag::EntityTag;
pub use explain::{Explanation, Part, PublicationSummary, SourceAccount, Trust, explain};
pub use groups::GroupCounts;
pub use marks::Marks;
pub use own::OwnKnowledge;
pub use partial::{Partial, Patch, PatchError};
pub use pidf::{Decision, read_decision, write_dated_pidf, write_pidf};
pub use presentity::Presentity;
pub use presentity_id::PresentityId;
pub use publication::{
    Change, KeptPublication, Publication, Publish, PublishError, Published, Publisher,
    PublisherMemory,
};
pub use source::{Precedence, PrecedenceError, Rule, Source};
pub use store::Store;
pub use store_config::StoreConfig;
pub use xml::Position;
