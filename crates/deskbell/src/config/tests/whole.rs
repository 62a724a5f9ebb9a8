//! A configuration that has everything: what it comes to, and how it is summed up.

use super::*;

/// The configuration that product documents print.
pub(super) const FULL: &str = r#"
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
        Trunks   none
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
fn summary_says_how_trunks_are_kept() {
    let text = r#"
sip.domain = "shop.example"
[[trunk]]
uri = "sip:trunk.example"
user = "shop"
password = "correct horse"
realm = "trunk.example"
register = true
ping = "30s"
[[trunk]]
uri = "sip:192.0.2.7;transport=tls"
outbound_proxy = "sip:edge.example"
"#;
    let settings = read(text, Path::new("deskbell.toml"), &environment).unwrap();
    let summary = summary(&settings);
    let trunks: Vec<_> = summary
        .lines()
        .skip_while(|line| !line.starts_with("Trunks"))
        .take(2)
        .collect();
    assert_eq!(
        trunks,
        [
            "Trunks   shop@trunk.example       registered for 10m, asked every 30s",
            "         192.0.2.7;transport=tls  over sip:edge.example",
        ]
    );
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
        Trunks   none
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
