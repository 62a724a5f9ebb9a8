//! A shopper who comes back: the sealed cookie, what it brings with it, a look at one's own data, and its end.

use std::collections::BTreeMap;
use std::time::Duration;

use gateway::{ClickRates, CookieKeys, FormFace, FormField, Need, Options, Rate, Remember, Words};

use crate::client::{Call, Reply};
use crate::world::{World, config};

const TICKETS: &str = "/v1/sites/shop/tickets";
const ME: &str = "/v1/sites/shop/me";
const CLICK: &str = r#"{"skills":["cameras"],"name":"Ann","phone":"+33 1 23 45 67"}"#;

fn options() -> Options {
    Options {
        public_origin: Some("https://help.example".to_owned()),
        cookie_keys: CookieKeys::new([&b"a secret of the test"[..]]),
        ..Options::default()
    }
}

async fn world() -> World {
    World::with(config(), options()).await
}

/// Name and value of the visitor's cookie that the reply sets.
fn cookie_of(reply: &Reply) -> Option<String> {
    let set = reply.headers.get_all("set-cookie");
    set.iter()
        .map(|value| value.to_str().unwrap().split(';').next().unwrap())
        .find(|cookie| cookie.contains("-visitor-"))
        .map(str::to_owned)
}

/// From a page of the gateway itself, with the cookie.
fn from_own_page(call: Call, cookie: &str) -> Call {
    call.header("cookie", cookie)
        .header("origin", "https://help.example")
}

async fn click(world: &World) -> (String, String, String) {
    let reply = world.post(TICKETS, CLICK).send().await;
    let ticket = reply.json(201);
    let text = |name: &str| ticket[name].as_str().unwrap().to_owned();
    (text("id"), text("token"), cookie_of(&reply).unwrap())
}

#[tokio::test]
async fn a_shopper_who_comes_back_is_brought_to_the_rep_who_helped() {
    let world = world().await;
    let (id, token, cookie) = click(&world).await;
    assert!(cookie.starts_with("__Host-deskbell-visitor-shop="));
    world.desk.rep_answers(&id);
    let path = format!("/v1/tickets/{id}");
    let look = world.get(&path).bearer(&token).header("cookie", &cookie);
    let refreshed = cookie_of(&look.send().await).unwrap();

    let form = world
        .get("/v1/sites/shop/form")
        .header("cookie", &refreshed);
    let you = form.send().await.json(200)["you"].clone();
    assert_eq!(you["name"], "Ann");
    assert_eq!(you["rep"], "Alice");
    assert_eq!(you["phone_ends"], "67");

    let again = world.post(TICKETS, r#"{"skills":["lenses"]}"#);
    from_own_page(again, &refreshed).send().await.json(201);
    let ask = world.desk.asks().pop().unwrap();
    assert_eq!(ask.rep.unwrap().as_str(), "alice");
    assert_eq!(ask.name.as_deref(), Some("Ann"));
    assert_eq!(ask.phone.as_deref(), Some("+33 1 23 45 67"));

    // Even the cookie of the click itself leads there, as long as the desk knows the ticket.
    let again = world.post(TICKETS, r#"{"skills":["lenses"]}"#);
    from_own_page(again, &cookie).send().await.json(201);
    let ask = world.desk.asks().pop().unwrap();
    assert_eq!(ask.rep.unwrap().as_str(), "alice");
}

#[tokio::test]
async fn a_cookie_that_proves_nothing_is_no_hindrance() {
    let world = world().await;
    let (_, _, cookie) = click(&world).await;
    let (name, value) = cookie.split_once('=').unwrap();
    let other = World::with(
        config(),
        Options {
            cookie_keys: CookieKeys::new([&b"another"[..]]),
            ..options()
        },
    )
    .await;
    let (_, _, foreign) = click(&other).await;
    // The nonce, cookie and tag are random: whatever stands there, another letter is put in its place.
    let (front, last) = value.split_at(value.len() - 1);
    let other_letter = if last == "A" { 'Q' } else { 'A' };
    let flipped = format!("{name}={front}{other_letter}");
    for odd in [
        flipped,
        foreign,
        format!("{name}="),
        format!("{name}={}", "A".repeat(9_000)),
        format!("{name}=x.y.z"),
        // Without the prefix anybody of the domain could have set it.
        format!("deskbell-visitor-shop={value}"),
    ] {
        let reply = from_own_page(world.post(TICKETS, r#"{"skills":["cameras"]}"#), &odd);
        reply.send().await.json(201);
        let ask = world.desk.asks().pop().unwrap();
        assert_eq!((ask.name, ask.phone), (None, None), "{odd}");
        let form = world.get("/v1/sites/shop/form").header("cookie", &odd);
        assert!(form.send().await.json(200)["you"].is_null(), "{odd}");
    }
    // The cookie of one site is nothing at another.
    let elsewhere = cookie.replace("-shop=", "-library=");
    let call = world
        .get("/v1/sites/library/form")
        .header("cookie", &elsewhere);
    assert!(call.send().await.json(200)["you"].is_null());
}

#[tokio::test]
async fn changed_keys_lose_nobody() {
    let before = world().await;
    let (_, _, cookie) = click(&before).await;
    let after = World::with(
        config(),
        Options {
            cookie_keys: CookieKeys::new([&b"a newer one"[..], b"a secret of the test"]),
            ..options()
        },
    )
    .await;
    let form = after.get("/v1/sites/shop/form").header("cookie", &cookie);
    assert_eq!(form.send().await.json(200)["you"]["name"], "Ann");
}

#[tokio::test]
async fn ones_own_data_is_shown_and_forgotten_for_good() {
    let world = world().await;
    let (id, token, cookie) = click(&world).await;
    let nobody = world.get(ME).send().await.json(200);
    assert_eq!(nobody["known"], false);
    let me = world.get(ME).header("cookie", &cookie).send().await;
    assert!(me.header("content-disposition").contains("my-data.json"));
    let me = me.json(200);
    assert_eq!(me["name"], "Ann");
    assert_eq!(me["phone"], "+33 1 23 45 67");
    assert_eq!(me["conversations"][0]["id"], id);
    let said = &me["conversations"][0]["lines"][0];
    assert_eq!(said["text"], format!("said in {id}"));

    let forget = from_own_page(world.client().call("DELETE", ME), &cookie);
    let forgotten = forget.send().await;
    assert_eq!(forgotten.status, 204);
    let gone: Vec<_> = forgotten.headers.get_all("set-cookie").iter().collect();
    assert_eq!(gone.len(), 2);
    for cookie in gone {
        assert!(cookie.to_str().unwrap().contains("Max-Age=0"));
    }
    assert!(!world.desk.knows(&id));
    let path = format!("/v1/tickets/{id}");
    world.get(&path).bearer(&token).send().await.problem(404);
    // A copy of the cookie is worth nothing at once.
    let me = world.get(ME).header("cookie", &cookie).send().await;
    assert_eq!(me.json(200)["known"], false);
    let again = from_own_page(world.post(TICKETS, r#"{"skills":["cameras"]}"#), &cookie);
    let reply = again.send().await;
    reply.json(201);
    assert_eq!(world.desk.asks().pop().unwrap().name, None);
    assert_ne!(cookie_of(&reply).unwrap(), cookie);
}

#[tokio::test]
async fn only_pages_of_the_site_may_use_the_cookie() {
    let world = world().await;
    let (_, _, cookie) = click(&world).await;
    let asked = world.desk.asks().len();
    for (origin, fetch_site) in [
        (Some("https://evil.example"), "cross-site"),
        (Some("https://library.example"), "cross-site"),
        (Some("https://shop.example.evil.example"), "cross-site"),
        (Some("null"), "cross-site"),
        (None, "cross-site"),
        (None, "same-site"),
        (None, "none"),
    ] {
        for call in [
            world.post(TICKETS, CLICK),
            world.client().call("DELETE", ME),
        ] {
            let mut call = call
                .header("cookie", &cookie)
                .header("sec-fetch-site", fetch_site);
            if let Some(origin) = origin {
                call = call.header("origin", origin);
            }
            call.send().await.problem(403);
        }
    }
    let unnamed = world.client().call("DELETE", ME).header("cookie", &cookie);
    unnamed.send().await.problem(403);
    assert_eq!(world.desk.asks().len(), asked);
    let read = world.get(ME).header("cookie", &cookie);
    let foreign = read.header("origin", "https://evil.example").send().await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    let read = world.get(ME).header("cookie", &cookie);
    let listed = read.header("origin", "https://shop.example").send().await;
    assert_eq!(
        listed.header("access-control-allow-origin"),
        "https://shop.example"
    );
}

#[tokio::test]
async fn a_visitor_has_three_conversations_open_at_most() {
    let world = world().await;
    let (first, token, mut cookie) = click(&world).await;
    for _ in 0..2 {
        let reply = from_own_page(world.post(TICKETS, CLICK), &cookie)
            .send()
            .await;
        reply.json(201);
        cookie = cookie_of(&reply).unwrap();
    }
    let fourth = from_own_page(world.post(TICKETS, CLICK), &cookie)
        .send()
        .await;
    assert!(fourth.problem(429).contains("End one"));
    let kind = fourth.json(429)["type"].clone();
    assert_eq!(kind, "urn:deskbell:problem:many-open");
    let path = format!("/v1/tickets/{first}");
    let end = world.client().call("DELETE", &path).bearer(&token);
    end.send().await.json(200);
    let fourth = from_own_page(world.post(TICKETS, CLICK), &cookie)
        .send()
        .await;
    fourth.json(201);
}

#[tokio::test]
async fn a_visitor_asks_so_often_wherever_from() {
    let once = Rate {
        burst: 1,
        interval: Duration::from_secs(60),
    };
    let options = Options {
        clicks: ClickRates {
            per_visitor: once,
            ..ClickRates::default()
        },
        ..options()
    };
    let world = World::with(config(), options).await;
    let (_, _, cookie) = click(&world).await;
    let again = |source: &str| {
        let call = from_own_page(world.post(TICKETS, CLICK), &cookie);
        call.header("x-forwarded-for", source).send()
    };
    again("198.51.100.1").await.json(201);
    let refused = again("198.51.100.2").await;
    assert!(refused.problem(429).contains("seconds"));
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn the_form_is_the_sites_own_and_in_the_pages_language() {
    let mut config = config();
    config.sites[0].form = FormFace {
        phone: Need::Optional,
        consent: Some(words("You may ring me.", "Sie dürfen mich anrufen.")),
        fields: vec![FormField {
            id: "order".to_owned(),
            label: words("Order number", "Bestellnummer"),
            is_required: true,
            choices: Vec::new(),
        }],
        remember: Remember::Ask,
        ..FormFace::default()
    };
    let world = World::with(config, options()).await;
    let form = world.get("/v1/sites/shop/form?lang=de-AT").send().await;
    let form = form.json(200);
    assert_eq!(form["name"], "optional");
    assert_eq!(form["phone"], "optional");
    assert_eq!(form["email"], "off");
    assert_eq!(form["consent"], "Sie dürfen mich anrufen.");
    assert_eq!(form["remember"], "ask");
    assert_eq!(form["fields"][0]["label"], "Bestellnummer");
    assert_eq!(form["fields"][0]["required"], true);
    world.get("/v1/sites/none/form").send().await.problem(404);

    let body = r#"{"skills":["cameras"],"details":{"order":"A 17"}}"#;
    let reply = world.post(TICKETS, body).send().await;
    reply.json(201);
    let ask = world.desk.asks().pop().unwrap();
    let detail = ask.details.first().unwrap();
    assert_eq!(
        (detail.label.as_str(), detail.answer.as_str()),
        ("Order number", "A 17")
    );
    // The shopper did not ask to be known again.
    assert_eq!(cookie_of(&reply), None);
    let body = r#"{"skills":["cameras"],"remember":true}"#;
    assert!(cookie_of(&world.post(TICKETS, body).send().await).is_some());
    let body = r#"{"skills":["cameras"],"details":{"shoe":"42"}}"#;
    world.post(TICKETS, body).send().await.problem(422);
}

#[tokio::test]
async fn a_message_left_is_kept_for_whoever_comes() {
    let world = world().await;
    let (id, _, cookie) = click(&world).await;
    world.desk.rep_answers(&id);
    let cases = "/v1/sites/shop/cases";
    let body = r#"{"skills":["closed"],"name":"Ann","email":"ann@mail.example",
        "message":"Is it in stock?","page":"https://shop.example/x"}"#;
    let left = from_own_page(world.post(cases, body), &cookie).send().await;
    assert_eq!(left.json(201)["state"], "open");
    let case = world.desk.cases().pop().unwrap();
    assert_eq!(case.contact.as_deref(), Some("ann@mail.example"));
    assert!(
        case.words
            .unwrap()
            .starts_with("Is it in stock?\nEmail: ann@")
    );
    // The next click comes with the case.
    let cookie = cookie_of(&left).unwrap();
    let again = from_own_page(world.post(TICKETS, CLICK), &cookie);
    again.send().await.json(201);
    let ask = world.desk.asks().pop().unwrap();
    assert_eq!(ask.case.as_deref(), Some(case.id.as_str()));

    for (body, words) in [
        (r#"{"skills":["closed"],"email":"a@b.example"}"#, "words"),
        (
            r#"{"skills":["closed"],"message":"Hi"}"#,
            "email or a phone",
        ),
        (
            r#"{"skills":["closed"],"message":"Hi","email":"none"}"#,
            "no address",
        ),
    ] {
        let detail = world.post(cases, body).send().await.problem(422);
        assert!(detail.contains(words), "{detail}");
    }
    let body = r#"{"skills":["full"],"message":"Hi","email":"a@b.example"}"#;
    world.post(cases, body).send().await.problem(503);
    let none = world.post("/v1/sites/none/cases", body);
    none.send().await.problem(404);
}

#[tokio::test]
async fn without_keys_nobody_is_remembered() {
    let world = World::new().await;
    let reply = world.post(TICKETS, CLICK).send().await;
    reply.json(201);
    assert_eq!(cookie_of(&reply), None);
    let form = world.get("/v1/sites/shop/form").send().await.json(200);
    assert_eq!(form["remember"], "never");
}

fn words(usual: &str, german: &str) -> Words {
    Words {
        usual: usual.to_owned(),
        by_language: BTreeMap::from([("de".to_owned(), german.to_owned())]),
    }
}
