//! The helpdesk: reps, skills, tiers, tickets, the queue, routing, offers, conversations and estimates,
//! as one deterministic machine. Input goes in by `handle`, effects come out of `poll_output`.
//! Must not know SIP, HTTP, SQL or tokio; time and randomness are arguments.
#![forbid(unsafe_code)]

pub mod ask;
mod board;
pub mod callback;
pub mod case;
mod cases;
mod cast;
mod clock;
pub mod config;
mod config_error;
pub mod conversation;
mod conversations;
pub mod decision;
mod decisions;
mod deliveries;
mod desk;
mod dispatch;
pub mod ended_waits;
mod estimate;
mod forecasting;
mod groups;
mod hours;
pub mod ids;
pub mod io;
pub mod knowledge;
pub mod lesson;
mod look_alike;
pub mod names;
mod notes;
mod offers;
mod openings;
mod outlook;
mod plan_size;
mod pools;
mod promised;
mod promises;
mod publishing;
mod queue;
mod random;
pub mod record;
mod rep_messages;
mod report;
mod restore;
mod roster;
mod routing;
mod said;
pub mod scores;
pub mod seat;
mod shelf;
mod shoppers;
pub mod simulation;
pub mod snapshot;
mod teaching;
pub mod ticket;
mod tickets;
mod transcript;
mod words;

pub use ask::{AccessDigest, Ask, AskRefused, Channel, Detail, Prefer, Preference, Proof, Wishes};
pub use callback::{
    CallEnd, CallNews, CallOrder, CallbackRefused, CallbackRules, CallbackStage, CallbackView,
    Country, Dialled, Dialling, EndedBy, Fate, NotReached, NumberError, PastCall, PhoneNumber,
    PlannedBy, Reach, Step, Strangers,
};
pub use case::{Case, CaseReason, CaseRefused, CaseState, NewCase};
pub use clock::Clock;
pub use config::{Choose, Config, Priority, Relax, Rep, Routing, Site, Skill, Tier};
pub use config_error::ConfigError;
pub use conversation::{Line, Speaker};
pub use decision::{Candidate, Decision, Outcome};
pub use desk::Helpdesk;
pub use ended_waits::{WaitEnded, WaitFate};
pub use estimate::quote::Form;
pub use hours::{Hours, HoursError};
pub use ids::{
    CallId, CaseId, DeliveryId, Level, LineId, RepId, ReplyId, Seq, SiteId, SkillId, TicketId,
    TierId,
};
pub use io::{
    Addressee, Answer, DeliveryOutcome, Input, Output, PageNews, PauseFor, RepText, SayRefused,
    ShopperEvent,
};
pub use knowledge::{PauseEnd, RepKnowledge};
pub use lesson::{LESSONS_KEPT, Lesson, Observation, WaitEnd};
pub use notes::NOTE_CHARS;
pub use record::{CallbackFact, GivenPromise, Record};
pub use report::{RepReport, TicketReport};
pub use routing::Standing;
pub use scores::{EstimateScore, EstimateScores};
pub use seat::{InHand, SeatView, Stand};
pub use snapshot::{GroupSnapshot, GroupSnapshots, GroupState, SiteSnapshot, Snapshot, Wait};
pub use ticket::{CloseReason, TicketState, TicketView};
