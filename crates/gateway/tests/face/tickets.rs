//! A click for help: identity, the body, refusals, and the ticket's own addresses.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD as STANDARD, BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use gateway::{Options, TokenKey, TokenVerifier};
use helpdesk::TicketState;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::world::{SECRET, World, soon};

const TICKETS: &str = "/v1/sites/shop/tickets";

#[tokio::test]
async fn a_click_makes_a_ticket() {
    let world = World::new().await;
    let body = r#"{"skills":["cameras"],"rep":"alice","name":" Ann ","phone":"+33 1","message":"Hi",
        "page":"https://shop.example/x100","lang":"en"}"#;
    let reply = world.post(TICKETS, body).send().await;
    let ticket = reply.json(201);
    let id = ticket["id"].as_str().unwrap();
    let token = ticket["token"].as_str().unwrap();
    assert_eq!((id.len(), token.len()), (26, 26));
    assert_ne!(id, token);
    assert_eq!(ticket["state"], "queued");
    assert_eq!(ticket["position"], 1);
    assert!(ticket["wait"].is_null());
    assert_eq!(ticket["ws"], format!("/v1/tickets/{id}/ws"));
    assert_eq!(ticket["events"], format!("/v1/tickets/{id}/events"));
    assert_eq!(reply.header("location"), format!("/v1/tickets/{id}"));
    assert_eq!(
        reply.header("set-cookie"),
        format!("deskbell-ticket={token}; HttpOnly; SameSite=Lax; Path=/v1/tickets/{id}")
    );
    assert_eq!(reply.header("cache-control"), "no-store");

    let ask = world.desk.asks().remove(0);
    assert_eq!(ask.ticket.as_str(), id);
    assert_eq!(ask.tier.as_str(), "standard");
    assert_eq!(ask.rep.unwrap().as_str(), "alice");
    assert_eq!(ask.name.as_deref(), Some("Ann"));
    assert_eq!(ask.phone.as_deref(), Some("+33 1"));
    assert_eq!(ask.message.as_deref(), Some("Hi"));
    assert_eq!(ask.page.as_deref(), Some("https://shop.example/x100"));
    assert_eq!(ask.language.as_deref(), Some("en"));
}

#[tokio::test]
async fn the_only_skill_of_a_site_need_not_be_named() {
    let world = World::new().await;
    let reply = world.post("/v1/sites/library/tickets", "{}").send().await;
    reply.json(201);
    assert_eq!(world.desk.asks()[0].skills[0].as_str(), "lenses");
    world.post(TICKETS, "{}").send().await.problem(422);
}

#[tokio::test]
async fn the_shops_token_proves_tier_name_and_rep() {
    let world = World::new().await;
    let token = signed(
        SECRET,
        Algorithm::HS256,
        json!({"sub":"42","name":"Ann Proven","tier":"gold","phone":"+33 2","rep":"bob","exp":soon_s(60)}),
    );
    let body = r#"{"skills":["cameras"],"name":"Typed"}"#;
    world
        .post(TICKETS, body)
        .bearer(&token)
        .send()
        .await
        .json(201);
    let ask = world.desk.asks().remove(0);
    assert_eq!(ask.tier.as_str(), "gold");
    assert_eq!(ask.name.as_deref(), Some("Ann Proven"));
    assert_eq!(ask.phone.as_deref(), Some("+33 2"));
    assert_eq!(ask.rep.unwrap().as_str(), "bob");
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_the_standard_tier() {
    let world = World::new().await;
    let gold = |exp: i64| json!({"tier":"gold","exp":exp});
    let hs256 = Algorithm::HS256;
    let valid = signed(SECRET, hs256, gold(soon_s(60)));
    let (head, signature) = valid.rsplit_once('.').unwrap();
    for (why, token) in [
        ("expired", signed(SECRET, hs256, gold(soon_s(-1)))),
        ("no expiry", signed(SECRET, hs256, json!({"tier":"gold"}))),
        (
            "not yet valid",
            signed(
                SECRET,
                hs256,
                json!({"tier":"gold","exp":soon_s(600),"nbf":soon_s(300)}),
            ),
        ),
        (
            "foreign",
            signed(b"another secret", hs256, gold(soon_s(60))),
        ),
        (
            "another algorithm",
            signed(SECRET, Algorithm::HS512, gold(soon_s(60))),
        ),
        ("no signature", format!("{head}.")),
        ("cut signature", format!("{head}.{}", &signature[1..])),
        (
            "none",
            format!(
                "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.",
                head.split('.').nth(1).unwrap()
            ),
        ),
        (
            "unknown tier",
            signed(SECRET, hs256, json!({"tier":"iron","exp":soon_s(60)})),
        ),
        (
            "wrong type",
            signed(SECRET, hs256, json!({"tier":["gold"],"exp":soon_s(60)})),
        ),
        ("rubbish", "x.y.z".to_owned()),
    ] {
        let body = r#"{"skills":["cameras"]}"#;
        world
            .post(TICKETS, body)
            .bearer(&token)
            .send()
            .await
            .json(201);
        let ask = world.desk.asks().pop().unwrap();
        assert_eq!(ask.tier.as_str(), "standard", "{why}");
    }
    let library = world.post("/v1/sites/library/tickets", "{}").bearer(&valid);
    library.send().await.json(201);
    let ask = world.desk.asks().pop().unwrap();
    assert_eq!(ask.tier.as_str(), "standard", "a site without a secret");
}

#[tokio::test]
async fn a_rep_of_the_token_who_has_left_is_no_hindrance() {
    let world = World::new().await;
    let token = signed(
        SECRET,
        Algorithm::HS256,
        json!({"rep":"nobody","exp":soon_s(60)}),
    );
    let body = r#"{"skills":["cameras"]}"#;
    world
        .post(TICKETS, body)
        .bearer(&token)
        .send()
        .await
        .json(201);
    let body = r#"{"skills":["cameras"],"rep":"nobody"}"#;
    let detail = world.post(TICKETS, body).send().await.problem(422);
    assert_eq!(detail, "No rep called nobody can help with this.");
}

#[tokio::test]
async fn a_refusal_says_why() {
    let world = World::new().await;
    let ask = async |skill: &str| {
        world
            .post(TICKETS, &format!(r#"{{"skills":["{skill}"]}}"#))
            .send()
            .await
    };
    let closed = ask("closed").await;
    assert!(closed.problem(409).contains("on duty"));
    assert_eq!(closed.json(409)["type"], "urn:deskbell:problem:closed");
    let full = ask("full").await;
    assert!(full.problem(503).contains("wait already"));
    assert_eq!(full.header("retry-after"), "60");
    assert_eq!(full.json(503)["type"], "urn:deskbell:problem:queue-full");
    assert!(ask("shoes").await.problem(422).contains("shoes"));
    let detail = world.post("/v1/sites/none/tickets", "{}").send().await;
    assert!(detail.problem(404).contains("none"));
}

#[tokio::test]
async fn a_click_whose_page_has_gone_leaves_no_ticket_waiting() {
    let world = World::new().await;
    let body = r#"{"skills":["cameras"],"name":"late"}"#;
    let click = tokio::spawn(world.post(TICKETS, body).send());
    let ask = soon(async {
        loop {
            if let Some(ask) = world.desk.asks().pop() {
                break ask;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.desk.state_of(&ask.ticket), TicketState::Queued);
    click.abort();
    soon(async {
        while world.desk.state_of(&ask.ticket) != TicketState::Closed {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused() {
    let world = World::new().await;
    let check = async |body: &str, status: u16, word: &str| {
        let detail = world.post(TICKETS, body).send().await.problem(status);
        assert!(detail.contains(word), "{body}: {detail}");
    };
    check("", 400, "JSON").await;
    check("{", 400, "JSON").await;
    check(&r#"{"skills":"#.repeat(6_000), 422, "fit").await;
    check(&"[".repeat(60_000), 422, "object").await;
    check(r#" [["cameras"]]"#, 422, "object").await;
    check("null", 422, "fit").await;
    check(r#"{"skills":"cameras"}"#, 422, "sequence").await;
    check(r#"{"skills":["cameras"],"tier":"gold"}"#, 422, "tier").await;
    check(r#"{"skills":["cameras"],"name":7}"#, 422, "string").await;
    let long = format!(r#"{{"skills":["cameras"],"name":"{}"}}"#, "x".repeat(81));
    check(&long, 422, "name").await;
    check(
        &format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000)),
        413,
        "65536",
    )
    .await;
    assert!(world.desk.asks().is_empty());

    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let call = world.client().call("POST", TICKETS);
        let call = call.header("content-type", content_type).body(b"{}");
        call.send().await.problem(415);
    }
    let packed = world.post(TICKETS, "{}").header("content-encoding", "gzip");
    packed.send().await.problem(415);
}

#[tokio::test]
async fn a_ticket_is_opened_by_its_token_only() {
    let world = World::new().await;
    let (mine, my_token) = world.ticket().await;
    let (other, other_token) = world.ticket().await;
    let path = format!("/v1/tickets/{mine}");

    let shown = world.get(&path).bearer(&my_token).send().await;
    let ticket = shown.json(200);
    assert_eq!(ticket["id"], mine.as_str());
    assert!(ticket.get("token").is_none());
    let cookie = format!("a=b; deskbell-ticket={my_token}");
    world
        .get(&path)
        .header("cookie", &cookie)
        .send()
        .await
        .json(200);

    for (method, tail, body) in [
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/events", None),
        (
            "POST",
            "/messages",
            Some(r#"{"type":"say","id":"1","text":"x"}"#),
        ),
        ("POST", "/messages", Some(r#"{"type":"typing"}"#)),
        ("POST", "/messages", Some(r#"{"type":"ack","seq":1}"#)),
        ("POST", "/messages", Some(r#"{"type":"end"}"#)),
        ("POST", "/rating", Some(r#"{"stars":1}"#)),
    ] {
        let stolen = [
            None,
            Some(other_token.as_str()),
            Some(mine.as_str()),
            Some(""),
        ];
        for token in stolen {
            let mut call = world.client().call(method, &format!("{path}{tail}"));
            if let Some(token) = token {
                call = call.bearer(token);
            }
            if let Some(body) = body {
                call = call.json(body);
            }
            call.send().await.problem(404);
        }
    }
    for id in ["x", "", &other.to_uppercase(), &"a".repeat(26), "%00"] {
        let call = world.get(&format!("/v1/tickets/{id}"));
        call.bearer(&my_token).send().await.problem(404);
    }
    assert!(world.desk.signs().is_empty() && world.desk.ratings().is_empty());
    world.get(&path).bearer(&my_token).send().await.json(200);
}

#[tokio::test]
async fn a_ticket_can_be_cancelled_and_rated() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let path = format!("/v1/tickets/{ticket}");
    let cancelled = world.client().call("DELETE", &path).bearer(&token);
    assert_eq!(cancelled.send().await.json(200)["state"], "closed");
    let rate = async |body: &str| {
        let call = world.post(&format!("{path}/rating"), body);
        call.bearer(&token).send().await
    };
    rate(r#"{"stars":5,"comment":" Good. "}"#).await.json(200);
    for wrong in [
        r#"{"stars":0}"#,
        r#"{"stars":6}"#,
        r#"{"stars":-1}"#,
        r#"{"stars":"5"}"#,
        r#"{}"#,
    ] {
        rate(wrong).await.problem(422);
    }
    assert_eq!(world.desk.ratings(), [(5, Some("Good.".to_owned()))]);
}

/// A key pair made for this test alone: `openssl genpkey -algorithm ed25519`.
const ED25519: &str = "MC4CAQAwBQYDK2VwBCIEIGuv0unocbckAjeX9h/vDjavZvyojcPhFjSxvDA9UmjO";
const ED25519_X: &str = "q32SWCRj6mbutbTHdF3Qsmc0YVTwCJbcQuNQWU-NizM";

#[tokio::test]
async fn a_shop_changes_its_keys_and_algorithm_without_a_gap() {
    let mut config = crate::world::config();
    let public: [u8; 32] = URL_SAFE_NO_PAD
        .decode(ED25519_X)
        .unwrap()
        .try_into()
        .unwrap();
    config.sites[0].token_keys.push(TokenKey {
        id: Some("2026-11".to_owned()),
        verifier: TokenVerifier::Ed25519(public),
    });
    let world = World::with(config, Options::default()).await;
    let tier_of = async |token: &str| {
        let body = r#"{"skills":["cameras"]}"#;
        world
            .post(TICKETS, body)
            .bearer(token)
            .send()
            .await
            .json(201);
        world.desk.asks().pop().unwrap().tier.as_str().to_owned()
    };
    let der = STANDARD.decode(ED25519).unwrap();
    let with = |algorithm, kid: Option<&str>, key: &EncodingKey, claims: serde_json::Value| {
        let header = Header {
            kid: kid.map(str::to_owned),
            ..Header::new(algorithm)
        };
        jsonwebtoken::encode(&header, &claims, key).unwrap()
    };
    let private = EncodingKey::from_ed_der(&der);
    let shared = EncodingKey::from_secret(SECRET);
    // Whoever knows the public key must not be able to sign with it as if it were a shared secret.
    let confused = EncodingKey::from_secret(&public);
    let gold = || json!({"tier":"gold","exp":soon_s(60)});
    let (eddsa, hs256) = (Algorithm::EdDSA, Algorithm::HS256);
    let for_site = |aud: &str| json!({"tier":"gold","exp":soon_s(60),"aud":aud});
    for (why, token, tier) in [
        (
            "by name",
            with(eddsa, Some("2026-11"), &private, gold()),
            "gold",
        ),
        (
            "without a name",
            with(eddsa, None, &private, gold()),
            "gold",
        ),
        ("the old key", with(hs256, None, &shared, gold()), "gold"),
        (
            "unknown name",
            with(eddsa, Some("../2026-11"), &private, gold()),
            "standard",
        ),
        (
            "another key's name",
            with(hs256, Some("2026-11"), &shared, gold()),
            "standard",
        ),
        (
            "confused",
            with(hs256, Some("2026-11"), &confused, gold()),
            "standard",
        ),
        (
            "for this site",
            with(eddsa, None, &private, for_site("shop")),
            "gold",
        ),
        (
            "for another site",
            with(eddsa, None, &private, for_site("library")),
            "standard",
        ),
        (
            "expired",
            with(
                eddsa,
                None,
                &private,
                json!({"tier":"gold","exp":soon_s(-1)}),
            ),
            "standard",
        ),
    ] {
        assert_eq!(tier_of(&token).await, tier, "{why}");
    }
}

fn signed(secret: &[u8], algorithm: Algorithm, claims: serde_json::Value) -> String {
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
}

fn soon_s(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() as i64 + seconds
}

#[tokio::test]
async fn a_click_sent_again_under_its_key_is_one_ticket() {
    let world = World::new().await;
    let click = async |key: &str, body: &str| {
        let call = world.post(TICKETS, body).header("idempotency-key", key);
        call.send().await
    };
    let (key, body) = ("a-key-that-nobody-guesses", r#"{"skills":["cameras"]}"#);
    let first = click(key, body).await;
    let ticket = first.json(201);
    let again = click(key, body).await;
    assert_eq!(again.json(201), ticket, "with the token that opens it");
    assert_eq!(again.header("idempotent-replayed"), "true");
    for name in ["location", "set-cookie"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!(world.desk.asks().len(), 1);
    click(key, r#"{"skills":["lenses"]}"#).await.problem(422);
    // A key is its caller's own: with another token of the shop it is another.
    let call = world.post(TICKETS, body).header("idempotency-key", key);
    let other = call.bearer("another").send().await.json(201);
    assert_ne!(other["id"], ticket["id"]);
    // Nobody hits on another shopper's key by chance.
    for short in ["1", "nineteen-characters"] {
        click(short, body).await.problem(422);
    }
    // What was refused may be tried again.
    let refused = "another-key-nobody-guesses";
    click(refused, r#"{"skills":["closed"]}"#)
        .await
        .problem(409);
    click(refused, body).await.json(201);
    assert_eq!(world.desk.asks().len(), 4);
}

#[tokio::test]
async fn a_click_under_way_is_not_made_twice() {
    let world = World::new().await;
    let click = |body: &str| {
        let call = world.post(TICKETS, body);
        call.header("idempotency-key", "a-key-that-nobody-guesses")
    };
    let late = r#"{"skills":["cameras"],"name":"late"}"#;
    let first = tokio::spawn(click(late).send());
    soon(async {
        while world.desk.asks().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let detail = click(late).send().await.problem(409);
    assert!(detail.contains("being done already"), "{detail}");
    assert_eq!(world.desk.asks().len(), 1);
    // Whoever gives up before the answer leaves the key free.
    first.abort();
    soon(async {
        let other = r#"{"skills":["cameras"]}"#;
        while click(other).send().await.status != 201 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn messages_and_ratings_are_taken_once_under_a_key() {
    let world = World::new().await;
    let key = "a-key-that-nobody-guesses";
    let left = r#"{"skills":["cameras"],"message":"ring me","phone":"+33123456789"}"#;
    let leave = || {
        let call = world.post("/v1/sites/shop/cases", left);
        call.header("idempotency-key", key)
    };
    let first = leave().send().await.json(201);
    assert_eq!(leave().send().await.json(201), first);
    assert_eq!(world.desk.cases().len(), 1);
    let (id, token) = world.ticket().await;
    let rate = |stars: u8| {
        let body = format!(r#"{{"stars":{stars}}}"#);
        let call = world.post(&format!("/v1/tickets/{id}/rating"), &body);
        call.bearer(&token).header("idempotency-key", key)
    };
    rate(4).send().await.json(200);
    rate(4).send().await.json(200);
    rate(5).send().await.problem(422);
    assert_eq!(world.desk.ratings().len(), 1);
    // Under the same key nobody else is shown the answer.
    let call = world.post(&format!("/v1/tickets/{id}/rating"), r#"{"stars":4}"#);
    call.header("idempotency-key", key)
        .send()
        .await
        .problem(404);
}
