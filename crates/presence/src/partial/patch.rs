//! Changes to a document (RFC 5261 §4), all or none of them. Must not know how they were written down.

use thiserror::Error;

use super::{
    document_of,
    selector::{Path, Selector, Target, at_mut},
    tree::{Child, Name, Node, push},
};
use crate::document::Document;

/// What is to be changed in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    pub(super) operations: Vec<Operation>,
}

/// Why a patch changes nothing. Each text fits "failed to patch: {text}".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PatchError {
    /// A selector finds nothing.
    #[error("what is to be changed is not there")]
    NotFound,
    /// A selector finds more than one node (RFC 5261 §4.1).
    #[error("what is to be changed is there more than once")]
    Ambiguous,
    /// The change does not fit what it is about.
    #[error("what is to be changed cannot be changed so")]
    Unfit,
    /// The result would be no presence document.
    #[error("it would be no presence document afterwards")]
    Unreadable,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) selector: Selector,
    pub(super) action: Action,
    pub(super) content: Vec<Child>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Append,
    Prepend,
    Before,
    After,
    AddAttribute(Name),
    /// Names are resolved: a declaration changes nothing by itself.
    AddNamespace,
    Replace,
    Remove,
}

impl Action {
    /// What `<add>` means with these attributes.
    pub(super) fn add(
        position: Option<&str>,
        kind: Option<&str>,
        resolve: impl Fn(&str) -> Option<(String, String)>,
    ) -> Result<Self, String> {
        match (kind, position) {
            (Some(kind), _) if kind.starts_with("namespace::") => Ok(Self::AddNamespace),
            (Some(kind), _) => kind
                .strip_prefix('@')
                .and_then(resolve)
                .map(|(namespace, local)| Self::AddAttribute(Name::new(&namespace, &local)))
                .ok_or_else(|| format!("{kind:?} cannot be added")),
            (None, None) => Ok(Self::Append),
            (None, Some("prepend")) => Ok(Self::Prepend),
            (None, Some("before")) => Ok(Self::Before),
            (None, Some("after")) => Ok(Self::After),
            (None, Some(position)) => Err(format!("nothing can be added at {position:?}")),
        }
    }
}

impl Patch {
    /// The document that `text` is after the changes.
    pub(crate) fn apply(&self, text: &str) -> Result<Document, PatchError> {
        let mut root = Node::read(text).map_err(|_| PatchError::Unreadable)?;
        for operation in &self.operations {
            operation.apply(&mut root)?;
        }
        document_of(&root).map_err(|_| PatchError::Unreadable)
    }
}

impl Operation {
    fn apply(&self, root: &mut Node) -> Result<(), PatchError> {
        let mut found = self.selector.find(root);
        let Some(path) = found.pop() else {
            return Err(PatchError::NotFound);
        };
        if !found.is_empty() {
            return Err(PatchError::Ambiguous);
        }
        match (self.selector.target(), &self.action) {
            (Target::Namespace, Action::Remove) | (_, Action::AddNamespace) => Ok(()),
            (Target::Namespace, _) => Err(PatchError::Unfit),
            (Target::Element, action) => self.change_element(root, &path, action),
            (Target::Text(number), action) => {
                let element = at_mut(root, &path).ok_or(PatchError::NotFound)?;
                let place = text_place(element, *number)?;
                self.change_text(element, place, action)
            }
            (Target::Attribute(name), action) => {
                let element = at_mut(root, &path).ok_or(PatchError::NotFound)?;
                let place = element
                    .attributes
                    .iter()
                    .position(|(found, _)| found == name);
                let place = place.ok_or(PatchError::NotFound)?;
                match action {
                    Action::Remove => {
                        element.attributes.remove(place);
                        Ok(())
                    }
                    Action::Replace => {
                        let value = self.text().ok_or(PatchError::Unfit)?;
                        if let Some((_, found)) = element.attributes.get_mut(place) {
                            *found = value;
                        }
                        Ok(())
                    }
                    Action::Append
                    | Action::Prepend
                    | Action::Before
                    | Action::After
                    | Action::AddAttribute(_)
                    | Action::AddNamespace => Err(PatchError::Unfit),
                }
            }
        }
    }

    fn change_element(
        &self,
        root: &mut Node,
        path: &Path,
        action: &Action,
    ) -> Result<(), PatchError> {
        match action {
            Action::Append | Action::Prepend | Action::AddAttribute(_) => {
                let element = at_mut(root, path).ok_or(PatchError::NotFound)?;
                match action {
                    Action::AddAttribute(name) => {
                        if element.attributes.iter().any(|(found, _)| found == name) {
                            return Err(PatchError::Unfit);
                        }
                        let value = self.text().ok_or(PatchError::Unfit)?;
                        element.attributes.push((name.clone(), value));
                    }
                    Action::Prepend => insert(&mut element.children, 0, 0, &self.content),
                    _ => {
                        let end = element.children.len();
                        insert(&mut element.children, end, 0, &self.content);
                    }
                }
                Ok(())
            }
            Action::Before | Action::After | Action::Replace | Action::Remove => {
                // The root has no siblings, and a document without it is none.
                let (place, parent) = path.split_last().ok_or(PatchError::Unfit)?;
                let parent = at_mut(root, parent).ok_or(PatchError::NotFound)?;
                let siblings = &mut parent.children;
                match action {
                    Action::Before => insert(siblings, *place, 0, &self.content),
                    Action::After => insert(siblings, *place + 1, 0, &self.content),
                    Action::Remove => insert(siblings, *place, 1, &[]),
                    _ => {
                        let elements: Vec<Child> = self
                            .content
                            .iter()
                            .filter(|child| matches!(child, Child::Element(_)))
                            .cloned()
                            .collect();
                        // RFC 5261 §4.4: one element stands in for one.
                        if elements.len() != 1 {
                            return Err(PatchError::Unfit);
                        }
                        insert(siblings, *place, 1, &elements);
                    }
                }
                Ok(())
            }
            Action::AddNamespace => Ok(()),
        }
    }

    fn change_text(
        &self,
        element: &mut Node,
        place: usize,
        action: &Action,
    ) -> Result<(), PatchError> {
        let siblings = &mut element.children;
        match action {
            Action::Remove => insert(siblings, place, 1, &[]),
            Action::Replace => {
                let text = self.text().ok_or(PatchError::Unfit)?;
                insert(siblings, place, 1, &[Child::Text(text)]);
            }
            Action::Before => insert(siblings, place, 0, &self.content),
            Action::After => insert(siblings, place + 1, 0, &self.content),
            Action::Append | Action::Prepend | Action::AddAttribute(_) | Action::AddNamespace => {
                return Err(PatchError::Unfit);
            }
        }
        Ok(())
    }

    /// The content, if it is nothing but text.
    fn text(&self) -> Option<String> {
        match self.content.as_slice() {
            [] => Some(String::new()),
            [Child::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }
}

fn text_place(element: &Node, number: Option<usize>) -> Result<usize, PatchError> {
    let texts: Vec<usize> = element
        .children
        .iter()
        .enumerate()
        .filter(|(_, child)| matches!(child, Child::Text(_)))
        .map(|(place, _)| place)
        .collect();
    match (number, texts.as_slice()) {
        (None, [place]) => Ok(*place),
        (None, []) => Err(PatchError::NotFound),
        (None, _) => Err(PatchError::Ambiguous),
        (Some(number), texts) => number
            .checked_sub(1)
            .and_then(|place| texts.get(place).copied())
            .ok_or(PatchError::NotFound),
    }
}

/// Puts `content` at `place` in the stead of `removed` children, and joins the texts that meet.
fn insert(siblings: &mut Vec<Child>, place: usize, removed: usize, content: &[Child]) {
    let place = place.min(siblings.len());
    let after = siblings.split_off(place);
    let content = content.iter().cloned();
    for child in content.chain(after.into_iter().skip(removed)) {
        push(siblings, child);
    }
}
