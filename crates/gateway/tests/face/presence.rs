//! Presence as JSON: selection, entity-tags, and what is not there.

use crate::world::World;

#[tokio::test]
async fn presence_shows_the_groups_of_the_site() {
    let world = World::new().await;
    let reply = world.get("/v1/sites/shop/presence").send().await;
    let presence = reply.json(200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(presence["site"], "shop");
    assert_eq!(presence["version"], 1);
    assert_eq!(presence["at"], "2026-01-01T12:00:00Z");
    assert_eq!(presence["groups"].as_array().unwrap().len(), 4);
    assert_eq!(presence["groups"][0]["available"], 2);
    assert!(presence["groups"][0]["wait"].is_null());
}

#[tokio::test]
async fn presence_can_be_asked_for_one_skill_and_tier() {
    let world = World::new().await;
    let check = async |query: &str, groups: usize| {
        let reply = world
            .get(&format!("/v1/sites/shop/presence{query}"))
            .send()
            .await;
        let count = reply.json(200)["groups"].as_array().unwrap().len();
        assert_eq!(count, groups, "{query}");
    };
    check("?skill=cameras", 2).await;
    check("?tier=gold", 2).await;
    check("?skill=cameras&tier=gold", 1).await;
    check("?skill=&tier=", 4).await;
}

#[tokio::test]
async fn presence_of_something_unknown_is_not_found() {
    let world = World::new().await;
    let check = async |path: &str, name: &str| {
        for tail in ["presence", "presence/events", "fragment", "badge.svg"] {
            let path = path.replace("TAIL", tail);
            let detail = world.get(&path).send().await.problem(404);
            assert!(detail.contains(name), "{path}: {detail}");
        }
    };
    check("/v1/sites/none/TAIL", "none").await;
    check("/v1/sites/shop/TAIL?skill=shoes", "shoes").await;
    check("/v1/sites/shop/TAIL?tier=iron", "iron").await;
    check("/v1/sites/library/TAIL?skill=cameras", "cameras").await;
}

#[tokio::test]
async fn an_unchanged_presence_is_not_sent_again() {
    let world = World::new().await;
    let get = async |etag: &str| {
        world
            .get("/v1/sites/shop/presence")
            .header("if-none-match", etag)
            .send()
            .await
    };
    let first = get("\"other\"").await;
    assert_eq!(first.status, 200);
    let etag = first.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");

    let second = get(etag).await;
    assert_eq!(second.status, 304);
    assert!(second.body.is_empty());
    assert_eq!(second.header("etag"), etag);
    assert_eq!(
        second.header("cache-control"),
        "public, max-age=1, stale-while-revalidate=5"
    );

    world.desk.show(2, 0);
    let third = get(etag).await;
    assert_eq!(third.json(200)["version"], 2);
    assert_ne!(third.header("etag"), etag);
}

/// The second time it is ready; nobody can tell, and what differs is not mixed up.
#[tokio::test]
async fn what_is_asked_again_is_answered_as_the_first_time() {
    const PATH: &str = "/v1/sites/shop/presence";
    let world = World::new().await;
    let get = async |path: &str, origin: Option<&str>| {
        let call = world.get(path);
        match origin {
            Some(origin) => call.header("origin", origin).send().await,
            None => call.send().await,
        }
    };
    let listed = Some("https://shop.example");
    for version in [1, 2] {
        if version > 1 {
            world.desk.show(version, 0);
        }
        for (path, origin) in [
            (PATH, None),
            (PATH, listed),
            (PATH, Some("https://evil.example")),
            ("/v1/sites/shop/presence?tier=gold", listed),
        ] {
            let first = get(path, origin).await;
            let second = get(path, origin).await;
            assert_eq!(first.json(200)["version"], version, "{path} {origin:?}");
            assert_eq!(second.body, first.body, "{path} {origin:?}");
            let mut headers = [first.headers, second.headers];
            for headers in &mut headers {
                headers.remove("date");
            }
            assert_eq!(headers[0], headers[1], "{path} {origin:?}");
            let allowed = headers[1].get("access-control-allow-origin");
            let allowed = allowed.map(|allowed| allowed.to_str().unwrap());
            assert_eq!(allowed, origin.filter(|_| origin == listed), "{path}");
        }
    }
    let figures = world.get("/metrics").send().await;
    let figures = figures.text();
    let counted = r#"deskbell_http_requests_total{method="GET",route="/v1/sites/{site}/presence",class="2xx"} 16"#;
    assert!(figures.contains(counted), "{figures}");
}

/// What carries the state without a script may be kept by whoever stands between, and asked for again by its tag.
#[tokio::test]
async fn fragment_and_badge_are_kept_for_seconds_and_asked_for_by_their_tag() {
    let world = World::new().await;
    for (version, available, path) in [
        (2, 0, "/v1/sites/shop/fragment?skill=cameras"),
        (3, 1, "/v1/sites/shop/badge.svg?skill=cameras"),
    ] {
        let get = async |etag: &str| world.get(path).header("if-none-match", etag).send().await;
        let first = get("\"other\"").await;
        assert_eq!(first.status, 200, "{path}");
        let etag = first.header("etag");
        let second = get(etag).await;
        assert_eq!((second.status, second.body.len()), (304, 0), "{path}");
        for reply in [&first, &second] {
            assert_eq!(
                reply.header("cache-control"),
                "public, max-age=5, stale-while-revalidate=30",
                "{path}"
            );
        }
        world.desk.show(version, available);
        let third = get(etag).await;
        assert_eq!(third.status, 200, "{path}");
        assert_ne!(third.header("etag"), etag, "{path}");
    }
}

#[tokio::test]
async fn a_replaced_configuration_holds_from_the_next_request_on() {
    let world = World::new().await;
    let mut config = crate::world::config();
    config.sites.retain(|site| site.id.as_str() == "library");
    world.config.replace(config);
    world
        .get("/v1/sites/shop/presence")
        .send()
        .await
        .problem(404);
    world
        .get("/v1/sites/library/presence")
        .send()
        .await
        .json(200);
}
