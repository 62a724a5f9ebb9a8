//! PUBLISH clause by clause (RFC 3903 §4, §6; RFC 4235, RFC 5264), over a socket. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashSet;
use std::time::Duration;

use examples::serve::Serve;
use examples::unique;
use examples::wait;
use examples::wire::{Link, Protocol};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

const OPEN_DOMAIN: &str = r#"
[sip]
domain = "shop.example"
listen = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[storage]
url = "sqlite::memory:"
[dangerous]
open_domain = true
"#;

const PIDF: &str = "application/pidf+xml";
const PIDF_DIFF: &str = "application/pidf-diff+xml";
const DIALOG_INFO: &str = "application/dialog-info+xml";

fn pidf(inside: &str) -> String {
    format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@shop.example\">{inside}</presence>"
    )
}

fn open() -> String {
    pidf("<tuple id=\"t\"><status><basic>open</basic></status></tuple>")
}

fn closed() -> String {
    pidf("<tuple id=\"t\"><status><basic>closed</basic></status></tuple>")
}

fn pidf_full() -> String {
    "<p:pidf-full xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" version=\"1\">\
     <tuple id=\"t\"><status><basic>open</basic></status></tuple></p:pidf-full>"
        .to_owned()
}

fn pidf_diff(change: &str) -> String {
    format!(
        "<p:pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" \
         version=\"2\">{change}</p:pidf-diff>"
    )
}

fn dialog_info(state: &str) -> String {
    format!(
        "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" \
         entity=\"sip:alice@shop.example\"><dialog id=\"1\" direction=\"recipient\"><state>{state}</state></dialog></dialog-info>"
    )
}

/// A PUBLISH in the making.
#[derive(Clone)]
struct Publish {
    user: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Publish {
    fn of(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// For the usual user and package.
    fn presence() -> Self {
        Self::of("alice").with("Event", "presence")
    }

    fn initial(body: &str) -> Self {
        Self::presence().body(PIDF, body)
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn tag(self, tag: &str) -> Self {
        self.with("SIP-If-Match", tag)
    }

    fn expires(self, value: &str) -> Self {
        self.with("Expires", value)
    }

    fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.with("Content-Type", content_type)
    }

    fn bytes(&self, branch: &str) -> Vec<u8> {
        let user = &self.user;
        let mut message = format!(
            "PUBLISH sip:{user}@shop.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@shop.example>;tag={branch}\r\n\
             To: <sip:{user}@shop.example>\r\n\
             Call-ID: {branch}\r\n\
             CSeq: 1 PUBLISH\r\n"
        );
        for (name, value) in &self.headers {
            message += &format!("{name}: {value}\r\n");
        }
        message += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        [message.into_bytes(), self.body.clone()].concat()
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer(String);

impl Answer {
    fn code(&self) -> u16 {
        self.0.get(8..11).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.0.lines().find_map(|line| line.strip_prefix(&prefix))
    }

    #[track_caller]
    fn tag(&self) -> String {
        assert_eq!(self.code(), 200, "{self:?}");
        self.header("SIP-ETag").unwrap().to_owned()
    }

    fn seconds(&self) -> Option<u32> {
        self.header("Expires").and_then(|text| text.parse().ok())
    }
}

/// A server without passwords, and one socket towards it.
struct Room {
    serve: Serve,
    link: Link,
}

impl Room {
    fn open() -> Self {
        Self::with("")
    }

    /// With more tables in the configuration.
    fn with(tables: &str) -> Self {
        let configuration = format!("{OPEN_DOMAIN}{tables}");
        let serve = Serve::start(env!("CARGO_BIN_EXE_deskbell"), &configuration).unwrap();
        let link = Link::open(Protocol::Udp, serve.sip(Protocol::Udp).unwrap()).unwrap();
        Self { serve, link }
    }

    #[track_caller]
    fn send(&self, publish: &Publish) -> Answer {
        let branch = unique::token();
        self.exchange(&publish.bytes(&branch), &branch)
    }

    #[track_caller]
    fn exchange(&self, bytes: &[u8], branch: &str) -> Answer {
        self.link.send(bytes).unwrap();
        receive(&self.link, branch)
    }

    #[track_caller]
    fn code(&self, publish: &Publish) -> u16 {
        self.send(publish).code()
    }

    /// The basic state and activities that a fetch of alice's presence is told.
    fn told(&self) -> String {
        let branch = unique::token();
        let port = self.link.local().port();
        let subscribe = format!(
            "SUBSCRIBE sip:alice@shop.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:bob@shop.example>;tag={branch}\r\n\
             To: <sip:alice@shop.example>\r\n\
             Call-ID: {branch}\r\n\
             CSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:bob@127.0.0.1:{port}>\r\n\
             Event: presence\r\n\
             Expires: 0\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.link.send(subscribe.as_bytes()).unwrap();
        loop {
            let message = String::from_utf8(self.link.receive(LIMIT).unwrap().unwrap()).unwrap();
            if !message.starts_with("NOTIFY") || !message.contains(&branch) {
                continue;
            }
            let (head, body) = message.split_once("\r\n\r\n").unwrap();
            let copied: Vec<&str> = head
                .lines()
                .filter(|line| {
                    ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
                        .iter()
                        .any(|name| line.starts_with(name))
                })
                .collect();
            let answer = format!(
                "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
                copied.join("\r\n")
            );
            self.link.send(answer.as_bytes()).unwrap();
            let between = |open: &str, close: &str| {
                let (_, after) = body.split_once(open)?;
                Some(after.split_once(close)?.0.to_owned())
            };
            let basic = between("<basic>", "</basic>").unwrap_or_default();
            let activities = between("<rpid:activities>", "</rpid:activities>").unwrap_or_default();
            return format!("{basic} {activities}").trim_end().to_owned();
        }
    }
}

#[track_caller]
fn receive(link: &Link, branch: &str) -> Answer {
    loop {
        let message = link.receive(LIMIT).unwrap().unwrap();
        let text = String::from_utf8(message).unwrap();
        if text.starts_with("SIP/2.0 ") && text.contains(branch) {
            return Answer(text);
        }
    }
}

#[test]
fn initial_refresh_modify_and_remove_are_told_apart_by_tag_and_body() {
    let room = Room::open();
    // RFC 3903 §4.2.
    let initial = room.send(&Publish::initial(&open()).expires("60"));
    assert_eq!(initial.seconds(), Some(60));
    assert_eq!(room.told(), "open");
    // RFC 3903 §4.3.
    let refreshed = room.send(&Publish::presence().tag(&initial.tag()).expires("90"));
    assert_eq!(refreshed.seconds(), Some(90));
    assert_eq!(room.told(), "open");
    // RFC 3903 §4.4.
    let modified = room.send(&Publish::initial(&closed()).tag(&refreshed.tag()));
    assert_eq!(modified.code(), 200);
    assert_eq!(room.told(), "closed");
    let again = room.send(&Publish::initial(&open()).tag(&modified.tag()));
    assert_eq!(room.told(), "open");
    // RFC 3903 §4.5.
    let removed = room.send(&Publish::presence().tag(&again.tag()).expires("0"));
    assert_eq!((removed.code(), removed.seconds()), (200, Some(0)));
    assert_eq!(room.told(), "closed");
    // RFC 3903 §4.1: each 200 has a tag of its own.
    let tags: HashSet<String> = [initial, refreshed, modified, again, removed]
        .iter()
        .map(Answer::tag)
        .collect();
    assert_eq!(tags.len(), 5);
}

/// Kamailio, where it keeps presence in memory, forgets the document at a refresh.
#[test]
fn a_refresh_keeps_the_document() {
    let room = Room::open();
    let busy = pidf(
        "<tuple id=\"t\"><status><basic>open</basic></status></tuple>\
         <dm:person id=\"p\"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>",
    );
    let mut tag = room.send(&Publish::initial(&busy)).tag();
    let told = room.told();
    assert_eq!(told, "open <rpid:meeting/><rpid:busy/>");
    for content_type in [None, Some(PIDF), None] {
        let mut refresh = Publish::presence().tag(&tag);
        if let Some(content_type) = content_type {
            // baresip's refresh names a type and has no body.
            refresh = refresh.with("Content-Type", content_type);
        }
        tag = room.send(&refresh).tag();
        assert_eq!(room.told(), told);
    }
}

/// siphon-sip takes an unknown tag for the begin of a publication.
#[test]
fn an_entity_tag_that_names_nothing_is_answered_412_and_starts_nothing() {
    let room = Room::open();
    let first = room.send(&Publish::initial(&open())).tag();
    let used = first.clone();
    let second = room.send(&Publish::presence().tag(&first)).tag();
    let of_bob = room.send(
        &Publish::of("bob")
            .with("Event", "presence")
            .body(PIDF, open()),
    );
    let of_a_line = room.send(
        &Publish::of("alice")
            .with("Event", "dialog")
            .body(DIALOG_INFO, dialog_info("terminated")),
    );
    let removed = room.send(&Publish::initial(&open())).tag();
    let after = room.send(&Publish::presence().tag(&removed).expires("0"));
    let unknown = [
        used,
        of_bob.tag(),
        of_a_line.tag(),
        removed,
        after.tag(),
        "etag1".to_owned(),
        second.to_uppercase() + "0",
    ];
    for tag in &unknown {
        for publish in [
            Publish::presence().tag(tag),
            Publish::initial(&closed()).tag(tag),
            Publish::presence().tag(tag).expires("0"),
            // RFC 3903 §6: the tag is looked at before the body.
            Publish::presence().tag(tag).body("text/plain", "closed"),
        ] {
            assert_eq!(room.code(&publish), 412, "{tag}");
        }
    }
    assert_eq!(room.code(&Publish::presence().tag(&second)), 200);
    assert_eq!(room.told(), "open");
}

#[test]
fn an_entity_tag_ends_with_its_publication() {
    let room = Room::open();
    // The least lifetime is five seconds.
    let answer = room.send(&Publish::initial(&open()).expires("1"));
    assert_eq!(answer.seconds(), Some(5));
    wait::until("the end of the publication", LIMIT, || {
        Ok((room.told() == "closed").then_some(()))
    })
    .unwrap();
    assert_eq!(room.code(&Publish::presence().tag(&answer.tag())), 412);
}

#[test]
fn no_start_gives_out_a_tag_of_another_start() {
    let mut tags = HashSet::new();
    let mut last = String::new();
    for _ in 0..2 {
        let room = Room::open();
        if !last.is_empty() {
            assert_eq!(room.code(&Publish::presence().tag(&last)), 412);
        }
        for _ in 0..50 {
            last = room.send(&Publish::initial(&open())).tag();
            assert!(tags.insert(last.clone()), "{last} came twice");
        }
    }
}

#[test]
fn a_list_of_tags_and_a_refresh_of_nothing_are_answered_400() {
    let room = Room::open();
    let one = room.send(&Publish::initial(&open())).tag();
    let other = room.send(&Publish::initial(&open())).tag();
    // RFC 3903 §11.3.2.
    let list = Publish::presence().tag(&format!("{one}, {other}"));
    assert_eq!(room.code(&list), 400);
    assert_eq!(room.code(&Publish::presence().tag(&one).tag(&other)), 400);
    assert_eq!(room.code(&Publish::presence().tag("")), 400);
    // RFC 3903 §4.1, table 1: neither a body nor a tag is no row.
    let nothing = room.send(&Publish::presence());
    assert_eq!(nothing.code(), 400);
    assert!(nothing.0.contains("SIP-If-Match"), "{nothing:?}");
}

#[test]
fn a_lifetime_is_lengthened_shortened_and_told() {
    let room = Room::open();
    let granted = |expires: &str| {
        let publish = Publish::initial(&open());
        let answer = match expires {
            "" => room.send(&publish),
            expires => room.send(&publish.expires(expires)),
        };
        room.send(&Publish::presence().tag(&answer.tag()).expires("0"));
        answer.seconds()
    };
    assert_eq!(granted(""), Some(600));
    assert_eq!(granted("1"), Some(5));
    assert_eq!(granted("60"), Some(60));
    assert_eq!(granted("7200"), Some(3600));
    assert_eq!(granted("4294967295"), Some(3600));
    // What lapses at once was never seen.
    assert_eq!(granted_zero(&room), (Some(0), 412));
    for wrong in ["-1", "soon", "1.5", "60;x"] {
        assert_eq!(
            room.code(&Publish::initial(&open()).expires(wrong)),
            400,
            "{wrong}"
        );
    }
}

fn granted_zero(room: &Room) -> (Option<u32>, u16) {
    let answer = room.send(&Publish::initial(&open()).expires("0"));
    assert_eq!(room.told(), "closed");
    let refreshed = room.code(&Publish::presence().tag(&answer.tag()));
    (answer.seconds(), refreshed)
}

#[test]
fn a_lifetime_below_a_configured_floor_is_answered_423() {
    let room = Room::with("[presence]\nrefuse_below = \"1m\"\n");
    // RFC 3903 §6 step 5.
    let brief = room.send(&Publish::initial(&open()).expires("59"));
    assert_eq!(
        (brief.code(), brief.header("Min-Expires")),
        (423, Some("60"))
    );
    let tag = room.send(&Publish::initial(&open()).expires("60")).tag();
    assert_eq!(room.code(&Publish::presence().tag(&tag).expires("5")), 423);
    // The end is no lifetime.
    assert_eq!(room.code(&Publish::presence().tag(&tag).expires("0")), 200);
}

#[test]
fn what_is_not_known_is_refused_with_what_is() {
    let room = Room::open();
    // RFC 3903 §6 step 2.
    for publish in [
        Publish::of("alice").body(PIDF, open()),
        Publish::of("alice")
            .with("Event", "presence.winfo")
            .body(PIDF, open()),
    ] {
        let answer = room.send(&publish);
        assert_eq!(answer.code(), 489);
        assert_eq!(answer.header("Allow-Events"), Some("presence, dialog"));
    }
    // RFC 3903 §6 step 6.
    let presence = "application/pidf+xml, application/pidf-diff+xml";
    for (event, content_type, accepted) in [
        ("presence", "text/plain", presence),
        ("presence", DIALOG_INFO, presence),
        ("dialog", PIDF, DIALOG_INFO),
    ] {
        let publish = Publish::of("alice").with("Event", event);
        let answer = room.send(&publish.body(content_type, open()));
        assert_eq!(answer.code(), 415, "{event} {content_type}");
        assert_eq!(answer.header("Accept"), Some(accepted));
    }
    let untyped = Publish {
        body: open().into_bytes(),
        ..Publish::presence()
    };
    assert_eq!(room.code(&untyped), 415);
    let packed = room.send(&Publish::initial("x").with("Content-Encoding", "br"));
    assert_eq!(packed.code(), 415);
    assert_eq!(
        packed.header("Accept-Encoding"),
        Some("identity, deflate, gzip")
    );
    // RFC 3903 §6 step 1.
    assert_eq!(
        room.code(
            &Publish::of("desk")
                .with("Event", "presence")
                .body(PIDF, open())
        ),
        404
    );
}

#[test]
fn of_two_publishes_with_one_tag_one_is_answered_412() {
    let room = Room::open();
    let address = room.serve.sip(Protocol::Udp).unwrap();
    let other = Link::open(Protocol::Udp, address).unwrap();
    let mut tag = room.send(&Publish::initial(&open())).tag();
    for _ in 0..50 {
        let branches = [unique::token(), unique::token()];
        let one = Publish::initial(&open()).tag(&tag).bytes(&branches[0]);
        let two = Publish::initial(&closed()).tag(&tag).bytes(&branches[1]);
        room.link.send(&one).unwrap();
        other.send(&two).unwrap();
        let answers = [
            receive(&room.link, &branches[0]),
            receive(&other, &branches[1]),
        ];
        let mut codes = [answers[0].code(), answers[1].code()];
        codes.sort_unstable();
        assert_eq!(codes, [200, 412]);
        let winner = answers.iter().find(|answer| answer.code() == 200).unwrap();
        tag = winner.tag();
    }
}

#[test]
fn a_retransmission_is_no_second_publication() {
    let room = Room::open();
    let branch = unique::token();
    let bytes = Publish::initial(&open()).bytes(&branch);
    let first = room.exchange(&bytes, &branch);
    for _ in 0..5 {
        assert_eq!(room.exchange(&bytes, &branch), first);
    }
    // One removal leaves nothing.
    let removed = Publish::presence().tag(&first.tag()).expires("0");
    assert_eq!(room.code(&removed), 200);
    assert_eq!(room.told(), "closed");
}

#[test]
fn a_pbx_publishes_the_calls_of_a_line() {
    let room = Room::open();
    room.send(&Publish::initial(&open()));
    let call = |state: &str| {
        Publish::of("alice")
            .with("Event", "dialog")
            .body(DIALOG_INFO, dialog_info(state))
    };
    let ringing = room.send(&call("early")).tag();
    assert_eq!(room.told(), "open <rpid:on-the-phone/>");
    let second = room.send(&call("confirmed")).tag();
    let talking = room.send(&call("confirmed").tag(&ringing)).tag();
    assert_eq!(
        room.code(&call("confirmed").tag(&talking).expires("0")),
        200
    );
    assert_eq!(room.told(), "open <rpid:on-the-phone/>");
    let over = room.send(&call("terminated").tag(&second));
    assert_eq!(over.code(), 200);
    assert_eq!(room.told(), "open");
    assert_eq!(room.code(&call("humming")), 400);
    // The tag of a line is none of presence.
    assert_eq!(room.code(&Publish::presence().tag(&over.tag())), 412);
}

#[test]
fn changes_are_made_in_the_document_that_the_tag_names() {
    let room = Room::open();
    let full = |body: &str| Publish::presence().body(PIDF_DIFF, body);
    // RFC 5264 §4: what begins is whole.
    let close = pidf_diff("<p:replace sel='*/tuple/status/basic/text()'>closed</p:replace>");
    assert_eq!(room.code(&full(&close)), 400);
    let tag = room.send(&full(&pidf_full())).tag();
    assert_eq!(room.told(), "open");
    let unfit = pidf_diff("<p:remove sel='*/nothing'/>");
    let answer = room.send(&full(&unfit).tag(&tag));
    assert_eq!(answer.code(), 400);
    assert!(
        answer.0.contains("what is to be changed is not there"),
        "{answer:?}"
    );
    let tag = room.send(&full(&close).tag(&tag)).tag();
    assert_eq!(room.told(), "closed");
    let tag = room.send(&Publish::presence().tag(&tag)).tag();
    let open_again = pidf_diff("<p:replace sel='*/tuple/status/basic/text()'>open</p:replace>");
    let tag = room.send(&full(&open_again).tag(&tag)).tag();
    assert_eq!(room.told(), "open");
    // Nothing can be changed in a document that was not meant to be: the phone begins anew.
    let plain = room.send(&Publish::initial(&open()).tag(&tag)).tag();
    assert_eq!(room.code(&full(&close).tag(&plain)), 412);
}

/// Security row S17: every combination of what a PUBLISH may say or leave out is answered as the table says.
#[test]
fn every_kind_of_publish_has_its_answer() {
    const EVENTS: [&str; 5] = ["", "presence", "dialog", "presence.winfo", "x"];
    const TYPES: [&str; 8] = [
        "",
        PIDF,
        "application/pidf+xml;charset=UTF-8",
        PIDF_DIFF,
        DIALOG_INFO,
        "text/plain",
        "application/xml",
        "pidf",
    ];
    const TAGS: [&str; 4] = ["", "live", "etag1", "one, two"];
    const EXPIRES: [&str; 6] = ["", "0", "60", "4294967295", "-1", "soon"];
    let bodies: [Vec<u8>; 6] = [
        Vec::new(),
        open().into(),
        dialog_info("confirmed").into(),
        pidf_full().into(),
        b"<presence".to_vec(),
        vec![0xff; 40],
    ];
    let expected = |event: &str, content_type: &str, body: usize, tag: &str, expires: &str| {
        let live = match tag {
            "one, two" => return 400,
            "etag1" => return 412,
            tag => tag == "live",
        };
        match (expires, live, body) {
            ("-1" | "soon", ..) => return 400,
            (_, false, 0) => return 400,
            ("0", true, _) | (_, true, 0) => return 200,
            _ => {}
        }
        // Which of the bodies is of the type.
        let fitting = match (event, content_type) {
            (_, "pidf") => return 400,
            ("presence", PIDF | "application/pidf+xml;charset=UTF-8") => 1,
            ("dialog", DIALOG_INFO) => 2,
            ("presence", PIDF_DIFF) => 3,
            _ => return 415,
        };
        match body {
            4 | 5 => 400,
            body if body == fitting => 200,
            _ => 415,
        }
    };
    let mut room = Room::open();
    let (mut sent, mut tags) = (0_usize, HashSet::new());
    for event in EVENTS {
        for content_type in TYPES {
            for (number, body) in bodies.iter().enumerate() {
                for tag in TAGS {
                    for expires in EXPIRES {
                        sent += 1;
                        let user = format!("rep{sent}");
                        let mut publish = Publish::of(&user);
                        publish.body.clone_from(body);
                        for (name, value) in [
                            ("Event", event),
                            ("Content-Type", content_type),
                            ("Expires", expires),
                        ] {
                            if !value.is_empty() {
                                publish = publish.with(name, value);
                            }
                        }
                        if tag == "live" {
                            let initial = match event {
                                "dialog" => Publish::of(&user)
                                    .with("Event", event)
                                    .body(DIALOG_INFO, dialog_info("early")),
                                _ => Publish::of(&user)
                                    .with("Event", "presence")
                                    .body(PIDF, open()),
                            };
                            publish = publish.tag(&room.send(&initial).tag());
                        } else if !tag.is_empty() {
                            publish = publish.tag(tag);
                        }
                        let answer = room.send(&publish);
                        let code = match event {
                            "presence" | "dialog" => {
                                expected(event, content_type, number, tag, expires)
                            }
                            _ => 489,
                        };
                        let case =
                            format!("{event:?} {content_type:?} body {number} {tag:?} {expires:?}");
                        assert_eq!(answer.code(), code, "{case}: {answer:?}");
                        if code == 200 {
                            assert!(tags.insert(answer.tag()), "{case}: a tag came twice");
                            let granted = match expires {
                                "0" => 0,
                                "60" => 60,
                                "" => 600,
                                _ => 3600,
                            };
                            assert_eq!(answer.seconds(), Some(granted), "{case}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(sent, 5_760);
    room.serve.check_alive().unwrap();
}
