//! What a console asks of the rest of the program: who somebody is and whether they are there, of whoever keeps
//! presence and letters; what a rep does at the desk, of the helpdesk's owner. Must not know how either is done.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use helpdesk::{DeliveryId, LineId, RepId, RepText, SeatView, Seq, ShopperEvent, TicketId};
use presence::UserInput;
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// One page of a console that a rep has open; it stays the same over reloads and reconnections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsoleId(pub Arc<str>);

/// A rep's state, set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hand {
    /// Offers are welcome.
    Available,
    /// Occupied otherwise.
    Busy,
    /// Away from the desk.
    Away,
    /// Off duty.
    Off,
}

/// A password on its way to being checked. Never printed.
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What is asked of whoever keeps presence and letters.
#[derive(Debug)]
pub enum ConsoleCall {
    /// Checks a rep's credentials.
    SignIn {
        /// As typed: a user, or a whole address of record.
        user: String,
        /// As typed.
        password: Password,
        /// Where the try comes from.
        source: IpAddr,
        /// Who it is.
        answer: oneshot::Sender<Result<SignedIn, SignInRefused>>,
    },
    /// Whether a session made earlier is still good: the rep is there and has the same password.
    Check {
        /// Who.
        session: SignedIn,
        /// Whether.
        answer: oneshot::Sender<bool>,
    },
    /// A page is open: the rep is there. One that was open before goes on where it was.
    Open {
        /// Who.
        session: SignedIn,
        /// Which page.
        console: ConsoleId,
        /// The state the page remembers; without it the rep's other pages decide, or the rep is available.
        hand: Option<Hand>,
        /// Where letters come from. They end when the rep has signed out, or when a page of the same name is open.
        answer: oneshot::Sender<Result<mpsc::Receiver<ConsoleEvent>, OpenRefused>>,
    },
    /// The rep's hand has set a state.
    Set {
        /// Who.
        rep: RepId,
        /// On which page.
        console: ConsoleId,
        /// The state.
        hand: Hand,
    },
    /// A sign of life of a page, with the use of its computer.
    Use {
        /// Who.
        rep: RepId,
        /// Which page.
        console: ConsoleId,
        /// Whether anybody touches it.
        user_input: UserInput,
    },
    /// A letter has arrived on the page.
    Got {
        /// Who.
        rep: RepId,
        /// Which letter.
        delivery: DeliveryId,
    },
    /// A page is gone.
    Leave {
        /// Who.
        rep: RepId,
        /// Which page.
        console: ConsoleId,
        /// How.
        leaving: Leaving,
    },
    /// A rep signs out everywhere: every page is gone. Nothing happens where the session is not good any more.
    SignOut {
        /// Who.
        session: SignedIn,
    },
}

/// Why no page is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenRefused {
    /// The session is not good any more.
    #[error("the session is over")]
    SignedOut,
    /// The rep has as many pages open as may be.
    #[error("too many pages of the rep are open")]
    TooMany,
}

/// Who has signed in, and a digest of what proved it: another password makes another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The rep.
    pub rep: RepId,
    /// The digest.
    pub proof: [u8; 16],
    /// When, in milliseconds since the Unix epoch.
    pub since_unix_ms: i64,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignInRefused {
    /// No such user, or another password.
    #[error("user and password do not fit")]
    Wrong,
    /// Too many wrong tries.
    #[error("too many wrong tries; wait {seconds} s")]
    TooOften {
        /// After which another try is looked at.
        seconds: u32,
    },
}

/// How a page went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It was closed, or is loaded again.
    Closed,
    /// Its connection broke.
    Lost,
}

/// What a page is told beside what the desk tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleEvent {
    /// A text for the rep; it counts as delivered once the page says so.
    Letter {
        /// Names it.
        delivery: DeliveryId,
        /// The conversation it speaks for.
        ticket: TicketId,
        /// What it is.
        kind: RepText,
        /// The text.
        text: Arc<str>,
    },
    /// The state set by hand, on whatever page.
    Hand(Hand),
}

/// What a rep does, of the helpdesk's owner.
#[derive(Debug)]
pub enum RepCommand {
    /// Watch what the rep has in hand.
    Watch {
        /// Who.
        rep: RepId,
        /// `None`: no such rep.
        answer: oneshot::Sender<Option<SeatWatch>>,
    },
    /// Follow a conversation that is offered to the rep or open: the lines after `after`, then all that happens.
    Follow {
        /// Who.
        rep: RepId,
        /// Which.
        ticket: TicketId,
        /// The last line the page has.
        after: Seq,
        /// Where events go. A follower that does not keep up is dropped.
        events: mpsc::Sender<ShopperEvent>,
        /// Whether it is followed: it is the rep's.
        answer: oneshot::Sender<bool>,
    },
    /// A line or a command; answered after what it does is recorded.
    Say {
        /// Who.
        rep: RepId,
        /// In which conversation.
        ticket: TicketId,
        /// The page's name for the line: said twice, it is one line.
        id: LineId,
        /// The text.
        text: Arc<str>,
        /// False: there is no such conversation.
        answer: oneshot::Sender<bool>,
    },
    /// Take an offer without a word; answered after it is recorded.
    Take {
        /// Who.
        rep: RepId,
        /// What.
        ticket: TicketId,
        /// False: there is no such conversation.
        answer: oneshot::Sender<bool>,
    },
    /// A note about a conversation, for whoever helps the shopper next; answered after it is recorded.
    Note {
        /// Who.
        rep: RepId,
        /// About which conversation: one of the rep's, also after its end.
        ticket: TicketId,
        /// The words; empty takes back what was written.
        text: Arc<str>,
        /// False: there is no such conversation.
        answer: oneshot::Sender<bool>,
    },
    /// The rep is typing.
    Typing {
        /// Who.
        rep: RepId,
        /// In which conversation.
        ticket: TicketId,
    },
    /// The rep is there and at it.
    Life {
        /// Who.
        rep: RepId,
    },
    /// The rep needs no more rest after conversations.
    Ready {
        /// Who.
        rep: RepId,
    },
    /// The rep's pause is over.
    Resume {
        /// Who.
        rep: RepId,
    },
}

/// The newest of what a rep has in hand, and in which conversation a shopper types.
#[derive(Debug)]
pub struct SeatWatch {
    /// What is in hand; nothing it tells of is unrecorded.
    pub views: watch::Receiver<Arc<SeatView>>,
    /// Signs that are worth nothing later.
    pub typing: broadcast::Receiver<TicketId>,
}
