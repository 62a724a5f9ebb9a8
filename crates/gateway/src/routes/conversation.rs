//! What a frame of the browser does, whichever way it came.
//! Must not know how frames travel.

use std::time::Instant;

use helpdesk::{SayRefused, Seq, ShopperEvent, TicketView};
use http::StatusCode;
use tokio::sync::mpsc;

use crate::desk::{Command, TicketKey};
use crate::face::Face;
use crate::key;
use crate::pace::Act;
use crate::problem::Problem;
use crate::wire::frame::{FromBrowser, spoken};

/// Events that may wait for one follower; one that falls further behind comes back with its last line.
const FOLLOWER_EVENTS: usize = 1024;

/// What became of a frame.
#[derive(Debug)]
pub(super) enum Done {
    /// The line stands at this place.
    Said(Seq),
    /// The sign is passed on.
    Signed,
    /// The conversation has ended, or a call is to come or not; the ticket as it now stands.
    Stands(TicketView),
}

/// Follows the conversation from after the line `after`.
pub(super) async fn follow(
    face: &Face,
    key: TicketKey,
    after: Seq,
) -> Result<mpsc::Receiver<ShopperEvent>, Problem> {
    let (events, followed) = mpsc::channel(FOLLOWER_EVENTS);
    face.desk
        .call(|answer| Command::Follow {
            key,
            after,
            events,
            answer,
        })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    Ok(followed)
}

/// Does what the frame asks for, if the sender's pace allows it.
pub(super) async fn act(
    face: &Face,
    key: &TicketKey,
    frame: &FromBrowser,
) -> Result<Done, Problem> {
    match frame {
        FromBrowser::Say { id, text } => {
            let (id, text) = spoken(id, text)?;
            pace(face, key, Act::Say, |seconds| {
                format!(
                    "You are writing faster than we can pass on. Wait {seconds}, then send this again."
                )
            })?;
            let key = key.clone();
            face.desk
                .call(|answer| Command::Say {
                    key,
                    id,
                    text,
                    answer,
                })
                .await?
                .map(Done::Said)
                .map_err(|refused| match refused {
                    SayRefused::UnknownTicket => Problem::no_ticket(),
                    SayRefused::Ended => Problem::ended(),
                    SayRefused::TooLong => Problem::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "This is too long for one line. Send it in parts.",
                    ),
                    SayRefused::Full => Problem::new(
                        StatusCode::CONFLICT,
                        "This conversation holds all the lines it can. Ask again to go on.",
                    ),
                })
        }
        FromBrowser::Typing {} => {
            pace(face, key, Act::Type, |seconds| {
                format!("Once a second is enough to say that you are typing. Wait {seconds}.")
            })?;
            let key = key.clone();
            face.desk.send(Command::Typing { key }).await?;
            Ok(Done::Signed)
        }
        FromBrowser::Ack { seq } => {
            pace(face, key, Act::See, |seconds| {
                format!("Say what you have read ten times a second at most. Wait {seconds}.")
            })?;
            let (key, seq) = (key.clone(), Seq(*seq));
            face.desk.send(Command::Seen { key, seq }).await?;
            Ok(Done::Signed)
        }
        FromBrowser::End {} => {
            let key = key.clone();
            face.desk
                .call(|answer| Command::End { key, answer })
                .await?
                .map(Done::Stands)
                .ok_or_else(Problem::no_ticket)
        }
        FromBrowser::Call { phone } => {
            pace(face, key, Act::Say, |seconds| {
                format!("You are asking faster than we can answer. Wait {seconds}.")
            })?;
            let number = phone.as_deref().map(readable).transpose()?;
            let key = key.clone();
            face.desk
                .call(|answer| Command::WantCall {
                    key,
                    number,
                    answer,
                })
                .await?
                .map(Done::Stands)
                .map_err(|refused| Problem::not_called(&refused))
        }
        FromBrowser::Uncall {} => {
            let key = key.clone();
            face.desk
                .call(|answer| Command::UnwantCall { key, answer })
                .await?
                .map(Done::Stands)
                .ok_or_else(Problem::no_ticket)
        }
        // A page sends its token first thing, and need not know that the cookie was there before it.
        FromBrowser::Open { token } if key::digest(token) == key.access => Ok(Done::Signed),
        FromBrowser::Open { .. } => Err(Problem::no_ticket()),
    }
}

/// A telephone number as it may be written; what it says is judged by the desk.
fn readable(phone: &str) -> Result<String, Problem> {
    if phone.len() > LONGEST_PHONE || phone.chars().any(char::is_control) {
        return Err(Problem::unprocessable(format!(
            "phone has {LONGEST_PHONE} printable bytes at most."
        )));
    }
    Ok(phone.to_owned())
}

/// Bytes of a telephone number, with what people put between its digits.
const LONGEST_PHONE: usize = 64;

fn pace(
    face: &Face,
    key: &TicketKey,
    act: Act,
    words: impl FnOnce(String) -> String,
) -> Result<(), Problem> {
    face.paces
        .take(key.access, act, Instant::now())
        .map_err(|wait| Problem::too_fast(words(wait.text()), wait.seconds()))
}
