//! Sessions of reps and supervisors: how long an open page is believed, what leaving one page does to the other, and
//! what a page is told that may not stay. Must not know the desk.

use std::time::Duration;

use gateway::{Config, CookieKeys, Options};
use helpdesk::RepId;

use crate::client::{Call, Reply, header};
use crate::console_double::ConsoleDouble;
use crate::sockets::{Socket, closed, connect_to, next, send};
use crate::world::{World, config, soon};

async fn world() -> (World, ConsoleDouble) {
    let (double, face) = ConsoleDouble::start();
    let config = Config {
        console: Some(face),
        ..config()
    };
    let options = Options {
        cookie_keys: CookieKeys::new([&b"seals the cookies of these tests"[..]]),
        session_check: Duration::from_millis(20),
        ..Options::default()
    };
    (World::with(config, options).await, double)
}

/// What a browser would send with its next request.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie");
    set.split(';').next().unwrap().to_owned()
}

/// Signs a rep in at the console or the wall; the cookie.
pub(crate) async fn sign_in(world: &World, path: &str, rep: &str) -> String {
    let body = format!(r#"{{"user":"{rep}","password":"right"}}"#);
    let reply = world.post(path, &body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    cookie(&reply)
}

fn delete(world: &World, path: &str, cookies: &str) -> Call {
    let call = world.client().call("DELETE", path);
    call.header("sec-fetch-site", "same-origin")
        .header("cookie", cookies)
}

async fn who(world: &World, path: &str, cookies: &str) -> u16 {
    world
        .get(path)
        .header("cookie", cookies)
        .send()
        .await
        .status
}

async fn page(world: &World, cookies: &str, name: &str) -> Socket {
    let own = format!("http://{}", world.address);
    let headers = [("cookie", cookies), ("origin", own.as_str())];
    let mut socket = connect_to(world, "/console/ws", &headers).await.unwrap();
    send(
        &mut socket,
        &format!(r#"{{"type":"open","page":"{name}"}}"#),
    )
    .await;
    socket
}

#[tokio::test]
async fn an_open_page_ends_with_its_session() {
    let (world, double) = world().await;
    let alice = sign_in(&world, "/console/session", "alice").await;
    let erin = sign_in(&world, "/wall/session", "erin").await;
    let mut socket = page(&world, &alice, "one").await;
    assert_eq!(next(&mut socket).await["type"], "hello");
    let wall = world.get("/wall/events").header("cookie", &erin);
    let mut wall = wall.open().await;
    assert_eq!(wall.status, 200);
    // Several looks at good sessions end nothing.
    tokio::time::sleep(Duration::from_millis(100)).await;
    send(&mut socket, r#"{"type":"use","idle":false}"#).await;
    while next(&mut socket).await["type"] != "pulse" {}
    wall.next().await;
    double.end_sessions("alice");
    assert_eq!(
        closed(&mut socket).await,
        (1008, "sign in again".to_owned())
    );
    double.end_sessions("erin");
    soon(wall.end()).await;
    let again = world.get("/wall/events").header("cookie", &erin);
    assert_eq!(again.send().await.problem(401), "Nobody is signed in here.");
}

#[tokio::test]
async fn a_page_that_may_not_stay_is_told_why() {
    let (world, double) = world().await;
    let alice = sign_in(&world, "/console/session", "alice").await;
    let mut first = page(&world, &alice, "one").await;
    assert_eq!(next(&mut first).await["type"], "hello");
    let mut second = page(&world, &alice, "one").await;
    assert_eq!(next(&mut second).await["type"], "hello");
    let replaced = "another page has this name".to_owned();
    assert_eq!(closed(&mut first).await, (1008, replaced));
    double.fill();
    let mut third = page(&world, &alice, "two").await;
    let full = "too many pages are open".to_owned();
    assert_eq!(closed(&mut third).await, (1013, full));
    double.end_sessions("alice");
    let mut fourth = page(&world, &alice, "three").await;
    let over = "sign in again".to_owned();
    assert_eq!(closed(&mut fourth).await, (1008, over));
}

#[tokio::test]
async fn who_leaves_the_wall_stays_at_the_console() {
    let (world, double) = world().await;
    let erin = sign_in(&world, "/console/session", "erin").await;
    // A supervisor at a console need not sign in a second time.
    assert_eq!(who(&world, "/wall/session", &erin).await, 200);
    let left = delete(&world, "/wall/session", &erin).send().await;
    assert_eq!(left.status, 204);
    let erin = format!("{erin}; {}", cookie(&left));
    assert_eq!(who(&world, "/console/session", &erin).await, 200);
    assert_eq!(who(&world, "/wall/session", &erin).await, 204);
    let back = sign_in(&world, "/wall/session", "erin").await;
    let both = format!("{}; {back}", erin.split(';').next().unwrap());
    assert_eq!(who(&world, "/wall/session", &both).await, 200);
    // Nobody is left who could come in by the console: the cookie goes.
    let left = delete(&world, "/wall/session", &back).send().await;
    assert!(header(&left.headers, "set-cookie").contains("Max-Age=0"));
    // Who leaves the console has left it by this very session.
    let left = delete(&world, "/console/session", &both).send().await;
    assert_eq!(left.status, 204);
    assert_eq!(double.signed_out(), [RepId::new("erin")]);
}

#[tokio::test]
async fn neither_cookie_lets_a_foreign_page_change_anything() {
    let (world, double) = world().await;
    let erin = sign_in(&world, "/console/session", "erin").await;
    let wall = sign_in(&world, "/wall/session", "erin").await;
    for (path, cookie) in [("/console/session", &erin), ("/wall/session", &wall)] {
        // No Origin and no Sec-Fetch-Site: only the cookie says who it is.
        let call = world.client().call("DELETE", path).header("cookie", cookie);
        call.send().await.problem(403);
    }
    assert!(double.signed_out().is_empty());
}
