//! Reading a PUBLISH of 892 bytes and answering it, beside rsip doing the same.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot run must stop; criterion_group! writes undocumented items"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;
use sip::{HeaderName, Message, Request, ResponseBuilder, StatusCode};

criterion_group!(benches, parse, parse_and_read, answer);
criterion_main!(benches);

/// From bytes to a message whose headers can be asked for.
fn parse(criterion: &mut Criterion) {
    let publish = publish();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(publish.len() as u64));
    group.bench_function("sip", |bencher| {
        bencher.iter(|| Message::parse(black_box(publish.clone())).unwrap());
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip::SipMessage::try_from(black_box(publish.as_ref())).unwrap());
    });
    group.finish();
}

/// The same, and eight headers read to their last part.
fn parse_and_read(criterion: &mut Criterion) {
    let publish = publish();
    let mut group = criterion.benchmark_group("parse and read");
    group.throughput(Throughput::Bytes(publish.len() as u64));
    group.bench_function("sip", |bencher| {
        bencher.iter(|| read(&request(black_box(publish.clone()))));
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip_read(&rsip_request(black_box(&publish))));
    });
    group.finish();
}

/// A 200 to a request that is already read.
fn answer(criterion: &mut Criterion) {
    let publish = publish();
    let ours = request(publish.clone());
    let theirs = rsip_request(&publish);
    let source = "192.0.2.10:5060".parse().unwrap();
    let mut group = criterion.benchmark_group("answer");
    group.bench_function("sip", |bencher| {
        bencher.iter(|| {
            ResponseBuilder::answer(black_box(&ours), StatusCode::OK)
                .received_from(source)
                .to_tag("8a9b0c1d")
                .header(HeaderName::SipEtag, "e7")
                .header(HeaderName::Expires, "3600")
                .build()
        });
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip_answer(black_box(&theirs)));
    });
    group.finish();
}

fn publish() -> Bytes {
    Bytes::from(sip_fixtures::publish_892().bytes)
}

fn request(bytes: Bytes) -> Request {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("the fixture is a request"),
    }
}

fn read(request: &Request) {
    black_box(request.via().unwrap());
    black_box(request.from().unwrap());
    black_box(request.to().unwrap());
    black_box(request.call_id().unwrap());
    black_box(request.cseq().unwrap());
    black_box(request.max_forwards().unwrap());
    black_box(request.expires().unwrap());
    black_box(request.content_type().unwrap());
}

fn rsip_request(bytes: &[u8]) -> rsip::Request {
    match rsip::SipMessage::try_from(bytes).unwrap() {
        rsip::SipMessage::Request(request) => request,
        rsip::SipMessage::Response(_) => panic!("the fixture is a request"),
    }
}

fn rsip_read(request: &rsip::Request) {
    black_box(request.via_header().unwrap().typed().unwrap());
    black_box(request.from_header().unwrap().typed().unwrap());
    black_box(request.to_header().unwrap().typed().unwrap());
    black_box(request.call_id_header().unwrap().value());
    black_box(request.cseq_header().unwrap().typed().unwrap());
    black_box(request.max_forwards_header().unwrap().num().unwrap());
    black_box(request.expires_header().unwrap().seconds().unwrap());
    let content_type = request.headers.iter().find_map(|header| match header {
        rsip::Header::ContentType(found) => Some(found),
        _ => None,
    });
    black_box(content_type.unwrap().typed().unwrap());
}

fn rsip_answer(request: &rsip::Request) -> Bytes {
    let to = request.to_header().unwrap().typed().unwrap();
    let headers: Vec<rsip::Header> = vec![
        request.via_header().unwrap().clone().into(),
        request.from_header().unwrap().clone().into(),
        to.with_tag("8a9b0c1d".into()).into(),
        request.call_id_header().unwrap().clone().into(),
        request.cseq_header().unwrap().clone().into(),
        rsip::Header::Other("SIP-ETag".into(), "e7".into()),
        rsip::headers::Expires::from(3600).into(),
        rsip::headers::ContentLength::default().into(),
    ];
    Bytes::from(rsip::Response {
        status_code: rsip::StatusCode::OK,
        version: rsip::Version::V2,
        headers: headers.into(),
        body: Vec::new(),
    })
}
