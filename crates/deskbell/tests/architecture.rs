//! Holds the workspace to ARCHITECTURE.md: the arrows between crates, what a pure crate may stand on,
//! the shape of a source file, what SQL is made of, the table of RFCs. Each rule is a function that is also shown input that breaks it.
//! Must not know what any crate does.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

#[path = "architecture/arrows.rs"]
mod arrows;
#[path = "architecture/files.rs"]
mod files;
#[path = "architecture/rfc_table.rs"]
mod rfc_table;
#[path = "architecture/sql.rs"]
mod sql;

use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand};

use arrows::Graph;
use files::SourceFile;

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .exec()
        .unwrap()
}

fn graph() -> Graph {
    let graph = Graph::read(&workspace());
    // An empty graph would break no rule.
    assert!(graph.ships("deskbell", "sip") && graph.ships("deskbell", "tokio"));
    graph
}

fn source_files() -> Vec<SourceFile> {
    files::read_below(workspace().workspace_root.as_std_path())
}

#[track_caller]
fn assert_none(breaches: &[String]) {
    assert!(
        breaches.is_empty(),
        "the architecture is broken:\n  {}",
        breaches.join("\n  ")
    );
}

#[test]
fn arrows_are_those_of_the_architecture() {
    assert_none(&arrows::stray_arrows(&graph()));
}

#[test]
fn pure_crates_stand_on_no_runtime() {
    assert_none(&arrows::runtimes_below_pure_crates(&graph()));
}

#[test]
fn rsip_is_not_linked_into_the_server() {
    assert_none(&arrows::test_oracles_in_the_server(&graph()));
}

#[test]
fn every_member_of_the_workspace_is_known() {
    assert_none(&arrows::unknown_members(&graph()));
}

#[test]
fn every_file_opens_with_its_purpose() {
    let files = source_files();
    assert!(files.len() > 20, "only {} files were found", files.len());
    assert_none(&files::without_purpose(&files));
}

#[test]
fn no_file_is_longer_than_its_budget() {
    assert_none(&files::over_budget(&source_files()));
}

#[test]
fn pure_crates_forbid_unsafe_code() {
    assert_none(&files::pure_crates_allowing_unsafe(&source_files()));
}

#[test]
fn every_file_has_a_real_name() {
    assert_none(&files::nameless(&source_files()));
}

#[test]
fn statements_are_made_of_constants() {
    assert_none(&sql::woven(&source_files()));
}

#[test]
fn every_clause_names_a_test_that_is_there() {
    let root = workspace().workspace_root;
    let table = std::fs::read_to_string(root.join("docs/rfc.md")).unwrap();
    let files = source_files();
    let is_test = |name: &str| files::define(&files, name);
    assert_none(&rfc_table::untested_clauses(&table, is_test));
}

#[test]
fn the_rfc_table_is_true() {
    let root = workspace().workspace_root;
    let table = std::fs::read_to_string(root.join("docs/rfc.md")).unwrap();
    // An empty table would break no rule.
    assert!(table.lines().filter(|line| line.starts_with('|')).count() > 20);
    assert_none(&rfc_table::untrue_rows(
        &table,
        root.join("crates").as_std_path(),
    ));
}
