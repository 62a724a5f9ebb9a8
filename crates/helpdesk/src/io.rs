//! The whole contract of the machine: what goes in, what comes out.
//! Must not know who feeds it or who carries its effects out.

use std::sync::Arc;
use std::time::Duration;

use presence::Availability;
use thiserror::Error;

use crate::ask::{Ask, AskRefused};
use crate::callback::{CallNews, CallOrder, CallbackRefused};
use crate::case::{Case, CaseRefused, NewCase};
use crate::conversation::Line;
use crate::ids::{CallId, CaseId, DeliveryId, LineId, RepId, ReplyId, Seq, TicketId};
use crate::record::Record;
use crate::snapshot::Snapshot;
use crate::ticket::TicketView;

/// What can happen to the helpdesk.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A rep's composed state has changed (or is told for the first time).
    Presence {
        /// The rep.
        rep: RepId,
        /// The composed state.
        availability: Availability,
    },
    /// A rep begins or ends a pause: nothing is offered meanwhile, offers not answered go to others,
    /// conversations go on.
    Pause {
        /// The rep.
        rep: RepId,
        /// The pause; `None` ends it.
        pause: Option<PauseFor>,
    },
    /// A rep's calls have changed; any call fills the rep.
    Calls {
        /// The rep.
        rep: RepId,
        /// Calls the rep is on.
        calls: u32,
    },
    /// A shopper clicks. Answered by [`Answer::Ticket`] or [`Answer::Refused`].
    Ask {
        /// What is asked.
        ask: Box<Ask>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A shopper says something. Answered by [`Answer::Said`] or [`Answer::NotSaid`].
    ShopperLine {
        /// The ticket; the edge has checked that the sender holds its token.
        ticket: TicketId,
        /// The browser's identity for the line; a repeated one makes no second line.
        id: LineId,
        /// What is said.
        text: Arc<str>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A shopper is typing.
    ShopperTyping {
        /// The ticket.
        ticket: TicketId,
    },
    /// A shopper's page has shown all lines up to this one.
    ShopperSeen {
        /// The ticket.
        ticket: TicketId,
        /// The last line shown.
        seq: Seq,
    },
    /// A shopper ends the conversation or leaves the queue.
    ShopperEnd {
        /// The ticket.
        ticket: TicketId,
    },
    /// A shopper wants a case forgotten: it is closed, and nothing in it tells of the shopper any more.
    ForgetCase {
        /// Which one.
        case: CaseId,
    },
    /// A shopper wants an ended conversation forgotten. What the journal has of it is the edge's to erase.
    Forget {
        /// The ticket.
        ticket: TicketId,
    },
    /// A shopper rates an ended conversation.
    Rate {
        /// The ticket.
        ticket: TicketId,
        /// 1 to 5.
        stars: u8,
        /// In the shopper's words.
        comment: Option<String>,
    },
    /// Something is left to do for a shopper. Answered by [`Answer::Case`] or [`Answer::CaseRefused`].
    OpenCase {
        /// What.
        case: Box<NewCase>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// Nothing is left to do about a case. Answered by [`Answer::Case`] or [`Answer::CaseRefused`].
    CloseCase {
        /// Which one.
        case: CaseId,
        /// The rep who says so; `None` is a supervisor or the desk.
        by: Option<RepId>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A rep's message arrived. Answered by [`Answer::Heard`] once what it did is recorded,
    /// or by [`Answer::NoSuchConversation`].
    RepMessage {
        /// Who sent it; proven by the edge.
        rep: RepId,
        /// Which conversation it is for.
        to: Addressee,
        /// The text.
        text: Arc<str>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A rep's phone says that the rep is typing.
    RepTyping {
        /// Who; proven by the edge.
        rep: RepId,
        /// Which conversation it is for.
        to: Addressee,
    },
    /// A shopper wants to be called. Answered by [`Answer::Calling`] or [`Answer::NotCalled`].
    WantCall {
        /// The ticket; the edge has checked that the sender holds its token.
        ticket: TicketId,
        /// Where, as the shopper wrote it; `None` is where the click or the shop's token says.
        number: Option<String>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A shopper does not want to be called any more.
    UnwantCall {
        /// The ticket.
        ticket: TicketId,
    },
    /// A shopper's page has come within reach, or has gone out of it.
    Page {
        /// The ticket.
        ticket: TicketId,
        /// Which of the two.
        news: PageNews,
    },
    /// What becomes of a call that [`Output::PlaceCall`] ordered.
    Call {
        /// The ticket.
        ticket: TicketId,
        /// The call.
        call: CallId,
        /// What has happened.
        news: CallNews,
    },
    /// A shopper's own messenger says something. Answered by [`Answer::Said`] or [`Answer::NotSaid`].
    MessengerLine {
        /// The conversation that it answers.
        ticket: TicketId,
        /// Whose messenger; only the one that the shop's token named is heard.
        from: Arc<str>,
        /// The same for a repetition.
        id: LineId,
        /// What is said.
        text: Arc<str>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A rep says a line, or a command, in one conversation by a way that may bring it twice. Answered like
    /// [`Input::RepMessage`]; a repeated identity makes no second line.
    RepLine {
        /// Who said it; proven by the edge.
        rep: RepId,
        /// Which conversation it is for.
        ticket: TicketId,
        /// What the rep's console calls the line.
        id: LineId,
        /// The text.
        text: Arc<str>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A rep takes an offer without a word. Answered like [`Input::RepMessage`].
    RepTake {
        /// Who takes it; proven by the edge.
        rep: RepId,
        /// What is offered.
        ticket: TicketId,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A rep is there and at it, and says no more than that: what was doubted of the rep is not any more.
    RepLife {
        /// Who; proven by the edge.
        rep: RepId,
    },
    /// A rep needs no more rest after conversations.
    RepReady {
        /// Who; proven by the edge.
        rep: RepId,
    },
    /// A rep writes down what is worth knowing about a conversation that is the rep's, or was until it ended. Answered like
    /// [`Input::RepMessage`].
    RepNote {
        /// Who; proven by the edge.
        rep: RepId,
        /// In which conversation.
        ticket: TicketId,
        /// The words; empty takes back what was written. No longer than [`NOTE_CHARS`](crate::notes::NOTE_CHARS).
        text: Arc<str>,
        /// Who waits for the answer.
        reply: ReplyId,
    },
    /// A message to a rep or a shopper's messenger arrived, or did not.
    Delivery {
        /// Which one.
        delivery: DeliveryId,
        /// What became of it.
        outcome: DeliveryOutcome,
    },
}

/// Where a shopper's page has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageNews {
    /// It is connected, by whatever kind of connection.
    Here,
    /// Its last connection has ended.
    Gone,
}

/// How long a pause lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseFor {
    /// So long.
    Time(Duration),
    /// Until it is ended.
    Good,
}

/// Whom a rep's message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressee {
    /// This ticket's conversation.
    Ticket(TicketId),
    /// The rep's current conversation: the offer pending, else the one last spoken in.
    Desk,
}

/// What a text for a rep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepText {
    /// An offer, with what it is about.
    Offer,
    /// What was said in the conversation.
    Line,
    /// Deskbell's own word: the answer to a command, or what has happened to the conversation.
    Note,
}

/// What became of a message to a rep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The rep's phone has it.
    Delivered,
    /// It could not be brought to any phone of the rep.
    Undeliverable,
}

/// What the helpdesk wants done. Outputs are carried out in order; a [`Output::Record`] must be
/// committed before anything that follows it leaves the house.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// To be journalled.
    Record(Record),
    /// A message to a rep; its outcome comes back as [`Input::Delivery`].
    ToRep {
        /// Names the message for its outcome.
        delivery: DeliveryId,
        /// To whom.
        rep: RepId,
        /// The conversation it speaks for; `desk` in a note to a rep who has none.
        ticket: TicketId,
        /// What the text is, for those who are shown offers and lines otherwise.
        kind: RepText,
        /// The text.
        text: Arc<str>,
    },
    /// A call is to be made. That it is intended must be on disk before anything leaves, and it is never made twice;
    /// its news come back as [`Input::Call`].
    PlaceCall(Box<CallOrder>),
    /// A call is to end, in whatever state it is.
    EndCall {
        /// Which.
        call: CallId,
    },
    /// A line for the shopper's own messenger; its outcome comes back as [`Input::Delivery`].
    ToMessenger {
        /// Names the message for its outcome.
        delivery: DeliveryId,
        /// The conversation; answers to its address come back as [`Input::MessengerLine`].
        ticket: TicketId,
        /// The messenger's SIP address.
        address: Arc<str>,
        /// Who speaks, where it is a person.
        name: Option<Arc<str>>,
        /// The text.
        text: Arc<str>,
    },
    /// The shopper is typing: a sign to the rep, not worth a retry.
    TypingToRep {
        /// To whom.
        rep: RepId,
        /// The conversation.
        ticket: TicketId,
    },
    /// Something for the shopper's page.
    ToShopper {
        /// Whose page.
        ticket: TicketId,
        /// What.
        event: ShopperEvent,
    },
    /// The answer to an input that named a [`ReplyId`].
    Reply {
        /// Who waits.
        reply: ReplyId,
        /// The answer.
        answer: Answer,
    },
    /// A newer state of the groups.
    Snapshot(Arc<Snapshot>),
}

/// What a shopper's page is told.
#[derive(Debug, Clone, PartialEq)]
pub enum ShopperEvent {
    /// A line, the shopper's own ones included.
    Line(Line),
    /// The rep is typing.
    RepTyping,
    /// The ticket's state, place or promise has changed.
    State(TicketView),
}

/// Answers to inputs that name a [`ReplyId`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The ask made this ticket.
    Ticket(TicketView),
    /// The ask made no ticket.
    Refused(AskRefused),
    /// The line stands at this place (again, when it was repeated).
    Said(Seq),
    /// The line was not taken.
    NotSaid(SayRefused),
    /// The shopper is to be called, or is called already.
    Calling(TicketView),
    /// The shopper is not called.
    NotCalled(CallbackRefused),
    /// The case as it stands from here on.
    Case(Box<Case>),
    /// The case was not opened or closed.
    CaseRefused(CaseRefused),
    /// The rep's message was taken; what it did comes as outputs of its own.
    Heard,
    /// The rep's message is for a conversation that is not there, or not any more.
    NoSuchConversation,
}

/// Why a shopper's line was not taken. Each text fits "failed to say this: {text}".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SayRefused {
    /// No such ticket.
    #[error("there is no such conversation")]
    UnknownTicket,
    /// The conversation has ended.
    #[error("the conversation has ended")]
    Ended,
    /// The line is longer than a conversation takes.
    #[error("the text is longer than 8 KiB")]
    TooLong,
    /// The conversation holds as much as one may.
    #[error("the conversation is full")]
    Full,
}
