//! A shop's view of the server: the state of its groups as JSON and as events, and tickets.
//! Must not know how reps are connected.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::http::{Events, Http};
use crate::wait;

/// A site of a server.
#[derive(Debug, Clone)]
pub struct Site {
    http: Http,
    id: String,
}

/// A group's state in the presence JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `available`, `wait` or `closed`.
    pub state: String,
    /// Reps who would be offered a click at this moment.
    pub available: u64,
    /// Reps who are on duty and have no hand free.
    pub busy: u64,
    /// Reps who are on duty and away.
    pub away: u64,
    /// Reps who are not on duty.
    pub offline: u64,
    /// Tickets that wait.
    pub queued: u64,
}

/// A ticket that was taken.
#[derive(Debug, Clone)]
pub struct Ticket {
    http: Http,
    id: String,
    token: String,
}

impl Site {
    /// The site of that name.
    #[must_use]
    pub fn new(http: Http, id: &str) -> Self {
        Self {
            http,
            id: id.to_owned(),
        }
    }

    /// The state of the group of that skill and tier.
    ///
    /// # Errors
    /// Where the server gives none.
    pub fn group(&self, skill: &str, tier: &str) -> anyhow::Result<Group> {
        let path = format!("/v1/sites/{}/presence", self.id);
        let answer = self.http.get(&path)?;
        if answer.status != 200 {
            bail!("GET {path} was answered {}: {}", answer.status, answer.body);
        }
        read_group(&answer.json()?, skill, tier)
    }

    /// Waits until the group of that skill and tier `standard` is in a state. Returns how long that took.
    ///
    /// # Errors
    /// Where it is in another one when the time is over.
    pub fn wait_state(
        &self,
        skill: &str,
        state: &str,
        limit: Duration,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        wait::until(&format!("{skill} {state}"), limit, || {
            Ok((self.group(skill, "standard")?.state == state).then_some(()))
        })
        .with_context(|| format!("the group is {:?}", self.group(skill, "standard")))?;
        Ok(started.elapsed())
    }

    /// Opens the stream of the site's presence.
    ///
    /// # Errors
    /// Where the server gives none.
    pub fn events(&self) -> anyhow::Result<SiteEvents> {
        let path = format!("/v1/sites/{}/presence/events", self.id);
        Ok(SiteEvents {
            events: self.http.events(&path, &[])?,
        })
    }

    /// Clicks for help with a skill.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn ask(&self, skill: &str, name: &str, message: &str) -> anyhow::Result<Ticket> {
        let answer = self.http.post(
            &format!("/v1/sites/{}/tickets", self.id),
            &json!({"skills": [skill], "name": name, "message": message}),
        )?;
        if answer.status != 201 {
            bail!("the click was answered {}: {}", answer.status, answer.body);
        }
        let ticket = answer.json()?;
        let text = |key: &str| {
            ticket
                .get(key)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .with_context(|| format!("a ticket without {key}: {ticket}"))
        };
        Ok(Ticket {
            http: self.http,
            id: text("id")?,
            token: text("token")?,
        })
    }
}

/// The open stream of a site's presence.
#[derive(Debug)]
pub struct SiteEvents {
    events: Events,
}

impl SiteEvents {
    /// Waits for an event that tells of the group of that skill and tier `standard` in a state.
    /// Returns how long that took.
    ///
    /// # Errors
    /// Where none comes.
    pub fn wait_state(
        &self,
        skill: &str,
        state: &str,
        limit: Duration,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut last = None;
        loop {
            let left = limit.saturating_sub(started.elapsed());
            let Some(event) = self.events.next(left)? else {
                bail!("no event told of {skill} {state} within {limit:?}, the last was {last:?}");
            };
            if event.name != "presence" {
                bail!("an event that is none of presence: {event:?}");
            }
            let group = read_group(&event.json()?, skill, "standard")?;
            if group.state == state {
                return Ok(started.elapsed());
            }
            last = Some(group);
        }
    }
}

impl Ticket {
    /// The ticket's id, which is the user part of the conversation's address.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What opens it.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The ticket as its shopper sees it.
    ///
    /// # Errors
    /// Where the server does not show it.
    pub fn view(&self) -> anyhow::Result<Value> {
        let path = format!("/v1/tickets/{}", self.id);
        let answer = self
            .http
            .request("GET", &path, &[("Authorization", &self.bearer())], "")?;
        if answer.status != 200 {
            bail!("GET {path} was answered {}: {}", answer.status, answer.body);
        }
        answer.json()
    }

    /// Waits until the ticket is in a state.
    ///
    /// # Errors
    /// Where it is in another one when the time is over.
    pub fn wait_state(&self, state: &str, limit: Duration) -> anyhow::Result<Value> {
        wait::until(&format!("ticket {state}"), limit, || {
            let view = self.view()?;
            let reached = view.get("state").and_then(Value::as_str) == Some(state);
            Ok(reached.then_some(view))
        })
        .with_context(|| format!("the ticket is {:?}", self.view()))
    }

    /// Opens the conversation as a stream of events.
    ///
    /// # Errors
    /// Where the server gives none.
    pub fn events(&self) -> anyhow::Result<TicketEvents> {
        let path = format!("/v1/tickets/{}/events", self.id);
        let events = self
            .http
            .events(&path, &[("Authorization", &self.bearer())])?;
        Ok(TicketEvents { events })
    }

    /// Writes a line under an id of the shopper's choice.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn say(&self, id: &str, text: &str) -> anyhow::Result<()> {
        self.send(&json!({"type": "say", "id": id, "text": text}))
    }

    /// Ends the conversation.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn end(&self) -> anyhow::Result<()> {
        self.send(&json!({"type": "end"}))
    }

    /// Rates the conversation.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn rate(&self, stars: u8, comment: &str) -> anyhow::Result<()> {
        let path = format!("/v1/tickets/{}/rating", self.id);
        let bearer = self.bearer();
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let body = json!({"stars": stars, "comment": comment}).to_string();
        let answer = self.http.request("POST", &path, &headers, &body)?;
        if !(200..300).contains(&answer.status) {
            bail!("a rating was answered {}: {}", answer.status, answer.body);
        }
        Ok(())
    }

    fn send(&self, frame: &Value) -> anyhow::Result<()> {
        let path = format!("/v1/tickets/{}/messages", self.id);
        let bearer = self.bearer();
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let answer = self
            .http
            .request("POST", &path, &headers, &frame.to_string())?;
        if !(200..300).contains(&answer.status) {
            bail!("{frame} was answered {}: {}", answer.status, answer.body);
        }
        Ok(())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// The open stream of a conversation.
#[derive(Debug)]
pub struct TicketEvents {
    events: Events,
}

impl TicketEvents {
    /// Waits for a line of `shopper`, `rep` or `system` that contains `text`. Returns its number.
    ///
    /// # Errors
    /// Where none comes.
    pub fn wait_line(&self, from: &str, text: &str, limit: Duration) -> anyhow::Result<u64> {
        let started = Instant::now();
        let mut seen = Vec::new();
        loop {
            let left = limit.saturating_sub(started.elapsed());
            let Some(event) = self.events.next(left)? else {
                bail!("no line of {from} with {text:?} within {limit:?}, but {seen:?}");
            };
            let frame = event.json()?;
            let read = |key: &str| frame.get(key).and_then(Value::as_str).unwrap_or_default();
            if read("type") == "line" && read("from") == from && read("text").contains(text) {
                return frame
                    .get("seq")
                    .and_then(Value::as_u64)
                    .context("a line without a number");
            }
            seen.push(event.data);
        }
    }
}

fn read_group(presence: &Value, skill: &str, tier: &str) -> anyhow::Result<Group> {
    let group = presence
        .get("groups")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|group| {
            group.get("skill") == Some(&json!(skill)) && group.get("tier") == Some(&json!(tier))
        })
        .with_context(|| format!("no group {skill} {tier} in {presence}"))?;
    let number = |key: &str| {
        group
            .get(key)
            .and_then(Value::as_u64)
            .with_context(|| format!("a group without {key}: {group}"))
    };
    let state = group.get("state").and_then(Value::as_str);
    Ok(Group {
        state: state
            .with_context(|| format!("a group without state: {group}"))?
            .to_owned(),
        available: number("available")?,
        busy: number("busy")?,
        away: number("away")?,
        offline: number("offline")?,
        queued: number("queued")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_skill_and_tier() {
        let group = |tier, state| {
            json!({"skill": "cameras", "tier": tier, "state": state, "available": 2, "busy": 1,
                   "away": 0, "offline": 1, "queued": 0, "wait": null})
        };
        let presence = json!({"groups": [group("standard", "wait"), group("gold", "available")]});
        let found = read_group(&presence, "cameras", "gold").unwrap();
        assert_eq!((found.state.as_str(), found.available), ("available", 2));
        assert!(read_group(&presence, "lenses", "gold").is_err());
    }
}
