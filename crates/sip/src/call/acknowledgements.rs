//! The ACKs of 2xx that we have sent: each goes again when its 2xx comes again. Must not know what was acknowledged.

use std::collections::VecDeque;

use super::Output;
use crate::write::request::RequestDraft;

/// One dialog's newest ACKs.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    kept: VecDeque<Acknowledgement>,
}

#[derive(Debug)]
struct Acknowledgement {
    draft: Box<RequestDraft>,
    branch: String,
}

/// INVITEs whose 2xx may still be repeated; a dialog has one under way at a time.
const KEPT: usize = 4;

impl Acknowledgements {
    /// Keeps an ACK, and sends it.
    pub(super) fn send(&mut self, draft: RequestDraft, branch: String) -> Output {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let draft = Box::new(draft);
        self.kept.push_back(Acknowledgement {
            draft: draft.clone(),
            branch: branch.clone(),
        });
        Output::Acknowledge { draft, branch }
    }

    /// Sends the ACK of the INVITE with this number once more; `None` where it was not sent yet.
    pub(super) fn repeat(&self, cseq: u32) -> Option<Output> {
        let kept = self
            .kept
            .iter()
            .find(|kept| kept.draft.cseq_number() == cseq)?;
        Some(Output::Acknowledge {
            draft: kept.draft.clone(),
            branch: kept.branch.clone(),
        })
    }
}
