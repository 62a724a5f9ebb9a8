//! What a person does with the journal by commands, from end to end: a backup under load that restores to the same
//! server elsewhere, an export and an erasure of one customer by command and by one call, and the verification of it
//! all. Must not know how anything is stored.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::peer::postgres::Postgres;
use examples::serve::Serve;
use examples::site::Site;
use examples::wire::Protocol;
use examples::{unique, wait};
use serde_json::{Value, json};

const DESKBELL: &str = env!("CARGO_BIN_EXE_deskbell");

const LIMIT: Duration = Duration::from_secs(30);

fn configuration(url: &str, key: &Path) -> String {
    let key = key.display();
    format!(
        "[sip]\ndomain = \"shop.example\"\nlisten = [\"udp://127.0.0.1:0\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\
         [storage]\nurl = \"{url}\"\nkey_file = \"{key}\"\n\
         [[admin_key]]\nid = \"robot\"\nkey = \"the-writing-key-of-the-robot-0000\"\nscopes = [\"write\"]\n\
         [[skill]]\nid = \"cameras\"\n[[site]]\nid = \"shop\"\n\
         [[rep]]\nid = \"alice\"\npassword = \"correct-horse\"\nskills = {{ cameras = 90 }}\n\
         [routing]\nqueue_limit = 10000\n"
    )
}

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

/// A key of the journal that nobody else may read.
fn key() -> (unique::Folder, PathBuf) {
    let folder = unique::Folder::new("custody-key").unwrap();
    let file = folder.write("journal.key", KEY).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    (folder, file)
}

/// Alice is on duty, so that shoppers are let in.
fn staffed(serve: &Serve) -> Site {
    let mut alice = serve
        .phone(Protocol::Udp, "alice", "correct-horse")
        .unwrap();
    let answer = alice.publish(Basic::Open, Activity::None, 600).unwrap();
    assert_eq!(answer.status_code.code(), 200);
    let site = Site::new(serve.http().unwrap(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    site
}

/// A click of somebody who says something and leaves again; so often as one source may click.
fn converse(site: &Site, name: &str) {
    let click = || Ok(site.ask("cameras", name, "which one?").ok());
    let ticket = wait::until("a ticket", LIMIT, click).unwrap();
    ticket.say("one", &format!("I am {name}")).unwrap();
    ticket.end().unwrap();
}

fn exported(serve: &Serve, name: &str) -> Value {
    let text = serve.run(&["export", "--name", name]).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn tickets(exported: &Value) -> usize {
    exported["tickets"].as_array().unwrap().len()
}

#[test]
fn a_backup_under_load_restores_to_the_same_server() {
    let (_folder, key) = key();
    let configuration = configuration("sqlite:deskbell.db", &key);
    let serve = Serve::start(DESKBELL, &configuration).unwrap();
    let site = staffed(&serve);
    for _ in 0..20 {
        converse(&site, "Early");
    }
    let before = exported(&serve, "Early");
    let (stop, said) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let shoppers: Vec<_> = (0..3)
        .map(|_| {
            let (site, stop, said) = (site.clone(), stop.clone(), said.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    converse(&site, "Meanwhile");
                    said.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    wait::until("some load", LIMIT, || {
        Ok((said.load(Ordering::SeqCst) > 5).then_some(()))
    })
    .unwrap();
    let promised = said.load(Ordering::SeqCst);
    let told = serve.run(&["backup", "copy.db"]).unwrap();
    assert!(told.contains("tickets with"), "{told}");
    // What was said while it was made may be in it or not; what was acknowledged before is.
    stop.store(true, Ordering::SeqCst);
    for shopper in shoppers {
        shopper.join().unwrap();
    }
    let total = said.load(Ordering::SeqCst);
    let refused = serve.run(&["backup", "copy.db"]).unwrap_err().to_string();
    assert!(refused.contains("copy.db"), "{refused}");
    let refused = serve.run(&["restore", "copy.db"]).unwrap_err().to_string();
    assert!(refused.contains("in use"), "{refused}");

    // Elsewhere, as after the loss of the machine.
    let elsewhere = unique::Folder::new("custody").unwrap();
    elsewhere.write("deskbell.toml", &configuration).unwrap();
    let copy = elsewhere.path().join("copy.db");
    fs::copy(serve.folder().join("copy.db"), &copy).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(DESKBELL);
        let done = command
            .args(arguments)
            .current_dir(elsewhere.path())
            .output();
        let done = done.unwrap();
        let told = [done.stdout, done.stderr].concat();
        (
            done.status.success(),
            String::from_utf8_lossy(&told).into_owned(),
        )
    };
    let (restored, told) = run(&["restore", "copy.db"]);
    assert!(restored, "{told}");
    let (sound, told) = run(&["verify"]);
    assert!(sound, "{told}");
    let (_, early) = run(&["export", "--name", "Early"]);
    assert_eq!(serde_json::from_str::<Value>(&early).unwrap(), before);
    let (_, meanwhile) = run(&["export", "--name", "Meanwhile"]);
    let kept = tickets(&serde_json::from_str(&meanwhile).unwrap());
    assert!(
        (promised..=total).contains(&kept),
        "{promised} {kept} {total}"
    );
}

/// Onto the journal that is there: what was said since the backup is gone from it, and kept beside it.
#[test]
fn a_restore_takes_the_place_of_what_is_there_and_keeps_it() {
    let (_folder, key) = key();
    let mut serve = Serve::start(DESKBELL, &configuration("sqlite:deskbell.db", &key)).unwrap();
    let site = staffed(&serve);
    converse(&site, "Early");
    serve.run(&["backup", "copy.db"]).unwrap();
    converse(&site, "Late");
    assert_eq!(tickets(&exported(&serve, "Late")), 1);
    serve.crash().unwrap();

    // A backup that is damaged is refused, and nothing is touched.
    let folder = serve.folder().to_owned();
    let mut bytes = fs::read(folder.join("copy.db")).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(half);
    fs::write(folder.join("half.db"), bytes).unwrap();
    fs::set_permissions(folder.join("half.db"), Permissions::from_mode(0o600)).unwrap();
    assert!(serve.run(&["restore", "half.db"]).is_err());
    assert_eq!(tickets(&exported(&serve, "Late")), 1);

    // Twice: the second leaves no part of the first's leavings behind.
    for _ in 0..2 {
        let told = serve.run(&["restore", "copy.db"]).unwrap();
        assert!(told.contains("1 tickets"), "{told}");
        let found = fs::read(folder.join("deskbell.db")).unwrap();
        assert_eq!(found, fs::read(folder.join("copy.db")).unwrap());
        if !folder.join("late").exists() {
            fs::create_dir(folder.join("late")).unwrap();
            for suffix in ["", "-wal"] {
                let kept = folder.join(format!("deskbell.db-before-restore{suffix}"));
                fs::copy(kept, folder.join(format!("late/deskbell.db{suffix}"))).unwrap();
            }
        }
    }
    assert!(!folder.join("deskbell.db-before-restore-wal").exists());
    serve.restart().unwrap();
    assert_eq!(tickets(&exported(&serve, "Early")), 1);
    assert_eq!(tickets(&exported(&serve, "Late")), 0);
    assert!(serve.run(&["verify"]).unwrap().contains("1 tickets"));

    // What was there before is whole.
    let kept = configuration("sqlite:late/deskbell.db", &key);
    fs::write(folder.join("late.toml"), kept).unwrap();
    let told = serve
        .run(&["export", "--config", "late.toml", "--name", "Late"])
        .unwrap();
    assert_eq!(tickets(&serde_json::from_str(&told).unwrap()), 1);
}

#[test]
fn a_customer_is_erased_by_command_and_by_one_call_on_sqlite() {
    erase_on("sqlite:deskbell.db");
}

#[test]
fn a_customer_is_erased_by_command_and_by_one_call_on_postgres() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    erase_on(&postgres.create("deskbell").unwrap());
}

fn erase_on(url: &str) {
    let (_folder, key) = key();
    let serve = Serve::start(DESKBELL, &configuration(url, &key)).unwrap();
    let http = serve.http().unwrap();
    let site = staffed(&serve);
    for name in ["Zoe", "Sam", "Zoe", "Kim"] {
        converse(&site, name);
    }
    let open = site.ask("cameras", "Open", "wait for me").unwrap();
    let forget = |name: &str| {
        let body = json!({ "name": name }).to_string();
        let headers = [
            ("authorization", "Bearer the-writing-key-of-the-robot-0000"),
            ("content-type", "application/json"),
        ];
        http.request("POST", "/v1/admin/customers/erase", &headers, &body)
            .unwrap()
    };
    let gone = forget("zoe");
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert_eq!(gone.json().unwrap(), json!({"tickets": 2, "cases": 0}));
    assert_eq!(tickets(&exported(&serve, "Zoe")), 0);
    let told = serve.run(&["erase", "--name", "Sam"]).unwrap();
    assert!(told.contains("erased 1"), "{told}");
    assert_eq!(tickets(&exported(&serve, "Sam")), 0);

    // Whoever still waits is not taken from the queue.
    let refused = forget("Open");
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains(open.id()), "{}", refused.body);
    assert!(serve.run(&["erase", "--name", "Open"]).is_err());
    assert_eq!(tickets(&exported(&serve, "Open")), 1);

    // Nobody else is touched, and nothing is missed where it was.
    assert_eq!(tickets(&exported(&serve, "Kim")), 1);
    let verified = serve.run(&["verify"]).unwrap();
    assert!(verified.contains('2'), "{verified}");
}
