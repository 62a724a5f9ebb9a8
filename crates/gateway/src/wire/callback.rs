//! The call that a shopper is to have, as the shopper is told it.

use helpdesk::{CallbackStage, CallbackView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::presence::rfc_3339;

/// Part of a ticket and of a state frame.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallbackDocument<'a> {
    /// Masked: nobody who looks over a shoulder learns it.
    number: &'a str,
    /// `waiting` for its turn, `calling-rep`, `calling-you` or `talking`.
    stage: &'static str,
    /// When the next try begins at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<String>,
}

impl<'a> From<&'a CallbackView> for CallbackDocument<'a> {
    fn from(view: &'a CallbackView) -> Self {
        Self {
            number: &view.number,
            stage: match view.stage {
                CallbackStage::Waiting => "waiting",
                CallbackStage::CallingRep => "calling-rep",
                CallbackStage::CallingShopper => "calling-you",
                CallbackStage::Talking => "talking",
            },
            again: view.again_unix_ms.map(rfc_3339),
        }
    }
}
