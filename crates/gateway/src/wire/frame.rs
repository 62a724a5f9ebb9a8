//! The frames of a conversation, the same over WebSocket, event stream and POST.
//! Must not know how a frame travels.

use std::sync::Arc;

use helpdesk::{Line, LineId, Seq, ShopperEvent, Speaker, TicketView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Document, Problem};
use crate::wire::ask::LINE_LIMIT;
use crate::wire::callback::CallbackDocument;
use crate::wire::presence::rfc_3339;
use crate::wire::ticket::state_word;
use crate::wire::wait::WaitDocument;

/// What a browser sends.
#[derive(Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum FromBrowser {
    /// Proves, as the first frame of a WebSocket, that the sender may open the ticket.
    Open {
        /// The ticket's token.
        token: String,
    },
    /// Says a line.
    Say {
        /// The browser's identity for the line.
        id: String,
        /// The text.
        text: String,
    },
    /// The shopper is typing.
    Typing {},
    /// The page has shown all lines up to this one.
    Ack {
        /// The last line shown.
        #[schema(format = "uint64")]
        seq: u64,
    },
    /// Ends the conversation or leaves the queue.
    End {},
    /// The shopper wants to be called.
    Call {
        /// Where; left out, it is where the click or the shop's token says.
        phone: Option<String>,
    },
    /// The shopper does not want to be called any more.
    Uncall {},
}

impl FromBrowser {
    /// The word that names the frame.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Say { .. } => "say",
            Self::Typing {} => "typing",
            Self::Ack { .. } => "ack",
            Self::End {} => "end",
            Self::Call { .. } => "call",
            Self::Uncall {} => "uncall",
        }
    }
}

/// A line that may be said: its identity and text are within bounds.
pub(crate) fn spoken(id: &str, text: &str) -> Result<(LineId, Arc<str>), Problem> {
    if id.is_empty() || id.len() > 64 || id.chars().any(char::is_control) {
        return Err(Problem::unprocessable("id has 1 to 64 printable bytes."));
    }
    if text.trim().is_empty() {
        return Err(Problem::unprocessable("text is empty."));
    }
    if text.len() > LINE_LIMIT {
        return Err(Problem::unprocessable(format!(
            "A line may have {LINE_LIMIT} bytes; send it in parts."
        )));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(Problem::unprocessable(
            "text may not have control characters.",
        ));
    }
    Ok((LineId::new(id), Arc::from(text)))
}

/// What a browser is sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ToBrowser<'a> {
    /// A line of the conversation.
    Line {
        seq: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        from: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        text: &'a str,
        at: String,
    },
    /// Somebody is typing.
    Typing { from: &'static str },
    /// Where the ticket stands.
    State {
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        wait: Option<WaitDocument>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rep: Option<&'a str>,
        /// Why the wait is longer than was promised.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        /// The call that is to come, or is.
        #[serde(skip_serializing_if = "Option::is_none")]
        callback: Option<CallbackDocument<'a>>,
        /// The shopper's lines up to this one are on the phone of the rep asked or speaking.
        #[serde(skip_serializing_if = "Option::is_none")]
        delivered: Option<u64>,
    },
    /// The line is alive: a page that hears nothing for long knows by that that it is not.
    Beat {},
    /// A frame was not taken: the members of a problem document beside its type.
    Error {
        /// The type of the frame, where it was understood.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<&'static str>,
        /// The line that was not taken.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        title: &'a str,
        status: u16,
        detail: &'a str,
        /// Seconds to wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
}

impl<'a> ToBrowser<'a> {
    /// The frame of an event.
    pub(crate) fn of_event(event: &'a ShopperEvent) -> Self {
        match event {
            ShopperEvent::Line(line) => Self::of_line(line),
            ShopperEvent::RepTyping => Self::Typing { from: "rep" },
            ShopperEvent::State(view) => Self::of_view(view),
        }
    }

    /// The frame that says why one was not taken.
    pub(crate) fn of_problem(
        problem: &'a Problem,
        about: Option<&'static str>,
        id: Option<&'a str>,
    ) -> Self {
        let Document {
            title,
            status,
            detail,
            retry_after,
            ..
        } = problem.document();
        Self::Error {
            about,
            id,
            title,
            status,
            detail,
            retry_after,
        }
    }

    /// The frame as text.
    pub(crate) fn text(&self) -> String {
        // Only a map with keys that are no strings or a failing Serialize could fail; there is neither.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn of_line(line: &'a Line) -> Self {
        Self::Line {
            seq: line.seq.0,
            id: line.id.as_ref().map(LineId::as_str),
            from: match line.from {
                Speaker::Shopper => "shopper",
                Speaker::Rep => "rep",
                Speaker::System => "system",
            },
            name: line.name.as_deref(),
            text: &line.text,
            at: rfc_3339(line.at_unix_ms),
        }
    }

    fn of_view(view: &'a TicketView) -> Self {
        Self::State {
            state: state_word(view.state),
            position: view.position,
            wait: view.wait.map(WaitDocument::from),
            rep: view.rep.as_deref(),
            reason: view.why.as_deref(),
            callback: view.callback.as_ref().map(CallbackDocument::from),
            delivered: view.delivered.map(|seq| seq.0),
        }
    }
}

/// The place of the event's line, if it is one.
pub(crate) fn seq_of(event: &ShopperEvent) -> Option<Seq> {
    match event {
        ShopperEvent::Line(line) => Some(line.seq),
        ShopperEvent::RepTyping | ShopperEvent::State(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use helpdesk::{CallbackStage, CallbackView, TicketId, TicketState, Wait};

    use super::*;

    fn check_read(json: &str, expected: Option<FromBrowser>) {
        assert_eq!(serde_json::from_str(json).ok(), expected, "{json}");
    }

    #[test]
    fn frames_of_the_browser_are_read_strictly() {
        check_read(
            r#"{"type":"say","id":"1","text":"hi"}"#,
            Some(FromBrowser::Say {
                id: "1".to_owned(),
                text: "hi".to_owned(),
            }),
        );
        check_read(r#"{"type":"typing"}"#, Some(FromBrowser::Typing {}));
        check_read(
            r#"{"type":"ack","seq":7}"#,
            Some(FromBrowser::Ack { seq: 7 }),
        );
        check_read(r#"{"type":"end"}"#, Some(FromBrowser::End {}));
        check_read(
            r#"{"type":"call","phone":"06 12 34 56 78"}"#,
            Some(FromBrowser::Call {
                phone: Some("06 12 34 56 78".to_owned()),
            }),
        );
        check_read(
            r#"{"type":"call"}"#,
            Some(FromBrowser::Call { phone: None }),
        );
        check_read(r#"{"type":"uncall"}"#, Some(FromBrowser::Uncall {}));
        check_read(
            r#"{"type":"open","token":"t"}"#,
            Some(FromBrowser::Open {
                token: "t".to_owned(),
            }),
        );
        for wrong in [
            r#"{"type":"say","text":"hi"}"#,
            r#"{"type":"say","id":"1","text":"hi","from":"rep"}"#,
            r#"{"type":"typing","from":"rep"}"#,
            r#"{"type":"ack","seq":-1}"#,
            r#"{"type":"ack","seq":"7"}"#,
            r#"{"type":"line","seq":7}"#,
            r#"{"type":"end","x":1}"#,
            r#"{"seq":7}"#,
            r#"[]"#,
            r#""end""#,
            "",
        ] {
            check_read(wrong, None);
        }
        check_read(&"[".repeat(64 * 1024), None);
        check_read(&r#"{"type":"#.repeat(8 * 1024), None);
    }

    fn check_written(event: ShopperEvent, expected: &str) {
        assert_eq!(ToBrowser::of_event(&event).text(), expected);
    }

    #[test]
    fn frames_to_the_browser_read_as_promised() {
        check_written(
            ShopperEvent::Line(Line {
                seq: Seq(7),
                id: None,
                from: Speaker::Rep,
                name: Some("Alice".into()),
                text: "Hello".into(),
                at_unix_ms: 1_767_268_800_500,
            }),
            r#"{"type":"line","seq":7,"from":"rep","name":"Alice","text":"Hello","at":"2026-01-01T12:00:00.5Z"}"#,
        );
        check_written(ShopperEvent::RepTyping, r#"{"type":"typing","from":"rep"}"#);
        check_written(
            ShopperEvent::State(TicketView {
                id: TicketId::new("t"),
                state: TicketState::Queued,
                position: Some(2),
                wait: Some(Wait {
                    seconds: 60,
                    low: 30,
                    high: 90,
                    confidence: 0.8,
                }),
                rep: None,
                why: None,
                callback: None,
                delivered: Some(Seq(3)),
                answered_by: None,
            }),
            r#"{"type":"state","state":"queued","position":2,"wait":{"seconds":60,"low":30,"high":90,"confidence":0.8},"delivered":3}"#,
        );
    }

    #[test]
    fn a_call_to_come_is_part_of_the_state() {
        check_written(
            ShopperEvent::State(TicketView {
                id: TicketId::new("t"),
                state: TicketState::Callback,
                position: None,
                wait: None,
                rep: Some("Alice".into()),
                why: None,
                delivered: None,
                answered_by: None,
                callback: Some(CallbackView {
                    number: "+33•••••••78".into(),
                    stage: CallbackStage::CallingShopper,
                    again_unix_ms: None,
                }),
            }),
            r#"{"type":"state","state":"callback","rep":"Alice","callback":{"number":"+33•••••••78","stage":"calling-you"}}"#,
        );
    }

    #[test]
    fn a_line_is_bounded() {
        assert!(spoken("1", "hi").is_ok());
        assert!(spoken("1", &"x".repeat(LINE_LIMIT)).is_ok());
        for (id, text) in [
            ("", "hi"),
            ("1", " \n"),
            ("1", "a\u{0}b"),
            ("a\u{7}", "hi"),
            (&"1".repeat(65), "hi"),
            ("1", &"x".repeat(LINE_LIMIT + 1)),
        ] {
            assert!(spoken(id, text).is_err(), "{id:?} {text:?}");
        }
    }
}
