//! The shape of a source file: it says what it is for, it is short, it has a name that says something.
//! Must not know dependencies.

use std::path::{Path, PathBuf};

use crate::arrows::PURE;

/// Lines a file may have before its tests.
const LINE_BUDGET: usize = 600;

/// Lines in which a file says what it is for.
const PURPOSE_BUDGET: usize = 5;

/// Names that say nothing.
const NAMELESS: [&str; 10] = [
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared",
    "stuff",
];

/// Folders that hold no source of ours.
const SKIPPED: [&str; 3] = ["target", "node_modules", ".git"];

/// A Rust file of the workspace.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Where it lies, from the workspace root.
    path: PathBuf,
    text: String,
}

/// Whether a file defines a function of this name.
pub(crate) fn define(files: &[SourceFile], name: &str) -> bool {
    let begins = [format!("fn {name}("), format!("fn {name}<")];
    files
        .iter()
        .any(|file| begins.iter().any(|begin| file.text.contains(begin)))
}

/// Reads every Rust file below the root of the workspace.
pub(crate) fn read_below(root: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    open.push(path);
                }
            } else if name.ends_with(".rs") {
                files.push(SourceFile {
                    text: std::fs::read_to_string(&path).unwrap(),
                    path: path.strip_prefix(root).unwrap().to_owned(),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Files that do not open with `//!`, or go on about it.
pub(crate) fn without_purpose(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        let path = file.path.display();
        let lines = file
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count();
        if lines == 0 {
            breaches.push(format!("{path} does not open with `//!`"));
        } else if lines > PURPOSE_BUDGET {
            breaches.push(format!(
                "{path} opens with {lines} lines of `//!`, {PURPOSE_BUDGET} are enough"
            ));
        }
    }
    breaches
}

/// Files with more lines before their tests than one subject needs.
pub(crate) fn over_budget(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| !is_test(&file.path))
        .map(|file| (file, lines_before_tests(&file.text)))
        .filter(|(_, lines)| *lines > LINE_BUDGET)
        .map(|(file, lines)| {
            format!(
                "{} has {lines} lines before its tests, {LINE_BUDGET} is the limit",
                file.path.display()
            )
        })
        .collect()
}

/// Pure crates whose `lib.rs` does not forbid unsafe code.
pub(crate) fn pure_crates_allowing_unsafe(files: &[SourceFile]) -> Vec<String> {
    PURE.iter()
        .filter(|pure| {
            let root = Path::new("crates").join(pure).join("src/lib.rs");
            !files.iter().any(|file| {
                file.path == root
                    && file
                        .text
                        .lines()
                        .any(|line| line == "#![forbid(unsafe_code)]")
            })
        })
        .map(|pure| format!("crate {pure} does not say #![forbid(unsafe_code)]"))
        .collect()
}

/// Files and folders whose name says nothing.
pub(crate) fn nameless(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| {
            file.path.with_extension("").components().any(|part| {
                let part = part.as_os_str().to_string_lossy();
                part.split(['_', '-'])
                    .any(|word| NAMELESS.contains(&word.to_ascii_lowercase().as_str()))
            })
        })
        .map(|file| {
            format!(
                "{} has no real name, so it has no home yet",
                file.path.display()
            )
        })
        .collect()
}

fn lines_before_tests(text: &str) -> usize {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .count()
}

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

impl SourceFile {
    /// Whether it belongs to what ships, below this folder.
    pub(crate) fn ships_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder) && !is_test(&self.path)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

pub(crate) fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: PathBuf::from(path),
        text: text.to_owned(),
    }
}

#[test]
fn a_file_without_a_purpose_is_a_breach() {
    let files = [
        file("crates/a/src/lib.rs", "//! Reads.\nfn read() {}\n"),
        file("crates/a/src/b.rs", "fn read() {}\n//! Too late.\n"),
        file("crates/a/src/c.rs", &"//! And on.\n".repeat(6)),
        file("crates/a/src/d.rs", ""),
    ];
    assert_eq!(
        without_purpose(&files),
        [
            "crates/a/src/b.rs does not open with `//!`",
            "crates/a/src/c.rs opens with 6 lines of `//!`, 5 are enough",
            "crates/a/src/d.rs does not open with `//!`",
        ]
    );
}

#[test]
fn a_long_file_is_a_breach_and_long_tests_are_not() {
    let long = "line\n".repeat(601);
    let tested = format!("line\n#[cfg(test)]\n{long}");
    let files = [
        file("crates/a/src/long.rs", &long),
        file("crates/a/src/tested.rs", &tested),
        file("crates/a/tests/flow.rs", &long),
        file("crates/a/src/full.rs", &"line\n".repeat(600)),
    ];
    assert_eq!(
        over_budget(&files),
        ["crates/a/src/long.rs has 601 lines before its tests, 600 is the limit"]
    );
}

#[test]
fn a_pure_crate_without_the_forbidding_line_is_a_breach() {
    let forbidding = "//! A crate.\n#![forbid(unsafe_code)]\n";
    let files = [
        file("crates/sip/src/lib.rs", forbidding),
        file(
            "crates/presence/src/lib.rs",
            "//! #![forbid(unsafe_code)]\n",
        ),
        file("crates/helpdesk/src/lib.rs", forbidding),
    ];
    assert_eq!(
        pure_crates_allowing_unsafe(&files),
        ["crate presence does not say #![forbid(unsafe_code)]"]
    );
}

#[test]
fn a_name_that_says_nothing_is_a_breach() {
    let files = [
        file("crates/a/src/utils.rs", ""),
        file("crates/common/src/lib.rs", ""),
        file("crates/a/src/queue_manager.rs", ""),
        file("crates/a/src/helpers/mod.rs", ""),
        file("crates/a/src/commonwealth.rs", ""),
    ];
    assert_eq!(nameless(&files).len(), 4);
}
