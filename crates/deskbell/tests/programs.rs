//! Programs of a shop, written by others: zeep drives the desk by its WSDL, schemathesis tries every address of its
//! OpenAPI document. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::peer::python;
use examples::phone::TestPhone;
use examples::server::Server;
use examples::site::Site;
use examples::unique::Folder;
use examples::wire::Protocol;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(5);

/// Statuses with which a request that fits the document may be refused all the same: which skills, tiers and reps there
/// are is in no document, a site may be closed, and whoever asks too often is told so.
const REFUSALS: &str = "[\"2xx\", \"3xx\", 401, 403, 404, 409, 422, 429]";

/// Statuses that say that a request does not fit the document; a text beyond its limit may make the whole body too long.
const MISTAKES: &str = "[400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]";

fn with_alice() -> (Server, TestPhone) {
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    assert_eq!(alice.register(300).unwrap().status_code.code(), 200);
    let published = alice.publish(Basic::Open, Activity::None, 300).unwrap();
    assert_eq!(published.status_code.code(), 200);
    let site = Site::new(server.http(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    (server, alice)
}

fn address(server: &Server) -> String {
    format!("http://{}", server.demo().http)
}

#[test]
fn zeep_reads_the_wsdl_and_drives_the_desk() {
    let Some(program) = python::find("python") else {
        return;
    };
    let (server, _alice) = with_alice();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pypi/soap_client.py");
    let said = python::run(
        Command::new(program)
            .arg(script)
            .arg(address(&server))
            .arg(&server.demo().admin_key),
    );
    let told: Value = serde_json::from_str(&said.unwrap()).unwrap();
    for (port, client) in [("Deskbell", "Client"), ("Deskbell12", "Sender")] {
        let told = &told[port];
        let groups = told["presence"]["group"].as_array().unwrap();
        assert_eq!(groups.len(), 9, "{port}: three skills with three tiers");
        assert_eq!(told["cameras"]["group"][0]["skill"], "cameras");
        assert_eq!(told["cameras"]["group"][0]["tier"], "gold");
        let reps = told["reps"].as_array().unwrap();
        let alice = reps.iter().find(|rep| rep["id"] == "alice").unwrap();
        assert_eq!(alice["presence"], "available", "{port}");
        assert!(
            reps.iter().all(|rep| rep["id"] != "carol"),
            "carol knows no cameras"
        );
        assert_eq!(told["ticket"]["state"], "offered", "{port}");
        assert_eq!(told["seen"]["id"], told["ticket"]["id"]);
        assert!(told["seen"]["token"].is_null(), "told once");
        assert_eq!(told["cancelled"]["state"], "abandoned");
        for (which, status) in [
            ("site", "404"),
            ("skill", "422"),
            ("key", "401"),
            ("token", "404"),
        ] {
            let fault = &told["faults"][which];
            assert!(
                fault["code"].as_str().unwrap().ends_with(client),
                "{port} {which}: {fault}"
            );
            assert_eq!(fault["status"], status, "{port} {which}: {fault}");
        }
    }
    assert_eq!(told["listener"][0], "NotifyGroupPresence");
}

#[test]
fn schemathesis_finds_no_failure() {
    let Some(program) = python::find("st") else {
        return;
    };
    let (server, _alice) = with_alice();
    let site = Site::new(server.http(), "shop");
    let ticket = site.ask("cameras", "Sam", "for schemathesis").unwrap();
    let shop = format!(
        "\"path.site\" = \"shop\"\n\"path.rep\" = \"alice\"\n\"path.ticket\" = \"{}\"",
        ticket.id()
    );
    let admin = server.demo().admin_key.clone();
    let own = format!("\"path.id\" = \"{}\"\n\"query.wait\" = \"0\"", ticket.id());
    // Streams do not end by themselves; other tests read them.
    let streams = "/events$";
    // Two checks want 401 where no token or a wrong one comes. A ticket is unknown then (404), whether there is one or not,
    // so that nobody learns which there are; the tests of the gateway hold that.
    let unknown = "missing_required_header.enabled = false\nignored_auth.enabled = false\n";
    for (parameters, bearer, which, more) in [
        (
            &shop,
            admin.as_str(),
            "^/(openapi|healthz|readyz|metrics|v1/(sites|admin))",
            "",
        ),
        (&own, ticket.token(), "^/v1/tickets", unknown),
    ] {
        let folder = Folder::new("schemathesis").unwrap();
        let settings = format!(
            "[parameters]\n{parameters}\n[checks]\npositive_data_acceptance.expected-statuses = {REFUSALS}\nnegative_data_rejection.expected-statuses = {MISTAKES}\n{more}"
        );
        folder.write("schemathesis.toml", &settings).unwrap();
        let said = python::run(
            Command::new(&program)
                .current_dir(folder.path())
                .args(["--config-file", "schemathesis.toml", "run"])
                .arg(format!("{}/openapi.json", address(&server)))
                .args([
                    "--include-path-regex",
                    which,
                    "--exclude-path-regex",
                    streams,
                ])
                .args(["--header", &format!("Authorization: Bearer {bearer}")])
                .args(["--phases", "coverage,fuzzing", "--max-examples", "10"])
                .args(["--generation-deterministic", "--no-color", "--workers", "1"]),
        );
        let said = said.unwrap();
        assert!(
            said.contains("No issues found") || said.contains("passed"),
            "{said}"
        );
    }
}
