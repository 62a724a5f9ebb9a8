//! Shops' programs that are told: one that is slow, fails and comes back, and the two recipes, which verify what they
//! are sent. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(
    clippy::indexing_slicing,
    reason = "a test indexes what it has asked for"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::peer;
use examples::phone::TestPhone;
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::wait;
use examples::wire::Protocol;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// whsec_ and the base64 of 32 bytes each.
const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OLD_KEY: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn on_duty(server: &Server, rep: &str) -> TestPhone {
    let mut phone = server.phone(Protocol::Udp, rep).unwrap();
    assert_eq!(phone.register(300).unwrap().status_code.code(), 200);
    let published = phone.publish(Basic::Open, Activity::None, 300).unwrap();
    assert_eq!(published.status_code.code(), 200);
    phone
}

fn admin(
    server: &Server,
    method: &str,
    path: &str,
    body: Option<&Value>,
    more: &[(&str, &str)],
) -> Value {
    let bearer = format!("Bearer {}", server.demo().admin_key);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    let answer = server
        .http()
        .request(method, path, &headers, &body)
        .unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json().unwrap()
}

/// How a listener behaves.
const WELL: u8 = 0;
const FAILING: u8 = 1;
const SLOW: u8 = 2;

/// A listener whose mood a test sets.
struct Moody {
    port: u16,
    mood: Arc<AtomicU8>,
    /// Event and identity of what was taken, and of all that came.
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    came: Arc<Mutex<Vec<String>>>,
}

impl Moody {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let moody = Self {
            port: listener.local_addr().unwrap().port(),
            mood: Arc::default(),
            taken: Arc::default(),
            came: Arc::default(),
        };
        let (mood, taken, came) = (moody.mood.clone(), moody.taken.clone(), moody.came.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mood, taken, came) = (mood.clone(), taken.clone(), came.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some((headers, body)) = read(&stream) else {
                        return;
                    };
                    let id = headers["webhook-id"].clone();
                    came.lock().unwrap().push(id.clone());
                    let mood = mood.load(Ordering::Relaxed);
                    if mood == SLOW {
                        // Longer than the server's patience; then it is too late to take it.
                        sleep(Duration::from_millis(1_500));
                        return;
                    }
                    let status = if mood == FAILING {
                        "503 Service Unavailable"
                    } else {
                        "204 No Content"
                    };
                    if mood == WELL {
                        taken
                            .lock()
                            .unwrap()
                            .push((id, serde_json::from_slice(&body).unwrap()));
                    }
                    // The caller may have given up.
                    let _ = stream.write_all(
                        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes(),
                    );
                });
            }
        });
        moody
    }

    fn set(&self, mood: u8) {
        self.mood.store(mood, Ordering::Relaxed);
    }

    /// What was taken of a ticket, once `kind` is among it.
    fn until(&self, ticket: &str, kind: &str) -> Vec<String> {
        wait::until(kind, LIMIT, || {
            let kinds = self.kinds(ticket);
            Ok(kinds.iter().any(|taken| taken == kind).then_some(kinds))
        })
        .unwrap()
    }

    fn kinds(&self, ticket: &str) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let of_ticket = taken
            .iter()
            .filter(|(_, event)| event["data"]["ticket"] == ticket);
        of_ticket
            .map(|(_, event)| event["type"].as_str().unwrap().to_owned())
            .collect()
    }

    fn taken_twice(&self) -> Vec<String> {
        let mut seen = HashMap::new();
        for (id, _) in self.taken.lock().unwrap().iter() {
            *seen.entry(id.clone()).or_insert(0) += 1;
        }
        seen.into_iter()
            .filter(|(_, times)| *times > 1)
            .map(|(id, _)| id)
            .collect()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own is slow on purpose"
)]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}

fn read(stream: &TcpStream) -> Option<(HashMap<String, String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut headers = HashMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

fn setup(webhooks: &str) -> Setup {
    Setup::tables(webhooks)
}

#[test]
fn a_listener_that_is_slow_fails_and_comes_back_takes_every_event_once_and_in_order() {
    let moody = Moody::start();
    let table = format!(
        "[[webhook]]\nid = \"backend\"\nurl = \"http://127.0.0.1:{}/\"\nnetworks = [\"127.0.0.0/8\"]\nevents = [\"ticket\"]\nkey = \"{KEY}\"\ntimeout = \"1s\"\nretry = [\"200ms\", \"200ms\", \"200ms\", \"200ms\", \"400ms\", \"400ms\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]\n",
        moody.port
    );
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup(&table)).unwrap();
    let alice = on_duty(&server, "alice");
    let site = Site::new(server.http(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();

    let whole = ["ticket.opened", "ticket.offered", "ticket.closed"];
    let first = site.ask("cameras", "Sam", "well").unwrap();
    first.end().unwrap();
    assert_eq!(moody.until(first.id(), "ticket.closed"), whole);

    // Its first event fails; those behind it must not overtake it, nor be lost.
    moody.set(FAILING);
    let second = site.ask("cameras", "Sam", "failing").unwrap();
    second.end().unwrap();
    let waiting = wait::until("a failure", LIMIT, || {
        let reports = admin(&server, "GET", "/v1/admin/webhooks", None, &[]);
        Ok((reports["items"][0]["failing"] == 1).then_some(reports))
    })
    .unwrap();
    assert_eq!(waiting["items"][0]["waiting"], 3, "{waiting}");
    let deliveries = admin(
        &server,
        "GET",
        "/v1/admin/webhooks/backend/deliveries?state=waiting",
        None,
        &[],
    );
    assert!(
        deliveries["items"][0]["why"]
            .as_str()
            .unwrap()
            .contains("503"),
        "{deliveries}"
    );
    moody.set(SLOW);
    let third = site.ask("cameras", "Sam", "slow").unwrap();
    third.end().unwrap();
    wait::until("a late answer", LIMIT, || {
        let came = moody.came.lock().unwrap();
        let repeated = came
            .iter()
            .filter(|id| **id == came[came.len() - 1])
            .count();
        Ok((repeated > 1).then_some(()))
    })
    .unwrap();
    moody.set(WELL);
    assert_eq!(moody.until(second.id(), "ticket.closed"), whole);
    assert_eq!(moody.until(third.id(), "ticket.closed"), whole);
    assert!(moody.taken_twice().is_empty(), "{:?}", moody.taken_twice());
    drop(alice);
}

#[test]
fn what_was_given_up_waits_for_its_replay() {
    let moody = Moody::start();
    moody.set(FAILING);
    let table = format!(
        "[[webhook]]\nid = \"backend\"\nurl = \"http://127.0.0.1:{}/\"\nnetworks = [\"127.0.0.0/8\"]\nevents = [\"ticket\"]\nkey = \"{KEY}\"\nretry = [\"100ms\"]\n",
        moody.port
    );
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup(&table)).unwrap();
    let _alice = on_duty(&server, "alice");
    let site = Site::new(server.http(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    let ticket = site.ask("cameras", "Sam", "lost").unwrap();
    ticket.end().unwrap();
    wait::until("three dead events", LIMIT, || {
        let reports = admin(&server, "GET", "/v1/admin/webhooks", None, &[]);
        Ok((reports["items"][0]["dead"] == 3).then_some(()))
    })
    .unwrap();
    assert!(moody.kinds(ticket.id()).is_empty());
    moody.set(WELL);
    let replay = || {
        let key = [("idempotency-key", "replay-1")];
        admin(
            &server,
            "POST",
            "/v1/admin/webhooks/backend/replay",
            Some(&json!({})),
            &key,
        )
    };
    assert_eq!(replay()["replayed"], 3);
    assert_eq!(
        replay()["replayed"],
        3,
        "the same answer, and nothing done twice"
    );
    assert_eq!(
        moody.until(ticket.id(), "ticket.closed"),
        ["ticket.opened", "ticket.offered", "ticket.closed"]
    );
    assert!(moody.taken_twice().is_empty());
}

/// A recipe that prints what it took.
struct Recipe {
    child: Child,
    address: String,
    lines: mpsc::Receiver<Value>,
}

impl Recipe {
    fn start(mut command: Command, keys: &str) -> Self {
        let mut child = command
            .env("PORT", "0")
            .env("WEBHOOK_KEYS", keys)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (told, lines) = mpsc::sync_channel(4096);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let event = serde_json::from_str(&line.unwrap()).unwrap();
                // The test may be over.
                let _ = told.send(event);
            }
        });
        let first: Value = lines.recv_timeout(LIMIT).unwrap();
        let address = first["listening"].as_str().unwrap().to_owned();
        Self {
            child,
            address,
            lines,
        }
    }

    fn until(&self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.lines.recv_timeout(LIMIT).unwrap();
            if fits(&event) {
                return event;
            }
        }
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What strangers send is refused at once, and keeps nobody else waiting.
fn recipe_refuses_strangers(recipe: &Recipe) {
    let address = recipe.address.trim_start_matches("http://");
    let address = address.trim_end_matches('/');
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let signed = |signature: &str| {
        let now = now.as_secs();
        format!("webhook-id: 1\r\nwebhook-timestamp: {now}\r\nwebhook-signature: {signature}\r\n")
    };
    for (head, allowed) in [
        ("content-length: 2\r\n".to_owned(), ["401"].as_slice()),
        (
            format!("content-length: 2\r\n{}", signed("v1,AAAA")),
            &["401"],
        ),
        (
            format!("content-length: 2\r\n{}", signed("v1,\u{e9}\u{b2}")),
            &["401"],
        ),
        (
            "content-length: 2\r\nwebhook-id: 1\r\nwebhook-timestamp: \u{b2}\r\n".to_owned(),
            &["401"],
        ),
        ("content-length: -1\r\n".to_owned(), &["400", "411"]),
        ("content-length: ten\r\n".to_owned(), &["400", "411"]),
        ("content-length: 99999999\r\n".to_owned(), &["413"]),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let request = format!("POST / HTTP/1.1\r\nhost: {address}\r\n{head}\r\n");
        // Headers are Latin 1, whatever a sender means by them.
        let request: Vec<u8> = request.chars().map(|sign| sign as u8).collect();
        stream.write_all(&request).unwrap();
        let body = if head.contains("99999999") {
            vec![b' '; 1024 * 1024 + 1]
        } else {
            b"{}".to_vec()
        };
        // A recipe that will not read the body may have closed already.
        let _ = stream.write_all(&body);
        let mut first = String::new();
        BufReader::new(&stream).read_line(&mut first).unwrap();
        let status = first.split(' ').nth(1).unwrap_or_default();
        assert!(allowed.contains(&status), "{head:?} {first:?}");
    }
}

/// Without a key a recipe says so and does not start.
fn recipe_wants_a_key(mut command: Command) {
    for keys in ["", "whsec_", "not a key"] {
        let ran = command.env("PORT", "0").env("WEBHOOK_KEYS", keys);
        let ran = ran.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success(), "{keys:?} {said}");
        assert!(said.contains("WEBHOOK_KEYS"), "{said}");
    }
}

fn storefronts() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/storefronts")
}

fn recipe_is_told(recipe: &Recipe, soap: &str) {
    let table = |id: &str, more: &str| {
        format!(
            "[[webhook]]\nid = \"{id}\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\nkey = \"{KEY}\"\nold_key = \"{OLD_KEY}\"\n{more}\n",
            recipe.address
        )
    };
    let tables = table("hooks", "") + &table("pushes", &format!("form = \"{soap}\""));
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup(&tables)).unwrap();
    let _alice = on_duty(&server, "alice");
    let is_available = |state: &Value| {
        let groups = state.as_array().unwrap();
        groups
            .iter()
            .any(|group| group["skill"] == "cameras" && group["state"] == "available")
    };
    let (mut by_webhook, mut by_soap) = (false, false);
    while !(by_webhook && by_soap) {
        let event = recipe.until(|event| {
            event["type"] == "presence.changed" || event["type"] == "NotifyGroupPresence"
        });
        by_webhook |= event["type"] == "presence.changed" && is_available(&event["data"]["groups"]);
        by_soap |= event["type"] == "NotifyGroupPresence" && is_available(&event["groups"]);
    }
    let ticket = Site::new(server.http(), "shop")
        .ask("cameras", "Sam", "hello")
        .unwrap();
    let opened = recipe.until(|event| event["type"] == "ticket.opened");
    assert_eq!(opened["data"]["ticket"], ticket.id());
    assert!(!opened.to_string().contains("Sam"), "an event names nobody");
}

#[test]
fn the_python_recipe_verifies_what_it_is_told_by_the_old_key() {
    let Some(python) = peer::find("python3") else {
        return;
    };
    let command = || {
        let mut command = Command::new(&python);
        command.arg(storefronts().join("python/hooks.py"));
        command
    };
    recipe_wants_a_key(command());
    let recipe = Recipe::start(command(), OLD_KEY);
    recipe_refuses_strangers(&recipe);
    recipe_is_told(&recipe, "soap11");
}

#[test]
fn the_node_recipe_verifies_what_it_is_told_by_the_new_key() {
    let Some(node) = peer::find("node") else {
        return;
    };
    let command = || {
        let mut command = Command::new(&node);
        command.arg(storefronts().join("node/hooks.mjs"));
        command
    };
    recipe_wants_a_key(command());
    let recipe = Recipe::start(command(), KEY);
    recipe_refuses_strangers(&recipe);
    recipe_is_told(&recipe, "soap12");
}
