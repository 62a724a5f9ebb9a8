//! Writes a message anew from its parsed parts, in one spelling: long header names, one value a
//! line, no blanks where none are needed, an exact Content-Length. Must not change what is meant.

use bytes::Bytes;

use crate::header::contact::Contact;
use crate::header::content_type::ContentType;
use crate::header::cseq::CSeq;
use crate::header::event::Event;
use crate::header::name_addr::NameAddr;
use crate::header::via::Via;
use crate::header_name::HeaderName;
use crate::message::Message;
use crate::values::Values;
use crate::write::Writer;

impl Message {
    /// The message in its canonical spelling. A value that cannot be read stays as it is written.
    pub fn to_canonical(&self) -> Bytes {
        let headers = self.headers();
        let mut writer = Writer::with_capacity(headers.bytes().len() + 64);
        match self {
            Self::Request(request) => {
                writer.request_line(request.method_text(), &canonical_uri(request.uri_text()));
            }
            Self::Response(response) => {
                writer.status_line(response.status().code(), response.reason());
            }
        }
        for (known, name, line) in headers.lines() {
            match known {
                None => writer.line(name, line),
                Some(HeaderName::ContentLength) => {}
                Some(list) if list.is_list() && !line.is_empty() => {
                    for value in Values::of(list, line) {
                        writer.composed(list, |out| write_value(list, value, out));
                    }
                }
                Some(single) => writer.composed(single, |out| write_value(single, line, out)),
            }
        }
        writer.finish(headers.body())
    }
}

fn canonical_uri(text: &[u8]) -> Vec<u8> {
    match crate::uri::AnyUri::parse(text) {
        Ok(uri) => {
            let mut out = Vec::with_capacity(text.len());
            uri.write(&mut out);
            out
        }
        Err(_) => text.to_vec(),
    }
}

fn write_value(name: HeaderName, value: &[u8], out: &mut Vec<u8>) {
    let is_written = match name {
        HeaderName::Via => Via::parse(value).map(|via| via.write(out)).is_ok(),
        HeaderName::From
        | HeaderName::To
        | HeaderName::Route
        | HeaderName::RecordRoute
        | HeaderName::Path
        | HeaderName::ServiceRoute
        | HeaderName::ReferTo
        | HeaderName::ReferredBy
        | HeaderName::ReplyTo
        | HeaderName::PAssertedIdentity => NameAddr::parse(name, value)
            .map(|address| address.write(out))
            .is_ok(),
        HeaderName::Contact => Contact::parse(value)
            .map(|contact| contact.write(out))
            .is_ok(),
        HeaderName::CSeq => CSeq::parse(value).map(|cseq| cseq.write(out)).is_ok(),
        HeaderName::Event => Event::parse(value).map(|event| event.write(out)).is_ok(),
        HeaderName::ContentType => ContentType::parse(value)
            .map(|kind| kind.write(out))
            .is_ok(),
        HeaderName::Accept
        | HeaderName::AcceptEncoding
        | HeaderName::AcceptLanguage
        | HeaderName::AlertInfo
        | HeaderName::Allow
        | HeaderName::AllowEvents
        | HeaderName::AuthenticationInfo
        | HeaderName::Authorization
        | HeaderName::CallId
        | HeaderName::CallInfo
        | HeaderName::ContentDisposition
        | HeaderName::ContentEncoding
        | HeaderName::ContentLanguage
        | HeaderName::ContentLength
        | HeaderName::Date
        | HeaderName::ErrorInfo
        | HeaderName::Expires
        | HeaderName::InReplyTo
        | HeaderName::MaxForwards
        | HeaderName::MimeVersion
        | HeaderName::MinExpires
        | HeaderName::Organization
        | HeaderName::Priority
        | HeaderName::ProxyAuthenticate
        | HeaderName::ProxyAuthorization
        | HeaderName::ProxyRequire
        | HeaderName::Reason
        | HeaderName::Require
        | HeaderName::RetryAfter
        | HeaderName::Server
        | HeaderName::SessionExpires
        | HeaderName::SipEtag
        | HeaderName::SipIfMatch
        | HeaderName::Subject
        | HeaderName::SubscriptionState
        | HeaderName::Supported
        | HeaderName::Timestamp
        | HeaderName::Unsupported
        | HeaderName::UserAgent
        | HeaderName::Warning
        | HeaderName::WwwAuthenticate => false,
    };
    if !is_written {
        out.extend(value);
    }
}
