//! What a stranger can do: nothing (security rows S1, S7 and S24).

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use examples::serve::Serve;
use examples::unique::token;

use super::caller::{Ask, challenge, headers, status};
use super::wires::Wire;
use super::{names, password, shop, shop_with};

const METHODS: [&str; 14] = [
    "REGISTER",
    "PUBLISH",
    "MESSAGE",
    "SUBSCRIBE",
    "OPTIONS",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "NOTIFY",
    "PRACK",
    "REFER",
    "UPDATE",
];

/// Nobody is registered, on duty or asked for.
pub(crate) fn assert_nothing_happened(server: &Serve, reps: &[String]) {
    let mut wire = Wire::udp(server);
    for rep in reps {
        let mut query = Ask::new("REGISTER", rep, rep);
        query.headers.clear();
        let answer = wire.ask_as(rep, &password(rep), &query);
        assert_eq!(status(&answer), 200, "{answer}");
        assert_eq!(headers(&answer, "Contact"), [""; 0], "{rep}");
    }
    let presence = server
        .http()
        .unwrap()
        .get("/v1/sites/shop/presence")
        .unwrap();
    let text = presence.body;
    assert!(text.contains("\"state\":\"closed\""), "{text}");
    assert!(!text.contains("\"state\":\"available\""), "{text}");
    assert!(!text.contains("\"queued\":1"), "{text}");
}

/// Security row S1. Where there is no dialog to be in, 481 says so before anybody is asked for a login (S19).
#[test]
fn no_method_does_anything_without_a_login() {
    let certificate = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]).unwrap();
    let key = certificate.signing_key.serialize_pem();
    let certificate = certificate.cert.pem();
    let reps = names(3);
    let files = [("sip.crt", certificate.as_str()), ("sip.key", key.as_str())];
    let mut server = shop_with(&reps, "", &files);
    let wires = [
        Wire::udp(&server),
        Wire::tcp(&server),
        Wire::tls(&server, &certificate),
        Wire::ws(&server),
    ];
    for mut wire in wires {
        let transport = wire.name();
        for method in METHODS {
            let ask = Ask::new(method, "rep0", "rep1");
            if method == "ACK" {
                // It has no answer: the next one is for the next request.
                wire.send(&ask.text(transport));
                continue;
            }
            let answer = wire.ask(&ask);
            assert!(answer.contains(&format!(" {method}\r\n")), "{answer}");
            let expected: &[u16] = match method {
                "BYE" | "CANCEL" | "NOTIFY" => &[481],
                _ => &[401, 405, 501],
            };
            let status = status(&answer);
            assert!(
                expected.contains(&status),
                "{method} over {transport}: {answer}"
            );
        }
    }
    for mut wire in [Wire::udp(&server), Wire::tcp(&server)] {
        for _ in 0..500 {
            let method = random_method();
            let answer = wire.ask(&Ask::new(&method, "rep0", "rep1"));
            assert!([405, 501].contains(&status(&answer)), "{method}: {answer}");
        }
    }
    assert_nothing_happened(&server, &reps);
    server.check_alive().unwrap();
}

/// One to sixteen of the characters that a token may have.
fn random_method() -> String {
    const TOKEN: &[u8] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~";
    let dice = token();
    let length = 1 + usize::from_str_radix(&dice[..1], 16).unwrap();
    let more = token() + &token();
    (0..length)
        .map(|at| {
            let roll = usize::from_str_radix(&more[2 * at..2 * at + 2], 16).unwrap();
            char::from(TOKEN[roll % TOKEN.len()])
        })
        .collect()
}

/// Security row S7: Asterisk fell to a realm it had not asked for, OpenSIPS to its own digest parser.
#[test]
fn five_hundred_odd_credentials_are_refused_and_break_nothing() {
    let mut server = shop(&names(1), "login_tries = 1000");
    let mut wire = Wire::udp(&server);
    let plain = Ask::new("REGISTER", "rep0", "rep0");
    let good = plain.proof(&challenge(&wire.ask(&plain)), "rep0", "wrong", 1);
    let whole = good.strip_prefix("Authorization: ").unwrap();
    let mut odd = Vec::new();
    // Each parameter missing, empty, twice, huge, unquoted, unfinished or of another kind.
    for (name, value) in parameters(whole) {
        let written = format!("{name}={value}");
        for other in [
            String::new(),
            format!("{name}="),
            format!("{name}=\"\""),
            name.to_owned(),
            format!("{written}, {written}"),
            format!("{name}=\"{}\"", "x".repeat(4000)),
            format!("{name}=\"\\\"\\\\\\\"\""),
            format!("{name}=\"unfinished"),
            format!("{name}=\"{}\"", "%00%0d%0a"),
            format!("{name}=\u{e9}\u{fc}"),
            format!("{name}*=UTF-8''%FF%FE"),
            format!("{name}*=ISO-8859-1'en'x"),
            format!("{name} = , {written}"),
            format!("{name}=-1"),
            format!("{name}=99999999999999999999"),
            format!("{name}=00000000"),
            format!("{name}=ffffffff"),
            format!("{name}=auth-int"),
            format!("{name}=MD5-sess"),
            format!("{name}=SHA-512-256"),
            format!("{name}=\"elsewhere.example\""),
            format!("{name}=\"sip:rep0@shop.example\""),
            format!("x={written}"),
        ] {
            odd.push(whole.replace(&written, &other));
        }
    }
    for scheme in ["Basic", "Digest", "digest", "Bearer", "DigestDigest", ""] {
        for rest in [
            "", " ", " x", " =", " ,", " ,,,,", " \"", " a=b", " a=\"b", " 0=0,0=0",
        ] {
            odd.push(format!("{scheme}{rest}"));
        }
    }
    for cut in 0..whole.len() {
        odd.push(whole[..cut].to_owned());
    }
    assert!(odd.len() >= 500, "{}", odd.len());
    for value in odd {
        let begun = Instant::now();
        let answer = wire.ask(&plain.clone().with(format!("Authorization: {value}")));
        assert!(
            [400, 401, 403].contains(&status(&answer)),
            "{value}: {answer}"
        );
        assert!(begun.elapsed() < Duration::from_secs(1), "{value}");
    }
    assert_nothing_happened(&server, &names(1));
    server.check_alive().unwrap();
    assert!(!server.log().contains("panicked"));
}

fn parameters(credentials: &str) -> Vec<(&str, &str)> {
    let all = credentials.strip_prefix("Digest ").unwrap();
    all.split(", ")
        .map(|parameter| parameter.split_once('=').unwrap())
        .collect()
}

/// Security row S24: FreeSWITCH let a MESSAGE choose the module that handled it.
#[test]
fn no_text_of_a_message_chooses_who_handles_it() {
    let reps = names(1);
    let mut server = shop(&reps, "");
    let mut wire = Wire::udp(&server);
    let words = [
        "api",
        "admin",
        "system",
        "bgapi",
        "sqlite",
        "store",
        "journal",
        "helpdesk",
        "reload",
        "shutdown",
        "deskbell",
        "sip_service",
        "/bin/sh",
        "$(id)",
        "; drop table tickets",
    ];
    let places = [
        "X-Handler",
        "Subject",
        "Proto",
        "dest_proto",
        "Content-Disposition",
        "Organization",
        "P-Asserted-Identity",
        "Reply-To",
        "Route",
    ];
    let known = challenge(&wire.ask(&Ask::new("MESSAGE", "rep0", "desk")));
    let mut count = 0;
    for word in words {
        let mut asks: Vec<_> = places
            .iter()
            .map(|place| Ask::new("MESSAGE", "rep0", "desk").with(format!("{place}: {word}")))
            .collect();
        let mut in_body = Ask::new("MESSAGE", "rep0", "desk");
        in_body.body = word.to_owned();
        asks.push(in_body);
        let mut in_uri = Ask::new("MESSAGE", "rep0", "desk");
        in_uri.uri.push_str(";handler=api;module=system");
        asks.push(in_uri);
        for ask in asks {
            count += 1;
            let proof = ask.proof(&known, "rep0", &password("rep0"), count);
            let answer = wire.ask(&ask.with(proof));
            // The desk takes it as words of a rep who has no conversation.
            assert!(
                [200, 400, 404].contains(&status(&answer)),
                "{word}: {answer}"
            );
        }
    }
    assert_nothing_happened(&server, &reps);
    server.check_alive().unwrap();
}

/// The other half of S24: there is nothing in the server that could start a program.
#[test]
fn the_server_starts_no_programs() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for name in [
        "deskbell",
        "gateway",
        "storage",
        "sip-transport",
        "sip",
        "presence",
        "helpdesk",
    ] {
        let source = crates.join(name).join("src");
        collect(&source, &mut files);
    }
    assert!(files.len() > 100);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for word in ["process::Command", "Command::new(", "posix_spawn", "execv"] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            files.push(path);
        }
    }
}
