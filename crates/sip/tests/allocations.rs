//! How often reading a PUBLISH and answering it asks for memory: what no other work on the machine changes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use allocation_counter::measure;
use bytes::Bytes;
use sip::{HeaderName, Message, ResponseBuilder, StatusCode};

#[test]
fn a_publish_is_read_and_answered_with_little_memory() {
    let bytes = Bytes::from(sip_fixtures::publish_892().bytes);
    let source = "192.0.2.10:5060".parse().unwrap();
    // A part of what is received, which is shared already.
    let datagram = bytes.clone();
    let mut read = None;
    let parsing = measure(|| read = Some(Message::parse(datagram).unwrap()));
    let Some(Message::Request(request)) = read else {
        panic!("the fixture is a request");
    };
    // The index of the headers.
    assert_eq!(parsing.count_total, 1);
    let reading = measure(|| {
        request.from().unwrap();
        request.to().unwrap();
        request.call_id().unwrap();
        request.cseq().unwrap();
        request.max_forwards().unwrap();
        request.expires().unwrap();
        request.content_type().unwrap();
        request.event().unwrap();
    });
    // Typed values borrow from the message.
    assert_eq!(reading.count_total, 0);
    let answering = measure(|| {
        ResponseBuilder::answer(&request, StatusCode::OK)
            .received_from(source)
            .to_tag("8a9b0c1d")
            .header(HeaderName::SipEtag, "e7")
            .header(HeaderName::Expires, "3600")
            .build();
    });
    assert_eq!(answering.count_total, 1);
}
