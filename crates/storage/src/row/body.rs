//! The forms of records' bodies, each with its version. A form, once released, is only ever added to.
//! Must not know columns or the database.

use std::sync::Arc;

use helpdesk::{
    AccessDigest, Ask, CallbackFact, Channel, CloseReason, Detail, PhoneNumber, PlannedBy, Proof,
    RepId, SiteId, SkillId, Speaker, TicketId, TierId, Wishes,
};
use serde::{Deserialize, Serialize};

use crate::wishes::WishesV1;

#[derive(Serialize, Deserialize)]
pub(super) struct OpenedV1 {
    /// Hexadecimal.
    pub(super) access: String,
    pub(super) site: String,
    pub(super) skills: Vec<String>,
    pub(super) tier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rep: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) case: Option<String>,
    /// By a token that the shop signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) proven: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_telephone: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) im: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wishes: Option<WishesV1>,
    /// Tickets of the same shopper before this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<String>,
    /// Labels and answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<(String, String)>,
}

impl OpenedV1 {
    pub(super) fn from_ask(ask: &Ask) -> Self {
        Self {
            access: hexadecimal(&ask.access.0),
            site: ask.site.as_str().to_owned(),
            skills: ask
                .skills
                .iter()
                .map(|skill| skill.as_str().to_owned())
                .collect(),
            tier: ask.tier.as_str().to_owned(),
            rep: ask.rep.as_ref().map(|rep| rep.as_str().to_owned()),
            name: ask.name.clone(),
            phone: ask.phone.clone(),
            message: ask.message.clone(),
            page: ask.page.clone(),
            language: ask.language.clone(),
            case: ask.case.clone(),
            proven: match ask.proof {
                Proof::Token => true,
                Proof::None => false,
            },
            by_telephone: match ask.channel {
                Channel::Telephone => true,
                Channel::Page => false,
            },
            im: ask.im.clone(),
            wishes: WishesV1::from_wishes(&ask.wishes),
            earlier: ask
                .earlier
                .iter()
                .map(|ticket| ticket.as_str().to_owned())
                .collect(),
            details: ask
                .details
                .iter()
                .map(|detail| (detail.label.clone(), detail.answer.clone()))
                .collect(),
        }
    }

    pub(super) fn into_ask(self, ticket: TicketId) -> Result<Ask, String> {
        Ok(Ask {
            ticket,
            access: AccessDigest(read_digest(&self.access).ok_or("the access digest is damaged")?),
            site: SiteId::new(&self.site),
            skills: self
                .skills
                .iter()
                .map(|skill| SkillId::new(skill))
                .collect(),
            tier: TierId::new(&self.tier),
            rep: self.rep.as_deref().map(RepId::new),
            name: self.name,
            phone: self.phone,
            message: self.message,
            page: self.page,
            language: self.language,
            case: self.case,
            proof: if self.proven {
                Proof::Token
            } else {
                Proof::None
            },
            channel: if self.by_telephone {
                Channel::Telephone
            } else {
                Channel::Page
            },
            im: self.im,
            wishes: match self.wishes {
                Some(wishes) => wishes.into_wishes()?,
                None => Wishes::default(),
            },
            earlier: self
                .earlier
                .iter()
                .map(|ticket| TicketId::new(ticket))
                .collect(),
            details: self
                .details
                .into_iter()
                .map(|(label, answer)| Detail { label, answer })
                .collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineV1 {
    pub(super) from: SpeakerV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Arc<str>>,
    pub(super) text: Arc<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SpeakerV1 {
    Shopper,
    Rep,
    System,
}

impl From<Speaker> for SpeakerV1 {
    fn from(speaker: Speaker) -> Self {
        match speaker {
            Speaker::Shopper => Self::Shopper,
            Speaker::Rep => Self::Rep,
            Speaker::System => Self::System,
        }
    }
}

impl From<SpeakerV1> for Speaker {
    fn from(speaker: SpeakerV1) -> Self {
        match speaker {
            SpeakerV1::Shopper => Self::Shopper,
            SpeakerV1::Rep => Self::Rep,
            SpeakerV1::System => Self::System,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RepV1 {
    pub(super) rep: String,
}

impl RepV1 {
    pub(super) fn from_id(rep: &RepId) -> Self {
        Self {
            rep: rep.as_str().to_owned(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct OfferEndedV1 {
    pub(super) rep: String,
    pub(super) why: Arc<str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TransferredV1 {
    /// Who handed the conversation on.
    pub(super) rep: String,
    pub(super) skills: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ClosedV1 {
    pub(super) reason: CloseReasonV1,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CloseReasonV1 {
    Shopper,
    Rep,
    Abandoned,
    Called,
    Unreached,
}

impl From<CloseReason> for CloseReasonV1 {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Shopper => Self::Shopper,
            CloseReason::Rep => Self::Rep,
            CloseReason::Abandoned => Self::Abandoned,
            CloseReason::Called => Self::Called,
            CloseReason::Unreached => Self::Unreached,
        }
    }
}

impl From<CloseReasonV1> for CloseReason {
    fn from(reason: CloseReasonV1) -> Self {
        match reason {
            CloseReasonV1::Shopper => Self::Shopper,
            CloseReasonV1::Rep => Self::Rep,
            CloseReasonV1::Abandoned => Self::Abandoned,
            CloseReasonV1::Called => Self::Called,
            CloseReasonV1::Unreached => Self::Unreached,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub(super) enum CallbackV1 {
    Wanted { number: String, by: PlannedByV1 },
    Withdrawn,
    Tripped { why: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PlannedByV1 {
    Shopper,
    Desk,
    Rep,
}

impl CallbackV1 {
    pub(super) fn from_fact(fact: &CallbackFact) -> Self {
        match fact {
            CallbackFact::Wanted { number, by } => Self::Wanted {
                number: number.as_str().to_owned(),
                by: match by {
                    PlannedBy::Shopper => PlannedByV1::Shopper,
                    PlannedBy::Desk => PlannedByV1::Desk,
                    PlannedBy::Rep => PlannedByV1::Rep,
                },
            },
            CallbackFact::Withdrawn => Self::Withdrawn,
            CallbackFact::Tripped { why } => Self::Tripped {
                why: why.to_string(),
            },
        }
    }

    pub(super) fn into_fact(self) -> Result<CallbackFact, String> {
        Ok(match self {
            Self::Wanted { number, by } => CallbackFact::Wanted {
                number: PhoneNumber::from_e164(&number).ok_or("the number is none")?,
                by: match by {
                    PlannedByV1::Shopper => PlannedBy::Shopper,
                    PlannedByV1::Desk => PlannedBy::Desk,
                    PlannedByV1::Rep => PlannedBy::Rep,
                },
            },
            Self::Withdrawn => CallbackFact::Withdrawn,
            Self::Tripped { why } => CallbackFact::Tripped { why: why.into() },
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RatedV1 {
    pub(super) stars: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NotedV1 {
    pub(super) rep: String,
    pub(super) text: String,
}

pub(super) fn hexadecimal(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;

    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

pub(super) fn read_digest(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|pair| {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            u8::try_from(high? * 16 + low?).ok()
        })
        .collect();
    bytes?.try_into().ok()
}
