//! What pages embed or show: fragment, badge, scripts, and the demo's own pages.

use gateway::{DemoEvent, DemoFace, Options};
use tokio::sync::broadcast;

use crate::world::{World, config};

#[tokio::test]
async fn the_fragment_is_one_safe_element() {
    let world = World::new().await;
    let reply = world
        .get("/v1/sites/shop/fragment?skill=cameras&lang=fi")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("content-language"), "en");
    assert!(
        reply
            .header("cache-control")
            .starts_with("public, max-age=5")
    );
    assert_eq!(
        reply.text(),
        concat!(
            r#"<span class="deskbell" lang="en" dir="ltr" data-site="shop" data-skill="cameras" "#,
            r#"data-state="available"><svg class="deskbell-mark" viewBox="0 0 12 12" width="12" "#,
            r##"height="12" aria-hidden="true"><circle cx="6" cy="6" r="5" fill="#1a7f4b"/></svg> "##,
            r#"<span class="deskbell-line">2 people can help now</span></span>"#
        )
    );
    let gold = world.get("/v1/sites/shop/fragment?tier=gold").send().await;
    assert!(gold.text().contains("3 people can help now"));
    let lenses = world
        .get("/v1/sites/shop/fragment?skill=lenses")
        .send()
        .await;
    assert!(lenses.text().contains(r#"data-state="closed""#));

    let again = world
        .get("/v1/sites/shop/fragment?skill=cameras")
        .header("if-none-match", reply.header("etag"));
    assert_eq!(again.send().await.status, 304);
}

#[tokio::test]
async fn fragment_and_badge_speak_the_language_asked_for() {
    let world = World::new().await;
    for (lang, language, line) in [
        ("de-CH", r#"lang="de""#, "2 Personen können jetzt helfen"),
        ("fr", r#"lang="fr""#, "2 personnes peuvent vous aider"),
        ("es", r#"lang="es""#, "2 personas pueden ayudarle ahora"),
        ("tr", r#"lang="tr""#, "Şu anda 2 kişi yardım edebilir"),
        ("ar", r#"lang="ar" dir="rtl""#, "شخصان يمكنهما مساعدتك الآن"),
        ("%22%3E", r#"lang="en""#, "2 people can help now"),
    ] {
        for path in ["fragment", "badge.svg"] {
            let path = format!("/v1/sites/shop/{path}?skill=cameras&lang={lang}");
            let reply = world.get(&path).send().await;
            assert_eq!(reply.status, 200);
            assert!(reply.text().contains(line), "{}", reply.text());
            let tag = reply.header("content-language").to_owned();
            assert!(language.starts_with(&format!(r#"lang="{tag}""#)), "{tag}");
            if path.contains("fragment") {
                assert!(reply.text().contains(language), "{}", reply.text());
            } else {
                assert!(reply.text().contains(&format!(r#"xml:lang="{tag}""#)));
            }
        }
    }
}

#[tokio::test]
async fn the_badge_is_a_picture_for_any_page() {
    let world = World::new().await;
    let reply = world
        .get("/v1/sites/shop/badge.svg?skill=lenses")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "image/svg+xml; charset=utf-8");
    assert_eq!(reply.header("cross-origin-resource-policy"), "cross-origin");
    let svg = reply.text();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"));
    assert!(svg.contains("<title>Lenses &amp; &lt;glass&gt;: Nobody is here just now</title>"));
    assert!(svg.contains("#6b7382") && !svg.contains("style"));
    let again = world
        .get("/v1/sites/shop/badge.svg?skill=lenses")
        .header("if-none-match", reply.header("etag"));
    assert_eq!(again.send().await.status, 304);
}

#[tokio::test]
async fn scripts_can_be_embedded_anywhere_and_kept() {
    let world = World::new().await;
    for path in [
        "/widget.js",
        "/conversation.js",
        "/texts/ar.js",
        "/texts/de.js",
        "/texts/es.js",
        "/texts/fr.js",
        "/texts/tr.js",
    ] {
        let reply = world.get(path).send().await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("cross-origin-resource-policy"), "cross-origin");
        assert!(!reply.body.is_empty());
        let etag = reply.header("etag");
        let again = world.get(path).header("if-none-match", etag).send().await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        let packed = world
            .get(path)
            .header("accept-encoding", "gzip")
            .send()
            .await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.body.len() < reply.body.len() / 2);
        assert_eq!(packed.header("etag"), etag);
    }
}

#[tokio::test]
async fn the_demo_shows_its_sites_under_a_strict_policy() {
    let (world, _) = demo_world().await;
    for path in ["/", "/library/", "/bank/"] {
        check_page(&world, path).await;
    }
}

async fn check_page(world: &World, path: &str) {
    let page = world.get(path).send().await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'"
    );
    // Whatever the page names is served, and nothing in it needs a looser policy.
    assert!(!page.text().contains(" style=") && !page.text().contains("<script>"));
    let named: Vec<&str> = page
        .text()
        .split('"')
        .filter(|text| text.starts_with('/') && text.contains('.') && !text.contains(' '))
        // Badges are of the demo's sites, which this world does not have.
        .filter(|text| !text.starts_with("/v1/sites/"))
        .collect();
    assert!(named.contains(&"/widget.js"), "{named:?}");
    for path in named {
        assert_eq!(world.get(path).send().await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_demo_token_proves_its_tier() {
    let (world, _) = demo_world().await;
    let reply = world.get("/demo/token?tier=gold").send().await;
    let token = reply.json(200)["token"].as_str().unwrap().to_owned();
    let call = world.post("/v1/sites/shop/tickets", r#"{"skills":["cameras"]}"#);
    call.bearer(&token).send().await.json(201);
    assert_eq!(world.desk.asks()[0].tier.as_str(), "gold");
    world.get("/demo/token?tier=iron").send().await.problem(404);
    // A token of one site proves nothing to another, and a site without a secret signs none.
    let named = world.get("/demo/token?site=shop&tier=gold").send().await;
    assert!(named.json(200)["token"].is_string());
    for site in ["library", "nowhere"] {
        let path = format!("/demo/token?site={site}&tier=gold");
        world.get(&path).send().await.problem(404);
    }
    world.get("/demo/token").send().await.problem(400);
}

#[tokio::test]
async fn the_demo_tells_what_happens_behind_the_page() {
    let (world, events) = demo_world().await;
    let mut stream = world.get("/demo/events").open().await;
    stream.next_block().await.unwrap();
    let told = DemoEvent {
        at_unix_ms: 1_767_268_800_000,
        kind: "sip",
        text: "PUBLISH from alice".to_owned(),
    };
    events.send(told).unwrap();
    assert_eq!(
        stream.next().await.json(),
        serde_json::json!({"at":"2026-01-01T12:00:00Z","kind":"sip","text":"PUBLISH from alice"})
    );
    let (ticket, token) = world.ticket().await;
    assert_eq!(
        stream.next().await.json()["text"],
        "POST /v1/sites/shop/tickets 201"
    );
    let path = format!("/v1/tickets/{ticket}");
    world.get(&path).bearer(&token).send().await.json(200);
    assert_eq!(stream.next().await.json()["text"], "GET /v1/tickets/… 200");
    world.stop.cancel();
    stream.end().await;
}

async fn demo_world() -> (World, broadcast::Sender<DemoEvent>) {
    let (events, _) = broadcast::channel(16);
    let mut config = config();
    config.demo = Some(DemoFace {
        events: events.clone(),
    });
    (World::with(config, Options::default()).await, events)
}
