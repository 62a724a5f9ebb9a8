//! The admin addresses: who gets in, and what is shown.

use std::sync::Arc;
use std::time::Instant;

use ::presence::{Document, PresentityId, Publish, Store, StoreConfig};
use gateway::{AdminFace, AdminKey, Options, Scope};

use crate::world::{World, config};

const ADDRESSES: [&str; 13] = [
    "/v1/admin/reps",
    "/v1/admin/groups",
    "/v1/admin/queue",
    "/v1/admin/sites",
    "/v1/admin/decisions",
    "/v1/admin/cases",
    "/v1/admin/decisions/t1",
    "/v1/admin/estimates",
    "/v1/admin/lines",
    "/v1/admin/trunks",
    "/v1/admin/presentities",
    "/v1/admin/presentities/alice",
    "/v1/admin/tickets",
];

pub(crate) async fn world(store: &Arc<Store>) -> World {
    let mut expired = AdminKey::new("old", "the-expired-key", &[Scope::Read]);
    expired.expires_unix_ms = Some(0);
    let mut config = config();
    config.admin = Some(AdminFace {
        keys: vec![
            AdminKey::new("wall", "the-reading-key", &[Scope::Read]),
            AdminKey::new("robot", "the-writing-key", &[Scope::Write]),
            expired,
        ],
        presentities: store.clone(),
        lines: tokio::sync::watch::Sender::default().subscribe(),
        trunks: tokio::sync::watch::Sender::new(Arc::from([])).subscribe(),
        webhooks: tokio::sync::mpsc::channel(1).0,
    });
    World::with(config, Options::default()).await
}

pub(crate) fn store() -> Arc<Store> {
    Arc::new(Store::new(StoreConfig::new([7; 16])))
}

#[tokio::test]
async fn without_a_configured_key_nobody_looks() {
    let world = World::new().await;
    for address in ADDRESSES {
        let call = world.get(address).header("authorization", "Bearer x");
        call.send().await.problem(404);
    }
}

#[tokio::test]
async fn only_a_valid_key_of_the_right_scope_looks() {
    let world = world(&store()).await;
    for address in ADDRESSES {
        let reply = world.get(address).send().await;
        assert_eq!(
            reply.header("www-authenticate"),
            "Bearer realm=\"deskbell\""
        );
        reply.problem(401);
        for (key, status) in [
            ("", 401),
            ("the-reading", 401),
            ("the-reading-key ", 200),
            ("the-expired-key", 401),
            ("the-writing-key", 403),
        ] {
            let bearer = format!("Bearer {key}");
            let reply = world
                .get(address)
                .header("authorization", &bearer)
                .send()
                .await;
            assert_eq!(reply.status, status, "{address} {key}");
        }
    }
}

#[tokio::test]
async fn a_case_is_listed_and_closed() {
    let world = world(&store()).await;
    let left = r#"{"skills":["cameras"],"name":"Zoe","email":"zoe@example.net","message":"The shutter sticks"}"#;
    let left = world
        .post("/v1/sites/shop/cases", left)
        .send()
        .await
        .json(201);
    let id = left["id"].as_str().unwrap();
    let list = async |query: &str| {
        let path = format!("/v1/admin/cases{query}");
        let call = world
            .get(&path)
            .header("authorization", "Bearer the-reading-key");
        call.send().await
    };
    let listed = list("?state=open&site=shop").await.json(200);
    let case = &listed["items"][0];
    assert_eq!(case["case"], id);
    assert_eq!(case["state"], "open");
    assert_eq!(case["reason"], "offline");
    assert_eq!(case["words"], "The shutter sticks\nEmail: zoe@example.net");
    assert_eq!(case["closed"], serde_json::Value::Null);
    for none in ["?state=closed", "?site=lab"] {
        assert_eq!(list(none).await.json(200)["items"], serde_json::json!([]));
    }
    list("?state=lost").await.problem(422);

    let close = async |key: &str, case: &str, body: &str| {
        let path = format!("/v1/admin/cases/{case}/close");
        world.post(&path, body).bearer(key).send().await
    };
    close("the-reading-key", id, "{}").await.problem(403);
    close("the-writing-key", "nowhere", "{}").await.problem(404);
    close("the-writing-key", id, r#"{"by":"alice"}"#)
        .await
        .problem(422);
    let closed = close("the-writing-key", id, r#"{"rep":"alice"}"#)
        .await
        .json(200);
    assert_eq!(
        (&closed["state"], &closed["closed_by"]),
        (&"closed".into(), &"alice".into())
    );
}

#[tokio::test]
async fn a_presentity_tells_its_sources_and_which_decided() {
    let store = store();
    let document = |text: &str| {
        let pidf = format!(
            r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@shop.example"><tuple id="a"><status><basic>open</basic></status><note>{text}</note></tuple></presence>"#
        );
        Document::read_pidf(pidf.as_bytes()).unwrap()
    };
    store
        .publish(
            &PresentityId::new("alice"),
            Publish::Initial {
                document: document("<b>here</b>".replace('<', "&lt;").as_str()),
                lifetime: None,
                publisher: None,
            },
            Instant::now(),
        )
        .unwrap();
    let world = world(&store).await;
    let get = async |path: &str| {
        let call = world
            .get(path)
            .header("authorization", "Bearer the-reading-key");
        call.send().await
    };
    let alice = get("/v1/admin/presentities/alice").await.json(200);
    assert_eq!(alice["state"], "available");
    assert_eq!(alice["decided_by"], "hand");
    assert_eq!(alice["note"], "<b>here</b>");
    assert_eq!(alice["sources"].as_array().unwrap().len(), 1);
    assert_eq!(alice["sources"][0]["decides"], true);
    let publication = &alice["sources"][0]["publication"];
    assert!(publication["expires_in_s"].as_f64().unwrap() > 200.0);
    let bob = get("/v1/admin/presentities/bob").await.json(200);
    assert_eq!(bob["state"], "offline");
    assert_eq!(bob["decided_by"], "nothing");
    get("/v1/admin/presentities/nobody").await.problem(404);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = world(&store()).await;
    let get = async |path: &str| {
        let call = world
            .get(path)
            .header("authorization", "Bearer the-reading-key");
        call.send().await
    };
    let first = get("/v1/admin/reps?limit=2").await.json(200);
    assert_eq!(first["items"][0]["rep"], "alice");
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first["next"], "bob");
    let second = get("/v1/admin/reps?limit=2&after=bob").await.json(200);
    assert_eq!(second["items"][0]["rep"], "carol");
    assert!(second["next"].is_null());
    for bad in ["limit=0", "limit=1001", "limit=x"] {
        get(&format!("/v1/admin/reps?{bad}")).await.problem(422);
    }
}

#[tokio::test]
async fn tickets_of_the_past_come_in_pages_without_gap_or_double() {
    let world = world(&store()).await;
    let get = async |path: &str| {
        let call = world
            .get(path)
            .header("authorization", "Bearer the-reading-key");
        call.send().await
    };
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/admin/tickets?since=1970-01-01T00:00:02Z&limit=2{after}");
        let page = get(&path).await.json(200);
        for item in page["items"].as_array().unwrap() {
            seen.push(item["ticket"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["t2", "t3", "t4", "t5"]);
    let first = get("/v1/admin/tickets?limit=1").await.json(200);
    assert_eq!(first["items"][0]["opened"], "1970-01-01T00:00:01Z");
    assert_eq!(first["items"][0]["ended"], "1970-01-01T00:00:01.5Z");
    for bad in ["limit=0", "limit=1001", "since=yesterday", "after=x"] {
        get(&format!("/v1/admin/tickets?{bad}")).await.problem(422);
    }
}

#[tokio::test]
async fn a_customer_is_exported_by_whatever_is_known() {
    let world = world(&store()).await;
    let ask = async |key: &str, body: &str| {
        let call = world.post("/v1/admin/customers/export", body);
        call.header("authorization", key).send().await
    };
    let key = "Bearer the-reading-key";
    let found = ask(key, r#"{"tickets":["t1"]}"#).await.json(200);
    assert_eq!(found["tickets"][0]["id"], "t1");
    assert_eq!(found["cases"], serde_json::json!([]));
    ask(key, "{}").await.problem(422);
    ask("Bearer x", r#"{"name":"Zoe"}"#).await.problem(401);
}

#[tokio::test]
async fn a_customer_is_erased_in_one_call_by_a_key_that_may_write() {
    let world = world(&store()).await;
    let ask = async |key: &str, body: &str| {
        let call = world.post("/v1/admin/customers/erase", body);
        call.bearer(key).send().await
    };
    let found = ask("the-writing-key", r#"{"tickets":["t1","t2"]}"#)
        .await
        .json(200);
    assert_eq!(found, serde_json::json!({"tickets": 2, "cases": 1}));
    let open = ask("the-writing-key", r#"{"tickets":["t1","open"]}"#).await;
    open.problem(409);
    ask("the-writing-key", "{}").await.problem(422);
    ask("the-reading-key", r#"{"tickets":["t1"]}"#)
        .await
        .problem(403);
    ask("x", r#"{"tickets":["t1"]}"#).await.problem(401);
}

#[tokio::test]
async fn a_rep_shows_pause_and_calls() {
    let world = world(&store()).await;
    let call = world.get("/v1/admin/reps").bearer("the-reading-key");
    let reps = call.send().await.json(200);
    let [alice, bob, carol] = [0, 1, 2].map(|place| &reps["items"][place]);
    assert_eq!(alice["paused"], false);
    assert!(alice["paused_for_s"].is_null());
    assert_eq!(alice["on_calls"], 0);
    assert_eq!(bob["paused"], true);
    assert_eq!(bob["paused_for_s"], 600);
    assert_eq!(carol["paused"], true, "until the rep says so");
    assert!(carol["paused_for_s"].is_null());
    assert_eq!(carol["on_calls"], 2);
}

#[tokio::test]
async fn a_decision_tells_its_reasons_and_estimates_their_score() {
    let world = world(&store()).await;
    let get = async |path: &str| {
        let call = world.get(path).bearer("the-reading-key");
        call.send().await
    };
    let told = get("/v1/admin/decisions/t1").await.json(200);
    let decision = &told["decisions"][0];
    assert_eq!(decision["outcome"], "offered");
    assert_eq!(decision["rep"], "alice");
    assert_eq!(decision["candidates"][0]["standing"], "ready");
    assert_eq!(decision["others"][0]["standing"], "other-tier");
    let reasons = decision["reasons"].as_array().unwrap();
    assert!(reasons[0].as_str().unwrap().starts_with("Offered to alice"));
    assert!(reasons[1].as_str().unwrap().contains("level 60"));
    get("/v1/admin/decisions/t2").await.problem(404);

    let told = get("/v1/admin/estimates").await.json(200);
    assert_eq!(told["total"]["by_length"], 2);
    assert_eq!(told["total"]["bias_s"], -2.0);
    assert_eq!(told["total"]["mse_s2"], 16.0);
    assert_eq!(told["groups"][0]["coverage_80"], 0.75);
}

#[tokio::test]
async fn metrics_tell_how_promises_were_kept() {
    let world = World::new().await;
    let text = world.get("/metrics").send().await;
    for line in [
        r#"deskbell_estimate_promised_total{skill="cameras",tier="gold"} 5"#,
        r#"deskbell_estimate_by_length_total{skill="cameras",tier="gold"} 2"#,
        r#"deskbell_estimate_coverage{skill="cameras",tier="gold"} 0.75"#,
        r#"deskbell_estimate_bias_seconds{skill="cameras",tier="gold"} -2.0"#,
    ] {
        assert!(text.text().contains(line), "{line}\n{}", text.text());
    }
}

#[tokio::test]
async fn who_has_the_newest_answer_is_told_so_in_a_line() {
    let world = world(&store()).await;
    let get = async |path: &str, tag: &str| {
        let call = world.get(path).bearer("the-reading-key");
        call.header("if-none-match", tag).send().await
    };
    // Bob's pause runs out in the double and never does.
    let steady = ADDRESSES.map(|address| match address {
        "/v1/admin/reps" => "/v1/admin/reps?presence=available",
        other => other,
    });
    for address in steady {
        let first = get(address, "\"another\"").await;
        assert_eq!(first.status, 200, "{address}");
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{address}: {tag}");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        for known in [tag.as_str(), &format!("\"a\", {tag}"), "*"] {
            let again = get(address, known).await;
            assert_eq!(again.status, 304, "{address} {known}");
            assert_eq!(again.header("etag"), tag, "{address}");
            assert!(again.body.is_empty(), "{address}");
        }
    }
    // A tag is no way in.
    let call = world.get("/v1/admin/reps").bearer("the-writing-key");
    call.header("if-none-match", "*").send().await.problem(403);
    let before = get("/v1/admin/groups", "").await.header("etag").to_owned();
    world.desk.show(9, 1);
    let after = get("/v1/admin/groups", &before).await;
    assert_eq!(after.status, 200, "something has changed");
    assert_ne!(after.header("etag"), before);
}

#[tokio::test]
async fn lists_show_what_is_asked_for_and_a_misspelt_filter_is_a_mistake() {
    let world = world(&store()).await;
    let get = async |path: &str| {
        let call = world.get(&format!("/v1/admin/{path}"));
        call.bearer("the-reading-key").send().await
    };
    for (path, list, name, expected) in [
        ("reps", "items", "rep", "alice bob carol"),
        ("reps?skill=nothing", "items", "rep", ""),
        (
            "presentities?state=offline",
            "items",
            "rep",
            "alice bob carol",
        ),
        (
            "presentities?state=offline&decided_by=hand",
            "items",
            "rep",
            "",
        ),
        ("presentities?limit=1&after=alice", "items", "rep", "bob"),
        ("groups?site=shop", "items", "site", "shop"),
        ("groups?site=shop&tier=nothing", "items", "site", ""),
        ("sites", "items", "site", "shop library"),
        ("sites?skill=cameras", "items", "site", "shop"),
        ("sites?limit=1&after=shop", "items", "site", "library"),
        ("decisions", "items", "ticket", "t1 t2 t3"),
        ("decisions?limit=1&after=t1", "items", "ticket", "t2"),
        ("decisions?after=t3", "items", "ticket", ""),
        (
            "decisions?outcome=offered&rep=alice&limit=2",
            "items",
            "ticket",
            "t1 t2",
        ),
        ("decisions?outcome=waits", "items", "ticket", ""),
        ("decisions?rep=bob", "items", "ticket", ""),
        (
            "decisions?since=2000-01-01T00:00:00Z",
            "items",
            "ticket",
            "",
        ),
        ("estimates?tier=gold", "groups", "group", "cameras.gold"),
        ("estimates?tier=standard", "groups", "group", ""),
        ("queue?site=shop&state=open", "items", "ticket", ""),
        ("lines?standing=lost", "items", "rep", ""),
    ] {
        let told = get(path).await.json(200);
        let items = told[list].as_array().unwrap().iter();
        let names: Vec<&str> = items.map(|item| item[name].as_str().unwrap()).collect();
        assert_eq!(names.join(" "), expected, "{path}");
    }
    let decided = get("decisions?limit=1").await.json(200);
    assert_eq!(decided["items"][0]["decisions"], 2);
    assert_eq!(decided["items"][0]["latest"]["outcome"], "offered");
    assert_eq!(decided["next"], "t1");
    for wrong in [
        "reps?presence=asleep",
        "reps?free=perhaps",
        "reps?skil=cameras",
        "queue?state=closed",
        "groups?state=open",
        "presentities?decided_by=me",
        "sites?site=shop",
        "decisions?outcome=lost",
        "decisions?since=yesterday",
        "estimates?limit=0",
        "lines?standing=up",
        "tickets?untl=2000-01-01T00:00:00Z",
    ] {
        get(wrong).await.problem(422);
    }
}
