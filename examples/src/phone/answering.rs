//! The phone's ear: reads what comes, answers requests, hands on texts and answers to our own requests.
//! Must not send requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsip::headers::{self, UntypedHeader};
use rsip::message::HeadersExt;
use rsip::{Header, Method, Request, Response, SipMessage, StatusCode};

use crate::unique::token;
use crate::wire::Link;

/// How often the reader looks whether the phone was dropped.
const GLANCE: Duration = Duration::from_millis(50);

/// What a phone does with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answering {
    /// Shows it and says 200.
    #[default]
    Accept,
    /// Says 486 and shows nothing.
    Refuse,
    /// Says nothing, like a phone that lost its network.
    Ignore,
}

/// A text that the phone showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The From header's address without brackets, name and parameters.
    pub from: String,
    /// What it said.
    pub text: String,
}

/// What the phone does with texts, shared with its reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Switch(Arc<Mutex<Answering>>);

impl Switch {
    pub(super) fn set(&self, answering: Answering) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answering;
    }

    fn is_set_to(&self) -> Answering {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads until the phone is dropped or its connection ends.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) link: Arc<Link>,
    pub(super) answers: SyncSender<Response>,
    pub(super) texts: SyncSender<Text>,
    pub(super) answering: Switch,
    pub(super) closing: Arc<AtomicBool>,
}

impl Desk {
    pub(super) fn run(self) {
        // RFC 3261 §17.2.2: a request that comes again gets the same answer and is not shown again.
        let mut answered: HashMap<String, Vec<u8>> = HashMap::new();
        while !self.closing.load(Ordering::Relaxed) {
            let bytes = match self.link.receive(GLANCE) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                // Over UDP a refused datagram is reported here; the phone stays.
                Err(_) if self.link.protocol() == crate::wire::Protocol::Udp => continue,
                Err(_) => return,
            };
            match SipMessage::try_from(bytes.as_slice()) {
                // A full inbox means that nobody looks: the newest is dropped.
                Ok(SipMessage::Response(response)) => drop(self.answers.try_send(response)),
                Ok(SipMessage::Request(request)) => self.handle_request(&request, &mut answered),
                // What rsip cannot read is not answered, as a phone would do.
                Err(_) => {}
            }
        }
    }

    fn handle_request(&self, request: &Request, answered: &mut HashMap<String, Vec<u8>>) {
        let Ok(via) = request.via_header() else {
            return;
        };
        if let Some(answer) = answered.get(via.value()) {
            // Whether it arrives shows in the test.
            let _ = self.link.send(answer);
            return;
        }
        let status = match (request.method, self.answering.is_set_to()) {
            (Method::Message, Answering::Accept) => {
                let _ = self.texts.try_send(Text {
                    from: address_of(request),
                    text: String::from_utf8_lossy(&request.body).into_owned(),
                });
                StatusCode::OK
            }
            (Method::Message, Answering::Refuse) => StatusCode::BusyHere,
            (Method::Message, Answering::Ignore) => return,
            (Method::Options | Method::Notify, _) => StatusCode::OK,
            _ => StatusCode::MethodNotAllowed,
        };
        let answer = write_answer(request, status);
        let _ = self.link.send(&answer);
        answered.insert(via.value().to_owned(), answer);
    }
}

fn address_of(request: &Request) -> String {
    let Ok(from) = request.from_header() else {
        return String::new();
    };
    let value = from.value();
    let address = match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next(),
        None => value.split(';').next(),
    };
    address.unwrap_or_default().trim().to_owned()
}

/// RFC 3261 §8.2.6: Via, From, To, Call-ID and CSeq come back as they were, To with a tag.
pub(super) fn write_answer(request: &Request, status_code: StatusCode) -> Vec<u8> {
    let mut headers: Vec<Header> = request
        .headers
        .iter()
        .filter_map(|header| match header {
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) => {
                Some(header.clone())
            }
            Header::To(to) if !to.value().contains(";tag=") => {
                Some(headers::To::new(format!("{};tag={}", to.value(), token())).into())
            }
            Header::To(_) => Some(header.clone()),
            _ => None,
        })
        .collect();
    headers.push(headers::ContentLength::new("0").into());
    Response {
        status_code,
        version: rsip::Version::V2,
        headers: headers.into(),
        body: Vec::new(),
    }
    .into()
}
