//! SOAP: what is refused, with which fault, and that nothing is done then. Must not know the desk.

use std::fmt::Write as _;

use crate::client::Reply;
use crate::world::World;

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const OURS: &str = "urn:deskbell:soap:1";

fn envelope(namespace: &str, header: &str, body: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="{namespace}" xmlns:d="{OURS}">{header}<s:Body>{body}</s:Body></s:Envelope>"#
    )
}

const ASK: &str = "<d:RequestHelp><d:site>shop</d:site><d:skill>cameras</d:skill></d:RequestHelp>";

async fn post(world: &World, content_type: &str, more: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut call = world
        .client()
        .call("POST", "/soap")
        .header("content-type", content_type);
    for (name, value) in more {
        call = call.header(name, value);
    }
    call.body(body).send().await
}

#[track_caller]
fn assert_fault(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(
        reply.text().contains(&format!("soap:{code}<")),
        "{code}: {}",
        reply.text()
    );
    assert!(reply.text().contains("<detail>") || reply.text().contains("<soap:Detail>"));
}

#[tokio::test]
async fn an_ask_makes_a_ticket_in_either_version() {
    let world = World::new().await;
    for (namespace, content_type) in [
        (SOAP11, "text/xml"),
        (SOAP12, "application/soap+xml; charset=utf-8"),
    ] {
        let reply = post(
            &world,
            content_type,
            &[],
            envelope(namespace, "", ASK).as_bytes(),
        )
        .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains(namespace) && reply.text().contains("<state>queued</state>"));
    }
    assert_eq!(world.desk.asks().len(), 2);
}

/// Whoever guards by a header, a signature or the first body must not let another operation through.
#[tokio::test]
async fn what_two_readers_could_read_differently_is_a_fault_without_effect() {
    let world = World::new().await;
    let look = "<d:GetGroupPresence><d:site>shop</d:site></d:GetGroupPresence>";
    let whole = |inside: &str| {
        format!(r#"<s:Envelope xmlns:s="{SOAP11}" xmlns:d="{OURS}">{inside}</s:Envelope>"#)
    };
    let mut messages = vec![
        whole(&format!("<s:Body>{ASK}{look}</s:Body>")),
        whole(&format!("<s:Body>{look}</s:Body><s:Body>{ASK}</s:Body>")),
        whole(&format!("<s:Body/><s:Body>{ASK}</s:Body>")),
        whole(&format!("<s:Body>{ASK}</s:Body><s:Header/>")),
        whole(&format!("<s:Header/><s:Header/><s:Body>{ASK}</s:Body>")),
        whole(&format!("<s:Header><s:Body>{look}</s:Body></s:Header>")),
        whole(&format!("<s:Body><d:Wrapper>{ASK}</d:Wrapper></s:Body>")),
        whole(&format!("<s:Body>text{ASK}</s:Body>")),
        whole(&format!("{ASK}<s:Body>{look}</s:Body>")),
        whole("<s:Body/>"),
        whole(&format!("<s:Body>{}</s:Body>", ASK.replace("d:", ""))),
        whole(&format!(
            "<s:Body>{}</s:Body>",
            ASK.replace("</d:RequestHelp>", "<d:site>bank</d:site></d:RequestHelp>")
        )),
        whole(&format!(
            "<s:Body>{}</s:Body>",
            ASK.replace("</d:RequestHelp>", "<d:admin>1</d:admin></d:RequestHelp>")
        )),
        whole(&format!(
            "<s:Body>{}</s:Body>",
            ASK.replace("shop", "<d:x>shop</d:x>")
        )),
        ASK.replace(
            "<d:RequestHelp>",
            &format!("<d:RequestHelp xmlns:d=\"{OURS}\">"),
        ),
    ];
    // A wrapped copy with the same identity, as signature wrapping has it.
    for place in ["Id", "ID", "id", "wsu:Id"] {
        messages.push(whole(&format!(
            r#"<s:Header><o:Security xmlns:o="urn:o" s:mustUnderstand="1"><o:Signed xmlns:wsu="urn:w" {place}="b">{look}</o:Signed></o:Security></s:Header><s:Body>{ASK}</s:Body>"#
        )));
    }
    for message in &messages {
        let reply = post(&world, "text/xml", &[], message.as_bytes()).await;
        assert!(
            reply.status >= 400 && reply.text().contains("Fault>"),
            "{message}: {}",
            reply.text()
        );
    }
    for action in [
        "urn:deskbell:soap:1#GetGroupPresence",
        "\"urn:deskbell:soap:1#CancelTicket\"",
        "RequestHelp",
        "urn:deskbell:soap:1#requesthelp",
        "urn:deskbell:soap:1#RequestHelp2",
        "http://evil.example/",
        "a\"b",
    ] {
        let ask = envelope(SOAP11, "", ASK);
        let reply = post(
            &world,
            "text/xml",
            &[("soapaction", action)],
            ask.as_bytes(),
        )
        .await;
        assert_fault(&reply, 500, "Client");
        let ask = envelope(SOAP12, "", ASK);
        let content_type = format!("application/soap+xml; action=\"{action}\"");
        assert_fault(
            &post(&world, &content_type, &[], ask.as_bytes()).await,
            400,
            "Sender",
        );
    }
    assert!(world.desk.asks().is_empty(), "{:?}", world.desk.asks());
}

#[tokio::test]
async fn versions_and_headers_that_are_not_understood_have_their_own_faults() {
    let world = World::new().await;
    let reply = post(
        &world,
        "text/xml",
        &[],
        envelope("urn:soap:9", "", ASK).as_bytes(),
    )
    .await;
    assert_fault(&reply, 500, "VersionMismatch");
    let reply = post(
        &world,
        "text/xml",
        &[],
        envelope(SOAP12, "", ASK).as_bytes(),
    )
    .await;
    assert_fault(&reply, 500, "Client");
    for (namespace, content_type, value) in [
        (SOAP11, "text/xml", "1"),
        (SOAP12, "application/soap+xml", "true"),
        (SOAP12, "application/soap+xml", "1"),
    ] {
        let header =
            format!(r#"<s:Header><x:Tx xmlns:x="urn:x" s:mustUnderstand="{value}"/></s:Header>"#);
        let reply = post(
            &world,
            content_type,
            &[],
            envelope(namespace, &header, ASK).as_bytes(),
        )
        .await;
        assert_fault(&reply, 500, "MustUnderstand");
    }
    assert!(world.desk.asks().is_empty());
    // One that is for somebody else, or may be ignored, changes nothing.
    let header = r#"<s:Header><x:Tx xmlns:x="urn:x"/><x:Tx xmlns:x="urn:x" s:mustUnderstand="1" s:actor="urn:other"/></s:Header>"#;
    let reply = post(
        &world,
        "text/xml",
        &[],
        envelope(SOAP11, header, ASK).as_bytes(),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    for content_type in ["application/json", "text/plain", "application/xml", ""] {
        post(
            &world,
            content_type,
            &[],
            envelope(SOAP11, "", ASK).as_bytes(),
        )
        .await
        .problem(415);
    }
    let packed = [("content-encoding", "gzip")];
    post(
        &world,
        "text/xml",
        &packed,
        envelope(SOAP11, "", ASK).as_bytes(),
    )
    .await
    .problem(415);
}

fn utf_16(text: &str, is_big: bool) -> Vec<u8> {
    let mark = [
        if is_big { 0xfe_u8 } else { 0xff },
        if is_big { 0xff } else { 0xfe },
    ];
    let units = text.encode_utf16();
    let bytes = units.flat_map(|unit| {
        if is_big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    });
    mark.into_iter().chain(bytes).collect()
}

/// No document type in any encoding, no entity but the five, nothing fetched, nothing grown.
#[tokio::test]
async fn nothing_in_a_message_reaches_outside_it() {
    let world = World::new().await;
    let mut laughs = String::from("<!DOCTYPE s [<!ENTITY l0 \"lol\">");
    for level in 1..10 {
        let below = format!("&l{};", level - 1).repeat(10);
        let _ = write!(laughs, "<!ENTITY l{level} \"{below}\">");
    }
    laughs.push_str("]>");
    let types = [
        "<!DOCTYPE s>",
        "<!DOCTYPE s []>",
        "<!DOCTYPE s SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE s PUBLIC \"-//x\" \"http://169.254.169.254/\">",
        "<!DOCTYPE s [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
        "<!DOCTYPE s [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x.dtd\"> %p;]>",
        "<!DOCTYPE s [<!ENTITY % a \"<!ENTITY x 'y'>\"> %a;]>",
        "<!doctype s>",
        "<!DOCTYPE\ns>",
        "<?xml version=\"1.0\"?><!DOCTYPE s>",
        "<!-- --><!DOCTYPE s>",
        "<!ENTITY x 'y'>",
        "<!ELEMENT s ANY>",
        "<!ATTLIST s a ID #IMPLIED>",
        &laughs,
    ];
    let ask = envelope(SOAP11, "", ASK);
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for text in types {
        messages.push(format!("{text}{ask}").into_bytes());
        messages.push(utf_16(&format!("{text}{ask}"), true));
        messages.push(utf_16(&format!("{text}{ask}"), false));
    }
    // Behind the envelope's begin, and as a name of an entity.
    messages.push(ask.replace("<s:Body>", "<!DOCTYPE s><s:Body>").into_bytes());
    for entity in [
        "&x;", "&l9;", "&nbsp;", "&#0;", "&#x1F;", "&#xFFFE;", "&amp", "&;", "&#;",
    ] {
        messages.push(ask.replace(">shop<", &format!(">{entity}<")).into_bytes());
    }
    // UTF-7 and other names of encodings are UTF-8 or nothing.
    messages.push(b"+ADwAIQ-DOCTYPE s+AD4APA-s/+AD4-".to_vec());
    messages.push([&b"\xff\xfe\x00\x00"[..], ask.as_bytes()].concat());
    messages.push(ask.replace("shop", "\u{0}").into_bytes());
    messages.push(b"<s:Envelope".to_vec());
    messages.push(Vec::new());
    assert!(messages.len() >= 50, "{}", messages.len());
    for message in &messages {
        let reply = post(&world, "text/xml", &[], message).await;
        assert_eq!(
            reply.status,
            400,
            "{}: {}",
            String::from_utf8_lossy(message),
            reply.text()
        );
        assert!(reply.text().contains("Fault>") && !reply.text().contains("root:"));
    }
    assert!(world.desk.asks().is_empty());
}

#[tokio::test]
async fn what_is_large_deep_or_many_is_refused() {
    let world = World::new().await;
    let with = |attributes: String| {
        envelope(
            SOAP11,
            "",
            &ASK.replace("<d:site>", &format!("<d:site{attributes}>")),
        )
    };
    let attributes: String = (0..3_000)
        .map(|number| format!(" a{number}=\"\""))
        .collect();
    let namespaces: String = (0..2_000)
        .map(|number| format!(" xmlns:n{number}=\"u\""))
        .collect();
    let deep = "<d:a>".repeat(5_000) + &"</d:a>".repeat(5_000);
    for message in [
        with(attributes),
        with(namespaces),
        envelope(SOAP11, "", &deep),
    ] {
        assert!(message.len() < 64 * 1024);
        let reply = post(&world, "text/xml", &[], message.as_bytes()).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
    }
    let large = envelope(SOAP11, "", &format!("{ASK}<!--{}-->", "x".repeat(70_000)));
    assert_eq!(
        post(&world, "text/xml", &[], large.as_bytes()).await.status,
        413
    );
    assert!(world.desk.asks().is_empty());
}

#[tokio::test]
async fn reps_are_shown_to_a_key_alone_and_a_ticket_to_its_token() {
    let world = World::new().await;
    let (id, _) = world.ticket().await;
    let reps = envelope(SOAP11, "", "<d:GetRepresentatives/>");
    assert_fault(
        &post(&world, "text/xml", &[], reps.as_bytes()).await,
        500,
        "Client",
    );
    for operation in ["GetTicket", "CancelTicket"] {
        let wrong = format!(
            "<d:{operation}><d:id>{id}</d:id><d:token>{}</d:token></d:{operation}>",
            "a".repeat(26)
        );
        let reply = post(
            &world,
            "text/xml",
            &[],
            envelope(SOAP11, "", &wrong).as_bytes(),
        )
        .await;
        assert_fault(&reply, 500, "Client");
        assert!(reply.text().contains("<status>404</status>"));
    }
    let ticket = helpdesk::TicketId::new(&id);
    assert_eq!(world.desk.state_of(&ticket), helpdesk::TicketState::Queued);
}

#[tokio::test]
async fn the_wsdl_names_where_it_was_asked_for() {
    let world = World::new().await;
    let wsdl = world.get("/soap?wsdl").send().await;
    let address = format!("location=\"http://{}/soap\"", world.address);
    assert!(wsdl.text().contains(&address));
    assert_eq!(wsdl.header("content-type"), "text/xml; charset=utf-8");
    let notify = world.get("/soap?WSDL=notify").send().await;
    assert!(notify.text().contains("NotifyGroupPresence"));
    world.get("/soap").send().await.problem(404);
}
