//! The program's commands as scripts use them: exit codes, and mistakes told with file, line and key.
//! Must not know the program's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use examples::unique::Folder;

fn deskbell(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deskbell"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

/// The configuration that `deskbell config` prints, which every case here breaks in one place.
fn good() -> String {
    let output = deskbell(&["config"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Checks a configuration that has one mistake: it is told with the file, its line and `key`.
#[track_caller]
fn check_told(config: &str, line: usize, key: &str) {
    let folder = Folder::new("config").unwrap();
    let path = folder.write("broken.toml", config).unwrap();
    let output = deskbell(&["check", "--config", path.to_str().unwrap()]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("broken.toml"),
        "the file is not named: {told}"
    );
    assert!(told.contains(key), "{key} is not named: {told}");
    let line_is_named = [
        format!(":{line}:"),
        format!("line {line}"),
        format!(":{line} "),
    ]
    .iter()
    .any(|form| told.contains(form));
    assert!(line_is_named, "line {line} is not named: {told}");
}

/// The number of the first line that starts with `start`, from 1.
fn line_of(config: &str, start: &str) -> usize {
    let before = config.lines().position(|line| line.starts_with(start));
    assert!(before.is_some(), "no line starts with {start:?}:\n{config}");
    1 + before.unwrap()
}

#[test]
fn the_default_configuration_passes_its_own_check() {
    let folder = Folder::new("config").unwrap();
    let path = folder.write("deskbell.toml", &good()).unwrap();
    let output = deskbell(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn an_unknown_key_is_told_with_file_line_and_key() {
    let config = good().replacen("[sip]\n", "[sip]\ncolour = \"red\"\n", 1);
    check_told(&config, line_of(&config, "colour"), "colour");
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_file_line_and_key() {
    let good = good();
    let line = line_of(&good, "offer_timeout");
    let broken: String = good
        .lines()
        .map(|line| match line.starts_with("offer_timeout") {
            true => "offer_timeout = \"soon\"\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    check_told(&broken, line, "offer_timeout");
}

#[test]
fn a_skill_that_nobody_defined_is_told_with_file_line_and_key() {
    let broken = format!(
        "{}\n[[rep]]\nid = \"zoe\"\nname = \"Zoe\"\npassword = \"x\"\nskills = {{ juggling = 50 }}\n",
        good()
    );
    check_told(&broken, line_of(&broken, "skills = { juggling"), "juggling");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = deskbell(&["check", "--config", "/nowhere/deskbell.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("/nowhere/deskbell.toml"));
}

#[test]
fn wrong_usage_exits_with_2() {
    assert_eq!(deskbell(&["dance"]).status.code(), Some(2));
    assert_eq!(deskbell(&["demo", "--sip"]).status.code(), Some(2));
}

#[test]
fn an_address_in_use_is_one_sentence_and_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new("config").unwrap();
    let data = folder.path().to_str().unwrap();
    let output = deskbell(&[
        "demo",
        "--no-robots",
        "--sip",
        "127.0.0.1:0",
        "--http",
        &address,
        "--data",
        data,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&address), "{told}");
    assert!(told.contains("choose another"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_data_directory_that_cannot_be_had_is_one_sentence_and_exit_code_1() {
    let folder = Folder::new("config").unwrap();
    let file = folder.write("file", "").unwrap();
    let data = file.join("data");
    let output = deskbell(&["demo", "--no-robots", "--data", data.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--data"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// RFC 7616 §3.9.1 gives user, realm and password; the hashes are of Mufasa:http-auth@example.org:Circle of Life.
#[test]
fn passwd_prints_hashes_that_the_configuration_takes() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_deskbell"))
        .args(["passwd", "Mufasa", "--realm", "http-auth@example.org"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(b"Circle of Life\n").unwrap();
    drop(keyboard);
    let told = text(&child.wait_with_output().unwrap());
    assert_eq!(
        told,
        "ha1 = { SHA-512-256 = \"fb174f5c3c7802721517cae13b98e2b8dae2e0118cb705d94ee29946319204ce\", SHA-256 = \"7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232\", MD5 = \"3d78807defe7de2157e2b0b6573a855f\" }\n"
    );
    let config = format!(
        "[sip]\ndomain = \"shop.example\"\n[[skill]]\nid = \"cameras\"\n[[rep]]\nid = \"alice\"\nskills = {{ cameras = 1 }}\n{told}"
    );
    let folder = Folder::new("passwd").unwrap();
    let path = folder.write("deskbell.toml", &config).unwrap();
    let checked = deskbell(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}
