//! Files that are not TOML, or not these tables and keys.

use super::whole::FULL;
use super::*;

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
