//! Security row S28: a number out of its range is told, and the server does not start with it.

use std::path::Path;
use std::time::Duration;

use expect_test::expect;

use super::super::{duration, read};
use super::{AT_ONCE, COUNTS, PACES, PER_SECOND, TIMES};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

fn told(toml: &str) -> Vec<String> {
    let text = format!("{toml}\n");
    match read(&text, Path::new("deskbell.toml"), &|_| None) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// `write` puts a number where the key's is; what is good must be taken, what is bad told by the key's name.
#[track_caller]
fn check(key: &str, write: impl Fn(&str) -> String, good: [String; 2], bad: [String; 2]) {
    for value in good {
        assert_eq!(
            told(&write(&value)),
            Vec::<String>::new(),
            "{key} = {value}"
        );
    }
    for value in bad {
        let mistakes = told(&write(&value));
        assert!(
            mistakes.iter().any(|mistake| mistake.contains(key)),
            "{key} = {value}: {mistakes:?}"
        );
    }
}

/// The least, the most, and what is just beyond.
fn check_count(key: &str, least: u32, most: u32, write: impl Fn(&str) -> String) {
    let (least, most) = (i64::from(least), i64::from(most));
    check(
        key,
        write,
        [least.to_string(), most.to_string()],
        [(least - 1).to_string(), (most + 1).to_string()],
    );
}

fn check_time(key: &str, least: Duration, most: Duration, write: impl Fn(&str) -> String) {
    let text = |time| format!("\"{}\"", duration::write(time));
    let step = Duration::from_millis(1);
    // A duration has no sign: below nothing there is only what is no duration.
    let below = least.checked_sub(step).map_or("\"-1ms\"".to_owned(), text);
    check(
        key,
        write,
        [text(least), text(most)],
        [below, text(most + step)],
    );
}

fn in_limits(line: &str) -> String {
    format!("[sip]\ndomain = \"shop.example\"\n[limits]\n{line}")
}

#[test]
fn every_number_of_limits_is_taken_within_its_range_alone() {
    for (key, bounds, _) in COUNTS {
        check_count(key, *bounds.start(), *bounds.end(), |value| {
            in_limits(&format!("{key} = {value}"))
        });
    }
    for (key, bounds, _) in TIMES {
        check_time(key, *bounds.start(), *bounds.end(), |value| {
            in_limits(&format!("{key} = {value}"))
        });
    }
    for (key, _) in PACES {
        for (part, bounds) in [("per_second", PER_SECOND), ("at_once", AT_ONCE)] {
            check_count(key, *bounds.start(), *bounds.end(), |value| {
                in_limits(&format!("{key} = {{ {part} = {value} }}"))
            });
        }
    }
}

#[test]
fn every_other_number_is_taken_within_its_range_alone() {
    let sip = |line: &str| format!("[sip]\ndomain = \"shop.example\"\n{line}");
    let with = |lines: &str| sip(&format!("[[skill]]\nid = \"general\"\n{lines}"));
    let rep = |line: &str| {
        with(&format!(
            "[[rep]]\nid = \"alice\"\npassword = \"correct horse\"\n{line}"
        ))
    };
    check_count("udp_sockets", 1, 64, |value| {
        sip(&format!("udp_sockets = {value}"))
    });
    check_count("login_tries", 1, 1000, |value| {
        sip(&format!("login_tries = {value}"))
    });
    check_time("expires", SECOND, DAY, |value| {
        sip(&format!(
            "expires = {{ min = {value}, default = {value}, max = {value} }}"
        ))
    });
    check_count("skills", 1, 100, |value| {
        rep(&format!("skills = {{ general = {value} }}"))
    });
    check_count("capacity", 1, 100, |value| {
        rep(&format!("skills = {{}}\ncapacity = {value}"))
    });
    let routing = |line: &str| with(&format!("[routing]\n{line}"));
    check_count("queue_limit", 1, 1_000_000, |value| {
        routing(&format!("queue_limit = {value}"))
    });
    for (key, least, most) in [
        ("offer_timeout", SECOND, Duration::from_secs(600)),
        ("wrap_up", Duration::ZERO, HOUR),
        ("sticky_for", Duration::ZERO, HOUR),
        ("keep_place", SECOND, DAY),
    ] {
        check_time(key, least, most, |value| {
            routing(&format!("{key} = {value}"))
        });
    }
    let relax = |lines: &str| with(&format!("[[routing.relax]]\n{lines}"));
    check_time("after", Duration::ZERO, DAY, |value| {
        relax(&format!("after = {value}\nmin_level = 50"))
    });
    check_count("min_level", 1, 100, |value| {
        relax(&format!("after = \"1s\"\nmin_level = {value}"))
    });
}

#[test]
fn what_is_wrong_with_limits_is_told_with_its_place() {
    let check = |lines: &str, expected: expect_test::Expect| {
        expected.assert_eq(&told(&in_limits(lines)).join("\n"));
    };
    check(
        "connection = 5",
        expect!["deskbell.toml:4:1: [limits] connection: is unknown; did you mean connections?"],
    );
    check(
        "messages_per_source = 5",
        expect![
            "deskbell.toml:4:23: [limits] messages_per_source: must be a table in braces, not a number"
        ],
    );
    check(
        "messages_per_source = { per_hour = 5 }",
        expect![
            "deskbell.toml:4:25: [limits] messages_per_source.per_hour: is unknown; known: per_second, at_once"
        ],
    );
    check(
        "uncounted_sources = [\"10.0.0.0/8\"]",
        expect![[
            r#"deskbell.toml:4:22: [limits] uncounted_sources: must be an IP address, such as "192.0.2.1""#
        ]],
    );
    check(
        "idle_time = \"1s\"",
        expect!["deskbell.toml:4:13: [limits] idle_time: is 1s but must be from 10s to 7d"],
    );
}
