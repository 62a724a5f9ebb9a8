//! SOAP faults: SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4. Each carries the problem document's members as its detail.
//! Must not know what went wrong where.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use presence::xml::escaped;

use super::envelope::{NAMESPACE, Version, write};
use crate::problem::Problem;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// The envelope is of no version we know.
    VersionMismatch,
    /// A header has to be understood and is not.
    MustUnderstand,
    /// The message is wrong.
    Sender,
    /// We cannot just now.
    Receiver,
}

/// Why an operation was not done.
#[derive(Debug)]
pub(super) struct Fault {
    code: Code,
    problem: Problem,
    /// It could not even be read.
    is_unreadable: bool,
}

impl Fault {
    /// A fault in words.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = match code {
            Code::Receiver => StatusCode::INTERNAL_SERVER_ERROR,
            Code::VersionMismatch | Code::MustUnderstand | Code::Sender => StatusCode::BAD_REQUEST,
        };
        Self {
            code,
            problem: Problem::new(status, detail.into()),
            is_unreadable: false,
        }
    }

    /// The message is wrong.
    pub(super) fn sender(detail: impl Into<String>) -> Self {
        Self::new(Code::Sender, detail)
    }

    /// The message is no XML, or asks for what no message may.
    pub(super) fn unreadable(detail: impl Into<String>) -> Self {
        Self {
            is_unreadable: true,
            ..Self::sender(detail)
        }
    }

    /// The answer.
    pub(super) fn answer(&self, version: Version) -> Response {
        let document = self.problem.document();
        let retry = document.retry_after.map_or_else(String::new, |seconds| {
            format!("<retryAfter>{seconds}</retryAfter>")
        });
        let detail = format!(
            "<Problem xmlns=\"{NAMESPACE}\"><type>{}</type><title>{}</title><status>{}</status><detail>{}</detail>{retry}</Problem>",
            escaped(document.kind),
            escaped(document.title),
            document.status,
            escaped(document.detail),
        );
        let reason = escaped(document.detail);
        let code = self.code.name(version);
        let body = match version {
            Version::Soap11 => format!(
                "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring xml:lang=\"en\">{reason}</faultstring><detail>{detail}</detail></soap:Fault>"
            ),
            Version::Soap12 => format!(
                "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang=\"en\">{reason}</soap:Text></soap:Reason><soap:Detail>{detail}</soap:Detail></soap:Fault>"
            ),
        };
        let mut response = (
            self.status(version),
            [(header::CONTENT_TYPE, version.content_type())],
            write(version, &body),
        )
            .into_response();
        if let Some(seconds) = document.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn status(&self, version: Version) -> StatusCode {
        match (version, self.code) {
            _ if self.is_unreadable => StatusCode::BAD_REQUEST,
            // SOAP 1.1 §6.2 has 500 for every fault.
            (Version::Soap11, _) => StatusCode::INTERNAL_SERVER_ERROR,
            // SOAP 1.2 part 2 table 20.
            (Version::Soap12, Code::Sender) => StatusCode::BAD_REQUEST,
            (Version::Soap12, Code::VersionMismatch | Code::MustUnderstand | Code::Receiver) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

impl Code {
    fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::VersionMismatch, _) => "VersionMismatch",
            (Self::MustUnderstand, _) => "MustUnderstand",
            (Self::Sender, Version::Soap11) => "Client",
            (Self::Sender, Version::Soap12) => "Sender",
            (Self::Receiver, Version::Soap11) => "Server",
            (Self::Receiver, Version::Soap12) => "Receiver",
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        let code = if problem.document().status < 500 {
            Code::Sender
        } else {
            Code::Receiver
        };
        Self {
            code,
            problem,
            is_unreadable: false,
        }
    }
}
