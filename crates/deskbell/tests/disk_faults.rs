//! The whole server on a disk that fails, fills up and is slow (rows D1, D3, R4, R5 and R6 of the threat table): what is
//! promised then, what goes on, and what is there afterwards. Must not know the server's inside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use examples::document::{Activity, Basic};
use examples::failing_disk::FailingDisk;
use examples::phone::TestPhone;
use examples::serve::Serve;
use examples::site::{Site, Ticket};
use examples::wait;
use examples::wire::Protocol;
use serde_json::{Value, json};

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// All shoppers come under this name, by which they are exported.
const SHOPPER: &str = "Disk Shopper";

const FIRST_WORDS: &str = "which one?";

/// A server and its disk.
struct Bench {
    serve: Serve,
    alice: TestPhone,
    site: Site,
    disk: FailingDisk,
}

impl Bench {
    fn start(durability: &str) -> Option<Self> {
        let disk = FailingDisk::build().unwrap()?;
        let config = configuration(durability);
        let program = env!("CARGO_BIN_EXE_deskbell");
        let serve = Serve::start_under(program, &config, &disk.environment()).unwrap();
        let alice = serve.phone(Protocol::Udp, "alice", "secret").unwrap();
        let site = Site::new(serve.http().unwrap(), "shop");
        let mut bench = Self {
            serve,
            alice,
            site,
            disk,
        };
        bench.publish();
        bench
            .site
            .wait_state("cameras", "available", LIMIT)
            .unwrap();
        Some(bench)
    }

    fn publish(&mut self) {
        let answer = self.alice.publish(Basic::Open, Activity::None, 600);
        assert_eq!(answer.unwrap().status_code.code(), 200);
    }

    fn ask(&self) -> Ticket {
        self.site.ask("cameras", SHOPPER, FIRST_WORDS).unwrap()
    }

    fn readiness(&self) -> (u16, String) {
        let answer = self.serve.http().unwrap().get("/readyz").unwrap();
        (answer.status, answer.body)
    }

    fn wait_ready(&self, status: u16, word: &str) {
        wait::until(&format!("{status} with {word:?}"), LIMIT, || {
            let (found, body) = self.readiness();
            Ok((found == status && body.contains(word)).then_some(()))
        })
        .unwrap();
    }

    fn metric(&self, name: &str) -> Option<String> {
        let answer = self.serve.http().unwrap().get("/metrics").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let line = answer
            .body
            .lines()
            .find(|line| line.starts_with(&format!("deskbell_{name} ")))?;
        line.split(' ').nth(1).map(str::to_owned)
    }

    /// The status of a click and what it is told.
    fn click(&self) -> (u16, Option<String>) {
        let body = json!({"skills": ["cameras"], "name": SHOPPER, "message": "new"});
        let answer = self
            .serve
            .http()
            .unwrap()
            .post("/v1/sites/shop/tickets", &body)
            .unwrap();
        (
            answer.status,
            answer.header("retry-after").map(str::to_owned),
        )
    }

    /// What shoppers said after their first words, as it is kept.
    fn kept(&self) -> Vec<String> {
        let exported = self.serve.run(&["export", "--name", SHOPPER]).unwrap();
        let exported: Value = serde_json::from_str(&exported).unwrap();
        let tickets = exported.get("tickets").and_then(Value::as_array).unwrap();
        let lines = tickets
            .iter()
            .flat_map(|ticket| ticket["lines"].as_array().unwrap());
        let said = lines.filter(|line| line["from"] == "shopper" && line["text"] != FIRST_WORDS);
        said.map(|line| line["text"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn configuration(durability: &str) -> String {
    format!(
        "[sip]\ndomain = \"shop.example\"\naliases = [\"127.0.0.1\"]\nlisten = [\"udp://127.0.0.1:0\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\
         [storage]\nurl = \"sqlite:deskbell.db\"\ndurability = \"{durability}\"\n\
         [[skill]]\nid = \"cameras\"\n[[site]]\nid = \"shop\"\n\
         [[rep]]\nid = \"alice\"\npassword = \"secret\"\nskills = {{ cameras = 90 }}\ncapacity = 3\n\
         [routing]\nqueue_limit = 10000\n"
    )
}

/// D1: no promise after the sync that failed, the process ends, and all that was promised before is there.
#[test]
fn a_sync_that_fails_ends_the_server_and_takes_no_promise_with_it() {
    for durability in ["behind", "strict"] {
        let Some(mut bench) = Bench::start(durability) else {
            return;
        };
        let ticket = bench.ask();
        let mut promised = Vec::new();
        for number in 0..5 {
            let text = format!("before {number}");
            ticket.say(&text, &text).unwrap();
            promised.push(text);
        }
        bench.disk.make("sync").unwrap();
        let began = Instant::now();
        assert!(ticket.say("after", "after").is_err());
        wait::until("the end of the server", LIMIT, || {
            Ok(bench.serve.check_alive().is_err().then_some(()))
        })
        .unwrap();
        println!("{durability}: ended after {:?}", began.elapsed());
        assert!(bench.serve.log().contains("journal failed"));
        bench.disk.make("").unwrap();
        bench.serve.restart().unwrap();
        let mut kept = bench.kept();
        // What was asked when the sync failed may be there: nobody was told either way.
        kept.retain(|text| text != "after");
        assert_eq!(kept, promised);
        println!("{}", bench.serve.run(&["verify"]).unwrap().trim());
    }
}

/// A sync that fails where no shopper waits for it ends the server as well.
#[test]
fn a_sync_that_fails_behind_an_answer_ends_the_server() {
    let Some(mut bench) = Bench::start("behind") else {
        return;
    };
    bench.disk.make("sync").unwrap();
    // Answered or not: the end may come before the answer.
    let answer = bench.alice.publish(Basic::Open, Activity::OnThePhone, 600);
    println!("{:?}", answer.map(|answer| answer.status_code.code()));
    wait::until("the end of the server", LIMIT, || {
        Ok(bench.serve.check_alive().is_err().then_some(()))
    })
    .unwrap();
    bench.disk.make("").unwrap();
    bench.serve.restart().unwrap();
}

/// D3: on a disk that fills up, what has begun goes on and nothing new begins; on a full one nothing is promised and
/// presence goes on; both are told, and both heal without a restart.
#[test]
fn a_disk_that_fills_up_is_told_and_heals_by_itself() {
    let Some(mut bench) = Bench::start("behind") else {
        return;
    };
    let reserve = bench.serve.folder().join("deskbell.db-reserve");
    wait::until("a reserve", LIMIT, || Ok(reserve.exists().then_some(()))).unwrap();
    let ticket = bench.ask();
    let mut promised = Vec::new();
    let mut say = |text: String| {
        let said = ticket.say(&text, &text);
        if said.is_ok() {
            promised.push(text);
        }
        said.is_ok()
    };
    for round in 0..2 {
        bench.wait_ready(200, "ready");
        assert_eq!(bench.metric("journal_disk_has_room").as_deref(), Some("1"));
        assert!(say(format!("ample {round}")));

        bench.disk.make("low").unwrap();
        bench.wait_ready(503, "nearly full");
        assert_eq!(bench.click(), (503, Some("60".to_owned())));
        assert!(say(format!("low {round}")));

        // The reserve goes, and the conversation goes on.
        bench.disk.make("full").unwrap();
        assert!(say(format!("full {round}")));
        assert!(!reserve.exists());
        bench.wait_ready(503, "nearly full");
        assert_eq!(bench.metric("journal_disk_has_room").as_deref(), Some("0"));
        assert_eq!(bench.metric("journal_sound").as_deref(), Some("1"));
        assert_eq!(bench.click().0, 503);

        bench.disk.make("brim").unwrap();
        assert!(!say(format!("brim {round}")));
        bench.wait_ready(503, "is full");
        assert_eq!(bench.metric("journal_sound").as_deref(), Some("0"));
        assert_eq!(bench.click().0, 503);
        bench.publish();
        bench.site.group("cameras", "standard").unwrap();

        bench.disk.make("").unwrap();
        let began = Instant::now();
        bench.wait_ready(200, "ready");
        println!("healed after {:?}", began.elapsed());
        assert!(reserve.exists());
        assert_eq!(bench.click().0, 201);
        assert!(say(format!("healed {round}")));
    }
    let kept = bench.kept();
    let lost: Vec<_> = promised
        .iter()
        .filter(|text| !kept.contains(text))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    println!("{}", bench.serve.run(&["verify"]).unwrap().trim());
}

/// R6: what waits for the disk is promised late, once, and never before it is there.
#[test]
fn a_slow_disk_makes_answers_late_and_no_promise_false() {
    let Some(mut bench) = Bench::start("strict") else {
        return;
    };
    let ticket = bench.ask();
    bench.disk.make("slow").unwrap();
    let began = Instant::now();
    for number in 0..3 {
        let text = format!("slow {number}");
        ticket.say(&text, &text).unwrap();
        let answer = bench.alice.refresh(600).unwrap();
        assert_eq!(answer.status_code.code(), 200);
    }
    // Six commits at least, each behind a sync of its own.
    assert!(
        began.elapsed() > Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    bench.serve.crash().unwrap();
    bench.disk.make("").unwrap();
    bench.serve.restart().unwrap();
    let answer = bench.alice.refresh(600).unwrap();
    assert_eq!(answer.status_code.code(), 200);
    assert_eq!(bench.kept(), ["slow 0", "slow 1", "slow 2"]);
}
