//! Every address with every kind of caller, against the table `matrix.txt`: an address without its line, or a line
//! without its address, fails. Must not know what a handler does beyond whether it was done.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::presence::{Store, StoreConfig};
use gateway::{AdminFace, AdminKey, CookieKeys, DemoFace, Gateway, Options, Scope, WebhookDesk};
use tokio::sync::{broadcast, mpsc};

use crate::client::Call;
use crate::console_double::ConsoleDouble;
use crate::consoles::sign_in;
use crate::world::{World, config};

/// Who calls, in the order of the columns.
const CALLERS: [&str; 9] = [
    "nobody",
    "shopper",
    "another",
    "reader",
    "writer",
    "both",
    "expired",
    "rep",
    "supervisor",
];

const TABLE: &str = include_str!("matrix.txt");

/// A line of the table: method and path, who the code says may come, and a status for each caller.
type Lines = BTreeMap<(String, String), (String, Vec<u16>)>;

fn lines() -> Lines {
    TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut next = || words.next().unwrap().to_owned();
            let (method, path, who) = (next(), next(), next());
            let statuses: Vec<u16> = words.map(|word| word.parse().unwrap()).collect();
            assert_eq!(statuses.len(), CALLERS.len(), "{line}");
            ((path, method), (who, statuses))
        })
        .collect()
}

async fn world() -> World {
    let mut config = config();
    let mut expired = AdminKey::new("old", "the-expired-key", &[Scope::Read, Scope::Write]);
    expired.expires_unix_ms = Some(0);
    let (webhooks, mut asked) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Some(question) = asked.recv().await {
            match question {
                WebhookDesk::List { answer } => drop(answer.send(Vec::new())),
                WebhookDesk::Deliveries { answer, .. } => drop(answer.send(Vec::new())),
                WebhookDesk::Replay { answer, .. } => drop(answer.send(0)),
            }
        }
    });
    config.admin = Some(AdminFace {
        keys: vec![
            AdminKey::new("wall", "the-reading-key", &[Scope::Read]),
            AdminKey::new("robot", "the-writing-key", &[Scope::Write]),
            AdminKey::new("lead", "the-whole-key", &[Scope::Read, Scope::Write]),
            expired,
        ],
        presentities: Arc::new(Store::new(StoreConfig::new([7; 16]))),
        lines: tokio::sync::watch::Sender::default().subscribe(),
        trunks: tokio::sync::watch::Sender::new(Arc::from([])).subscribe(),
        webhooks,
    });
    config.demo = Some(DemoFace {
        events: broadcast::Sender::new(8),
    });
    config.console = Some(ConsoleDouble::start().1);
    let options = Options {
        cookie_keys: CookieKeys::new([&b"seals the cookies of this table"[..]]),
        ..Options::default()
    };
    World::with(config, options).await
}

/// What is posted, with its media type.
fn with_body(call: Call, path: &str) -> Call {
    if path == "/soap" {
        return call.header("content-type", "text/xml").body(SOAP);
    }
    call.json(match path {
        "/v1/sites/{site}/tickets" => r#"{"skills":["cameras"]}"#,
        "/v1/tickets/{id}/rating" => r#"{"stars":5}"#,
        "/v1/tickets/{id}/messages" => r#"{"type":"typing"}"#,
        "/console/session" | "/wall/session" => r#"{"user":"erin","password":"right"}"#,
        "/v1/admin/customers/export" => r#"{"name":"Ann"}"#,
        _ => "{}",
    })
}

/// A request by SOAP that changes nothing.
const SOAP: &[u8] = br#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><d:GetGroupPresence xmlns:d="urn:deskbell:soap:1"><d:site>shop</d:site></d:GetGroupPresence></s:Body></s:Envelope>"#;

#[tokio::test]
async fn every_address_answers_every_caller_as_the_table_says() {
    let mut lines = lines();
    let mut wrong = Vec::new();
    for address in Gateway::addresses() {
        let key = (address.path.clone(), address.method.clone());
        let Some((who, expected)) = lines.remove(&key) else {
            wrong.push(format!(
                "{} {} {} has no line",
                address.method, address.path, address.who
            ));
            continue;
        };
        if who != address.who {
            wrong.push(format!(
                "{} {} is for {}, not {who}",
                address.method, address.path, address.who
            ));
        }
        // One world for each: what one caller does changes nothing for the next address.
        let world = world().await;
        let (own, own_token) = world.ticket().await;
        let (_, another_token) = world.ticket().await;
        let (rep, supervisor) = (
            sign_in(&world, "/console/session", "alice").await,
            sign_in(&world, "/console/session", "erin").await,
        );
        let origin = format!("http://{}", world.address);
        let mut found = Vec::new();
        for caller in CALLERS {
            let path = address
                .path
                .replace("{id}", &own)
                .replace("{site}", "shop")
                .replace("{rep}", "alice")
                .replace("{ticket}", "t1")
                .replace("{case}", "c1")
                .replace("{webhook}", "backend");
            let call = world.client().call(&address.method, &path);
            let call = match address.method.as_str() {
                "GET" => call,
                _ => with_body(call, &address.path),
            };
            let call = match caller {
                "shopper" => call.bearer(&own_token),
                "another" => call.bearer(&another_token),
                "reader" => call.bearer("the-reading-key"),
                "writer" => call.bearer("the-writing-key"),
                "both" => call.bearer("the-whole-key"),
                "expired" => call.bearer("the-expired-key"),
                "rep" => call.header("cookie", &rep).header("origin", &origin),
                "supervisor" => call.header("cookie", &supervisor).header("origin", &origin),
                _ => call,
            };
            // The head is enough, and streams have no end.
            found.push(call.open().await.status);
        }
        if found != expected {
            let found: Vec<String> = found.iter().map(u16::to_string).collect();
            wrong.push(format!(
                "{} {} {who} {}",
                address.method,
                address.path,
                found.join(" ")
            ));
        }
    }
    wrong.extend(
        lines
            .keys()
            .map(|(path, method)| format!("{method} {path} is not served")),
    );
    assert!(
        wrong.is_empty(),
        "not as the table says:\n{}",
        wrong.join("\n")
    );
}

/// H7: whatever a browser sends along unasked, no page of another origin changes anything, at whichever address, in
/// whichever form a page may post without asking first; nor does any GET.
#[tokio::test]
async fn no_address_changes_anything_at_the_wish_of_a_foreign_page() {
    let world = world().await;
    let (own, token) = world.ticket().await;
    let (rep, supervisor) = (
        sign_in(&world, "/console/session", "alice").await,
        sign_in(&world, "/wall/session", "erin").await,
    );
    let cookies = format!("{rep}; {supervisor}; deskbell-ticket={token}");
    let foreign: [&[(&str, &str)]; 4] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ];
    let mut tried = 0;
    for address in Gateway::addresses() {
        let path = address
            .path
            .replace("{id}", &own)
            .replace("{site}", "shop")
            .replace("{rep}", "alice")
            .replace("{ticket}", "t1")
            .replace("{case}", "c1")
            .replace("{webhook}", "backend");
        let call = || {
            let call = world.client().call(&address.method, &path);
            call.header("cookie", &cookies)
        };
        if address.method == "GET" {
            let call = call().header("origin", "https://evil.example");
            assert!(call.open().await.status < 500, "{path}");
            continue;
        }
        for from in foreign {
            for kind in ["text/plain", "application/x-www-form-urlencoded"] {
                let mut call = with_body(call(), &address.path).header("content-type", kind);
                for (name, value) in from {
                    call = call.header(name, value);
                }
                tried += 1;
                let what = format!("{} {path} {from:?}", address.method);
                assert!(call.send().await.problem(403).contains("origin"), "{what}");
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(world.desk.asks().len(), 1, "the ticket of the test alone");
    assert!(world.desk.cases().is_empty() && world.desk.ratings().is_empty());
    assert!(world.desk.knows(&own));
    for (path, cookie) in [("/console/session", &rep), ("/wall/session", &supervisor)] {
        let who = world.client().call("GET", path).header("cookie", cookie);
        assert_eq!(who.send().await.status, 200, "{path}");
    }
}
