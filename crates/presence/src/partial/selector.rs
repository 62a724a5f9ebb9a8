//! Which node of a document a change is about: the part of XPath that RFC 5261 §4.1 allows.
//! Must not know what is done to the node.

use super::tree::{Child, Name, Node};

/// As deep as a document may be.
const MOST_STEPS: usize = 32;

/// Names one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    start: Start,
    steps: Vec<Step>,
    target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    /// The document: the first step is about its root.
    Document,
    /// The element with this id.
    Id(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// `None` for any.
    name: Option<Name>,
    predicates: Vec<Predicate>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Predicate {
    Place(usize),
    Attribute(Name, String),
    Child(Name, String),
    Text(String),
}

/// What of the selected element is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Element,
    /// The text of this number, from 1; `None` if it has to be the only one.
    Text(Option<usize>),
    Attribute(Name),
    /// A declaration of a namespace. Names are resolved here, so that it means nothing by itself.
    Namespace,
}

/// An element, by the way to it: which child of each element, from the root.
pub(super) type Path = Vec<usize>;

impl Selector {
    /// Reads a selector. `resolve` finds the name of an element as it would stand where the selector stands.
    pub(super) fn read(
        text: &str,
        resolve: impl Fn(&str) -> Option<(String, String)>,
    ) -> Result<Self, String> {
        let unreadable = || format!("the selector {text:?} cannot be read");
        let mut rest = text.trim();
        let mut start = Start::Document;
        if let Some(after) = rest.strip_prefix("id(") {
            let (id, after) = read_quoted(after).ok_or_else(unreadable)?;
            rest = after.strip_prefix(')').ok_or_else(unreadable)?;
            start = Start::Id(id);
            match rest.strip_prefix('/') {
                Some(after) => rest = after,
                None if rest.is_empty() => {}
                None => return Err(unreadable()),
            }
        } else {
            // The way starts at the document with or without a slash.
            rest = rest.strip_prefix('/').unwrap_or(rest);
            if rest.is_empty() {
                return Err(unreadable());
            }
        }
        let mut steps = Vec::new();
        let mut target = Target::Element;
        while !rest.is_empty() {
            if steps.len() >= MOST_STEPS || target != Target::Element {
                return Err(unreadable());
            }
            if let Some(after) = rest.strip_prefix("text()") {
                let (place, after) = match after.strip_prefix('[') {
                    Some(after) => {
                        let (place, after) = after.split_once(']').ok_or_else(unreadable)?;
                        (Some(place.parse().map_err(|_| unreadable())?), after)
                    }
                    None => (None, after),
                };
                (target, rest) = (Target::Text(place), after);
            } else if let Some(after) = rest.strip_prefix('@') {
                target =
                    Target::Attribute(resolve_attribute(after, &resolve).ok_or_else(unreadable)?);
                rest = "";
            } else if rest.starts_with("namespace::") {
                (target, rest) = (Target::Namespace, "");
            } else {
                let end = rest.find(['/', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                let name = match name {
                    "*" => None,
                    name => {
                        if !is_name(name) {
                            return Err(unreadable());
                        }
                        let (namespace, local) = resolve(name)
                            .ok_or_else(|| format!("the prefix of {name:?} is not declared"))?;
                        Some(Name::new(&namespace, &local))
                    }
                };
                let (predicates, after) =
                    read_predicates(after, &resolve).ok_or_else(unreadable)?;
                steps.push(Step { name, predicates });
                rest = after;
            }
            match rest.strip_prefix('/') {
                Some("") => return Err(unreadable()),
                Some(after) => rest = after,
                None if rest.is_empty() => {}
                None => return Err(unreadable()),
            }
        }
        Ok(Self {
            start,
            steps,
            target,
        })
    }

    /// What of the selected element is meant.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The elements that are selected; a good selector has one.
    pub(super) fn find(&self, root: &Node) -> Vec<Path> {
        let mut steps = self.steps.iter();
        let mut found = match &self.start {
            Start::Document => match steps.next() {
                Some(step) if step.matches_alone(root) => vec![Path::new()],
                Some(_) | None => Vec::new(),
            },
            Start::Id(id) => with_id(root, id),
        };
        for step in steps {
            let next = found.iter().flat_map(|path| {
                let children = at(root, path).map(|element| step.select(element));
                children.into_iter().flatten().map(|child| {
                    let mut path = path.clone();
                    path.push(child);
                    path
                })
            });
            found = next.collect();
        }
        found
    }
}

/// The element at the end of the way.
pub(super) fn at<'t>(root: &'t Node, path: &[usize]) -> Option<&'t Node> {
    path.iter()
        .try_fold(root, |node, place| match node.children.get(*place)? {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
}

/// The element at the end of the way, to be changed.
pub(super) fn at_mut<'t>(root: &'t mut Node, path: &[usize]) -> Option<&'t mut Node> {
    path.iter()
        .try_fold(root, |node, place| match node.children.get_mut(*place)? {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
}

fn with_id(root: &Node, id: &str) -> Vec<Path> {
    let is_called = |node: &Node| {
        node.attributes
            .iter()
            .any(|(name, value)| &*name.local == "id" && value == id)
    };
    let mut found = Vec::new();
    let mut ahead = vec![(Path::new(), root)];
    while let Some((path, node)) = ahead.pop() {
        for (place, child) in node.children.iter().enumerate() {
            if let Child::Element(element) = child {
                let mut path = path.clone();
                path.push(place);
                ahead.push((path, element));
            }
        }
        if is_called(node) {
            found.push(path);
        }
    }
    found
}

impl Step {
    /// The places of the children that fit.
    fn select(&self, parent: &Node) -> Vec<usize> {
        let elements =
            parent
                .children
                .iter()
                .enumerate()
                .filter_map(|(place, child)| match child {
                    Child::Element(element) => Some((place, element)),
                    Child::Text(_) => None,
                });
        let mut found: Vec<(usize, &Node)> = elements
            .filter(|(_, element)| self.is_named(element))
            .collect();
        for predicate in &self.predicates {
            // XPath 1.0 §2.4: each predicate counts anew what the one before has left.
            found = match predicate {
                Predicate::Place(place) => {
                    let picked = place.checked_sub(1).and_then(|place| found.get(place));
                    picked.copied().into_iter().collect()
                }
                predicate => {
                    found.retain(|(_, element)| predicate.holds(element));
                    found
                }
            };
        }
        found.into_iter().map(|(place, _)| place).collect()
    }

    /// Whether it fits an element that has no siblings.
    fn matches_alone(&self, root: &Node) -> bool {
        self.is_named(root)
            && self.predicates.iter().all(|predicate| match predicate {
                Predicate::Place(place) => *place == 1,
                predicate => predicate.holds(root),
            })
    }

    fn is_named(&self, element: &Node) -> bool {
        self.name.as_ref().is_none_or(|name| *name == element.name)
    }
}

impl Predicate {
    fn holds(&self, element: &Node) -> bool {
        match self {
            Self::Place(_) => false,
            Self::Attribute(name, value) => element
                .attributes
                .iter()
                .any(|(found, text)| found == name && text == value),
            Self::Child(name, value) => element.children.iter().any(|child| match child {
                Child::Element(child) => child.name == *name && child.text() == *value,
                Child::Text(_) => false,
            }),
            Self::Text(value) => element.text() == *value,
        }
    }
}

fn read_predicates<'s>(
    mut rest: &'s str,
    resolve: &impl Fn(&str) -> Option<(String, String)>,
) -> Option<(Vec<Predicate>, &'s str)> {
    let mut predicates = Vec::new();
    while let Some(after) = rest.strip_prefix('[') {
        if predicates.len() >= MOST_STEPS {
            return None;
        }
        if after.starts_with(|sign: char| sign.is_ascii_digit()) {
            let (place, after) = after.split_once(']')?;
            predicates.push(Predicate::Place(place.trim().parse().ok()?));
            rest = after;
            continue;
        }
        let (left, after) = after.split_once('=')?;
        let (value, after) = read_quoted(after)?;
        rest = after.trim_start().strip_prefix(']')?;
        predicates.push(match left.trim() {
            "." => Predicate::Text(value),
            left => match left.strip_prefix('@') {
                Some(attribute) => {
                    Predicate::Attribute(resolve_attribute(attribute, resolve)?, value)
                }
                None if is_name(left) => {
                    let (namespace, local) = resolve(left)?;
                    Predicate::Child(Name::new(&namespace, &local), value)
                }
                None => return None,
            },
        });
    }
    Some((predicates, rest))
}

/// An attribute without a prefix is in no namespace.
fn resolve_attribute(
    name: &str,
    resolve: &impl Fn(&str) -> Option<(String, String)>,
) -> Option<Name> {
    if !is_name(name) {
        return None;
    }
    if !name.contains(':') {
        return Some(Name::new("", name));
    }
    let (namespace, local) = resolve(name)?;
    Some(Name::new(&namespace, &local))
}

/// Good enough to be looked for: what is no name is found nowhere.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|sign: char| sign.is_whitespace() || "()[]'\"@*/=<>&".contains(sign))
}

/// A text in quotes of either kind, and what follows it.
fn read_quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let quote = text
        .chars()
        .next()
        .filter(|sign| matches!(sign, '\'' | '"'))?;
    let (quoted, rest) = text.get(1..)?.split_once(quote)?;
    Some((quoted.to_owned(), rest))
}
