//! Writes a message anew from its parsed parts, in one spelling: long header names, one value a
//! line, no blanks where none are needed, an exact Content-Length. Must not change what is meant.

use bytes::Bytes;

use crate::error::HeaderError;
use crate::header::accept::Accept;
use crate::header::authentication_info::AuthenticationInfo;
use crate::header::coding::Weighted;
use crate::header::contact::Contact;
use crate::header::content_disposition::ContentDisposition;
use crate::header::content_type::ContentType;
use crate::header::cseq::CSeq;
use crate::header::date::Date;
use crate::header::event::Event;
use crate::header::name_addr::NameAddr;
use crate::header::product::Products;
use crate::header::reason::Reason;
use crate::header::reliable::RAck;
use crate::header::retry_after::RetryAfter;
use crate::header::route::Route;
use crate::header::session_expires::SessionExpires;
use crate::header::subscription_state::SubscriptionState;
use crate::header::via::Via;
use crate::header::warning::Warning;
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
        writer.finish(headers.body_bytes())
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

/// Writes a value as what it says, or as it stands where it cannot be read.
fn write_value(name: HeaderName, value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if write_meaning(name, value, out).is_err() {
        out.truncate(start);
        out.extend(value);
    }
}

fn write_meaning(name: HeaderName, value: &[u8], out: &mut Vec<u8>) -> Result<(), HeaderError> {
    match name {
        HeaderName::Via => Via::parse(value)?.write(out),
        HeaderName::From
        | HeaderName::To
        | HeaderName::ReferTo
        | HeaderName::ReferredBy
        | HeaderName::ReplyTo
        | HeaderName::PAssertedIdentity => NameAddr::parse(name, value)?.write(out),
        HeaderName::Route
        | HeaderName::RecordRoute
        | HeaderName::Path
        | HeaderName::ServiceRoute => Route::parse(name, value)?.write(out),
        HeaderName::Contact => Contact::parse(value)?.write(out),
        HeaderName::CSeq => CSeq::parse(value)?.write(out),
        HeaderName::Event => Event::parse(value)?.write(out),
        HeaderName::ContentType => ContentType::parse(value)?.write(out),
        HeaderName::ContentDisposition => ContentDisposition::parse(value)?.write(out),
        HeaderName::Accept => Accept::parse(value)?.write(out),
        HeaderName::AcceptEncoding | HeaderName::AcceptLanguage => {
            Weighted::parse(name, value)?.write(out);
        }
        HeaderName::AuthenticationInfo => AuthenticationInfo::parse(value)?.write(out),
        HeaderName::Date => Date::parse(value)?.write(out),
        HeaderName::MinSe | HeaderName::SessionExpires => {
            SessionExpires::parse(name, value)?.write(out);
        }
        HeaderName::RAck => RAck::parse(value)?.write(out),
        HeaderName::Reason => Reason::parse(value)?.write(out),
        HeaderName::RetryAfter => RetryAfter::parse(value)?.write(out),
        HeaderName::Server | HeaderName::UserAgent => Products::parse(name, value)?.write(out),
        HeaderName::SubscriptionState => SubscriptionState::parse(value)?.write(out),
        HeaderName::Warning => Warning::parse(value)?.write(out),
        // Words, numbers and free text have one spelling; challenges and credentials are left as they were hashed.
        HeaderName::AlertInfo
        | HeaderName::Allow
        | HeaderName::AllowEvents
        | HeaderName::Authorization
        | HeaderName::CallId
        | HeaderName::CallInfo
        | HeaderName::ContentEncoding
        | HeaderName::ContentLanguage
        | HeaderName::ContentLength
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
        | HeaderName::Require
        | HeaderName::RSeq
        | HeaderName::SipEtag
        | HeaderName::SipIfMatch
        | HeaderName::Subject
        | HeaderName::Supported
        | HeaderName::SuppressIfMatch
        | HeaderName::Timestamp
        | HeaderName::Unsupported
        | HeaderName::WwwAuthenticate => out.extend(value),
    }
    Ok(())
}
