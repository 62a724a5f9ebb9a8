//! A server with trunks, and a shopper who wants to be called. Must not know how trunks answer.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use examples::http::Http;
use examples::peer;
use examples::peer::baresip::Baresip;
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::wait;
use serde_json::{Value, json};

use crate::trunk::Trunk;

/// How long anything may take, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// How a server proves itself to its trunk.
pub(crate) const ACCOUNT: &str =
    "user = \"shop\"\npassword = \"the password of ours\"\nrealm = \"trunk.example\"\n";

/// A trunk, a rep on baresip, and a shopper who has asked to be called.
pub(crate) struct Scene {
    pub(crate) trunk: Trunk,
    pub(crate) server: Server,
    ticket: (String, String),
    _alice: Baresip,
}

impl Scene {
    /// With more lines in the trunk's table. Nothing where there is no baresip.
    pub(crate) fn open(more: &str) -> Option<Self> {
        let program = peer::find("baresip")?;
        let trunk = Trunk::open();
        let server = serve(&trunk, more);
        let alice = baresip_as_alice(&program, &server);
        let ticket = ask_for_a_call(&server.http());
        Some(Self {
            trunk,
            server,
            ticket,
            _alice: alice,
        })
    }

    /// Waits until the ticket has come so far.
    pub(crate) fn wait(&self, stage: &str) {
        wait_stage(&self.server.http(), &self.ticket, stage);
    }

    /// The ticket's explanation.
    pub(crate) fn reasons(&self) -> String {
        reasons(&self.server, &self.ticket.0)
    }
}

pub(crate) fn serve(trunk: &Trunk, more: &str) -> Server {
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup(trunk, more)).unwrap()
}

pub(crate) fn setup(trunk: &Trunk, more: &str) -> Setup {
    setup_at(trunk.address(), more)
}

pub(crate) fn setup_at(trunk: SocketAddr, more: &str) -> Setup {
    Setup {
        tables: format!("[[trunk]]\nuri = \"sip:{trunk}\"\n{more}"),
        site_lines: "callback = { allow = [\"+33\"], country = \"FR\", strangers = \"allowed\" }"
            .to_owned(),
        ..Setup::default()
    }
}

pub(crate) fn baresip_as_alice(program: &Path, server: &Server) -> Baresip {
    let alice = server.rep("alice").unwrap();
    let mut baresip = Baresip::start(program, server.sip(), "alice", &alice.password).unwrap();
    baresip.wait_registered().unwrap();
    Site::new(server.http(), "shop")
        .wait_state("cameras", "available", LIMIT)
        .unwrap();
    baresip
}

/// Asks to be called; gives the ticket's path and what opens it.
pub(crate) fn ask_for_a_call(http: &Http) -> (String, String) {
    let body =
        json!({"skills": ["cameras"], "name": "Zoe", "phone": "06 12 34 56 78", "callback": true});
    let answer = http.post("/v1/sites/shop/tickets", &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let ticket = answer.json().unwrap();
    let text = |key: &str| ticket.get(key).and_then(Value::as_str).unwrap().to_owned();
    (format!("/v1/tickets/{}", text("id")), text("token"))
}

pub(crate) fn wait_stage(http: &Http, (path, token): &(String, String), stage: &str) {
    let bearer = format!("Bearer {token}");
    wait::until(&format!("a ticket that is {stage}"), LIMIT, || {
        let answer = http.request("GET", path, &[("Authorization", &bearer)], "")?;
        let ticket = answer.json()?;
        let of_call = ticket.get("callback").and_then(|call| call.get("stage"));
        let state = ticket.get("state");
        let found = [of_call, state]
            .into_iter()
            .flatten()
            .any(|word| word == stage);
        Ok(found.then_some(()))
    })
    .unwrap();
}

/// The telephone rings and is taken up by hand; the two talk.
pub(crate) fn take_up(telephone: &mut Baresip, http: &Http, ticket: &(String, String)) {
    telephone.wait_call().unwrap();
    wait_stage(http, ticket, "calling-you");
    telephone.take_up().unwrap();
    wait_stage(http, ticket, "talking");
}

pub(crate) fn reasons(server: &Server, path: &str) -> String {
    let bearer = format!("Bearer {}", server.demo().admin_key);
    let id = path.rsplit('/').next().unwrap();
    let answer = server
        .http()
        .request(
            "GET",
            &format!("/v1/admin/decisions/{id}"),
            &[("Authorization", &bearer)],
            "",
        )
        .unwrap();
    answer.body
}

/// A running server with this configuration.
pub(crate) fn start(setup: &Setup) -> Server {
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), setup).unwrap()
}

/// A scenario of `sip-fixtures/sipp`.
pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../sip-fixtures/sipp")
        .join(name)
}

/// The shopper wants no call any more.
pub(crate) fn uncall(http: &Http, (path, token): &(String, String)) {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let path = format!("{path}/messages");
    let answer = http.request("POST", &path, &headers, r#"{"type":"uncall"}"#);
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Waits until the ticket's explanation has this step.
pub(crate) fn wait_step(server: &Server, (path, _): &(String, String), step: &str) {
    wait::until(step, LIMIT, || {
        Ok(reasons(server, path).contains(step).then_some(()))
    })
    .unwrap();
}
