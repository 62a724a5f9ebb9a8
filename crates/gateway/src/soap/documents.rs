//! Tickets, groups and reps as elements of `urn:deskbell:soap:1`, in the order of the schema.
//! Must not know how they travel.

use std::fmt::Write as _;

use helpdesk::{GroupSnapshot, RepReport, SiteId, Snapshot, TicketView, Wait};
use presence::xml::escaped;

use super::envelope::NAMESPACE;
use crate::admin::word;
use crate::wire::presence::{rfc_3339, state_word};
use crate::wire::ticket;

/// Elements in the making.
#[derive(Default)]
struct Elements(String);

impl Elements {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        let value = value.to_string();
        let value = escaped(&value);
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{name}>{value}</{name}>");
    }

    fn add_some(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn within(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name}>");
        fill(self);
        let _ = write!(self.0, "</{name}>");
    }
}

/// An element of the body, which holds what `fill` adds.
fn element(name: &str, fill: impl FnOnce(&mut Elements)) -> String {
    let mut elements = Elements(format!("<{name} xmlns=\"{NAMESPACE}\">"));
    fill(&mut elements);
    let _ = write!(elements.0, "</{name}>");
    elements.0
}

/// The groups of a site, in an element of this name.
pub(crate) fn presence<'a>(
    name: &str,
    site: &SiteId,
    snapshot: &Snapshot,
    groups: impl Iterator<Item = &'a GroupSnapshot>,
) -> String {
    element(name, |elements| {
        elements.add("site", site);
        elements.add("version", snapshot.version);
        elements.add("at", rfc_3339(snapshot.at_unix_ms));
        for group in groups {
            elements.within("group", |elements| {
                elements.add("skill", &group.skill);
                elements.add("tier", &group.tier);
                elements.add("state", state_word(group.state));
                elements.add("available", group.available);
                elements.add("busy", group.busy);
                elements.add("away", group.away);
                elements.add("offline", group.offline);
                elements.add("queued", group.queued);
                add_wait(elements, group.wait);
                elements.add_some("opens", group.opens_unix_ms.map(rfc_3339));
            });
        }
    })
}

/// Reps, in an element of this name.
pub(super) fn representatives<'a>(name: &str, reps: impl Iterator<Item = &'a RepReport>) -> String {
    element(name, |elements| {
        for rep in reps {
            elements.within("representative", |elements| {
                elements.add("id", &rep.rep);
                elements.add("name", &rep.name);
                elements.add("presence", word(rep.availability));
                elements.add("free", rep.is_free);
                elements.add("conversations", rep.conversations.len());
                elements.add("capacity", rep.capacity);
                for (skill, level) in &rep.skills {
                    elements.within("skill", |elements| {
                        elements.add("id", skill);
                        elements.add("level", level.value());
                    });
                }
                for tier in rep.tiers.iter().flatten() {
                    elements.add("tier", tier);
                }
            });
        }
    })
}

/// A ticket, with its token where it has just been made, in an element of this name.
pub(super) fn ticket(name: &str, view: &TicketView, token: Option<&str>) -> String {
    element(name, |elements| {
        elements.within("ticket", |elements| {
            let path = ticket::path(view.id.as_str());
            elements.add("id", &view.id);
            elements.add_some("token", token);
            elements.add("state", ticket::state_word(view.state));
            elements.add_some("position", view.position);
            add_wait(elements, view.wait);
            elements.add_some("rep", view.rep.as_deref());
            elements.add("ws", format!("{path}/ws"));
            elements.add("events", format!("{path}/events"));
        });
    })
}

fn add_wait(elements: &mut Elements, wait: Option<Wait>) {
    let Some(wait) = wait else { return };
    elements.within("wait", |elements| {
        elements.add("seconds", wait.seconds);
        elements.add("low", wait.low);
        elements.add("high", wait.high);
        elements.add("confidence", wait.confidence);
    });
}
