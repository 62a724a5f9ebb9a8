//! Requests that are wrong in one place each: every field of a request, filled with everything a careless reader
//! stumbles over. Must not know what is answered.

/// One request with one broken field.
#[derive(Clone, Debug)]
pub struct Anomaly {
    /// The field, and the number of what it was filled with.
    pub name: String,
    /// The request.
    pub bytes: Vec<u8>,
}

/// Every field with every filling: the same each time, about ten thousand.
pub fn anomalies() -> Vec<Anomaly> {
    let fillings = fillings();
    let mut anomalies = Vec::new();
    for (kind, request) in REQUESTS {
        for (field, _) in fields_of(request) {
            for (number, filling) in fillings.iter().enumerate() {
                anomalies.push(Anomaly {
                    name: format!("{kind} {field} {number}"),
                    bytes: fill(request, &field, filling, number),
                });
            }
        }
    }
    anomalies
}

/// What is read of every request, and of each kind what it alone has. `{name=value}` is a field with its usual value,
/// and `{branch}` is another each time, so that no request repeats one before.
const REQUESTS: [(&str, &str); 6] = [
    (
        "OPTIONS",
        "{method=OPTIONS} {scheme=sip}:{user=desk}@{host=shop.example}{parameters=;transport=udp} {version=SIP/2.0}\r\n\
         {via name=Via}: {via protocol=SIP/2.0/UDP} {via host=192.0.2.7}:{via port=5062};branch=z9hG4bK{branch};{rport=rport}\r\n\
         {max-forwards name=Max-Forwards}: {max-forwards=70}\r\n\
         {from name=From}: {from words=\"Zoe\"} <{from scheme=sip}:{from user=zoe}@{from host=shop.example}>;tag={from tag=9}\r\n\
         {to name=To}: {to words=Desk }<sip:{to user=desk}@{to host=shop.example}>{to parameters=}\r\n\
         {call-id name=Call-ID}: {call-id=anomaly}{branch}\r\n\
         {cseq name=CSeq}: {number=7} {cseq method=OPTIONS}\r\n\
         {contact name=Contact}: <sip:zoe@{contact host=192.0.2.7}:{contact port=5062}>\r\n\
         {other name=X-Other}: {other=something}\r\n\
         {length name=Content-Length}: {length=0}\r\n{end of head=\r\n}",
    ),
    (
        "REGISTER",
        "REGISTER sip:shop.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:alice@shop.example>;tag=9\r\nTo: <sip:alice@shop.example>\r\nCall-ID: anomaly{branch}\r\n\
         CSeq: 7 REGISTER\r\nMax-Forwards: 70\r\n\
         Contact: <sip:alice@192.0.2.7>;q={q=0.5};expires={contact expires=60};reg-id={reg-id=1};+sip.instance={instance=\"<urn:uuid:1>\"}\r\n\
         Expires: {expires=60}\r\nRequire: {require=path}\r\nSupported: {supported=path, outbound}\r\n\
         Path: {path=<sip:192.0.2.9;lr>}\r\n\
         Authorization: {scheme of login=Digest} username={username=\"alice\"}, realm={realm=\"shop.example\"}, nonce={nonce=\"00000000\"}, \
         uri={uri of login=\"sip:shop.example\"}, response={response=\"d41d8cd98f00b204e9800998ecf8427e\"}, algorithm={algorithm=MD5}, \
         cnonce={cnonce=\"1\"}, qop={qop=auth}, nc={nc=00000001}\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "PUBLISH",
        "PUBLISH sip:alice@shop.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:alice@shop.example>;tag=9\r\nTo: <sip:alice@shop.example>\r\nCall-ID: anomaly{branch}\r\n\
         CSeq: 7 PUBLISH\r\nMax-Forwards: 70\r\nEvent: {event=presence}{event parameters=}\r\nExpires: {expires=60}\r\n\
         SIP-If-Match: {entity-tag=a1}\r\nContent-Type: {content-type=application/pidf+xml}\r\n\
         Content-Encoding: {coding=identity}\r\nContent-Disposition: {disposition=render}\r\nContent-Length: {length=33}\r\n\r\n\
         {body=<presence>not much of it</presence>}",
    ),
    (
        "SUBSCRIBE",
        "SUBSCRIBE sip:alice@shop.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:bob@shop.example>;tag=9\r\nTo: <sip:alice@shop.example>\r\nCall-ID: anomaly{branch}\r\n\
         CSeq: 7 SUBSCRIBE\r\nMax-Forwards: 70\r\nContact: {contact=<sip:bob@192.0.2.7>}\r\nEvent: presence;max-rate={rate=1}\r\n\
         Accept: {accept=application/pidf+xml;q=0.5}\r\nSuppress-If-Match: {suppress=a1}\r\nExpires: 60\r\n\
         Record-Route: {record-route=<sip:192.0.2.8;lr>}\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "MESSAGE",
        "MESSAGE sip:desk@shop.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:alice@shop.example>;tag=9\r\nTo: <sip:desk@shop.example>\r\nCall-ID: anomaly{branch}\r\n\
         CSeq: 7 MESSAGE\r\nMax-Forwards: 70\r\nRoute: {route=<sip:192.0.2.8;lr>}\r\nDate: {date=Sat, 13 Nov 2010 23:29:00 GMT}\r\n\
         Proxy-Authorization: {proxy login=Digest realm=\"a\"}\r\nUser-Agent: {agent=phone/1.0}\r\nContent-Type: text/plain\r\n\
         Content-Length: 5\r\n\r\n{text=hello}",
    ),
    (
        "INVITE",
        "INVITE sip:alice@shop.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:bob@shop.example>;tag=9\r\nTo: <sip:alice@shop.example>;tag={to tag=none}\r\nCall-ID: anomaly{branch}\r\n\
         CSeq: 7 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:bob@192.0.2.7>\r\nSession-Expires: {session=90;refresher=uac}\r\n\
         RAck: {rack=1 1 INVITE}\r\nReason: {reason=SIP;cause=200}\r\nWarning: {warning=307 h \"w\"}\r\n\
         Content-Type: application/sdp\r\nContent-Length: 0\r\n\r\n",
    ),
];

/// What a field is filled with.
fn fillings() -> Vec<Vec<u8>> {
    let mut fillings: Vec<Vec<u8>> = WORDS.iter().map(|word| word.to_vec()).collect();
    // Lengths around those that others have kept buffers of, up to what one datagram holds.
    for length in [
        15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 513, 1023, 1025, 2047, 2049,
        4097, 8193, 16_385, 32_769, 60_000,
    ] {
        fillings.push(vec![b'a'; length]);
    }
    for piece in [
        &b"%s"[..],
        b"%n",
        b"%25",
        b"%",
        b"a=b;",
        b";",
        b",",
        b", ",
        b"/",
        b"\"",
        b"<",
        b">",
        b"(",
        b"\\",
        b"[",
        b":",
        b"@",
        b"\0",
        b"\t",
        b"\r\n ",
        b"\r\n\t\r\n ",
        b"1",
        b"9",
        b"-",
        b"0.",
        b"\xc3\xa9",
        b"\xff",
        b"\x80",
        b"\xe2\x80\xae",
        b"<sip:a@b>,",
        b"SIP/2.0/UDP h,",
        b"\r\nX: y",
    ] {
        for times in [2, 1000] {
            fillings.push(piece.repeat(times));
        }
    }
    fillings
}

/// Short things.
const WORDS: [&[u8]; 47] = [
    b"",
    b" ",
    b"\0",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\x7f",
    b"\x1b[2J",
    b"-",
    b"-0",
    b"-1",
    b"+1",
    b"00",
    b"0x10",
    b"1e9",
    b"1.5",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"18446744073709551615",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999",
    b"256.256.256.256",
    b"1.1.1",
    b"1.1.1.1.1",
    b"127.0.0.1:99999",
    b"[::1]",
    b"[::1",
    b"[::ffff:1.2.3.4]",
    b"[1:2:3:4:5:6:7:8:9]",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"*",
    b"\"",
    b"\"\\",
    b"<sip:a@b",
    b"sip:a@b>",
    b"=?utf-8?q?x?=",
    b"../../x",
];

/// The fields of a request with their usual values.
fn fields_of(request: &str) -> Vec<(String, String)> {
    pieces(request)
        .filter_map(|piece| match piece {
            Piece::Field(name, usual) => Some((name.to_owned(), usual.to_owned())),
            Piece::Text(_) | Piece::Branch => None,
        })
        .collect()
}

/// The request with one field filled, and the others as usual.
fn fill(request: &str, broken: &str, filling: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces(request) {
        match piece {
            Piece::Text(text) => bytes.extend(text.as_bytes()),
            Piece::Branch => {
                bytes.extend(format!("{}{number}", broken.replace(' ', ".")).as_bytes())
            }
            Piece::Field(name, _) if name == broken => bytes.extend(filling),
            Piece::Field(_, usual) => bytes.extend(usual.as_bytes()),
        }
    }
    bytes
}

enum Piece<'a> {
    Text(&'a str),
    Branch,
    Field(&'a str, &'a str),
}

fn pieces(request: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = request;
    std::iter::from_fn(move || {
        let (start, after) = rest.split_at_checked(rest.find('{').unwrap_or(rest.len()))?;
        if !start.is_empty() {
            rest = after;
            return Some(Piece::Text(start));
        }
        let (inside, after) = after.strip_prefix('{')?.split_once('}')?;
        rest = after;
        Some(match inside.split_once('=') {
            Some((name, usual)) => Piece::Field(name, usual),
            None => Piece::Branch,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{REQUESTS, anomalies, fields_of, fill};

    #[test]
    fn each_field_is_broken_in_as_many_ways_and_no_request_comes_twice() {
        let anomalies = anomalies();
        let names: HashSet<&str> = anomalies.iter().map(|it| it.name.as_str()).collect();
        let requests: HashSet<&[u8]> = anomalies.iter().map(|it| it.bytes.as_slice()).collect();
        assert_eq!(names.len(), anomalies.len());
        assert_eq!(requests.len(), anomalies.len());
        assert!(anomalies.len() > 10_000, "{}", anomalies.len());
    }

    #[test]
    fn a_request_with_its_usual_values_is_whole() {
        for (kind, request) in REQUESTS {
            let (field, usual) = fields_of(request).swap_remove(0);
            let text = String::from_utf8(fill(request, &field, usual.as_bytes(), 0)).unwrap();
            assert!(text.starts_with(&format!("{kind} sip:")), "{text}");
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }
}
