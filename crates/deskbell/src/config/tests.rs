//! Configurations as people write them, and what they are told.

mod reps;
mod routing;
mod sip;
mod syntax;
mod whole;

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
    let (certificate, key) = sip::certificate();
    scratch.write("sip.crt", &certificate);
    scratch.write("sip.key", &key);
    scratch.write("phones.crt", &certificate);
    scratch.write("authorities.pem", &certificate);
    scratch.check_with(
        &text,
        expect![[r#"
            served
            DIR/deskbell.toml:27:1: [sip] tls: is not used: no listener is tls:// or wss://
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
        "[presence]\nflow_grace = \"5s\"\nrefuse_below = \"1m\"\npresentities = 1000000\npublications_per_presentity = 8\n\
         precedence = [\"available\", \"idle\", \"away\", \"busy\", \"full\", \"on-the-phone\", \"closed\"]",
    );
    let settings = read(&written, Path::new("deskbell.toml"), &environment).unwrap();
    assert_eq!(settings.presence.flow_grace, Duration::from_secs(5));
    assert_eq!(
        settings.presence.refuse_below,
        Some(Duration::from_secs(60))
    );
    assert_eq!(settings.presence.most_presentities, 1_000_000);
    assert_eq!(settings.presence.most_publications, 8);
    assert_eq!(
        settings.presence.precedence.rules().first(),
        Some(&::presence::Rule::Available)
    );
    check_with(
        "[presence]\nflow_grace = \"2h\"\nrefuse_below = \"0s\"\nprecedence = [\"closed\", \"full\"]\npresentities = 0\n\
         publications_per_presentity = 2000",
        expect![[r#"
            deskbell.toml:2:14: [presence] flow_grace: is 2h but must be from 0s to 1h
            deskbell.toml:3:16: [presence] refuse_below: is 0s but must be from 1s to 1h
            deskbell.toml:4:14: [presence] precedence: lacks "on-the-phone"; each word stands in it once, the weightiest first
            deskbell.toml:5:16: [presence] presentities: is 0 but must be from 1 to 10000000
            deskbell.toml:6:31: [presence] publications_per_presentity: is 2000 but must be from 1 to 1000
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
fn a_load_test_is_not_held_back_unless_it_is_said() {
    let per_second = |text: &str| {
        let text = format!("sip.domain = \"shop.example\"\n{text}");
        let settings = read(&text, Path::new("deskbell.toml"), &environment).unwrap();
        settings.limits.requests_in_all.per_second
    };
    assert_eq!(per_second(""), 30_000);
    assert_eq!(per_second("dangerous.open_domain = true"), 1_000_000);
    assert_eq!(
        per_second("dangerous.open_domain = true\nlimits.requests_in_all.per_second = 9"),
        9
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
        "[presence.watchers]\ninterval = \"1ms\"\nreps = \"all\"\nsupervisors = [\"alce\"]\nrefusal = \"hid\"\nmore = 1\nsubscriptions = 0\n",
        expect![[r#"
            deskbell.toml:2:12: [presence] watchers.interval: is 1ms but must be from 100ms to 5m
            deskbell.toml:3:8: [presence] watchers.reps: cannot be "all"; known: reps, supervisors
            deskbell.toml:4:16: [presence] watchers.supervisors: there is no rep called alce; did you mean alice?
            deskbell.toml:5:11: [presence] watchers.refusal: cannot be "hid"; did you mean hide?
            deskbell.toml:6:1: [presence] watchers.more: is unknown; known: interval, reps, groups, supervisors, refusal, subscriptions, subscriptions_per_watcher
            deskbell.toml:7:17: [presence] watchers.subscriptions: is 0 but must be from 1 to 10000000
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
    check_with(
        "[[trunk]]\nuri = \"sip:trunk.example\"\nexpires = \"10m\"\n",
        expect![[r#"
            served
            deskbell.toml:1:1: [[trunk]] expires: is not used: register is not true
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
