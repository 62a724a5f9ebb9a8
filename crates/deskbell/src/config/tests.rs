//! Configurations as people write them, and what they are told.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

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
    check(DEFAULT, expect![[""]]);
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
    scratch.write("shop.secret", "0123456789abcdef0123456789abcdef\n");
    scratch.check_with(&text, expect![[""]]);
}

/// What the default says is the default is what an empty table comes to.
#[test]
fn default_configuration_says_the_defaults() {
    let settings = |text: &str| read(text, Path::new("deskbell.toml"), &environment).unwrap();
    let (told, silent) = (settings(DEFAULT), settings("sip.domain = \"shop.example\""));
    assert_eq!(told.sip, silent.sip);
    assert_eq!(told.http, silent.http);
    assert_eq!(told.storage, silent.storage);
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
ha1 = { md5 = "00112233445566778899aabbccddeeff", sha-256 = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff" }
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
    scratch.write("shop.secret", "0123456789abcdef0123456789abcdef");
    let settings = read(FULL, &scratch.0.join("deskbell.toml"), &environment).unwrap();
    (scratch, settings)
}

#[test]
fn every_key_reaches_the_settings() {
    let (_scratch, settings) = full();
    let password = |rep: &str| match settings.credentials_by_rep.get(&RepId::new(rep)).unwrap() {
        Credentials::Password(secret) => secret.expose(),
        Credentials::Ha1 { .. } => panic!("{rep} has hashes"),
    };
    assert_eq!(
        (password("alice"), password("bob")),
        ("correct horse", "battery staple")
    );
    let Credentials::Ha1 {
        md5: Some(md5),
        sha256: Some(sha256),
    } = settings
        .credentials_by_rep
        .get(&RepId::new("carol"))
        .unwrap()
    else {
        panic!("carol has no hashes")
    };
    assert_eq!(
        (md5[1], md5[15], sha256[15], sha256[31]),
        (0x11, 0xff, 0xff, 0xff)
    );

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
    assert_eq!(
        site.secret.as_ref().unwrap().expose(),
        b"0123456789abcdef0123456789abcdef"
    );
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
    expect![[""]].assert_eq(&summary(&settings));
}

#[test]
fn summary_of_little_says_none_and_dangers_stand_out() {
    let text = "sip.domain = \"shop.example\"\ndangerous.open_domain = true";
    let settings = read(text, Path::new("deskbell.toml"), &environment).unwrap();
    expect![[""]].assert_eq(&summary(&settings));
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
    check("[sip]\ndomain = shop.example\n", expect![[""]]);
    check("[sip\ndomain = \"a.b\"\n= 3\n", expect![[""]]);
    check("[sip]\ndomain = \"a.b\"\ndomain = \"a.c\"\n", expect![[""]]);
    check("[sip]\ndomain = \"a", expect![[""]]);
}

#[test]
fn empty_file_lacks_a_domain() {
    check("", expect![[""]]);
}

#[test]
fn domain_alone_is_served_with_warnings() {
    check("[sip]\ndomain = \"shop.example\"", expect![[""]]);
}

#[test]
fn every_mistake_is_told_at_once_in_order() {
    check_with(
        "[http]\nlisten = 8080\n[[rep]]\nid = \"bob\"\npassword = \"\"\nskills = { camera = 0 }\ncapacity = 0\n\
         [routing]\npriority = \"fifo\"\nofer_timeout = \"20s\"\n",
        expect![[""]],
    );
}

#[test]
fn unknown_keys_and_tables_are_mistakes() {
    check_with(
        "[http]\nliste = \"0.0.0.0:80\"\nworkers = 4\n[skills]\n[Routing]\n",
        expect![[""]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { least = \"5s\" }\n",
        expect![[""]],
    );
}

#[test]
fn tables_written_the_wrong_way_are_explained() {
    check_with("sip = 5\nhttp = []\nrouting = \"strict\"\n", expect![[""]]);
    check_with("[rep]\nid = \"alice\"\n", expect![[""]]);
    check_with(
        "site = [1]\n[[http]]\nlisten = \"0.0.0.0:80\"\n",
        expect![[""]],
    );
}

#[test]
fn domains_realms_and_aliases_are_checked() {
    check_with(
        "[sip]\ndomain = \"sip:shop.example\"\nrealm = 'say \"hi\"'\n",
        expect![[""]],
    );
    check_with(
        "[sip]\ndomain = \"Shop.Example\"\naliases = [\"shop.example\", \"10.0.0.1\", \"10.0.0.1\", \"a:5060\", 7]\n",
        expect![[""]],
    );
    check_with("[sip]\ndomain = 5\n", expect![[""]]);
    check_with("[sip]\nrealm = \"\"\n", expect![[""]]);
    check_with("[sip]\ndomain = \"::1\"\n", expect![[""]]);
}

#[test]
fn listeners_are_checked() {
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = [\n \"udp://0.0.0.0:5060\",\n \"udp://0.0.0.0:5060\",\n \"tls://0.0.0.0:5061\",\n \
         \"ws://0.0.0.0:80\",\n \"wss://0.0.0.0:443\",\n \"sctp://0.0.0.0:5060\",\n \"0.0.0.0:5060\",\n \"udp://localhost:5060\",\n \
         \"tcp://0.0.0.0\",\n \"tcp://[::1]:5060\",\n 5060,\n]\n",
        expect![[""]],
    );
    check_with("[sip]\ndomain = \"a.b\"\nlisten = []\n", expect![[""]]);
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = \"udp://0.0.0.0:5060\"\n",
        expect![[""]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nlisten = [\"udp://127.0.0.1:0\", \"udp://127.0.0.1:0\"]\n",
        expect![[""]],
    );
    check_with("[http]\nlisten = \"*:8080\"\n", expect![[""]]);
}

#[test]
fn challenges_lifetimes_and_tries_are_checked() {
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = [\"md5\", \"MD5\", \"MD5\", \"SHA-512\"]\nlogin_tries = 0\n",
        expect![[""]],
    );
    check_with("[sip]\ndomain = \"a.b\"\ndigest = []\n", expect![[""]]);
    check_with(
        "[sip]\ndomain = \"a.b\"\ndigest = [\"MD5\", \"SHA-256\"]\n",
        expect![[""]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { min = \"20m\" }\n",
        expect![[""]],
    );
    check_with(
        "[sip]\ndomain = \"a.b\"\nexpires = { min = \"0s\", default = 60, max = \"2d\" }\n",
        expect![[""]],
    );
}

#[test]
fn storage_is_checked() {
    check_with(
        "[storage]\nurl = \"postgres://me:hush@db/deskbell\"\n",
        expect![[""]],
    );
    check_with("[storage]\nurl = \"deskbell.db\"\n", expect![[""]]);
}

#[test]
fn identities_are_checked() {
    check_with(
        "[[skill]]\nname = \"Cameras\"\n[[skill]]\nid = \"Cameras\"\n[[skill]]\nid = \"a.b\"\n",
        expect![[""]],
    );
    check_with(
        "[[tier]]\nid = \"gold\"\n[[tier]]\nid = \"gold\"\n",
        expect![[""]],
    );
    check_with(
        "[[site]]\nid = \"\"\n[[site]]\nid = \"a b\"\nname = \"\"\n[[site]]\nid = \"-a\"\n",
        expect![[""]],
    );
    check_with(
        "[[rep]]\nid = \"cameras\"\npassword = \"correct horse\"\nskills = { cameras = 1, lenses = 1 }\n\
         [[rep]]\nid = \"desk\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\n\
         [[rep]]\nid = \"desk\"\npassword = \"correct horse\"\nskills = { cameras = 1 }\n",
        expect![[""]],
    );
}

#[test]
fn wrong_identity_is_one_mistake_not_one_for_each_reference() {
    check_with(
        "[[skill]]\nid = \"Cameras\"\n[[site]]\nid = \"shop\"\nskills = [\"Cameras\"]\n\
         [[rep]]\nid = \"alice\"\npassword = \"correct horse\"\nskills = { Cameras = 90 }\n",
        expect![[""]],
    );
}

#[test]
fn references_are_checked() {
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { camera = 50, singing = 60, lenses = 1, cameras = 2 }\n\
         tiers = [\"platinum\", \"gold\", \"gold\", \"stadnard\"]\n",
        expect![[""]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nskills = [\"lense\", \"cameras\", \"cameras\"]\n",
        expect![[""]],
    );
    check_with("[[site]]\nid = \"shop\"\nskills = []\n", expect![[""]]);
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = [\"cameras\"]\ntiers = []\n",
        expect![[""]],
    );
}

#[test]
fn numbers_out_of_range_are_told_with_the_range() {
    check_with(
        "[[tier]]\nid = \"a\"\nweight = 0\n[[tier]]\nid = \"b\"\nweight = nan\n[[tier]]\nid = \"c\"\nweight = -1.5\n[[tier]]\nid = \"d\"\nweight = \"2\"\n",
        expect![[""]],
    );
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\nskills = { cameras = 0, lenses = 101 }\ncapacity = 0\n\
         [[rep]]\nid = \"bo\"\npassword = \"correct horse\"\nskills = { cameras = 1.5, lenses = -1 }\ncapacity = \"3\"\n\
         [[rep]]\nid = \"b\"\npassword = \"correct horse\"\nskills = { cameras = 0x40, lenses = 99999999999 }\ncapacity = 1_00\n",
        expect![[""]],
    );
}

#[test]
fn passwords_are_sought_in_one_place() {
    let rep = |lines: &str| {
        format!("[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1, lenses = 1 }}\n{lines}\n")
    };
    check_with(&rep(""), expect![[""]]);
    check_with(&rep("password = \"short\""), expect![[""]]);
    check_with(
        &rep("password = \"correct horse\"\npassword_env = \"ALICE\""),
        expect![[""]],
    );
    check_with(&rep("password_env = \"NOBODY\""), expect![[""]]);
    check_with(&rep("password_env = \"EMPTY\""), expect![[""]]);
    check_with(&rep("password_env = \"ALICE\""), expect![[""]]);
    check_with(
        &rep("password = \"correct horse\"\nha1 = {}"),
        expect![[""]],
    );
    check_with(&rep("password = 12345678"), expect![[""]]);
}

#[test]
fn hashes_are_checked_against_the_challenges() {
    let rep = |ha1: &str| {
        format!("[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1, lenses = 1 }}\nha1 = {ha1}\n")
    };
    check_with(&rep("{ md5 = \"00\", sha-256 = \"zz\" }"), expect![[""]]);
    check_with(
        &rep("{ md5 = \"00112233445566778899aabbccddeeff\" }"),
        expect![[""]],
    );
    check_with(&rep("{ sha256 = \"00\" }"), expect![[""]]);
    let md5_only = rep("{ md5 = \"00112233445566778899aabbccddeeff\" }");
    check_with(
        &format!("{md5_only}[sip]\ndomain = \"a.b\"\ndigest = [\"MD5\"]\n"),
        expect![[""]],
    );
}

#[test]
fn secret_files_are_checked() {
    let scratch = Scratch::new();
    let rep = "[[rep]]\nid = \"alice\"\nskills = { cameras = 1, lenses = 1 }\npassword_file = \"alice.secret\"\n";
    scratch.check_with(rep, expect![[""]]);
    scratch.write("alice.secret", "\n");
    scratch.check_with(rep, expect![[""]]);
    scratch.write("alice.secret", "correct\nhorse\n");
    scratch.check_with(rep, expect![[""]]);
    scratch.write("alice.secret", &"x".repeat(5000));
    scratch.check_with(rep, expect![[""]]);
    scratch.write("alice.secret", "correct horse\r\n");
    scratch.check_with(rep, expect![[""]]);
    fs::set_permissions(
        scratch.0.join("alice.secret"),
        Permissions::from_mode(0o644),
    )
    .unwrap();
    scratch.check_with(rep, expect![[""]]);
}

#[test]
fn sites_are_checked() {
    check_with(
        "[[site]]\nid = \"shop\"\norigins = [\"shop.example\", \"https://a.b\", \"https://a.b\", \"https://a.b/\"]\nsecret = \"too short\"\nhours = \"24/7\"\n",
        expect![[""]],
    );
    check_with(
        "[[site]]\nid = \"shop\"\nsecret = \"too short\"\nhours = \"24/7\"\ntimezone = \"Europe/Paris\"\n",
        expect![[""]],
    );
}

#[test]
fn routing_is_checked() {
    check_with(
        "[routing]\npriority = \"stric\"\nchoose = \"worst\"\noffer_timeout = \"20\"\nwrap_up = 10\nsticky_for = \"2h\"\nqueue_limit = 0\n",
        expect![[""]],
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
        expect![[""]],
    );
}

#[test]
fn relaxing_rule_that_narrows_is_a_mistake() {
    check_with(
        "[[routing.relax]]\nafter = \"60s\"\nmin_level = 70\n[[routing.relax]]\nafter = \"30s\"\nmin_level = 60\n\
         [[routing.relax]]\nafter = \"90s\"\nmin_level = 90\nskill = \"cameras\"\n",
        expect![[""]],
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
        expect![[""]],
    );
}

#[test]
fn skills_nobody_serves_and_reps_without_skills_are_warnings() {
    check_with(
        "[[rep]]\nid = \"bob\"\npassword = \"correct horse\"\n",
        expect![[""]],
    );
}

#[test]
fn open_domain_is_a_warning() {
    check_with("[dangerous]\nopen_domain = true\n", expect![[""]]);
    check_with("[dangerous]\nopen_domain = \"yes\"\n", expect![[""]]);
}
