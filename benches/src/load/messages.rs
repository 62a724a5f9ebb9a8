//! The requests of the load, and what is read of their answers. Must not know when they are sent.

use memchr::memmem;

/// A request whose changing parts are put in at each use.
pub(crate) struct Template {
    parts: Vec<Part>,
}

enum Part {
    Text(Vec<u8>),
    Field(Field),
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// Unique to this request: its slot and its number.
    Branch,
    User,
    Tag,
    /// One more for each try of a request.
    Sequence,
    /// A line of its own, or nothing.
    Login,
}

/// What is put into a template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling<'a> {
    pub(crate) slot: u16,
    pub(crate) number: u64,
    pub(crate) user: usize,
    /// The entity-tag, where one is named.
    pub(crate) entity_tag: &'a [u8],
    /// CSeq.
    pub(crate) sequence: u8,
    /// The line of the credentials, with its end.
    pub(crate) login: &'a str,
}

/// What an answer says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) slot: u16,
    pub(crate) number: u64,
    pub(crate) entity_tag: &'a [u8],
}

const COOKIE: &[u8] = b"branch=z9hG4bK";

impl Template {
    pub(crate) fn options(domain: &str, via: &str) -> Self {
        Self::of(&format!(
            "OPTIONS sip:{domain} SIP/2.0\r\n{}Contact: <sip:{{user}}@{via_host}>\r\nAccept: application/pidf+xml, text/plain\r\n\
             Supported: path, outbound\r\nUser-Agent: benches, a generator of load\r\nContent-Length: 0\r\n\r\n",
            head("OPTIONS", domain, via),
            via_host = via.rsplit(' ').next().unwrap_or(via),
        ))
    }

    pub(crate) fn register(domain: &str, via: &str, transport: &str) -> Self {
        Self::of(&format!(
            "REGISTER sip:{domain} SIP/2.0\r\n{}Contact: <sip:{{user}}@{via_host}{transport}>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
            head("REGISTER", domain, via),
            via_host = via.rsplit(' ').next().unwrap_or(via),
        ))
    }

    /// `more` is one more line or nothing; `body` may be empty.
    pub(crate) fn publish(domain: &str, via: &str, more: &str, body: &str) -> Self {
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/pidf+xml\r\n"
        };
        Self::of(&format!(
            "PUBLISH sip:{{user}}@{domain} SIP/2.0\r\n{}Event: presence\r\nExpires: 3600\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            head("PUBLISH", domain, via),
            // Every user's name is as long as its place.
            body.len() + body.matches("{user}").count() * (USER_LENGTH - "{user}".len()),
        ))
    }

    fn of(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            parts.push(Part::Text(before.as_bytes().to_vec()));
            parts.push(Part::Field(match name {
                "branch" => Field::Branch,
                "user" => Field::User,
                "sequence" => Field::Sequence,
                "login" => Field::Login,
                _ => Field::Tag,
            }));
            rest = after;
        }
        parts.push(Part::Text(rest.as_bytes().to_vec()));
        Self { parts }
    }

    /// Writes the request.
    pub(crate) fn write(&self, filling: Filling<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Field(Field::Branch) => {
                    hex(u64::from(filling.slot), 4, out);
                    hex(filling.number, 12, out);
                }
                Part::Field(Field::User) => {
                    out.push(b'u');
                    decimal(filling.user, out);
                }
                Part::Field(Field::Tag) => out.extend_from_slice(filling.entity_tag),
                Part::Field(Field::Sequence) => out.push(b'0' + filling.sequence),
                Part::Field(Field::Login) => out.extend_from_slice(filling.login.as_bytes()),
            }
        }
    }
}

fn head(method: &str, domain: &str, via: &str) -> String {
    format!(
        "Via: {via};branch=z9hG4bK{{branch}};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{{user}}@{domain}>;tag={{branch}}\r\n\
         To: <sip:{{user}}@{domain}>\r\nCall-ID: {{branch}}@load.invalid\r\nCSeq: {{sequence}} {method}\r\n{{login}}"
    )
}

/// A state as phones write it; with its request about 700 bytes.
pub(crate) fn document(domain: &str, basic: &str, activity: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:{{user}}@{domain}\"><tuple id=\"t1\"><status><basic>{basic}</basic></status></tuple>\
         <dm:person id=\"p1\"><rpid:activities>{activity}</rpid:activities></dm:person></presence>"
    )
}

/// Of `u` and its digits.
const USER_LENGTH: usize = 8;

fn decimal(number: usize, out: &mut Vec<u8>) {
    let mut divisor = 1_000_000;
    while divisor > 0 {
        out.push(b'0' + (number / divisor % 10) as u8);
        divisor /= 10;
    }
}

fn hex(number: u64, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place) & 0xf) as u8;
        out.push(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        });
    }
}

impl<'a> Answer<'a> {
    /// Reads an answer to one of our requests; a request that came back has the status 0.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let status = match bytes.strip_prefix(b"SIP/2.0 ") {
            Some(rest) => std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()?,
            // An echo.
            None => 0,
        };
        let at = memmem::find(bytes, COOKIE)? + COOKIE.len();
        let branch = std::str::from_utf8(bytes.get(at..at + 16)?).ok()?;
        let (slot, number) = branch.split_at_checked(4)?;
        let entity_tag = memmem::find(bytes, b"\r\nSIP-ETag: ")
            .and_then(|at| bytes.get(at + b"\r\nSIP-ETag: ".len()..))
            .and_then(|rest| rest.get(..memchr::memchr(b'\r', rest)?))
            .unwrap_or_default();
        Some(Self {
            status,
            slot: u16::from_str_radix(slot, 16).ok()?,
            number: u64::from_str_radix(number, 16).ok()?,
            entity_tag,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Filling, Template, document};

    #[test]
    fn a_publish_says_how_long_it_is_and_its_answer_finds_it() {
        let body = document("shop.example", "open", "");
        let template = Template::publish(
            "shop.example",
            "SIP/2.0/UDP 127.0.0.1:1",
            "SIP-If-Match: {tag}\r\n",
            &body,
        );
        let filling = Filling {
            slot: 300,
            number: 77,
            user: 12,
            entity_tag: b"abc",
            sequence: 2,
            login: "Authorization: a\r\n",
        };
        let mut request = Vec::new();
        template.write(filling, &mut request);
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        assert!(
            head.contains("CSeq: 2 PUBLISH\r\nAuthorization: a\r\n"),
            "{head}"
        );
        assert!(
            head.contains("SIP-If-Match: abc\r\n") && body.contains("sip:u0000012@"),
            "{text}"
        );
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}\r\nSIP-ETag: xyz\r\n\r\n",
            head.lines().nth(1).unwrap()
        );
        let answer = Answer::read(answer.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.slot, answer.number), (200, 300, 77));
        assert_eq!(answer.entity_tag, b"xyz");
    }
}
