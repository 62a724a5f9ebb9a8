//! What must hold for every input of the readers of presence documents. A broken promise panics.

use presence::{DialogInfo, Document, LONGEST_DOCUMENT};

/// A document of any kind: what is longer than any phone's is never read.
pub fn pidf(data: &[u8]) {
    let is_too_long = data.len() > LONGEST_DOCUMENT;
    assert!(!(Document::read_pidf(data).is_ok() && is_too_long));
    assert!(!(Document::read_dialog_info(data).is_ok() && is_too_long));
    assert!(!(DialogInfo::read(data).is_ok() && is_too_long));
}
