//! The requests that belong to one INVITE of ours, hop by hop: the ACK of its refusal and its CANCEL.
//! Must not know when they are sent.

use bytes::Bytes;

use crate::header_name::HeaderName;
use crate::message::{Request, Response};
use crate::values::Values;
use crate::write::Writer;

/// The ACK of a refusal (RFC 3261 §17.1.1.3).
pub(crate) fn ack(invite: &Request, refusal: &Response) -> Bytes {
    let to = refusal.header(HeaderName::To);
    // RFC 3261 §22.1: an ACK repeats the credentials of its INVITE.
    let copied = [
        HeaderName::Route,
        HeaderName::Authorization,
        HeaderName::ProxyAuthorization,
    ];
    derived(invite, b"ACK", to, &copied)
}

/// The CANCEL (RFC 3261 §9.1).
pub(crate) fn cancel(invite: &Request) -> Bytes {
    derived(invite, b"CANCEL", None, &[HeaderName::Route])
}

fn derived(
    invite: &Request,
    method: &'static [u8],
    to: Option<&[u8]>,
    copied: &[HeaderName],
) -> Bytes {
    let mut writer = Writer::with_capacity(512);
    writer.request_line(method, invite.uri_text());
    let mut copy = |name: HeaderName, value: Option<&[u8]>| {
        if let Some(value) = value {
            writer.header(name, value);
        }
    };
    // The one Via that is ours, with the branch of the INVITE.
    let top_via = invite
        .header(HeaderName::Via)
        .and_then(|line| Values::of(HeaderName::Via, line).next());
    copy(HeaderName::Via, top_via);
    copy(HeaderName::MaxForwards, Some(b"70"));
    copy(HeaderName::From, invite.header(HeaderName::From));
    copy(HeaderName::To, to.or_else(|| invite.header(HeaderName::To)));
    copy(HeaderName::CallId, invite.header(HeaderName::CallId));
    if let Ok(cseq) = invite.cseq() {
        writer.composed(HeaderName::CSeq, |out| {
            out.extend(cseq.number.to_string().as_bytes());
            out.push(b' ');
            out.extend(method);
        });
    }
    for name in copied {
        for value in invite.headers(*name) {
            writer.header(*name, value);
        }
    }
    writer.finish(b"")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{ack, cancel};
    use crate::header_name::HeaderName;
    use crate::message::{Message, Request, Response};
    use crate::method::Method;
    use crate::status::StatusCode;
    use crate::write::request::RequestDraft;
    use crate::write::response::ResponseBuilder;

    fn invite() -> Request {
        let bytes = RequestDraft::new(Method::Invite, "sip:bob@biloxi.example")
            .from("<sip:desk@shop.example>", "d1")
            .to("<sip:bob@biloxi.example>")
            .call_id("c1")
            .cseq(7)
            .header(HeaderName::Route, "<sip:p1.example;lr>")
            .header(HeaderName::Route, "<sip:p2.example;lr>")
            .header(HeaderName::ProxyAuthorization, "Digest username=\"desk\"")
            .header(HeaderName::Contact, "<sip:192.0.2.1>")
            .body("application/sdp", "v=0")
            .print("UDP 192.0.2.1:5060", "z9hG4bKx");
        let Message::Request(invite) = Message::parse(bytes).unwrap() else {
            panic!("a request was written")
        };
        invite
    }

    fn refusal(invite: &Request) -> Response {
        let busy = ResponseBuilder::answer(invite, StatusCode::new(486).unwrap()).to_tag("theirs");
        let Message::Response(response) = Message::parse(busy.build()).unwrap() else {
            panic!("a response was written")
        };
        response
    }

    fn shown(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace("\r\n", "\n")
    }

    #[test]
    fn an_ack_takes_the_way_of_its_invite_and_the_tag_of_the_refusal() {
        let invite = invite();
        let ack = ack(&invite, &refusal(&invite));
        expect![[r#"
            ACK sip:bob@biloxi.example SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport
            Max-Forwards: 70
            From: <sip:desk@shop.example>;tag=d1
            To: <sip:bob@biloxi.example>;tag=theirs
            Call-ID: c1
            CSeq: 7 ACK
            Route: <sip:p1.example;lr>
            Route: <sip:p2.example;lr>
            Proxy-Authorization: Digest username="desk"
            Content-Length: 0

        "#]]
        .assert_eq(&shown(&ack));
    }

    #[test]
    fn a_cancel_is_the_invite_without_tag_credentials_and_body() {
        expect![[r#"
            CANCEL sip:bob@biloxi.example SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport
            Max-Forwards: 70
            From: <sip:desk@shop.example>;tag=d1
            To: <sip:bob@biloxi.example>
            Call-ID: c1
            CSeq: 7 CANCEL
            Route: <sip:p1.example;lr>
            Route: <sip:p2.example;lr>
            Content-Length: 0

        "#]]
        .assert_eq(&shown(&cancel(&invite())));
    }
}
