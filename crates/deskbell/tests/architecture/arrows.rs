//! The arrows between the workspace's crates and what lies below them, read from `cargo metadata`.
//! Must not know the file system.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, Metadata, PackageId};

/// Crates that decide and never do.
pub(crate) const PURE: [&str; 3] = ["sip", "presence", "helpdesk"];

/// The arrows of ARCHITECTURE.md. `deskbell` may use every crate of the product.
const ARROWS: [(&str, &[&str]); 13] = [
    ("sip", &[]),
    ("presence", &[]),
    ("helpdesk", &["presence"]),
    ("sip-transport", &["sip"]),
    ("gateway", &["helpdesk", "presence"]),
    ("storage", &["helpdesk", "presence"]),
    (
        "deskbell",
        &[
            "sip",
            "presence",
            "helpdesk",
            "sip-transport",
            "gateway",
            "storage",
        ],
    ),
    ("xtask", &[]),
    ("sip-fixtures", &[]),
    // The test phones share no line with the server, so that they share no mistake.
    ("examples", &[]),
    // The benchmarks link what they measure as dev-dependencies, and start servers as the tests do.
    ("benches", &["examples"]),
    ("instructions", &["sip", "presence", "sip-fixtures"]),
    ("fuzz", &["sip", "presence"]),
];

/// Crates that serve tests, which any crate may use as a dev-dependency.
const FOR_TESTS: [&str; 2] = ["sip-fixtures", "examples"];

/// Crates that bring a runtime, a socket or a database.
const RUNTIMES: [&str; 14] = [
    "tokio",
    "tokio-util",
    "mio",
    "async-std",
    "smol",
    "async-io",
    "hyper",
    "axum",
    "tower",
    "rusqlite",
    "tokio-postgres",
    "socket2",
    "nix",
    "reqwest",
];

/// Crates that serve as a second opinion in tests and have no business on the wire.
const ORACLES: [&str; 1] = ["rsip"];

/// Whether a dependency is part of what ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Linked, or run while building.
    Shipped,
    /// Used by tests, benches and examples alone.
    Development,
}

/// Names of packages and the arrows between them.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The crates of this workspace.
    members: BTreeSet<String>,
    /// From a package to what it depends on.
    arrows: BTreeMap<String, BTreeSet<(String, Purpose)>>,
}

impl Graph {
    pub(crate) fn read(metadata: &Metadata) -> Self {
        let names: BTreeMap<&PackageId, String> = metadata
            .packages
            .iter()
            .map(|package| (&package.id, package.name.to_string()))
            .collect();
        let mut graph = Self::default();
        for package in metadata.workspace_packages() {
            graph.members.insert(package.name.to_string());
        }
        for node in &metadata.resolve.as_ref().unwrap().nodes {
            for dependency in &node.deps {
                for kind in &dependency.dep_kinds {
                    let purpose = match kind.kind {
                        DependencyKind::Development => Purpose::Development,
                        _ => Purpose::Shipped,
                    };
                    graph.add(&names[&node.id], &names[&dependency.pkg], purpose);
                }
            }
        }
        graph
    }

    fn add(&mut self, from: &str, to: &str, purpose: Purpose) {
        self.arrows
            .entry(from.to_owned())
            .or_default()
            .insert((to.to_owned(), purpose));
    }

    fn arrows_of<'a>(&'a self, from: &str) -> impl Iterator<Item = (&'a str, Purpose)> {
        self.arrows
            .get(from)
            .into_iter()
            .flatten()
            .map(|(to, purpose)| (to.as_str(), *purpose))
    }

    pub(crate) fn ships(&self, with: &str, what: &str) -> bool {
        self.shipped_below(with).contains_key(what)
    }

    /// Everything that ships with `from`, each with the path that leads to it.
    fn shipped_below(&self, from: &str) -> BTreeMap<String, String> {
        let mut paths = BTreeMap::from([(from.to_owned(), from.to_owned())]);
        let mut open = VecDeque::from([from.to_owned()]);
        while let Some(next) = open.pop_front() {
            for (to, purpose) in self.arrows_of(&next) {
                if purpose == Purpose::Shipped && !paths.contains_key(to) {
                    let path = format!("{} -> {to}", paths[&next]);
                    paths.insert(to.to_owned(), path);
                    open.push_back(to.to_owned());
                }
            }
        }
        paths.remove(from);
        paths
    }
}

fn allowed(from: &str) -> Option<&'static [&'static str]> {
    ARROWS
        .iter()
        .find(|(name, _)| *name == from)
        .map(|(_, to)| *to)
}

/// Members that ARCHITECTURE.md does not name.
pub(crate) fn unknown_members(graph: &Graph) -> Vec<String> {
    graph
        .members
        .iter()
        .filter(|member| allowed(member).is_none())
        .map(|member| format!("crate {member} has no place in ARCHITECTURE.md"))
        .collect()
}

/// Arrows between members that ARCHITECTURE.md does not have.
pub(crate) fn stray_arrows(graph: &Graph) -> Vec<String> {
    let mut breaches = Vec::new();
    for from in &graph.members {
        let ships = allowed(from).unwrap_or(&[]);
        for (to, purpose) in graph.arrows_of(from) {
            if !graph.members.contains(to) || ships.contains(&to) {
                continue;
            }
            let fine = match purpose {
                Purpose::Shipped => false,
                Purpose::Development => from == "benches" || FOR_TESTS.contains(&to),
            };
            if !fine {
                breaches.push(format!("{from} -> {to} is not an arrow of ARCHITECTURE.md"));
            }
        }
    }
    breaches
}

/// Runtimes, sockets and databases that ship below a pure crate.
pub(crate) fn runtimes_below_pure_crates(graph: &Graph) -> Vec<String> {
    PURE.iter()
        .flat_map(|pure| shipped_among(graph, pure, &RUNTIMES))
        .collect()
}

/// Test oracles that ship in the server.
pub(crate) fn test_oracles_in_the_server(graph: &Graph) -> Vec<String> {
    shipped_among(graph, "deskbell", &ORACLES)
}

fn shipped_among(graph: &Graph, from: &str, unwanted: &[&str]) -> Vec<String> {
    let below = graph.shipped_below(from);
    unwanted
        .iter()
        .filter_map(|name| below.get(*name))
        .map(|path| format!("{path} must not ship"))
        .collect()
}

fn graph_of(members: &[&str], arrows: &[(&str, &str, Purpose)]) -> Graph {
    let mut graph = Graph {
        members: members.iter().map(|name| (*name).to_owned()).collect(),
        arrows: BTreeMap::new(),
    };
    for (from, to, purpose) in arrows {
        graph.add(from, to, *purpose);
    }
    graph
}

#[test]
fn an_arrow_between_edges_is_a_breach() {
    let graph = graph_of(
        &["gateway", "storage", "helpdesk"],
        &[
            ("gateway", "helpdesk", Purpose::Shipped),
            ("gateway", "storage", Purpose::Shipped),
        ],
    );
    assert_eq!(
        stray_arrows(&graph),
        ["gateway -> storage is not an arrow of ARCHITECTURE.md"]
    );
}

#[test]
fn fixtures_may_be_used_by_tests_and_by_nothing_that_ships() {
    let members = ["sip", "sip-fixtures"];
    let in_tests = graph_of(&members, &[("sip", "sip-fixtures", Purpose::Development)]);
    assert!(stray_arrows(&in_tests).is_empty());
    let shipped = graph_of(&members, &[("sip", "sip-fixtures", Purpose::Shipped)]);
    assert_eq!(stray_arrows(&shipped).len(), 1);
}

#[test]
fn a_dev_dependency_on_a_forbidden_crate_is_a_breach() {
    let graph = graph_of(
        &["examples", "sip"],
        &[("examples", "sip", Purpose::Development)],
    );
    assert_eq!(stray_arrows(&graph).len(), 1);
}

#[test]
fn a_runtime_is_found_however_deep_it_lies() {
    let graph = graph_of(
        &["presence"],
        &[
            ("presence", "cache", Purpose::Shipped),
            ("cache", "pool", Purpose::Shipped),
            ("pool", "tokio", Purpose::Shipped),
        ],
    );
    assert_eq!(
        runtimes_below_pure_crates(&graph),
        ["presence -> cache -> pool -> tokio must not ship"]
    );
}

#[test]
fn a_runtime_for_tests_alone_is_no_breach() {
    let graph = graph_of(
        &["presence"],
        &[
            ("presence", "harness", Purpose::Development),
            ("harness", "tokio", Purpose::Shipped),
        ],
    );
    assert!(runtimes_below_pure_crates(&graph).is_empty());
}

#[test]
fn an_oracle_in_the_server_is_a_breach() {
    let graph = graph_of(
        &["deskbell", "sip"],
        &[
            ("deskbell", "sip", Purpose::Shipped),
            ("sip", "rsip", Purpose::Shipped),
        ],
    );
    assert_eq!(
        test_oracles_in_the_server(&graph),
        ["deskbell -> sip -> rsip must not ship"]
    );
}

#[test]
fn a_member_that_nobody_planned_is_a_breach() {
    assert_eq!(unknown_members(&graph_of(&["core"], &[])).len(), 1);
}
