//! Attacks that other help desks have fallen to, tried here; `docs/security-tests.md` names each by its row.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::sockets::{connect, next, send};
use crate::world::{SECRET, World};

const TICKETS: &str = "/v1/sites/shop/tickets";

/// H4: a frame of nested JSON is an error, whatever its depth, and the conversation goes on.
#[tokio::test]
async fn nested_frames_end_nothing() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    next(&mut socket).await;
    for depth in [1, 32, 127, 128, 1_000, 10_000, 60_000] {
        for frame in [
            "[".repeat(depth),
            format!(r#"{{"type":"say","id":"1","text":{}"#, "[".repeat(depth)),
            format!("{}1{}", "[".repeat(depth / 2), "]".repeat(depth / 2)),
            r#"{"a":"#.repeat(depth.min(10_000)),
        ] {
            send(&mut socket, &frame).await;
            assert_eq!(next(&mut socket).await["type"], "error", "{depth}");
            // One that is taken between them, or the peer counts as broken.
            let said = format!(r#"{{"type":"open","token":"{token}"}}"#);
            send(&mut socket, &said).await;
        }
    }
    send(&mut socket, r#"{"type":"say","id":"9","text":"alive"}"#).await;
    assert_eq!(next(&mut socket).await["text"], "alive");
}

/// C5, H5: the id of another shopper's ticket opens nothing, by whatever way it is named.
#[tokio::test]
async fn ids_of_others_open_nothing() {
    let world = World::new().await;
    let mut tickets = Vec::new();
    for number in 0..20 {
        let body = r#"{"skills":["cameras"]}"#;
        let reply = world
            .post(TICKETS, body)
            .header("x-forwarded-for", &format!("198.51.100.{number}"));
        let ticket = reply.send().await.json(201);
        let text = |name: &str| ticket[name].as_str().unwrap().to_owned();
        let (id, token) = (text("id"), text("token"));
        world.desk.rep_says(&id, &format!("canary of {id}"));
        tickets.push((id, token));
    }
    let mut tried = 0;
    for (id, _) in &tickets {
        for (other, token) in tickets.iter().filter(|(other, _)| other != id) {
            let path = format!("/v1/tickets/{id}");
            let cookie = format!("deskbell-ticket={token}");
            let replies = [
                world.get(&path).bearer(token).send().await,
                world
                    .get(&format!("{path}/messages"))
                    .bearer(token)
                    .send()
                    .await,
                world
                    .get(&format!("{path}/messages?after=0"))
                    .header("cookie", &cookie)
                    .send()
                    .await,
            ];
            for reply in replies {
                tried += 1;
                reply.problem(404);
                assert!(!reply.text().contains("canary"), "{other} reads {id}");
            }
        }
    }
    assert_eq!(tried, 20 * 19 * 3);
    // The owners still read their own.
    for (id, token) in &tickets {
        let poll = world
            .get(&format!("/v1/tickets/{id}/messages"))
            .bearer(token);
        assert!(
            poll.send()
                .await
                .text()
                .contains(&format!("canary of {id}"))
        );
    }
}

/// C6: where a text is wanted, nothing else is taken.
#[tokio::test]
async fn only_texts_are_texts() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let asked = world.desk.asks().len();
    let others = [
        json!({}),
        json!({"$ne": ""}),
        json!([]),
        json!(["x"]),
        json!(1),
        json!(true),
    ];
    let fields = [
        "rep", "prefer", "name", "phone", "message", "page", "lang", "email",
    ];
    for other in &others {
        for field in fields {
            let body = json!({"skills": ["cameras"], field: other}).to_string();
            for path in [TICKETS, "/v1/sites/shop/cases"] {
                world.post(path, &body).send().await.problem(422);
            }
        }
        for field in ["type", "id", "text"] {
            let mut frame = json!({"type": "say", "id": "1", "text": "x"});
            frame[field] = other.clone();
            let path = format!("/v1/tickets/{ticket}/messages");
            let call = world.post(&path, &frame.to_string()).bearer(&token);
            call.send().await.problem(422);
        }
        let body = json!({"stars": 5, "comment": other}).to_string();
        let path = format!("/v1/tickets/{ticket}/rating");
        world
            .post(&path, &body)
            .bearer(&token)
            .send()
            .await
            .problem(422);
    }
    assert_eq!(world.desk.asks().len(), asked);
    assert!(world.desk.ratings().is_empty() && world.desk.cases().is_empty());
}

/// C7: a tier is the one of this very name, and of no name that looks like it.
#[tokio::test]
async fn a_tier_that_looks_alike_is_another() {
    let world = World::new().await;
    let tier_of = async |tier: &str| {
        let claims = json!({"tier": tier, "exp": 4_000_000_000_u64});
        let key = EncodingKey::from_secret(SECRET);
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        let call = world
            .post(TICKETS, r#"{"skills":["cameras"]}"#)
            .bearer(&token);
        let call = call.header("x-forwarded-for", &format!("198.51.100.{}", tier.len()));
        call.send().await.json(201);
        world.desk.asks().pop().unwrap().tier.as_str().to_owned()
    };
    assert_eq!(tier_of("gold").await, "gold");
    for alike in [
        "Gold",
        "GOLD",
        "gold ",
        " gold",
        "gold\0",
        "gold\n",
        "golds",
        "gol",
        "g0ld",
        "gоld",
        "ｇold",
        "go\u{200b}ld",
        "gold,standard",
        "",
        "*",
    ] {
        assert_eq!(tier_of(alike).await, "standard", "{alike:?}");
    }
}

/// H8: sixty tokens that prove nothing, beside those of `tickets`.
#[tokio::test]
async fn tokens_that_prove_nothing_are_ordinary_shoppers() {
    let world = World::new().await;
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"tier": "gold", "exp": 4_000_000_000_u64, "name": "Mallory"});
    let key = EncodingKey::from_secret(SECRET);
    let good = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut bad = vec![
        String::new(),
        "..".to_owned(),
        ".".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{good}."),
        format!("{good}.x"),
        format!("{signed}.{}", &signature[..signature.len() - 2]),
        "x".repeat(7_000),
    ];
    for algorithm in [
        "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", "",
    ] {
        for header in [
            json!({"alg": algorithm}),
            json!({"alg": algorithm, "kid": "../../etc/passwd"}),
            json!({"alg": algorithm, "jku": "https://evil.example/jwks"}),
        ] {
            bad.push(format!("{}.{}.{signature}", part(&header), part(&claims)));
            bad.push(format!("{}.{}.", part(&header), part(&claims)));
        }
    }
    let long = json!({"tier": "gold", "exp": 4_000_000_000_u64, "name": "x".repeat(9_000)});
    bad.push(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &long, &key).unwrap());
    assert!(bad.len() >= 60, "{}", bad.len());
    for (number, token) in bad.iter().enumerate() {
        let call = world
            .post(TICKETS, r#"{"skills":["cameras"]}"#)
            .bearer(token);
        let source = format!("198.51.100.{}", number % 200);
        let reply = call.header("x-forwarded-for", &source).send().await;
        reply.json(201);
        let ask = world.desk.asks().pop().unwrap();
        assert_eq!((ask.tier.as_str(), ask.name), ("standard", None), "{token}");
    }
}

/// C3, H21: files are out of scope, packed bodies too, and both are told so.
#[tokio::test]
async fn uploads_and_packed_bodies_are_refused_in_words() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let paths = [
        TICKETS.to_owned(),
        format!("/v1/tickets/{ticket}/messages"),
        "/v1/sites/shop/cases".to_owned(),
    ];
    for path in &paths {
        for content_type in [
            "multipart/form-data; boundary=x",
            "image/svg+xml",
            "application/zip",
            "application/octet-stream",
        ] {
            let call = world.client().call("POST", path).bearer(&token);
            let call = call
                .header("content-type", content_type)
                .body(b"--x\r\n\r\n<svg onload=alert(1)>\r\n--x--");
            assert!(call.send().await.problem(415).contains("application/json"));
        }
        for packing in ["gzip", "br", "deflate", "zstd"] {
            let call = world.post(path, "{}").bearer(&token);
            call.header("content-encoding", packing)
                .send()
                .await
                .problem(415);
        }
    }
}
