//! What is in the element of an operation: known names, each once unless it may come again.
//! Must not know what an operation does with it.

use super::envelope::{NAMESPACE, Node};
use super::fault::Fault;

/// The parameters of an operation.
#[derive(Debug)]
pub(super) struct Parameters<'n>(&'n Node);

impl<'n> Parameters<'n> {
    /// Those of `node`, which may have these and no others; `repeated` may come several times.
    pub(super) fn read(node: &'n Node, known: &[&str], repeated: &[&str]) -> Result<Self, Fault> {
        if !node.text.trim().is_empty() {
            return Err(Fault::sender(format!(
                "{} holds text of its own.",
                node.name
            )));
        }
        for (place, child) in node.children.iter().enumerate() {
            let name = child.name.as_str();
            if child.namespace != NAMESPACE || !known.contains(&name) {
                return Err(Fault::sender(format!(
                    "{} has no element {name} in {NAMESPACE}.",
                    node.name
                )));
            }
            if !child.children.is_empty() {
                return Err(Fault::sender(format!(
                    "{name} is text and holds no elements."
                )));
            }
            let came_before = node
                .children
                .iter()
                .take(place)
                .any(|before| before.name == child.name);
            if came_before && !repeated.contains(&name) {
                return Err(Fault::sender(format!("{name} may come once.")));
            }
        }
        Ok(Self(node))
    }

    /// Every value of this name; one that says it is nil is none.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = String> {
        let named = self
            .0
            .children
            .iter()
            .filter(move |child| child.name == name);
        named
            .filter(|child| !is_nil(child))
            .map(|child| child.text.clone())
    }

    /// The value of this name; an empty one is none.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// The value of a name that has to be there.
    pub(super) fn required(&self, name: &str) -> Result<String, Fault> {
        self.optional(name)
            .ok_or_else(|| Fault::sender(format!("{} needs {name}.", self.0.name)))
    }
}

fn is_nil(node: &Node) -> bool {
    node.attributes.iter().any(|(namespace, name, value)| {
        namespace == "http://www.w3.org/2001/XMLSchema-instance"
            && name == "nil"
            && matches!(value.as_str(), "true" | "1")
    })
}
