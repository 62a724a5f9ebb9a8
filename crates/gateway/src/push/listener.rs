//! A program of the shop that wants to be told, and the one way to tell it: signed, in its form.
//! Must not know when it is told, or how often.

use std::time::Duration;

use bytes::Bytes;
use helpdesk::{SiteId, SiteSnapshot, Snapshot};
use http::StatusCode;
use serde_json::json;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};

use super::call::{CallError, Caller};
use super::target::Target;
use crate::config::Secret;
use crate::soap::{SoapVersion, presence_element, write_envelope};
use crate::wire::presence::{PresenceDocument, rfc_3339};

/// One program that is told.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name in the configuration, in addresses and in logs.
    pub id: String,
    /// Where it listens.
    pub target: Target,
    /// In which form.
    pub form: Form,
    /// What is signed with: the newest first. While a key is replaced both sign, so that either verifies.
    pub keys: Vec<Secret>,
    /// What it is told of.
    pub topics: Vec<Topic>,
    /// Sites it is told of; `None` is all.
    pub sites: Option<Vec<SiteId>>,
    /// How long it may take to answer.
    pub patience: Duration,
    /// How long after each failure it is tried again; after the last one it is given up.
    pub retries: Vec<Duration>,
}

/// In which form a listener is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON, signed as Standard Webhooks has it.
    Webhook,
    /// SOAP 1.1, by the WSDL `/soap?wsdl=notify`.
    Soap11,
    /// SOAP 1.2, by the same.
    Soap12,
}

/// What a listener is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The groups of a site have changed.
    Presence,
    /// Something happened to a ticket.
    Ticket,
}

/// What became of telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It took it.
    Taken,
    /// It did not, and may later.
    NotNow {
        /// Why, as a fragment that fits "failed to {why}".
        why: String,
        /// How long it asks to be left alone.
        after: Option<Duration>,
    },
    /// It says that it never will (410).
    Never,
}

impl Listener {
    /// Whether it is told of this at this site.
    pub fn wants(&self, topic: Topic, site: &SiteId) -> bool {
        let is_its_site = self.sites.as_ref().is_none_or(|sites| sites.contains(site));
        is_its_site && self.topics.contains(&topic)
    }

    /// Tells a JSON text under an identity that is the same at every try.
    pub async fn tell(&self, caller: &Caller, id: &str, json: String, now_unix_s: i64) -> Told {
        let headers = self.proof(id, &json, now_unix_s);
        self.post(caller, "application/json", &headers, json).await
    }

    /// Tells the groups of a site in the listener's form.
    pub async fn tell_presence(
        &self,
        caller: &Caller,
        snapshot: &Snapshot,
        site: &SiteSnapshot,
        now_unix_s: i64,
    ) -> Told {
        let id = format!("presence_{}_{}_{}", self.id, site.site, snapshot.version);
        let version = match self.form {
            Form::Soap11 => SoapVersion::Soap11,
            Form::Soap12 => SoapVersion::Soap12,
            Form::Webhook => {
                let event = json!({
                    "type": "presence.changed",
                    "timestamp": rfc_3339(snapshot.at_unix_ms),
                    "data": PresenceDocument::new(&site.site, snapshot, site.groups.iter()),
                });
                return self.tell(caller, &id, event.to_string(), now_unix_s).await;
            }
        };
        let groups = site.groups.iter();
        let element = presence_element("NotifyGroupPresence", &site.site, snapshot, groups);
        let envelope = write_envelope(version, &element);
        let mut headers = self.proof(&id, &envelope, now_unix_s);
        match version {
            SoapVersion::Soap11 => {
                let action = version.action("NotifyGroupPresence");
                headers.push(("soapaction", format!("\"{action}\"")));
            }
            SoapVersion::Soap12 => {}
        }
        self.post(caller, version.content_type(), &headers, envelope)
            .await
    }

    /// Identity, time and a signature by each key, as Standard Webhooks has them.
    fn proof(&self, id: &str, body: &str, now_unix_s: i64) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (HEADER_WEBHOOK_ID, id.to_owned()),
            (HEADER_WEBHOOK_TIMESTAMP, now_unix_s.to_string()),
        ];
        let keys = self.keys.iter();
        let signatures: Vec<String> = keys
            .filter_map(|key| signature(key, id, now_unix_s, body))
            .collect();
        if !signatures.is_empty() {
            headers.push((HEADER_WEBHOOK_SIGNATURE, signatures.join(" ")));
        }
        headers
    }

    async fn post(
        &self,
        caller: &Caller,
        content_type: &'static str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Told {
        let called = caller.post(
            &self.target,
            content_type,
            headers,
            Bytes::from(body),
            self.patience,
        );
        match called.await {
            Ok(answer) if answer.status.is_success() => Told::Taken,
            Ok(answer) if answer.status == StatusCode::GONE => Told::Never,
            Ok(answer) => Told::NotNow {
                why: format!("have it taken: the answer was {}", answer.status),
                after: answer.retry_after,
            },
            Err(error @ CallError::Inside) => {
                tracing::warn!(listener = %self.id, target = %self.target, %error, "a listener is not called");
                refused(&error)
            }
            Err(error) => refused(&error),
        }
    }
}

fn refused(error: &CallError) -> Told {
    Told::NotNow {
        why: error.to_string(),
        after: None,
    }
}

fn signature(key: &Secret, id: &str, now_unix_s: i64, json: &str) -> Option<String> {
    let signed = Webhook::from_bytes(key.expose().to_vec())
        .and_then(|webhook| webhook.sign(id, now_unix_s, json.as_bytes()));
    match signed {
        Ok(signature) => Some(signature),
        Err(error) => {
            tracing::error!(%error, "a webhook cannot be signed");
            None
        }
    }
}
