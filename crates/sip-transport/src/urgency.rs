//! What is served first when not everything can be. Must not know when that is.

use sip::{HeaderName, Method, Request};

/// How much it matters that a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// It begins something; whoever sent it can begin later.
    Beginning,
    /// It goes on with something that is lost without it.
    Refresh,
    /// It ends something, and gives room.
    End,
}

/// Whether somebody has logged in from where the request comes from, not long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Stranger,
    Proven,
}

impl Urgency {
    /// A refreshing REGISTER looks like a first one: of those from a place with a login it is taken to be one.
    pub(crate) fn of(request: &Request, standing: Standing) -> Self {
        match request.method() {
            Method::Bye | Method::Cancel | Method::Ack => Self::End,
            Method::Register | Method::Publish | Method::Subscribe if is_last(request) => Self::End,
            Method::Register if standing == Standing::Proven => Self::Refresh,
            Method::Publish if request.header(HeaderName::SipIfMatch).is_some() => Self::Refresh,
            Method::Subscribe if request.to_tag().is_ok_and(|tag| tag.is_some()) => Self::Refresh,
            // Lines of conversations that are under way.
            Method::Message | Method::Notify | Method::Info | Method::Prack | Method::Update => {
                Self::Refresh
            }
            Method::Register
            | Method::Publish
            | Method::Subscribe
            | Method::Invite
            | Method::Options
            | Method::Refer
            | Method::Other => Self::Beginning,
        }
    }
}

fn is_last(request: &Request) -> bool {
    let expires = request.header(HeaderName::Expires);
    expires.is_some_and(|expires| !expires.is_empty() && expires.iter().all(|byte| *byte == b'0'))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sip::{Message, Request};

    use super::{Standing, Urgency};

    fn read(method: &str, lines: &str) -> Request {
        let text = format!(
            "{method} sip:alice@shop.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
             From: <sip:alice@shop.example>;tag=a\r\nCall-ID: a\r\nCSeq: 1 {method}\r\n{lines}\r\n"
        );
        match Message::parse(Bytes::from(text)).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request was written"),
        }
    }

    #[track_caller]
    fn check(method: &str, lines: &str, expected: Urgency) {
        let request = read(method, &format!("To: <sip:alice@shop.example>\r\n{lines}"));
        assert_eq!(Urgency::of(&request, Standing::Stranger), expected);
    }

    #[test]
    fn ends_go_before_refreshes_and_refreshes_before_beginnings() {
        assert!(Urgency::End > Urgency::Refresh && Urgency::Refresh > Urgency::Beginning);
        check("PUBLISH", "Expires: 0\r\nSIP-If-Match: a\r\n", Urgency::End);
        check("REGISTER", "Expires: 0\r\n", Urgency::End);
        check(
            "PUBLISH",
            "Expires: 60\r\nSIP-If-Match: a\r\n",
            Urgency::Refresh,
        );
        check("PUBLISH", "Expires: 60\r\n", Urgency::Beginning);
        check("SUBSCRIBE", "Expires: 60\r\n", Urgency::Beginning);
        check("REGISTER", "", Urgency::Beginning);
        check("MESSAGE", "", Urgency::Refresh);
    }

    #[test]
    fn a_dialog_and_a_login_tell_refreshes() {
        let subscribe = read("SUBSCRIBE", "To: <sip:bob@shop.example>;tag=b\r\n");
        assert_eq!(
            Urgency::of(&subscribe, Standing::Stranger),
            Urgency::Refresh
        );
        let register = read("REGISTER", "To: <sip:alice@shop.example>\r\n");
        assert_eq!(Urgency::of(&register, Standing::Proven), Urgency::Refresh);
    }
}
