//! The conversation where WebSocket is blocked: POST in, events out, resumed without loss.

use std::time::Duration;

use crate::world::{World, soon};

#[tokio::test]
async fn lines_go_in_by_post_and_out_by_events() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let path = format!("/v1/tickets/{ticket}");
    let say = async |id: &str, text: &str| {
        let body = format!(r#"{{"type":"say","id":"{id}","text":"{text}"}}"#);
        let call = world.post(&format!("{path}/messages"), &body);
        call.bearer(&token).send().await.json(200)["seq"]
            .as_u64()
            .unwrap()
    };
    let open = async |query: &str, last: &str| {
        let call = world.get(&format!("{path}/events{query}")).bearer(&token);
        call.header("last-event-id", last).open().await
    };
    assert_eq!(say("a", "one").await, 1);
    assert_eq!(say("b", "two").await, 2);
    assert_eq!(say("a", "one").await, 1, "a repeated id is no second line");

    let mut events = open("", "").await;
    let first = events.next().await;
    assert_eq!(first.id.as_deref(), Some("1"));
    assert_eq!(first.event, None);
    assert_eq!(
        first.json(),
        serde_json::json!({"type":"line","seq":1,"id":"a","from":"shopper","text":"one",
            "at":"2026-01-01T12:00:00Z"})
    );
    assert_eq!(events.next().await.json()["seq"], 2);
    let state = events.next().await;
    assert_eq!(state.id, None);
    assert_eq!(
        state.json(),
        serde_json::json!({"type":"state","state":"queued","position":1})
    );
    world.desk.rep_types(&ticket);
    assert_eq!(
        events.next().await.json(),
        serde_json::json!({"type":"typing","from":"rep"})
    );
    world.desk.rep_says(&ticket, "three");
    let third = events.next().await;
    assert_eq!(third.id.as_deref(), Some("3"));
    assert_eq!(third.json()["name"], "Alice");

    for (query, last, seq) in [("?after=1", "", 2), ("", "2", 3), ("?after=0", "2", 3)] {
        let mut resumed = open(query, last).await;
        assert_eq!(resumed.next().await.json()["seq"], seq, "{query} {last}");
    }
    world.desk.drop_followers(&ticket);
    events.end().await;
}

#[tokio::test]
async fn signs_are_passed_on_and_the_end_ends() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let post = async |body: &str| {
        let call = world.post(&format!("/v1/tickets/{ticket}/messages"), body);
        call.bearer(&token).send().await
    };
    assert_eq!(post(r#"{"type":"typing"}"#).await.status, 202);
    assert_eq!(post(r#"{"type":"ack","seq":7}"#).await.status, 202);
    assert_eq!(world.desk.signs(), ["typing", "seen 7"]);
    assert_eq!(post(r#"{"type":"end"}"#).await.json(200)["state"], "closed");
    let late = post(r#"{"type":"say","id":"z","text":"late"}"#).await;
    assert_eq!(late.problem(409), "The conversation has ended.");
    post(r#"{"type":"open","token":"x"}"#).await.problem(404);
    post(r#"{"type":"shout"}"#).await.problem(422);
    post(r#"{"type":"say","id":"","text":"x"}"#)
        .await
        .problem(422);
}

#[tokio::test]
async fn who_writes_too_fast_is_told_in_words() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let mut refused = None;
    for number in 0..40 {
        let body = format!(r#"{{"type":"say","id":"{number}","text":"x"}}"#);
        let call = world.post(&format!("/v1/tickets/{ticket}/messages"), &body);
        let reply = call.bearer(&token).send().await;
        if reply.status == 429 {
            refused = Some((number, reply));
            break;
        }
    }
    let (number, reply) = refused.unwrap();
    assert!(number >= 20, "the burst is 20, not {number}");
    assert!(reply.problem(429).starts_with("You are writing faster"));
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn where_streams_are_blocked_too_the_page_polls() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let path = format!("/v1/tickets/{ticket}/messages");
    let poll = |query: &str| {
        let call = world.get(&format!("{path}{query}")).bearer(&token);
        async move { call.send().await.json(200) }
    };
    let body = r#"{"type":"say","id":"a","text":"one"}"#;
    world
        .post(&path, body)
        .bearer(&token)
        .send()
        .await
        .json(200);

    let first = poll("").await;
    let types = |news: &serde_json::Value| -> Vec<String> {
        let frames = news["frames"].as_array().unwrap().iter();
        frames
            .map(|frame| frame["type"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(types(&first), ["line", "state"]);
    let seen = first["seen"].as_str().unwrap().to_owned();

    // With nothing new, the answer waits for the time asked for, and no longer.
    let quiet = poll(&format!("?after=1&wait=1s&seen={seen}")).await;
    assert_eq!(quiet, serde_json::json!({"frames":[],"seen":seen}));

    // What happens while it waits is answered at once, and what was missed is not waited with.
    let news = format!("?after=1&wait=25&seen={seen}");
    let (heard, ()) = soon(async {
        tokio::join!(poll(&news), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            world.desk.rep_says(&ticket, "two");
        })
    })
    .await;
    assert_eq!(heard["frames"][0]["text"], "two");
    let missed = soon(poll(&news)).await;
    assert_eq!(missed["frames"][0]["seq"], 2);

    let call = world.get(&format!("{path}?wait=soon")).bearer(&token);
    call.send().await.problem(400);
    world.get(&path).send().await.problem(404);
    world.get(&path).bearer("other").send().await.problem(404);
}

#[tokio::test]
async fn a_shopper_asks_to_be_called_and_changes_the_mind() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let path = format!("/v1/tickets/{ticket}/messages");
    let send = async |body: &str, status: u16| {
        let call = world.post(&path, body).bearer(&token);
        call.send().await.json(status)
    };
    let called = send(r#"{"type":"call","phone":"06 12 34 56 78"}"#, 200).await;
    assert_eq!(
        called["callback"],
        serde_json::json!({"number":"+33•••••••78","stage":"waiting"})
    );
    let plain = send(r#"{"type":"uncall"}"#, 200).await;
    assert_eq!(plain["callback"], serde_json::Value::Null);
    let abroad = send(r#"{"type":"call","phone":"+44 1"}"#, 422).await;
    assert_eq!(
        abroad["detail"],
        "You cannot be called: numbers that begin like this one are not called from here."
    );
    send(r#"{"type":"call","phone":"again"}"#, 429).await;
    send(r#"{"type":"call","phone":"1\u0000"}"#, 422).await;
    send(r#"{"type":"call","number":"1"}"#, 422).await;
}
