//! `deskbell simulate` as scripts use it: its JSON, its mistakes, and the scenarios shown to readers.
//! Must not know the program's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use examples::unique::Folder;
use serde_json::Value;

/// Two classes under strict priority, whose waits are known exactly.
const SCENARIO: &str = r#"
seed = 1
warm_up = 2000
arrivals = 200000
quotes = 400

[[class]]
name = "gold"
rate = 3.0
skills = ["general"]
tier = "gold"
service = { law = "exponential", mean = 1.0 }

[[class]]
name = "other"
rate = 6.0
skills = ["general"]
service = { law = "exponential", mean = 1.0 }

[[pool]]
name = "desk"
count = 10
skills = { general = 70 }
tiers = ["standard", "gold"]

[[tier]]
id = "gold"
weight = 2.0

[routing]
priority = "strict"
"#;

fn simulate(scenario: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deskbell"))
        .arg("simulate")
        .arg(scenario)
        .args(arguments)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

#[track_caller]
fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", told(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Plays the scenario with one text in place of another: it is refused, with file, line and key.
#[track_caller]
fn check_refused(sound: &str, broken: &str, line_of: &str, says: &str) -> String {
    let folder = Folder::new("scenario").unwrap();
    let text = SCENARIO.replacen(sound, broken, 1);
    assert_ne!(text, SCENARIO, "{sound:?} is not in the scenario");
    let path = folder.write("broken.toml", &text).unwrap();
    let output = simulate(&path, &[]);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let line = 1 + text
        .lines()
        .position(|line| line.contains(line_of))
        .unwrap();
    let place = format!("broken.toml:{line}:");
    assert!(told.contains(&place), "not told at {place}: {told}");
    assert!(told.contains(says), "{says:?} is not said: {told}");
    told
}

/// The same, where nothing else is to be said.
#[track_caller]
fn check_refused_in_one_sentence(sound: &str, broken: &str, line_of: &str, says: &str) {
    let told = check_refused(sound, broken, line_of, says);
    assert_eq!(told.matches("broken.toml:").count(), 1, "{told}");
}

/// What a person at a terminal sees of a shell's command.
#[cfg(target_os = "linux")]
fn seen_on_a_terminal(command: &str) -> String {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    told(&output)
}

#[test]
fn the_json_holds_what_scripts_rely_on_and_the_exact_waits() {
    let folder = Folder::new("scenario").unwrap();
    let path = folder.write("scenario.toml", SCENARIO).unwrap();
    let result = json(&simulate(&path, &["--json"]));
    for of in [
        &result["total"],
        &result["classes"]["gold"],
        &result["classes"]["other"],
    ] {
        for key in [
            "arrivals",
            "served",
            "abandoned",
            "blocked",
            "p_wait",
            "mean_wait",
            "mean_wait_served",
            "p50_wait",
            "p80_wait",
            "p95_wait",
            "served_by_first_choice",
        ] {
            assert!(of[key].is_number(), "{key}: {of}");
        }
    }
    for name in ["quoted", "ql", "qlm", "les", "hol", "ewma", "long_mean"] {
        for key in ["bias", "mse", "coverage_80"] {
            assert!(result["estimators"][name][key].is_number(), "{name} {key}");
        }
    }
    assert_eq!(result["total"]["arrivals"], 200_000);
    let near = |value: &Value, exact: f64| (value.as_f64().unwrap() / exact - 1.0).abs() < 0.1;
    assert!(
        near(&result["pools"]["desk"]["utilisation"], 0.9),
        "{result}"
    );
    assert!(
        near(&result["classes"]["gold"]["mean_wait"], 0.095_533),
        "{result}"
    );
    assert!(
        near(&result["classes"]["other"]["mean_wait"], 0.955_331),
        "{result}"
    );
}

#[test]
fn the_same_seed_prints_the_same() {
    let folder = Folder::new("scenario").unwrap();
    let path = folder.write("scenario.toml", SCENARIO).unwrap();
    let play = |seed| simulate(&path, &["--json", "--seed", seed]).stdout;
    assert_eq!(play("5"), play("5"));
    assert_ne!(play("5"), play("6"));
}

#[test]
fn a_recorded_day_is_played_as_recorded() {
    let folder = Folder::new("scenario").unwrap();
    let scenario = SCENARIO
        .replace("warm_up = 2000\narrivals = 200000", "trace = \"calls.csv\"")
        .replace("rate = 3.0\n", "")
        .replace("rate = 6.0\n", "")
        .replace("count = 10", "count = 1");
    let path = folder.write("scenario.toml", &scenario).unwrap();
    folder
        .write(
            "calls.csv",
            "arrival_s,class,patience_s,service_s\n0,gold,,10\n1,other,,10\n2,gold,,10\n3,other,5,10\n",
        )
        .unwrap();
    let result = json(&simulate(&path, &["--json"]));
    assert_eq!(result["total"]["arrivals"], 4);
    assert_eq!(result["total"]["abandoned"], 1);
    // Gold goes first: it waits from 2 to 10, the other from 1 to 20; who leaves at 8 has waited 5.
    assert_eq!(result["classes"]["gold"]["mean_wait"], 4.0);
    assert_eq!(result["classes"]["other"]["mean_wait"], 12.0);
}

#[test]
fn a_mistake_in_a_trace_names_its_line_and_column() {
    let folder = Folder::new("scenario").unwrap();
    let scenario = SCENARIO
        .replace("arrivals = 200000", "trace = \"calls.csv\"")
        .replace("rate = 3.0\n", "")
        .replace("rate = 6.0\n", "");
    let path = folder.write("scenario.toml", &scenario).unwrap();
    for (trace, says) in [
        ("arrival_s,class\n0,gold\n1,silver\n", "calls.csv:3: class"),
        ("arrival_s,class\n-1,gold\n", "calls.csv:2: arrival_s"),
        (
            "arrival_s,class\n5,gold\n4,gold\n",
            "calls.csv:3: arrival_s",
        ),
        ("arrival_s,kind\n", "calls.csv:1: kind"),
        ("", "calls.csv:1:"),
    ] {
        folder.write("calls.csv", trace).unwrap();
        let output = simulate(&path, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(told(&output).contains(says), "{says}: {}", told(&output));
    }
}

/// Of the bar: how far, how fast, how long yet.
const PROGRESS: [&str; 3] = ["%", "/s arrivals", "left"];

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_sees_how_far_the_play_is_and_a_file_only_the_results() {
    let folder = Folder::new("scenario").unwrap();
    let path = folder.write("scenario.toml", SCENARIO).unwrap();
    let results = folder.path().join("results.json");
    let program = env!("CARGO_BIN_EXE_deskbell");
    let seen = seen_on_a_terminal(&format!(
        "'{program}' simulate '{}' --json > '{}'",
        path.display(),
        results.display()
    ));
    for part in PROGRESS {
        assert!(seen.contains(part), "{part:?} was not shown: {seen:?}");
    }
    let results: Value = serde_json::from_slice(&std::fs::read(results).unwrap()).unwrap();
    assert_eq!(results["total"]["arrivals"], 200_000);
}

#[test]
fn a_script_sees_no_progress() {
    let folder = Folder::new("scenario").unwrap();
    let path = folder.write("scenario.toml", SCENARIO).unwrap();
    for arguments in [&["--json"][..], &[]] {
        let output = simulate(&path, arguments);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        let results = String::from_utf8(output.stdout).unwrap();
        assert!(!results.contains(PROGRESS[1]), "{results}");
    }
}

#[test]
fn a_rate_that_is_not_positive_is_refused() {
    check_refused_in_one_sentence("rate = 3.0", "rate = -3.0", "rate = -3.0", "[[class]] rate");
    check_refused_in_one_sentence("rate = 3.0", "rate = 0.0", "rate = 0.0", "[[class]] rate");
}

const EXPONENTIAL: &str = "service = { law = \"exponential\", mean = 1.0 }";

#[test]
fn a_mean_that_is_not_positive_is_refused() {
    for mean in ["0", "0.0", "-1.5", "nan"] {
        let broken = format!("service = {{ law = \"exponential\", mean = {mean} }}");
        check_refused_in_one_sentence(EXPONENTIAL, &broken, &broken, "service.mean");
        let patience = format!("{EXPONENTIAL}\npatience = {{ law = \"constant\", mean = {mean} }}");
        check_refused_in_one_sentence(EXPONENTIAL, &patience, "patience", "patience.mean");
    }
}

#[test]
fn a_cv_is_refused_where_the_law_has_none_and_missed_where_it_has_one() {
    for law in ["exponential", "constant"] {
        let broken = format!("service = {{ law = \"{law}\", mean = 1.0, cv = 0.5 }}");
        let says = "service.cv: is one too many: only a log-normal law has one to choose";
        check_refused_in_one_sentence(EXPONENTIAL, &broken, "cv = 0.5", says);
    }
    let broken = "service = { law = \"log-normal\", mean = 1.0 }";
    check_refused_in_one_sentence(EXPONENTIAL, broken, "log-normal", "service.cv: is missing");
    let broken = "service = { law = \"log-normal\", mean = 1.0, cv = -0.5 }";
    check_refused_in_one_sentence(EXPONENTIAL, broken, "log-normal", "service.cv");
}

#[test]
fn a_pool_of_nobody_is_refused() {
    check_refused_in_one_sentence("count = 10", "count = 0", "count = 0", "[[pool]] count");
    check_refused_in_one_sentence("count = 10", "count = -3", "count = -3", "[[pool]] count");
}

#[test]
fn reps_who_can_take_nothing_are_refused() {
    let broken = "count = 10\ncapacity = 0";
    check_refused_in_one_sentence("count = 10", broken, "capacity = 0", "[[pool]] capacity");
}

#[test]
fn an_unknown_law_is_refused() {
    let broken = "service = { law = \"exponentail\", mean = 1.0 }";
    let sound = "service = { law = \"exponential\", mean = 1.0 }";
    check_refused(sound, broken, "exponentail", "did you mean exponential?");
}

#[test]
fn an_unknown_key_is_refused() {
    check_refused("count = 10", "cuont = 10", "cuont", "did you mean count?");
}

#[test]
fn a_skill_that_no_pool_has_is_refused() {
    let broken = "skills = [\"generic\"]";
    check_refused("skills = [\"general\"]", broken, "generic", "generic");
}

#[test]
fn an_unknown_tier_is_refused() {
    check_refused("tier = \"gold\"", "tier = \"silver\"", "silver", "silver");
}

#[test]
fn a_rule_that_refers_to_nothing_is_refused() {
    let broken = "priority = \"strict\"\n[[routing.relax]]\nafter = \"9s\"\naccept = [\"magic\"]\n";
    check_refused("priority = \"strict\"\n", broken, "magic", "magic");
}

#[test]
fn a_scenario_that_is_not_there_is_said_so() {
    let output = simulate(Path::new("nowhere.toml"), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("nowhere.toml"), "{}", told(&output));
}

/// Every scenario for readers plays, draws, and shows the quoted wait ahead of the simple ones.
#[test]
fn the_examples_show_the_quoted_wait_ahead() {
    let folder = Folder::new("scenario").unwrap();
    let shown = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios");
    for name in ["shop", "bank", "library"] {
        let text = std::fs::read_to_string(shown.join(format!("{name}.toml"))).unwrap();
        let short = text
            .replace("arrivals = 300000", "arrivals = 60000")
            .replace("quotes = 4000", "quotes = 600");
        assert_ne!(text, short);
        let path = folder.write(&format!("{name}.toml"), &short).unwrap();
        let drawing = folder.write(&format!("{name}.svg"), "").unwrap();
        let output = simulate(&path, &["--json", "--plot", drawing.to_str().unwrap()]);
        let result = json(&output);
        let beside = &result["estimators_beside_quoted"];
        let mse = |name: &str| beside[name]["mse"].as_f64().unwrap();
        for rival in ["les", "hol", "ewma", "long_mean"] {
            assert!(
                mse("quoted") < 0.8 * mse(rival),
                "{name}, {rival}: {beside}"
            );
        }
        let svg = std::fs::read_to_string(&drawing).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("</svg>"), "{name}");
    }
}
