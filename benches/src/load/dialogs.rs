//! Subscriptions as a watcher has them: SUBSCRIBE, and the NOTIFYs that are to be answered (RFC 6665).
//! Must not know how many there are.

use memchr::memmem;

use super::login::name;

/// What one watcher's SUBSCRIBE says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription<'a> {
    pub(super) domain: &'a str,
    /// Our own Via without its branch.
    pub(super) via: &'a str,
    pub(super) watched: usize,
    pub(super) watcher: usize,
    /// Seconds; zero asks for the state once.
    pub(super) expires: u32,
    /// Tells several of the same watcher and watched apart.
    pub(super) occasion: u32,
}

impl Subscription<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self {
            domain,
            via,
            watched,
            watcher,
            expires,
            occasion,
        } = self;
        let (watched_name, watcher_name) = (name(*watched), name(*watcher));
        let host = via.rsplit(' ').next().unwrap_or(via);
        let protocol = via.split([' ', '/']).nth(2).unwrap_or("UDP");
        let way = match protocol {
            "UDP" => String::new(),
            other => format!(";transport={}", other.to_ascii_lowercase()),
        };
        let call = format!("{watched:08x}{watcher:08x}{occasion:08x}");
        out.extend_from_slice(
            format!(
                "SUBSCRIBE sip:{watched_name}@{domain} SIP/2.0\r\nVia: {via};branch=z9hG4bK{call};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:{watcher_name}@{domain}>;tag={call}\r\nTo: <sip:{watched_name}@{domain}>\r\n\
                 Call-ID: {call}\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:{watcher_name}@{host}{way}>\r\nEvent: presence\r\n\
                 Accept: application/pidf+xml\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        );
    }
}

/// A NOTIFY, and whom it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notify<'a> {
    pub(super) watched: usize,
    pub(super) watcher: usize,
    pub(super) body: &'a [u8],
    head: &'a [u8],
}

impl<'a> Notify<'a> {
    /// Reads a NOTIFY in a dialog that [`Subscription`] began; nothing where it is something else.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(b"NOTIFY ") {
            return None;
        }
        let end = memmem::find(bytes, b"\r\n\r\n")?;
        let (head, body) = (bytes.get(..end)?, bytes.get(end + 4..)?);
        let call = lines(head).find_map(|line| value(line, b"call-id"))?;
        let place = |range: std::ops::Range<usize>| {
            let digits = std::str::from_utf8(call.get(range)?).ok()?;
            usize::from_str_radix(digits, 16).ok()
        };
        Some(Self {
            watched: place(0..8)?,
            watcher: place(8..16)?,
            body,
            head,
        })
    }

    /// Writes its 200.
    pub(super) fn accept(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0 200 OK\r\n");
        for line in lines(self.head) {
            let is_repeated = [&b"via"[..], b"from", b"to", b"call-id", b"cseq"]
                .iter()
                .any(|name| value(line, name).is_some());
            if is_repeated {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }

    /// Whether its body tells that the watched one is there, and busy or not.
    pub(super) fn tells(&self, is_busy: bool) -> bool {
        let has = |text: &[u8]| memmem::find(self.body, text).is_some();
        has(name(self.watched).as_bytes()) && has(b">open<") && has(b"busy") == is_busy
    }
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Of a line with this name.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    (start.eq_ignore_ascii_case(name) && rest.first() == Some(&b':'))
        .then(|| rest.get(1..).unwrap_or_default().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::{Notify, Subscription};

    #[test]
    fn a_notify_finds_its_subscription_and_is_answered_with_its_own_lines() {
        let subscription = Subscription {
            domain: "shop.example",
            via: "SIP/2.0/TCP 127.0.0.1:5999",
            watched: 300,
            watcher: 7,
            expires: 60,
            occasion: 1,
        };
        let mut asked = Vec::new();
        subscription.write(&mut asked);
        let asked = String::from_utf8(asked).unwrap();
        assert!(
            asked.contains("<sip:u0000007@127.0.0.1:5999;transport=tcp>"),
            "{asked}"
        );
        let call = asked
            .split("Call-ID: ")
            .nth(1)
            .unwrap()
            .split('\r')
            .next()
            .unwrap();
        let notify = format!(
            "NOTIFY sip:u0000007@127.0.0.1:5999 SIP/2.0\r\nVia: a\r\nvia: b\r\nMax-Forwards: 70\r\nFrom: c\r\nTo: d\r\n\
             Call-Id: {call}\r\nCSeq: 4 NOTIFY\r\nContent-Length: 3\r\n\r\n<u0000300><basic>open</basic>"
        );
        let notify = Notify::read(notify.as_bytes()).unwrap();
        assert_eq!((notify.watched, notify.watcher), (300, 7));
        assert!(notify.tells(false) && !notify.tells(true));
        let mut answer = Vec::new();
        notify.accept(&mut answer);
        let expected = format!(
            "SIP/2.0 200 OK\r\nVia: a\r\nvia: b\r\nFrom: c\r\nTo: d\r\nCall-Id: {call}\r\nCSeq: 4 NOTIFY\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
        assert!(Notify::read(b"SIP/2.0 200 OK\r\n\r\n").is_none());
    }
}
