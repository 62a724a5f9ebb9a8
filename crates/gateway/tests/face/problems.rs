//! Every route with every method: problems for what it does not take, and the headers of every answer.

use tokio::sync::broadcast;

use crate::client::{Reply, header};
use crate::world::{World, config};

/// Path, and the methods it takes; `T` stands for a ticket.
const ROUTES: &[(&str, &str)] = &[
    ("/v1/sites/shop/presence", "GET,HEAD"),
    ("/v1/sites/shop/presence/events", "GET,HEAD"),
    ("/v1/sites/shop/fragment", "GET,HEAD"),
    ("/v1/sites/shop/badge.svg", "GET,HEAD"),
    ("/v1/sites/shop/tickets", "POST"),
    ("/v1/sites/shop/form", "GET,HEAD"),
    ("/v1/sites/shop/me", "GET,HEAD,DELETE"),
    ("/v1/sites/shop/cases", "POST"),
    ("/v1/tickets/T", "GET,HEAD,DELETE"),
    ("/v1/tickets/T/rating", "POST"),
    ("/v1/tickets/T/messages", "GET,HEAD,POST"),
    ("/v1/tickets/T/events", "GET,HEAD"),
    ("/v1/tickets/T/ws", "GET,HEAD"),
    ("/widget.js", "GET,HEAD"),
    ("/conversation.js", "GET,HEAD"),
    ("/rating.js", "GET,HEAD"),
    ("/", "GET,HEAD"),
    ("/storefront.css", "GET,HEAD"),
    ("/storefront.js", "GET,HEAD"),
    ("/demo/token", "GET,HEAD"),
    ("/demo/events", "GET,HEAD"),
    ("/healthz", "GET,HEAD"),
    ("/readyz", "GET,HEAD"),
    ("/metrics", "GET,HEAD"),
];

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY",
];

#[tokio::test]
async fn every_route_answers_every_method_in_form() {
    for world in [World::new().await, demo_world().await] {
        for (path, allowed) in ROUTES {
            for method in METHODS {
                check(&world, method, path, allowed).await;
            }
        }
    }
}

async fn check(world: &World, method: &str, path: &str, allowed: &str) {
    let ticket = "a".repeat(26);
    let call = world.client().call(method, &path.replace('T', &ticket));
    let mut events = call.open().await;
    let what = format!("{method} {path}: {}", events.status);
    check_headers(&events.headers, &what);
    let is_allowed = allowed.split(',').any(|allowed| allowed == method);
    assert_eq!(events.status == 405, !is_allowed, "{what}");
    if events.status == 405 {
        let mut allow: Vec<&str> = header(&events.headers, "allow").split(',').collect();
        let mut expected: Vec<&str> = allowed.split(',').collect();
        allow.sort_unstable();
        expected.sort_unstable();
        assert_eq!(allow, expected, "{what}");
    }
    if events.status < 400 {
        return;
    }
    assert_eq!(
        header(&events.headers, "content-type"),
        "application/problem+json",
        "{what}"
    );
    if method != "HEAD" {
        let text = events.rest().await;
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["status"], events.status, "{what}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].is_string(), "{what} has no {member}");
        }
    }
}

fn check_headers(headers: &http::HeaderMap, what: &str) {
    for (name, value) in [
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        (
            "permissions-policy",
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        ),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(header(headers, name), value, "{what}");
    }
    let policy = header(headers, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{what}: {policy}");
    assert!(
        policy.contains("frame-ancestors 'none'"),
        "{what}: {policy}"
    );
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    assert!(headers.contains_key("cache-control"), "{what}");
    assert!(
        headers.contains_key("cross-origin-resource-policy"),
        "{what}"
    );
    assert!(!headers.contains_key("server"), "{what}");
    assert!(!headers.contains_key("x-powered-by"), "{what}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let world = World::new().await;
    let get = async |path: &str| -> Reply { world.get(path).send().await };
    for path in [
        "/nothing",
        "/v1",
        "/v1/sites",
        "/v1/sites/shop",
        "/v1/sites/shop/presence/",
        "/v1/sites//presence",
        "/v1/sites/sh%6Fp%2Fx/presence",
        "/v1/tickets",
        "/../etc/passwd",
        "/storefront/index.html",
    ] {
        get(path).await.problem(404);
    }
    get("/v1/sites/%FF/presence").await.problem(400);
    get("/v1/sites/shop/presence?skill=%FF").await.problem(404);
    get("/v1/tickets/x/events?after=x").await.problem(404);
    for (path, words) in [
        ("/", "no such page"),
        ("/storefront.js", "no such page"),
        ("/demo/token?tier=gold", "Only the demo"),
        ("/demo/events", "Only the demo"),
    ] {
        let detail = get(path).await.problem(404);
        assert!(detail.contains(words), "{path}: {detail}");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_and_ask() {
    let world = World::new().await;
    let path = "/v1/sites/shop/tickets";
    let preflight = async |path: &str, origin: &str| {
        world
            .client()
            .call("OPTIONS", path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
            .await
    };
    let allowed = preflight(path, "https://shop.example").await;
    assert_eq!(allowed.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://shop.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, HEAD, POST, DELETE"),
        ("vary", "origin"),
    ] {
        assert_eq!(allowed.header(name), value);
    }
    assert!(
        allowed
            .header("access-control-allow-headers")
            .contains("authorization")
    );

    let foreign = preflight(path, "https://library.example").await;
    foreign.problem(403);
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    assert_eq!(
        preflight("/v1/tickets/x/messages", "https://library.example")
            .await
            .status,
        204
    );

    let ask = async |origin: &str| {
        let call = world.post(path, r#"{"skills":["cameras"]}"#);
        call.header("origin", origin).send().await
    };
    let listed = ask("https://shop.example").await;
    listed.json(201);
    assert_eq!(
        listed.header("access-control-allow-origin"),
        "https://shop.example"
    );
    assert!(
        listed
            .header("access-control-expose-headers")
            .contains("location")
    );
    let own = format!("http://{}", world.address);
    ask(&own).await.json(201);
    for foreign in ["null", "https://evil.example", "https://library.example"] {
        ask(foreign).await.problem(403);
    }
    assert_eq!(world.desk.asks().len(), 2);

    let read = async |origin: &str| {
        let call = world.get("/v1/sites/shop/presence");
        let reply = call.header("origin", origin).send().await;
        reply.json(200);
        assert_eq!(reply.header("vary"), "origin");
        reply.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(read("https://shop.example").await, "https://shop.example");
    assert_eq!(read("https://evil.example").await, "");
}

#[tokio::test]
async fn a_change_that_rests_on_the_cookie_has_to_say_its_origin() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let path = format!("/v1/tickets/{ticket}");
    let cookie = format!("deskbell-ticket={token}");
    let own = format!("http://{}", world.address);
    let check = async |headers: &[(&str, &str)], status: u16| {
        let mut call = world.post(&format!("{path}/messages"), r#"{"type":"ack","seq":1}"#);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        assert_eq!(call.send().await.status, status, "{headers:?}");
    };
    check(&[("cookie", &cookie)], 403).await;
    check(
        &[("cookie", &cookie), ("origin", "https://evil.example")],
        403,
    )
    .await;
    check(
        &[("cookie", &cookie), ("sec-fetch-site", "cross-site")],
        403,
    )
    .await;
    check(&[("cookie", &cookie), ("sec-fetch-site", "same-site")], 403).await;
    check(&[("cookie", &cookie), ("sec-fetch-site", "none")], 403).await;
    check(
        &[("cookie", &cookie), ("sec-fetch-site", "same-origin")],
        202,
    )
    .await;
    check(&[("cookie", &cookie), ("origin", &own)], 202).await;
    let bearer = format!("Bearer {token}");
    check(&[("authorization", &bearer)], 202).await;
}

async fn demo_world() -> World {
    let mut config = config();
    config.demo = Some(gateway::DemoFace {
        events: broadcast::channel(16).0,
    });
    World::with(config, gateway::Options::default()).await
}
