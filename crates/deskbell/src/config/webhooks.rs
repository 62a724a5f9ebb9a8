//! The tables `[[webhook]]`: the shop's programs that are told. Must not know how they are called.

use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gateway::Secret as SigningKey;
use gateway::push::{Form, Listener, Network, Target, Topic};
use helpdesk::SiteId;

use super::document::{Section, Value};
use super::names;
use super::secret::{Keys, Sought, Sources};

pub(super) const KEYS: [&str; 14] = [
    "id",
    "url",
    "form",
    "events",
    "sites",
    "networks",
    "timeout",
    "retry",
    "key",
    "key_file",
    "key_env",
    "old_key",
    "old_key_file",
    "old_key_env",
];

const KEY: Keys = Keys {
    inline: "key",
    file: "key_file",
    environment: "key_env",
};

const OLD_KEY: Keys = Keys {
    inline: "old_key",
    file: "old_key_file",
    environment: "old_key_env",
};

/// Standard Webhooks has 24 to 64.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

const TIMEOUT: Duration = Duration::from_secs(10);

const PAUSES: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(48 * 3600);

/// Three days in all.
const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1800),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(34 * 3600),
];

/// The listeners; `sites` are those there are.
pub(super) fn read(
    tables: &[Section<'_>],
    sites: &[SiteId],
    secrets: Sources<'_>,
) -> Vec<Listener> {
    let mut taken = Vec::new();
    tables
        .iter()
        .filter_map(|table| {
            let id = names::read_id(table, &mut taken);
            let words = [
                ("webhook", Form::Webhook),
                ("soap11", Form::Soap11),
                ("soap12", Form::Soap12),
            ];
            let form = table
                .value("form")
                .map_or(Some(Form::Webhook), |form| form.choice(&words));
            let networks = table
                .value("networks")
                .map_or_else(Vec::new, |networks| read_networks(&networks));
            let target = read_target(table, networks);
            let topics = read_topics(table, form);
            let sites = table.value("sites").map(|named| read_sites(&named, sites));
            let patience = table
                .value("timeout")
                .and_then(|value| value.duration(TIMEOUTS));
            let retries = table
                .value("retry")
                .map_or_else(|| RETRIES.to_vec(), |retry| read_retries(&retry));
            let mut keys: Vec<_> = read_key(table, &KEY, secrets).into_iter().collect();
            if keys.is_empty() && form == Some(Form::Webhook) && !has_key(table) {
                table.mistake(
                    "key",
                    "is missing; give key_file, key_env or key, so that the shop knows who speaks",
                );
            }
            keys.extend(read_key(table, &OLD_KEY, secrets));
            Some(Listener {
                id: id?.to_owned(),
                target: target?,
                form: form?,
                keys,
                topics,
                sites,
                patience: patience.unwrap_or(TIMEOUT),
                retries,
            })
        })
        .collect()
}

fn has_key(table: &Section<'_>) -> bool {
    [KEY.inline, KEY.file, KEY.environment]
        .iter()
        .any(|key| table.value(key).is_some())
}

fn read_target(table: &Section<'_>, networks: Vec<Network>) -> Option<Target> {
    let value = table.required("url", "write url = \"https://shop.example/deskbell\"")?;
    let url = value.text()?;
    match Target::read(url, networks) {
        Ok(target) => Some(target),
        Err(error) => {
            value.mistake(format!("cannot be called: failed to {error}"));
            None
        }
    }
}

fn read_networks(value: &Value<'_>) -> Vec<Network> {
    let items = value.items().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| match item.text()?.parse() {
            Ok(network) => Some(network),
            Err(_) => {
                item.mistake("is no network; write it like \"10.0.0.0/8\"");
                None
            }
        })
        .collect()
}

fn read_topics(table: &Section<'_>, form: Option<Form>) -> Vec<Topic> {
    let words = [("presence", Topic::Presence), ("ticket", Topic::Ticket)];
    let speaks_soap = matches!(form, Some(Form::Soap11 | Form::Soap12));
    let Some(value) = table.value("events") else {
        return if speaks_soap {
            vec![Topic::Presence]
        } else {
            vec![Topic::Presence, Topic::Ticket]
        };
    };
    let mut topics = Vec::new();
    for item in value.items().unwrap_or_default() {
        match item.choice(&words) {
            Some(Topic::Ticket) if speaks_soap => {
                item.mistake(
                    "cannot be told by SOAP; add a webhook of the form \"webhook\" for tickets",
                );
            }
            Some(topic) => topics.push(topic),
            None => {}
        }
    }
    topics
}

fn read_sites(value: &Value<'_>, known: &[SiteId]) -> Vec<SiteId> {
    let items = value.items().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let site = SiteId::new(item.text()?);
            if !known.contains(&site) {
                item.mistake(format!("{site} is no site of this file"));
                return None;
            }
            Some(site)
        })
        .collect()
}

fn read_retries(value: &Value<'_>) -> Vec<Duration> {
    let items = value.items().unwrap_or_default();
    if items.len() > 20 {
        value.mistake("has more than 20 pauses");
    }
    items
        .iter()
        .filter_map(|item| item.duration(PAUSES))
        .collect()
}

/// A key as Standard Webhooks writes it: `whsec_` and base64.
fn read_key(table: &Section<'_>, keys: &Keys, secrets: Sources<'_>) -> Option<SigningKey> {
    let Sought::Found(secret, value) = secrets.seek(table, keys) else {
        return None;
    };
    let text = secret.expose().trim();
    let bytes = text
        .strip_prefix("whsec_")
        .and_then(|text| BASE64_STANDARD.decode(text).ok());
    match bytes.filter(|bytes| KEY_BYTES.contains(&bytes.len())) {
        Some(bytes) => Some(SigningKey::new(&bytes)),
        None => {
            value.mistake(
                "is no key for webhooks; write whsec_ and the base64 of 24 to 64 random bytes, such as `echo whsec_$(openssl rand -base64 32)` makes",
            );
            None
        }
    }
}
