//! Configurations as people write them, and what they are told.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::sip::digest::{Algorithm, Ha1};
use expect_test::{Expect, expect};
use helpdesk::{Level, RepId, SkillId, TierId};

use super::*;

/// What each [`check_with`] starts from, without the table a case is about.
const TABLES: [(&str, &str); 5] = [
    ("sip", "[sip]\ndomain = \"shop.example\""),
    (
        "skill",
        "[[skill]]\nid = \"cameras\"\n[[skill]]\nid = \"lenses\"",
    ),
    (
        "tier",
        "[[tier]]\nid = \"standard\"\n[[tier]]\nid = \"gold\"",
    ),
    ("site", "[[site]]\nid = \"shop\""),
    (
        "rep",
        "[[rep]]\nid = \"alice\"\npassword = \"correct horse\"\nskills = { cameras = 90, lenses = 60 }",
    ),
];

/// Reads `toml` alone.
#[track_caller]
fn check(toml: &str, expected: Expect) {
    expected.assert_eq(&told(toml, Path::new("deskbell.toml")));
}

/// Reads `toml`, from line 1, with sound tables after it in place of those it lacks.
#[track_caller]
fn check_with(toml: &str, expected: Expect) {
    check(&completed(toml), expected);
}

fn completed(toml: &str) -> String {
    let mut text = toml.to_owned();
    for (name, table) in TABLES {
        let has = toml
            .lines()
            .any(|line| line.trim_matches(['[', ']']) == name);
        if !has {
            write!(text, "\n{table}").unwrap();
        }
    }
    text
}

/// The mistakes, or `served` and the warnings.
fn told(toml: &str, path: &Path) -> String {
    let (heading, notes) = match read(toml, path, &environment) {
        Ok(settings) => ("served\n", settings.warnings),
        Err(mistakes) => ("", mistakes),
    };
    notes.iter().fold(heading.to_owned(), |mut told, note| {
        writeln!(told, "{note}").unwrap();
        told
    })
}

fn environment(name: &str) -> Option<String> {
    match name {
        "ALICE" => Some("battery staple".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// A directory of its own for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "deskbell-config-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    /// Reads `toml` as a file here, with sound tables in place of those it lacks.
    #[track_caller]
    fn check_with(&self, toml: &str, expected: Expect) {
        let told = told(&completed(toml), &self.0.join("deskbell.toml"));
        expected.assert_eq(&told.replace(&format!("{}/", self.0.display()), "DIR/"));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn default_configuration_has_no_mistakes() {
    check(
        DEFAULT,
        expect![[r#"
        served
        deskbell.toml:1:1: there is no [[rep]]: nobody can answer
    "#]],
    );
}

/// The default's examples are commented out without a space: `#key = …`.
#[test]
fn examples_of_the_default_configuration_have_no_mistakes() {
    let uncommented = |line: &str| {
        let example = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_alphabetic() || c == '['));
        example.unwrap_or(line).to_owned() + "\n"
    };
    let text: String = DEFAULT.lines().map(uncommented).collect();
    let scratch = Scratch::new();
    scratch.write("alice.secret", "correct horse\n");
    scratch.write("wall.key", "nobody can guess this one\n");
    scratch.write("pbx.secret", "correct horse\n");
    scratch.write("trunk.secret", "correct horse\n");
    scratch.write("storage.key", &format!("{}\n", "5a".repeat(32)));
    scratch.write("cookie.secret", &format!("{}\n", "6b".repeat(32)));
    scratch.write("old.secret", &format!("{}\n", "7c".repeat(32)));
    scratch.write(
        "backend.key",
        "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n",
    );
    scratch.write(
        "backend-old.key",
        "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n",
    );
    scratch.write("shop.pub", "q32SWCRj6mbutbTHdF3Qsmc0YVTwCJbcQuNQWU-NizM\n");
    scratch.write("shop.secret", "0123456789abcdef0123456789abcdef\n");
    let (certificate, key) = certificate();
    scratch.write("sip.crt", &certificate);
    scratch.write("sip.key", &key);
    scratch.write("phones.crt", &certificate);
    scratch.write("authorities.pem", &certificate);
    scratch.check_with(
        &text,
        expect![[r#"
            served
            DIR/deskbell.toml:25:1: [sip] tls: is not used: no listener is tls:// or wss://
        "#]],
    );
}

/// What the default says is the default is what an empty table comes to.
#[test]
fn default_configuration_says_the_defaults() {
    let settings = |text: &str| read(text, Path::new("deskbell.toml"), &environment).unwrap();
    let (told, silent) = (settings(DEFAULT), settings("sip.domain = \"shop.example\""));
    assert_eq!(told.sip, silent.sip);
    assert_eq!(told.presence, silent.presence);
    assert_eq!(told.limits, silent.limits);
    assert_eq!(
        (told.http.listen, &told.http.proxies),
        (silent.http.listen, &silent.http.proxies)
    );
    assert_eq!(told.storage.url, silent.storage.url);
    assert_eq!(told.storage.durability, silent.storage.durability);
    assert_eq!(told.storage.keyring, silent.storage.keyring);
    let retention = told.storage.retention_by_site.values().copied();
    assert!(retention.eq([settings::StorageSettings::RETENTION]));
    assert_eq!(told.dangerous, silent.dangerous);
    assert_eq!(told.helpdesk.routing, silent.helpdesk.routing);
    assert_eq!(told.helpdesk.tiers, silent.helpdesk.tiers);
}

/// The configuration that product documents print.
const FULL: &str = r#"
[sip]
domain = "shop.example"
aliases = ["127.0.0.1"]
listen = ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"]
digest = ["SHA-256", "MD5"]
digest_over = { udp = ["MD5"], wss = ["SHA-512-256-sess"] }
qop = ["auth", "auth-int"]
flow_grace = "3s"

[http]
listen = "0.0.0.0:8080"

[storage]
url = "sqlite:deskbell.db"

[[skill]]
id = "cameras"
name = "Cameras"
[[skill]]
id = "lenses"
[[skill]]
id = "printing"

[[tier]]
id = "standard"
[[tier]]
id = "gold"
weight = 2.0
[[tier]]
id = "platinum"
weight = 4

[[site]]
id = "shop"
name = "The Camera Shop"
origins = ["https://shop.example"]
secret_file = "shop.secret"
skills = ["cameras", "lenses"]
hours = "Mo-Fr 09:00-18:00"
timezone = "Europe/Paris"

[[rep]]
id = "alice"
name = "Alice"
password_file = "alice.secret"
skills = { cameras = 90, lenses = 60 }
tiers = ["standard", "gold", "platinum"]
capacity = 3
[[rep]]
id = "bob"
password_env = "ALICE"
skills = { printing = 80 }
[[rep]]
id = "carol"
ha1 = { md5 = "00112233445566778899aabbccddeeff", SHA-256 = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff", "SHA-512-256" = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }
skills = { cameras = 1 }
tiers = ["gold"]

[routing]
priority = "weighted"
choose = "best"
offer_timeout = "20s"
wrap_up = "10s"
sticky_for = "45s"
queue_limit = 200

[[routing.relax]]
after = "90s"
skill = "cameras"
accept = ["lenses"]
[[routing.relax]]
after = "30s"
min_level = 60
[[routing.relax]]
after = "120s"
tiers = "any"

[dangerous]
open_domain = false
"#;

fn full() -> (Scratch, Settings) {
    let scratch = Scratch::new();
    scratch.write("alice.secret", "correct horse\n");
    scratch.write("wall.key", "nobody can guess this one\n");
    scratch.write("shop.pub", "q32SWCRj6mbutbTHdF3Qsmc0YVTwCJbcQuNQWU-NizM\n");
    scratch.write("shop.secret", "0123456789abcdef0123456789abcdef");
    let settings = read(FULL, &scratch.0.join("deskbell.toml"), &environment).unwrap();
    (scratch, settings)
}

#[test]
fn every_key_reaches_the_settings() {
    let (_scratch, settings) = full();
    let secrets = |rep: &str| settings.secrets_by_rep.get(&RepId::new(rep)).unwrap();
    for (rep, password) in [("alice", "correct horse"), ("bob", "battery staple")] {
        let expected = Algorithm::ALL
            .map(|algorithm| Ha1::derive(algorithm, rep, &settings.sip.realm, password));
        assert_eq!(secrets(rep)[..], expected, "{rep}");
    }
    let digits: Vec<_> = secrets("carol").iter().map(Ha1::to_hex).collect();
    let md5 = "00112233445566778899aabbccddeeff";
    assert_eq!(digits, [md5.to_owned(), md5.repeat(2), md5.repeat(2)]);

    let alice = &settings.helpdesk.reps[0];
    let level = |level| Level::new(level).unwrap();
    assert_eq!(
        alice.skills,
        [
            (SkillId::new("cameras"), level(90)),
            (SkillId::new("lenses"), level(60))
        ]
    );
    assert_eq!(
        (
            alice.name.as_str(),
            alice.capacity,
            alice.tiers.as_ref().unwrap().len()
        ),
        ("Alice", 3, 3)
    );
    assert_eq!(settings.helpdesk.reps[1].tiers, None);
    assert_eq!(
        settings.helpdesk.reps[2].tiers,
        Some(vec![TierId::new("gold")])
    );

    let weights: Vec<f64> = settings
        .helpdesk
        .tiers
        .iter()
        .map(|tier| tier.weight)
        .collect();
    assert_eq!(weights, [1.0, 2.0, 4.0]);
    let site = &settings.sites[0];
    let [key] = site.token_keys.as_slice() else {
        panic!("{:?}", site.token_keys)
    };
    let gateway::TokenVerifier::Shared(secret) = &key.verifier else {
        panic!("{key:?}")
    };
    assert_eq!(secret.expose(), b"0123456789abcdef0123456789abcdef");
    assert_eq!(site.origins, ["https://shop.example"]);
    assert_eq!(site.skills, settings.helpdesk.sites[0].skills);

    let relax = &settings.helpdesk.routing.relax;
    let after: Vec<u64> = relax.iter().map(|rule| rule.after.as_secs()).collect();
    assert_eq!(after, [30, 90, 120]);
    assert_eq!(relax[0].min_level, Level::new(60));
    assert_eq!(
        (&relax[1].skill, &relax[1].accept),
        (
            &Some(SkillId::new("cameras")),
            &vec![SkillId::new("lenses")]
        )
    );
    assert!(relax[2].any_tier && !relax[0].any_tier);
    assert_eq!(
        settings.helpdesk.routing.offer_timeout,
        Duration::from_secs(20)
    );
}

#[test]
fn summary_says_what_would_be_served() {
    let (_scratch, settings) = full();
    expect![[r#"
        SIP      domain shop.example (also 127.0.0.1)
                 udp://0.0.0.0:5060
                 tcp://0.0.0.0:5060
                 ws://0.0.0.0:8080/sip, for pages of this server only
                 digest SHA-256, MD5; over udp MD5; over wss SHA-512-256-sess in realm shop.example, refused after 5 wrong passwords
                 registrations and publications kept 5s to 1h, by default 10m
        HTTP     http://0.0.0.0:8080
        Watchers reps by every rep, groups by every rep, told every 5s at most; others are refused
        Lines    none
        Storage  sqlite:deskbell.db
        Skills   cameras   Cameras
                 lenses    lenses
                 printing  printing
        Tiers    standard  weight 1
                 gold      weight 2
                 platinum  weight 4
        Sites    shop  The Camera Shop  cameras, lenses  tokens verified  https://shop.example
        Reps     sip:alice@shop.example  Alice  cameras 90, lenses 60  standard, gold, platinum  3 at once
                 sip:bob@shop.example    bob    printing 80            all tiers                 1 at once
                 sip:carol@shop.example  carol  cameras 1              gold                      1 at once
        Routing  tier weight times time waited first, to the rep of highest level
                 offers ring 20s, then 10s of rest; a named rep is kept 45s
                 at most 200 tickets wait; who is out of reach keeps the place 30m
                 after 30s: level 60 is enough
                 after 1m30s for cameras: lenses will do
                 after 2m: reps of any tier will do
    "#]].assert_eq(&summary(&settings));
}

#[test]
fn summary_of_little_says_none_and_dangers_stand_out() {
    let text = "sip.domain = \"shop.example\"\ndangerous.open_domain = true";
    let settings = read(text, Path::new("deskbell.toml"), &environment).unwrap();
    expect![[r#"
        SIP      domain shop.example
                 udp://0.0.0.0:5060
                 tcp://0.0.0.0:5060
                 ws://0.0.0.0:8080/sip, for pages of this server only
                 digest MD5 in realm shop.example, refused after 5 wrong passwords
                 registrations and publications kept 5s to 1h, by default 10m
        HTTP     http://0.0.0.0:8080
        Watchers reps by every rep, groups by every rep, told every 5s at most; others are refused
        Lines    none
        Storage  sqlite:deskbell.db
        Skills   none
        Tiers    standard  weight 1
        Sites    none
        Reps     none
        Routing  tier weight times time waited first, to the rep of highest level
                 offers ring 20s, then 10s of rest; a named rep is kept 45s
                 at most 200 tickets wait; who is out of reach keeps the place 30m
        DANGER   any user, without password
    "#]]
    .assert_eq(&summary(&settings));
}

#[test]
fn secrets_are_never_printed() {
    let (_scratch, settings) = full();
    let printed = format!("{settings:?}{}", summary(&settings));
    for secret in [
        "correct horse",
        "battery staple",
        "0123456789abcdef",
        "255, 255",
    ] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

#[test]
fn missing_file_says_how_to_make_one() {
    let mistakes = load(Path::new("/nonexistent/deskbell.toml"), &environment).unwrap_err();
    assert_eq!(
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "/nonexistent/deskbell.toml: there is no such file; `deskbell config` prints one to start from"
        ]
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    check(
        "[sip]\ndomain = shop.example\n",
        expect![[r#"
        deskbell.toml:2:10: string values must be quoted, expected literal string
    "#]],
    );
    check(
        "[sip\ndomain = \"a.b\"\n= 3\n",
        expect![[r#"
        deskbell.toml:1:5: unclosed table, expected `]`
        deskbell.toml:3:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
    "#]],
    );
    check(
        "[sip]\ndomain = \"a.b\"\ndomain = \"a.c\"\n",
        expect![[r#"
        deskbell.toml:3:1: duplicate key
    "#]],
    );
    check(
        "[sip]\ndomain = \"a",
        expect![[r#"
        deskbell.toml:2:12: invalid basic string, expected `"`
    "#]],
    );
}

#[test]
fn damaged_files_are_told_of_within_the_file() {
    let scratch = Scratch::new();
    let path = scratch.0.join("deskbell.toml");
    let lines = FULL.lines().count() + 1;
    for (offset, letter) in FULL.char_indices() {
        let (before, after) = FULL.split_at(offset);
        let without = after.split_at(letter.len_utf8()).1;
        for damaged in [
            before.to_owned(),
            format!("{before}{without}"),
            format!("{before}é\"[{after}"),
        ] {
            let Err(mistakes) = read(&damaged, &path, &environment) else {
                continue;
            };
            for mistake in mistakes {
                let (line, column) = mistake.position().unwrap();
                assert!(
                    (1..=lines).contains(&line) && column >= 1,
                    "{mistake}\n{damaged}"
                );
            }
        }
    }
}

#[test]
fn empty_file_lacks_a_domain() {
    check(
        "",
        expect![[r#"
        deskbell.toml:1:1: [sip]: is missing; write [sip] and below it domain = "your.domain"
    "#]],
    );
}

#[test]
fn domain_alone_is_served_with_warnings() {
    check(
        "[sip]\ndomain = \"shop.example\"",
        expect![[r#"
        served
        deskbell.toml:1:1: there is no [[skill]]: nothing can be asked for
        deskbell.toml:1:1: there is no [[site]]: no page can show a bell
        deskbell.toml:1:1: there is no [[rep]]: nobody can answer
    "#]],
    );
}

#[test]
fn every_mistake_is_told_at_once_in_order() {
    check_with(
        "[http]\nlisten = 8080\n[[rep]]\nid = \"bob\"\npassword = \"\"\nskills = { camera = 0 }\ncapacity = 0\n\
         [routing]\npriority = \"fifo\"\nofer_timeout = \"20s\"\n",
        expect![[r#"
            deskbell.toml:2:10: [http] listen: must be text in quotes, not a number
            deskbell.toml:5:12: [[rep]] password: is empty
            deskbell.toml:6:12: [[rep]] skills.camera: there is no skill called camera; did you mean cameras?
            deskbell.toml:6:21: [[rep]] skills.camera: is 0 but must be from 1 to 100
            deskbell.toml:7:12: [[rep]] capacity: is 0 but must be from 1 to 100
            deskbell.toml:9:12: [routing] priority: cannot be "fifo"; known: weighted, strict
            deskbell.toml:10:1: [routing] ofer_timeout: is unknown; did you mean offer_timeout?
        "#]],
    );
}

#[test]
fn what_browsers_are_shown_is_checked() {
    check_with(
        "[http]\npublic_origin = \"https://help.example/\"\nproxies = [\"proxy\"]\ncookie_secret = \"short\"\n\
         [[site]]\nid = \"shop\"\n[site.form]\nphone = \"maybe\"\nremember = \"always\"\n\
         [[site.form.field]]\nid = \"Order\"\nlabel = \"Order\"\nlabel_in = { German = \"Bestellung\" }\n\
         [[site.form.field]]\nid = \"branch\"\nchoices = \"Hill\"\n",
        expect![[r#"
            deskbell.toml:2:17: [http] public_origin: "https://help.example/" is no origin; write scheme and host as browsers do, such as "https://help.example"
            deskbell.toml:3:12: [http] proxies: "proxy" is no IP address
            deskbell.toml:4:17: [http] cookie_secret: has 5 bytes; write at least 32, for example from `openssl rand -hex 32`
            deskbell.toml:8:9: [site.form] phone: cannot be "maybe"; known: off, optional, required
            deskbell.toml:9:12: [site.form] remember: cannot be "always"; known: click, ask, never
            deskbell.toml:11:6: [[site.form.field]] id: "Order" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:13:14: [[site.form.field]] label_in.German: "German" is no language; write its short tag, such as "de"
            deskbell.toml:14:1: [[site.form.field]] label: is missing; write what the page calls it
            deskbell.toml:16:11: [[site.form.field]] choices: must be a list in brackets, not text
        "#]],
    );
    let text = "sip.domain = \"a.b\"\n[[skill]]\nid = \"x\"\n[[site]]\nid = \"shop\"\n[site.form]\nemail = \"required\"\n\
         [[site.form.field]]\nid = \"branch\"\nlabel = \"Branch\"\nlabel_in = { de = \"Filiale\" }\nrequired = true\nchoices = [\"Hill\"]\n";
    let settings = read(text, Path::new("deskbell.toml"), &environment).unwrap();
    let form = &settings.sites.first().unwrap().form;
    assert_eq!(form.email, gateway::Need::Required);
    let field = form.fields.first().unwrap();
    assert!(field.is_required);
    assert_eq!(field.choices, ["Hill"]);
    assert_eq!(field.label.by_language.get("de").unwrap(), "Filiale");
}

#[test]
fn unknown_keys_and_tables_are_mistakes() {
    check_with(
        "[http]\nliste = \"0.0.0.0:80\"\nworkers = 4\n[skills]\n[Routing]\n",
        expect![[r#"
            deskbell.toml:2:1: [http] liste: is unknown; did you mean listen?
            deskbell.toml:3:1: [http] workers: is unknown; known: listen, public_origin, proxies, cookie_secret, cookie_secret_file, cookie_secret_env, old_cookie_secret, old_cookie_secret_file, old_cookie_secret_env
            deskbell.toml:4:2: skills: is unknown; did you mean skill?
            deskbell.toml:5:2: Routing: is unknown; did you mean routing?
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { least = \"5s\" }\n",
        expect![[r#"
            deskbell.toml:3:13: [sip] expires.least: is unknown; known: min, default, max
        "#]],
    );
}

#[test]
fn tables_written_the_wrong_way_are_explained() {
    check(
        "sip = 5\nhttp = []\nrouting = \"strict\"\n",
        expect![[r#"
        deskbell.toml:1:7: sip: must be a table; write [sip] on a line of its own
        deskbell.toml:2:8: http: must be a table; write [http] on a line of its own
        deskbell.toml:3:11: routing: must be a table; write [routing] on a line of its own
    "#]],
    );
    check(
        "site = [1]\nsip = { domain = \"a.b\" }\n[[http]]\nlisten = \"0.0.0.0:80\"\n",
        expect![[r#"
            deskbell.toml:1:8: site: must be a list of tables; write [[site]] on a line of its own
            deskbell.toml:3:1: http: must be a table; write [http] on a line of its own
        "#]],
    );
    check_with(
        "[rep]\nid = \"alice\"\n",
        expect![[r#"
        deskbell.toml:1:1: rep: must be a list of tables; write [[rep]] on a line of its own
    "#]],
    );
}

#[test]
fn domains_realms_and_aliases_are_checked() {
    check_with(
        "[sip]\ndomain = \"sip:shop.example\"\nrealm = 'say \"hi\"'\n",
        expect![[r#"
            deskbell.toml:2:10: [sip] domain: "sip:shop.example" is no domain; write a name such as "shop.example" or an IP address, without port
            deskbell.toml:3:9: [sip] realm: must hold neither quotes nor backslashes: some phones cannot read them
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"Shop.Example\"\naliases = [\"shop.example\", \"10.0.0.1\", \"10.0.0.1\", \"a:5060\", 7]\n",
        expect![[r#"
            deskbell.toml:3:12: [sip] aliases: names shop.example twice
            deskbell.toml:3:40: [sip] aliases: names 10.0.0.1 twice
            deskbell.toml:3:52: [sip] aliases: "a:5060" is no domain; write a name such as "shop.example" or an IP address, without port
            deskbell.toml:3:62: [sip] aliases: must be text in quotes, not a number
        "#]],
    );
    check_with(
        "[sip]\ndomain = 5\n",
        expect![[r#"
        deskbell.toml:2:10: [sip] domain: must be text in quotes, not a number
    "#]],
    );
    check_with(
        "[sip]\nrealm = \"\"\n",
        expect![[r#"
        deskbell.toml:1:1: [sip] domain: is missing; write the domain of the reps' addresses
        deskbell.toml:2:9: [sip] realm: is empty
    "#]],
    );
}

#[test]
fn listeners_are_checked() {
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = [\n \"udp://0.0.0.0:5060\",\n \"udp://0.0.0.0:5060\",\n \"tls://0.0.0.0:5061\",\n \
         \"ws://0.0.0.0:80\",\n \"wss://0.0.0.0:443\",\n \"sctp://0.0.0.0:5060\",\n \"0.0.0.0:5060\",\n \"udp://localhost:5060\",\n \
         \"tcp://0.0.0.0\",\n \"tcp://[::1]:5060\",\n 5060,\n]\n",
        expect![[r#"
            deskbell.toml:1:1: [sip] tls: is missing; write [sip.tls] and below it certificate = "…" and key = "…"
            deskbell.toml:5:2: [sip] listen: names udp://0.0.0.0:5060 twice
            deskbell.toml:9:2: [sip] listen: SIP is not served over sctp; write udp://, tcp://, tls://, ws:// or wss://
            deskbell.toml:10:2: [sip] listen: "0.0.0.0:5060" is no listener; write "udp://0.0.0.0:5060" or "tcp://0.0.0.0:5060"
            deskbell.toml:11:2: [sip] listen: "localhost:5060" is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of this machine and 127.0.0.1 this machine only
            deskbell.toml:12:2: [sip] listen: "0.0.0.0" is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of this machine and 127.0.0.1 this machine only
            deskbell.toml:14:2: [sip] listen: must be text in quotes, not a number
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = []\n",
        expect![[r#"
        deskbell.toml:3:10: [sip] listen: is empty: no softphone could reach the server
    "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = \"udp://0.0.0.0:5060\"\n",
        expect![[r#"
            deskbell.toml:3:10: [sip] listen: must be a list in brackets, not text
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = [\"udp://127.0.0.1:0\", \"udp://127.0.0.1:0\"]\n",
        expect![[r#"
            served
        "#]],
    );
    check_with(
        "[http]\nlisten = \"*:8080\"\n",
        expect![[r#"
            deskbell.toml:2:10: [http] listen: "*:8080" is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of this machine and 127.0.0.1 this machine only
        "#]],
    );
}

/// A certificate and its key in PEM.
fn certificate() -> (String, String) {
    let names = vec!["sip.shop.example".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn certificates_are_checked() {
    let scratch = Scratch::new();
    let (chain, key) = certificate();
    let (_, other_key) = certificate();
    for (name, text) in [
        ("sip.crt", &chain),
        ("sip.key", &key),
        ("other.key", &other_key),
        ("open.key", &key),
    ] {
        scratch.write(name, text);
    }
    let open = Permissions::from_mode(0o644);
    fs::set_permissions(scratch.0.join("open.key"), open).unwrap();
    let check = |tls: &str, expected: Expect| {
        let sip = "[sip]\ndomain = \"a.b\"\nlisten = [\"tls://0.0.0.0:5061\"]\n";
        scratch.check_with(&format!("{sip}[sip.tls]\n{tls}"), expected);
    };
    check(
        "certificate = \"sip.crt\"\nkey = \"sip.key\"\nclient_authorities = \"sip.crt\"\n",
        expect![[r#"
            served
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"open.key\"\n",
        expect![[r#"
            served
            DIR/deskbell.toml:6:7: [sip] tls.key: can be read by every user of this machine; run chmod 600 on it
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"other.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:6:7: [sip] tls.key: does not belong to the certificate
        "#]],
    );
    check(
        "certificate = \"sip.key\"\nkey = \"sip.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:5:15: [sip] tls.certificate: holds no PEM block CERTIFICATE that can be read
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"sip.crt\"\n",
        expect![[r#"
            DIR/deskbell.toml:6:7: [sip] tls.key: holds no PEM block PRIVATE KEY that can be read
        "#]],
    );
    check(
        "certificate = \"gone.crt\"\nkey = \"gone.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:5:15: [sip] tls.certificate: DIR/gone.crt cannot be read: No such file or directory (os error 2)
            DIR/deskbell.toml:6:7: [sip] tls.key: DIR/gone.key cannot be read: No such file or directory (os error 2)
        "#]],
    );
    check(
        "certificate = \"sip.crt\"\nkey = \"sip.key\"\nclient_authorities = \"sip.key\"\n",
        expect![[r#"
            DIR/deskbell.toml:7:22: [sip] tls.client_authorities: cannot be used: there is no PEM block CERTIFICATE that can be read
        "#]],
    );
    check(
        "certificat = \"sip.crt\"\n",
        expect![[r#"
        DIR/deskbell.toml:4:1: [sip] tls.certificate: is missing; name the file of the certificate in PEM
        DIR/deskbell.toml:4:1: [sip] tls.key: is missing; name the file of the certificate's key in PEM
        DIR/deskbell.toml:5:1: [sip] tls.certificat: is unknown; did you mean certificate?
    "#]],
    );
}

#[test]
fn challenges_lifetimes_and_tries_are_checked() {
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = [\"md5\", \"MD5\", \"MD5\", \"SHA-512\"]\nlogin_tries = 0\n",
        expect![[r#"
            deskbell.toml:3:11: [sip] digest: cannot be "md5"; did you mean MD5?
            deskbell.toml:3:25: [sip] digest: names MD5 twice
            deskbell.toml:3:32: [sip] digest: cannot be "SHA-512"; did you mean SHA-256?
            deskbell.toml:4:15: [sip] login_tries: is 0 but must be from 1 to 1000
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = []\n",
        expect![[r#"
        deskbell.toml:3:10: [sip] digest: is empty: nobody could log in; write ["SHA-256", "MD5"]
    "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = [\"MD5\", \"SHA-256\"]\n",
        expect![[r#"
            served
            deskbell.toml:3:10: [sip] digest: put SHA-256 first: most phones take the first challenge they know
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { min = \"20m\" }\n",
        expect![[r#"
            deskbell.toml:3:11: [sip] expires: min 20m, default 10m and max 1h must not descend; raise or lower one
        "#]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { min = \"0s\", default = 60, max = \"2d\" }\n",
        expect![[r#"
            deskbell.toml:3:19: [sip] expires.min: is 0s but must be from 1s to 1d
            deskbell.toml:3:35: [sip] expires.default: must be a duration in quotes, such as "20s", not a number
            deskbell.toml:3:45: [sip] expires.max: is 2d but must be from 1s to 1d
        "#]],
    );
}

#[test]
fn storage_is_checked() {
    check_with(
        "[storage]\nurl = \"mysql://me:hush@db/deskbell\"\n",
        expect![[r#"
            deskbell.toml:2:7: [storage] url: "mysql:…" is no storage address; write sqlite:PATH or postgres://USER@HOST/DATABASE
        "#]],
    );
    check_with(
        "[storage]\nurl = \"deskbell.db\"\n",
        expect![[r#"
            deskbell.toml:2:7: [storage] url: "deskbell.db" is no storage address; write sqlite:PATH or postgres://USER@HOST/DATABASE
        "#]],
    );
}

#[test]
fn identities_are_checked() {
    check_with(
        "[[skill]]\nname = \"Cameras\"\n[[skill]]\nid = \"Cameras\"\n[[skill]]\nid = \"a.b\"\n",
        expect![[r#"
            deskbell.toml:1:1: [[skill]] id: is missing; give it a short name in small letters, digits and hyphens
            deskbell.toml:4:6: [[skill]] id: "Cameras" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:6:6: [[skill]] id: "a.b" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:19:12: [[rep]] skills.cameras: there is no skill called cameras; did you mean Cameras?
            deskbell.toml:19:26: [[rep]] skills.lenses: there is no skill called lenses; known: Cameras, a.b
        "#]],
    );
    check_with(
        "[[tier]]\nid = \"gold\"\n[[tier]]\nid = \"gold\"\n",
        expect![[r#"
            deskbell.toml:4:6: [[tier]] id: there is another gold above; give each its own
        "#]],
    );
    check_with(
        "[[site]]\nid = \"\"\n[[site]]\nid = \"a b\"\nname = \"\"\n[[site]]\nid = \"-a\"\n",
        expect![[r#"
            deskbell.toml:2:6: [[site]] id: is empty
            deskbell.toml:4:6: [[site]] id: "a b" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
            deskbell.toml:5:8: [[site]] name: is empty
            deskbell.toml:7:6: [[site]] id: "-a" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
        "#]],
    );
    check_with(
        "[[rep]]\nid = \"cameras\"\npassword = \"correct horse\"\nskills = { cameras = 1, lenses = 1 }\n\
         [[rep]]\nid = \"desk\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\n\
         [[rep]]\nid = \"desk\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\n",
        expect![[r#"
            deskbell.toml:2:6: [[rep]] id: cameras is the address of the skill's group; call the rep otherwise
            deskbell.toml:6:6: [[rep]] id: desk is the address by which reps answer; call the rep otherwise
            deskbell.toml:10:6: [[rep]] id: there is another desk above; give each its own
        "#]],
    );
}

#[test]
fn wrong_identity_is_one_mistake_not_one_for_each_reference() {
    check_with(
        "[[skill]]\nid = \"Cameras\"\n[[site]]\nid = \"shop\"\nskills = [\"Cameras\"]\n\
         [[rep]]\nid = \"alice\"\npassword = \"correct horse\"\nskills = { Cameras = 90 }\n",
        expect![[r#"
            deskbell.toml:2:6: [[skill]] id: "Cameras" cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores
        "#]],
    );
}

#[test]
fn references_are_checked() {
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { camera = 50, singing = 60, lenses = 1, cameras = 2 }\n\
         tiers = [\"platinum\", \"gold\", \"gold\", \"stadnard\"]\n",
        expect![[r#"
            deskbell.toml:4:12: [[rep]] skills.camera: there is no skill called camera; did you mean cameras?
            deskbell.toml:4:25: [[rep]] skills.singing: there is no skill called singing; known: cameras, lenses
            deskbell.toml:5:10: [[rep]] tiers: there is no tier called platinum; known: standard, gold
            deskbell.toml:5:30: [[rep]] tiers: names gold twice
            deskbell.toml:5:38: [[rep]] tiers: there is no tier called stadnard; did you mean standard?
        "#]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nskills = [\"lense\", \"cameras\", \"cameras\"]\n",
        expect![[r#"
            deskbell.toml:3:11: [[site]] skills: there is no skill called lense; did you mean lenses?
            deskbell.toml:3:31: [[site]] skills: names cameras twice
        "#]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nskills = []\n",
        expect![[r#"
        deskbell.toml:3:10: [[site]] skills: is empty; name a skill, or leave the key out to offer all
    "#]],
    );
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = [\"cameras\"]\ntiers = []\n",
        expect![[r#"
            deskbell.toml:4:10: [[rep]] skills: must be a table in braces, not a list
            deskbell.toml:5:9: [[rep]] tiers: is empty: the rep would serve nobody; leave the key out to serve all
        "#]],
    );
}

#[test]
fn numbers_out_of_range_are_told_with_the_range() {
    check_with(
        "[[tier]]\nid = \"a\"\nweight = 0\n[[tier]]\nid = \"b\"\nweight = nan\n[[tier]]\nid = \"c\"\nweight = -1.5\n[[tier]]\nid = \"d\"\nweight = \"2\"\n",
        expect![[r#"
            deskbell.toml:3:10: [[tier]] weight: must be above 0 and at most 1000
            deskbell.toml:6:10: [[tier]] weight: must be above 0 and at most 1000
            deskbell.toml:9:10: [[tier]] weight: must be above 0 and at most 1000
            deskbell.toml:12:10: [[tier]] weight: must be a number, not text
        "#]],
    );
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { cameras = 0, lenses = 101 }\ncapacity = 0\n\
         [[rep]]\nid = \"bo\"\npassword = \"correct horse\"\nskills = { cameras = 1.5, lenses = -1 }\ncapacity = \"3\"\n\
         [[rep]]\nid = \"b\"\npassword = \"correct horse\"\nskills = { cameras = 0x40, lenses = 99999999999 }\ncapacity = 1_00\n",
        expect![[r#"
            deskbell.toml:4:22: [[rep]] skills.cameras: is 0 but must be from 1 to 100
            deskbell.toml:4:34: [[rep]] skills.lenses: is 101 but must be from 1 to 100
            deskbell.toml:5:12: [[rep]] capacity: is 0 but must be from 1 to 100
            deskbell.toml:9:22: [[rep]] skills.cameras: must be a whole number from 1 to 100, not a number with a fraction
            deskbell.toml:9:36: [[rep]] skills.lenses: is -1 but must be from 1 to 100
            deskbell.toml:10:12: [[rep]] capacity: must be a whole number from 1 to 100, not text
            deskbell.toml:14:37: [[rep]] skills.lenses: is 99999999999 but must be from 1 to 100
        "#]],
    );
}

#[test]
fn passwords_are_sought_in_one_place() {
    let rep = |lines: &str| {
        format!("[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1, lenses = 1 }}\n{lines}\n")
    };
    check_with(
        &rep(""),
        expect![[r#"
        deskbell.toml:1:1: [[rep]] password: is missing; write password_file = "FILE" (or password_env, password, ha1)
    "#]],
    );
    check_with(
        &rep("password = \"short\""),
        expect![[r#"
            served
            deskbell.toml:4:12: [[rep]] password: has fewer than 8 characters and may be guessed
        "#]],
    );
    check_with(
        &rep("password = \"correct horse\"\npassword_env = \"ALICE\""),
        expect![[r#"
            deskbell.toml:5:1: [[rep]] password_env: is one too many; keep one of password, password_file and password_env
        "#]],
    );
    check_with(
        &rep("password_env = \"NOBODY\""),
        expect![[r#"
        deskbell.toml:4:16: [[rep]] password_env: the environment has no variable NOBODY; set it before starting
    "#]],
    );
    check_with(
        &rep("password_env = \"EMPTY\""),
        expect![[r#"
        deskbell.toml:4:16: [[rep]] password_env: EMPTY is empty
    "#]],
    );
    check_with(
        &rep("password_env = \"ALICE\""),
        expect![[r#"
        served
    "#]],
    );
    check_with(
        &rep("password = \"correct horse\"\nha1 = {}"),
        expect![[r#"
            deskbell.toml:5:1: [[rep]] ha1: is one too many; keep the password or its hashes
        "#]],
    );
    check_with(
        &rep("password = 12345678"),
        expect![[r#"
        deskbell.toml:4:12: [[rep]] password: must be text in quotes, not a number
    "#]],
    );
}

#[test]
fn hashes_are_checked_against_the_challenges() {
    let rep = |ha1: &str| {
        format!(
            "[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1, lenses = 1 }}\nha1 = {ha1}\n\
             [sip]\ndomain = \"shop.example\"\ndigest = [\"SHA-256\", \"MD5\"]\n"
        )
    };
    check_with(
        &rep("{ md5 = \"00\", sha-256 = \"zz\" }"),
        expect![[r#"
        deskbell.toml:4:15: [[rep]] ha1.md5: must be 32 hexadecimal digits
        deskbell.toml:4:31: [[rep]] ha1.sha-256: must be 64 hexadecimal digits
    "#]],
    );
    check_with(
        &rep("{ md5 = \"00112233445566778899aabbccddeeff\" }"),
        expect![[r#"
            deskbell.toml:4:7: [[rep]] ha1: has no SHA-256, which [sip] digest asks phones for; add it, or take SHA-256 out there
        "#]],
    );
    check_with(
        &rep("{ sha256 = \"00\" }"),
        expect![[r#"
            deskbell.toml:4:7: [[rep]] ha1: has no SHA-256, which [sip] digest asks phones for; add it, or take SHA-256 out there
            deskbell.toml:4:7: [[rep]] ha1: has no MD5, which [sip] digest asks phones for; add it, or take MD5 out there
            deskbell.toml:4:9: [[rep]] ha1.sha256: is unknown; did you mean SHA-256?
        "#]],
    );
    let md5_only = rep("{ md5 = \"00112233445566778899aabbccddeeff\" }");
    check_with(
        &md5_only.replace("\"SHA-256\", ", ""),
        expect![[r#"
            served
        "#]],
    );
}

#[test]
fn secret_files_are_checked() {
    let scratch = Scratch::new();
    let rep = "[[rep]]\nid = \"alice\"\nskills = { cameras = 1, lenses = 1 }\npassword_file = \"alice.secret\"\n";
    scratch.check_with(rep, expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: DIR/alice.secret cannot be read: No such file or directory (os error 2)
    "#]]);
    scratch.write("alice.secret", "\n");
    scratch.check_with(
        rep,
        expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: alice.secret is empty
    "#]],
    );
    scratch.write("alice.secret", "correct\nhorse\n");
    scratch.check_with(
        rep,
        expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: alice.secret holds more than one line of text
    "#]],
    );
    scratch.write("alice.secret", &"x".repeat(5000));
    scratch.check_with(rep, expect![[r#"
        DIR/deskbell.toml:4:17: [[rep]] password_file: DIR/alice.secret cannot be read: it is longer than 4096 bytes
    "#]]);
    scratch.write("alice.secret", "correct horse\r\n");
    scratch.check_with(
        rep,
        expect![[r#"
        served
    "#]],
    );
    fs::set_permissions(
        scratch.0.join("alice.secret"),
        Permissions::from_mode(0o644),
    )
    .unwrap();
    scratch.check_with(rep, expect![[r#"
        served
        DIR/deskbell.toml:4:17: [[rep]] password_file: alice.secret can be read by every user of this machine; run chmod 600 on it
    "#]]);
}

#[test]
fn sites_are_checked() {
    check_with(
        "[[site]]\nid = \"shop\"\norigins = [\"shop.example\", \"https://a.b\", \"https://a.b\", \"https://a.b/\"]\nsecret = \"too short\"\nhours = \"24/7\"\n",
        expect![[r#"
            deskbell.toml:3:12: [[site]] origins: "shop.example" is no origin; write scheme and host as browsers do, such as "https://shop.example"
            deskbell.toml:3:43: [[site]] origins: names https://a.b twice
            deskbell.toml:3:58: [[site]] origins: "https://a.b/" is no origin; write scheme and host as browsers do, such as "https://shop.example"
        "#]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nsecret = \"too short\"\nhours = \"24/7\"\ntimezone = \"Europe/Paris\"\n",
        expect![[r#"
            served
            deskbell.toml:3:10: [[site]] secret: has 9 bytes; with fewer than 32 the shop's tokens can be forged
        "#]],
    );
}

#[test]
fn presence_is_checked() {
    let written = completed(
        "[presence]\nflow_grace = \"5s\"\nrefuse_below = \"1m\"\n\
         precedence = [\"available\", \"idle\", \"away\", \"busy\", \"full\", \"on-the-phone\", \"closed\"]",
    );
    let settings = read(&written, Path::new("deskbell.toml"), &environment).unwrap();
    assert_eq!(settings.presence.flow_grace, Duration::from_secs(5));
    assert_eq!(
        settings.presence.refuse_below,
        Some(Duration::from_secs(60))
    );
    assert_eq!(
        settings.presence.precedence.rules().first(),
        Some(&::presence::Rule::Available)
    );
    check_with(
        "[presence]\nflow_grace = \"2h\"\nrefuse_below = \"0s\"\nprecedence = [\"closed\", \"full\"]",
        expect![[r#"
            deskbell.toml:2:14: [presence] flow_grace: is 2h but must be from 0s to 1h
            deskbell.toml:3:16: [presence] refuse_below: is 0s but must be from 1s to 1h
            deskbell.toml:4:14: [presence] precedence: lacks "on-the-phone"; each word stands in it once, the weightiest first
        "#]],
    );
    check_with(
        "[presence]\nprecedence = [\"closed\", \"on-the-phne\", \"full\", \"busy\", \"away\", \"idle\", \"available\"]",
        expect![[r#"
            deskbell.toml:2:25: [presence] precedence: cannot be "on-the-phne"; did you mean on-the-phone?
        "#]],
    );
    check_with(
        "[presence]\nprecedence = [\"closed\", \"on-the-phone\", \"full\", \"busy\", \"away\", \"idle\", \"available\", \"idle\"]",
        expect![[r#"
            deskbell.toml:2:14: [presence] precedence: names "idle" twice
        "#]],
    );
}

#[test]
fn routing_is_checked() {
    check_with(
        "[routing]\npriority = \"stric\"\nchoose = \"worst\"\noffer_timeout = \"20\"\nwrap_up = 10\nsticky_for = \"2h\"\nqueue_limit = 0\n",
        expect![[r#"
            deskbell.toml:2:12: [routing] priority: cannot be "stric"; did you mean strict?
            deskbell.toml:3:10: [routing] choose: cannot be "worst"; known: best, longest-idle
            deskbell.toml:4:17: [routing] offer_timeout: "20" has no unit; write "20s" if you mean seconds
            deskbell.toml:5:11: [routing] wrap_up: must be a duration in quotes, such as "20s", not a number
            deskbell.toml:6:14: [routing] sticky_for: is 2h but must be from 0s to 1h
            deskbell.toml:7:15: [routing] queue_limit: is 0 but must be from 1 to 1000000
        "#]],
    );
}

#[test]
fn relaxing_rules_that_are_wrong_are_mistakes() {
    check_with(
        "[[routing.relax]]\nmin_level = 60\n\
         [[routing.relax]]\nafter = \"30s\"\n\
         [[routing.relax]]\nafter = \"60s\"\nskill = \"camera\"\naccept = [\"lense\"]\n\
         [[routing.relax]]\nafter = \"60s\"\nskill = \"cameras\"\naccept = [\"cameras\"]\ntiers = \"all\"\n\
         [[routing.relax]]\nafter = \"2d\"\nmin_level = 0\n",
        expect![[r#"
            deskbell.toml:1:1: [[routing.relax]] after: is missing; write the time waited from which the rule holds, such as "30s"
            deskbell.toml:3:1: [[routing.relax]]: relaxes nothing; add min_level, accept or tiers = "any"
            deskbell.toml:7:9: [[routing.relax]] skill: there is no skill called camera; did you mean cameras?
            deskbell.toml:8:11: [[routing.relax]] accept: there is no skill called lense; did you mean lenses?
            deskbell.toml:12:10: [[routing.relax]] accept: names cameras, the skill it stands in for; take it out
            deskbell.toml:13:9: [[routing.relax]] tiers: cannot be "all"; known: any
            deskbell.toml:15:9: [[routing.relax]] after: is 2d but must be from 0s to 1d
            deskbell.toml:16:13: [[routing.relax]] min_level: is 0 but must be from 1 to 100
        "#]],
    );
}

#[test]
fn relaxing_rule_that_narrows_is_a_mistake() {
    check_with(
        "[[routing.relax]]\nafter = \"60s\"\nmin_level = 70\n[[routing.relax]]\nafter = \"30s\"\nmin_level = 60\n\
         [[routing.relax]]\nafter = \"90s\"\nmin_level = 90\nskill = \"cameras\"\n",
        expect![[r#"
            deskbell.toml:3:13: [[routing.relax]] min_level: is 70, but after 30s level 60 is enough already; a rule can only ask for less
            deskbell.toml:9:13: [[routing.relax]] min_level: is 90, but after 30s level 60 is enough already; a rule can only ask for less
        "#]],
    );
}

#[test]
fn relaxing_rules_that_never_help_are_warnings() {
    check_with(
        "[[skill]]\nid = \"cameras\"\n[[skill]]\nid = \"lenses\"\n[[skill]]\nid = \"singing\"\n\
         [[site]]\nid = \"shop\"\nskills = [\"cameras\"]\n\
         [[routing.relax]]\nafter = \"60s\"\nskill = \"cameras\"\naccept = [\"singing\"]\n\
         [[routing.relax]]\nafter = \"70s\"\nskill = \"lenses\"\nmin_level = 5\n\
         [[routing.relax]]\nafter = \"80s\"\ntiers = \"any\"\n",
        expect![[r#"
            served
            deskbell.toml:10:1: [[routing.relax]] accept: no rep has singing: this rule can never find anybody
            deskbell.toml:14:1: [[routing.relax]] skill: no site offers lenses: this rule can never apply
            deskbell.toml:18:1: [[routing.relax]] tiers: no rep is kept for some tiers: this rule can never find anybody more
        "#]],
    );
}

#[test]
fn relaxing_rule_that_repeats_another_is_a_warning() {
    check_with(
        "[[routing.relax]]\nafter = \"30s\"\nmin_level = 60\n[[routing.relax]]\nafter = \"60s\"\nmin_level = 60\nskill = \"cameras\"\n",
        expect![[r#"
            served
            deskbell.toml:4:1: [[routing.relax]] min_level: level 60 is enough already after 30s
        "#]],
    );
}

#[test]
fn hosts_are_written_as_sip_addresses_write_them() {
    for (written, kept) in [
        ("Shop.Example", "shop.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[2001:DB8::0:1]", "[2001:db8::1]"),
    ] {
        let text = format!("sip.domain = \"{written}\"");
        let settings = read(&text, Path::new("deskbell.toml"), &environment).unwrap();
        assert_eq!(
            (settings.sip.domain.as_str(), settings.sip.realm.as_str()),
            (kept, kept)
        );
    }
}

#[test]
fn skills_nobody_serves_and_reps_without_skills_are_warnings() {
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\n",
        expect![[r#"
            served
            deskbell.toml:1:1: [[rep]] skills: is missing: no ticket will ever reach this rep
            deskbell.toml:15:1: [[site]] skills: no rep has cameras: it will always be closed
            deskbell.toml:15:1: [[site]] skills: no rep has lenses: it will always be closed
        "#]],
    );
}

#[test]
fn open_domain_is_a_warning() {
    check_with(
        "[dangerous]\nopen_domain = true\n",
        expect![[r#"
        served
        deskbell.toml:2:15: [dangerous] open_domain: whoever reaches the SIP port can publish and chat as any rep; for load tests only
    "#]],
    );
    check_with(
        "[dangerous]\nopen_domain = \"yes\"\n",
        expect![[r#"
        deskbell.toml:2:15: [dangerous] open_domain: must be true or false, not text
    "#]],
    );
}

#[test]
fn admin_keys_are_told_of_what_would_open_too_much_or_nothing() {
    check_with(
        "[[admin_key]]\nid = \"wall\"\nkey = \"short\"\nscopes = [\"read\", \"all\"]\nexpires = \"tomorrow\"\n\
         [[admin_key]]\nid = \"wall\"\n",
        expect![[r#"
            deskbell.toml:3:7: [[admin_key]] key: has 5 bytes; a key that cannot be guessed has at least 24
            deskbell.toml:4:19: [[admin_key]] scopes: "all" is no scope; write "read" or "write"
            deskbell.toml:5:11: [[admin_key]] expires: "tomorrow" is no moment; write it like "2027-01-31T00:00:00Z"
            deskbell.toml:6:1: [[admin_key]] key: is missing; give key, key_file or key_env
            deskbell.toml:7:6: [[admin_key]] id: there is another wall above; give each its own
        "#]],
    );
    let text = completed(
        "[[admin_key]]\nid = \"wall\"\nkey = \"nobody can guess this one\"\nscopes = [\"write\"]\n\
         expires = \"2027-01-31T00:00:00Z\"\n",
    );
    let settings = read(&text, Path::new("deskbell.toml"), &environment).unwrap();
    let [key] = settings.admin_keys.as_slice() else {
        panic!("{:?}", settings.admin_keys)
    };
    assert_eq!(key.name, "wall");
    assert_eq!(key.scopes, [gateway::Scope::Write]);
    assert_eq!(key.expires_unix_ms, Some(1_801_353_600_000));
    assert!(!format!("{key:?}").contains("guess"));
}

#[test]
fn token_keys_are_read_in_each_form_they_are_written_in() {
    let scratch = Scratch::new();
    scratch.write(
        "shop.pub",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAq32SWCRj6mbutbTHdF3Qsmc0YVTwCJbcQuNQWU+NizM=\n-----END PUBLIC KEY-----\n",
    );
    let site = "[[site]]\nid = \"shop\"\n\
        [[site.key]]\nid = \"pem\"\ned25519_file = \"shop.pub\"\n\
        [[site.key]]\nid = \"jwk\"\ned25519 = \"q32SWCRj6mbutbTHdF3Qsmc0YVTwCJbcQuNQWU-NizM\"\n\
        [[site.key]]\nid = \"hs\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
    let path = scratch.0.join("deskbell.toml");
    let settings = read(&completed(site), &path, &environment).unwrap();
    let keys = &settings.sites[0].token_keys;
    assert_eq!(keys.len(), 3);
    let public = |key: &gateway::TokenKey| match &key.verifier {
        gateway::TokenVerifier::Ed25519(public) => *public,
        gateway::TokenVerifier::Shared(_) => panic!("{key:?}"),
    };
    assert_eq!(public(&keys[0]), public(&keys[1]));
    assert_eq!(keys[2].id.as_deref(), Some("hs"));
    scratch.check_with(
        "[[site]]\nid = \"shop\"\n\
         [[site.key]]\nid = \"none\"\n\
         [[site.key]]\nid = \"bad\"\ned25519 = \"abc\"\n\
         [[site.key]]\nid = \"two\"\nsecret = \"0123456789abcdef0123456789abcdef\"\ned25519 = \"q32SWCRj6mbutbTHdF3Qsmc0YVTwCJbcQuNQWU-NizM\"\n",
        expect![[r#"
            DIR/deskbell.toml:3:1: [[site.key]] id: has no key; give a secret (HS256) or ed25519, a public key
            DIR/deskbell.toml:7:11: [[site.key]] ed25519: is no Ed25519 public key; give the x of its JWK, or a PEM file
            DIR/deskbell.toml:8:1: [[site.key]] id: has two keys; a key is for one algorithm, so give each its own table
        "#]],
    );
}

#[test]
fn watchers_are_read() {
    check_with(
        "[presence.watchers]\ninterval = \"1ms\"\nreps = \"all\"\nsupervisors = [\"alce\"]\nrefusal = \"hid\"\nmore = 1\n",
        expect![[r#"
            deskbell.toml:2:12: [presence] watchers.interval: is 1ms but must be from 100ms to 5m
            deskbell.toml:3:8: [presence] watchers.reps: cannot be "all"; known: reps, supervisors
            deskbell.toml:4:16: [presence] watchers.supervisors: there is no rep called alce; did you mean alice?
            deskbell.toml:5:11: [presence] watchers.refusal: cannot be "hid"; did you mean hide?
            deskbell.toml:6:1: [presence] watchers.more: is unknown; known: interval, reps, groups, supervisors, refusal
        "#]],
    );
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\nwatchers = [\"bob\", \"sue\"]\n",
        expect![[r#"
            deskbell.toml:5:20: [[rep]] watchers: there is no rep called sue; known: bob
        "#]],
    );
}

#[test]
fn a_telephone_system_is_read() {
    let rep = "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\nextension = \"101\"\n";
    check_with(
        &format!(
            "[pbx]\nuri = \"sip:pbx.example:5080;transport=tcp\"\nuser = \"desk\"\npassword = \"secret of ours\"\n{rep}"
        ),
        expect![[r#"
            served
            deskbell.toml:21:1: [[site]] skills: no rep has lenses: it will always be closed
        "#]],
    );
    check_with(
        &format!("[pbx]\nuri = \"pbx.example\"\nuser = \"desk\"\nexpires = \"1s\"\n{rep}"),
        expect![[r#"
            deskbell.toml:1:1: [pbx] password: is missing; write password_file = "FILE" (or password_env, password)
            deskbell.toml:2:7: [pbx] uri: "pbx.example" is no address of a telephone system; write "sip:pbx.example" or "sip:192.0.2.7:5080;transport=tcp"
            deskbell.toml:4:11: [pbx] expires: is 1s but must be from 5s to 1h
        "#]],
    );
    check_with(
        &format!(
            "[pbx]\nuri = \"sip:pbx.example;transport=tls\"\n{}",
            rep.replace("101", "1 0")
        ),
        expect![[r#"
            deskbell.toml:2:7: [pbx] uri: can be asked over udp or tcp only
            deskbell.toml:7:13: [[rep]] extension: is no extension; write the user part of its address, such as "101"
        "#]],
    );
    check_with(
        rep,
        expect![[r#"
        served
        deskbell.toml:5:13: [[rep]] extension: is not used: there is no [pbx]
        deskbell.toml:17:1: [[site]] skills: no rep has lenses: it will always be closed
    "#]],
    );
    check_with(
        "[pbx]\nuri = \"sip:pbx.example\"\n",
        expect![[r#"
        served
        deskbell.toml:1:1: [pbx] uri: is not used: no [[rep]] has an extension
    "#]],
    );
}

#[test]
fn what_a_trunk_cannot_keep_is_told() {
    check_with(
        r#"
[[trunk]]
uri = "sip:trunk.example"
register = true
ping = "0s"
[[trunk]]
uri = "sip:other.example"
expires = "10m"
answers_within = "30s"
outbound_proxy = "sip:edge@proxy.example"
"#,
        expect![[r#"
            deskbell.toml:4:12: [[trunk]] register: needs a user, whose address is registered; write user and realm
            deskbell.toml:5:8: [[trunk]] ping: is 0s but must be from 1s to 10m
            deskbell.toml:9:18: [[trunk]] answers_within: is 30s but must be from 1s to 20s
            deskbell.toml:10:18: [[trunk]] outbound_proxy: "sip:edge@proxy.example" is no address of a proxy; write "sip:proxy.example" or "sip:192.0.2.7:5080;transport=tcp"
        "#]],
    );
}

#[test]
fn what_a_trunk_and_a_callback_cannot_do_is_told() {
    check_with(
        r#"
[[trunk]]
uri = "sip:trunk.example"
ring = "60s"
offer = "rep"
[[trunk]]
uri = "sip:other.example"
ring = "10m"
[[site]]
id = "shop"
[site.callback]
allow = ["+33"]
reach = ["telephone", "pigeon", "telephone"]
"#,
        expect![[r#"
            deskbell.toml:5:9: [[trunk]] offer: cannot wait for so long: a rep's phone that makes the offer lets a telephone ring for 24s at most; write offer = "shopper"
            deskbell.toml:8:8: [[trunk]] ring: is 10m but must be from 5s to 2m
            deskbell.toml:13:23: [[site]] callback.reach: cannot be "pigeon"; known: messenger, telephone
            deskbell.toml:13:33: [[site]] callback.reach: is there already
        "#]],
    );
}
