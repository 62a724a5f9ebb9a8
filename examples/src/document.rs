//! Presence documents as a softphone writes them: PIDF with RPID.
//! Must not know how they are sent.

/// Whether the rep can be reached, in PIDF's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basic {
    /// On duty.
    Open,
    /// Not on duty.
    Closed,
}

/// What the rep is doing, in RPID's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nothing that would be worth a word.
    None,
    /// Away from the desk.
    Away,
    /// Busy with something else.
    Busy,
    /// In a telephone call.
    OnThePhone,
}

/// Writes the document that says so of `entity`, an address of record such as `sip:alice@shop.example`.
#[must_use]
pub fn pidf(entity: &str, basic: Basic, activity: Activity) -> String {
    let basic = match basic {
        Basic::Open => "open",
        Basic::Closed => "closed",
    };
    let activity = match activity {
        Activity::None => "",
        Activity::Away => "<rpid:away/>",
        Activity::Busy => "<rpid:busy/>",
        Activity::OnThePhone => "<rpid:on-the-phone/>",
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\n\
         <tuple id=\"test-phone\"><status><basic>{basic}</basic></status><contact>{entity}</contact></tuple>\n\
         <dm:person id=\"rep\"><rpid:activities>{activity}</rpid:activities></dm:person>\n\
         </presence>\n"
    )
}
