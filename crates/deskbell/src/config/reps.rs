//! The tables `[[rep]]`: who helps, with what, and how they prove who they are.
//! Must not know how a challenge is answered.

use std::collections::HashMap;

use helpdesk::{Level, Rep, RepId, SkillId, TierId};
use sip::digest::{Algorithm, Ha1};

use super::console;
use super::document::{Section, Value};
use super::names::{self, Names};
use super::nearest;
use super::pbx;
use super::secret::{Keys, Sought, Sources};
use super::settings::SipSettings;
use super::watchers;

pub(super) const KEYS: [&str; 12] = [
    "id",
    "name",
    "password",
    "password_file",
    "password_env",
    "ha1",
    "skills",
    "tiers",
    "capacity",
    watchers::REP_KEY,
    pbx::REP_KEY,
    console::REP_KEY,
];

const PASSWORD: Keys = Keys {
    inline: "password",
    file: "password_file",
    environment: "password_env",
};

/// Shorter passwords are guessed.
const PASSWORD_LENGTH: usize = 8;

/// The user part that means a sender's own conversation.
const DESK: &str = "desk";

/// One conversation at a time, unless told otherwise.
const DEFAULT_CAPACITY: u32 = 1;

/// The reps, and what each proves an identity with.
pub(super) fn read(
    tables: &[Section<'_>],
    names: &Names<'_>,
    secrets: Sources<'_>,
    sip: &SipSettings,
) -> (Vec<Rep>, HashMap<RepId, Vec<Ha1>>) {
    let mut taken = Vec::new();
    let mut secrets_by_rep = HashMap::new();
    let mut reps = Vec::new();
    for table in tables {
        let id = names::read_id(table, &mut taken);
        let proof = read_secrets(table, id.unwrap_or_default(), secrets, sip);
        let skills = read_skills(table, names);
        let tiers = table
            .value("tiers")
            .and_then(|tiers| read_tiers(&tiers, names));
        let capacity = table
            .value("capacity")
            .and_then(|capacity| capacity.whole(1..=100));
        let Some(id) = id else { continue };
        refuse_address_of_another(table, id, names);
        let name = names::read_name(table, id);
        let id = RepId::new(id);
        secrets_by_rep.insert(id.clone(), proof);
        reps.push(Rep {
            id,
            name,
            skills,
            tiers,
            capacity: capacity.unwrap_or(DEFAULT_CAPACITY),
        });
    }
    (reps, secrets_by_rep)
}

/// Reps and groups share the user parts of the domain.
fn refuse_address_of_another(table: &Section<'_>, id: &str, names: &Names<'_>) {
    let Some(value) = table.value("id") else {
        return;
    };
    if names.skills.contains(&id) {
        value.mistake(format!(
            "{id} is the address of the skill's group; call the rep otherwise"
        ));
    } else if id == DESK {
        value.mistake("desk is the address by which reps answer; call the rep otherwise");
    }
}

pub(super) fn read_skills(table: &Section<'_>, names: &Names<'_>) -> Vec<(SkillId, Level)> {
    let entries = match table.value("skills") {
        None => Vec::new(),
        Some(value) => match value.open_table() {
            None => return Vec::new(),
            Some(skills) => skills.entries(),
        },
    };
    if entries.is_empty() {
        table.warning("skills", "is missing: no ticket will ever reach this rep");
    }
    let read = |(id, value): (&str, Value<'_>)| {
        if let Some(explanation) = names::explain_unknown(id, "skill", &names.skills) {
            value.mistake_of_key(explanation);
        }
        let level = value
            .whole(1..=100)
            .and_then(|level| u8::try_from(level).ok());
        Some((SkillId::new(id), level.and_then(Level::new)?))
    };
    entries.into_iter().filter_map(read).collect()
}

pub(super) fn read_tiers(value: &Value<'_>, names: &Names<'_>) -> Option<Vec<TierId>> {
    if value.items_written() == Some(0) {
        value.mistake("is empty: the rep would serve nobody; leave the key out to serve all");
    }
    let tiers = names::refer_all(value, "tier", &names.tiers)?;
    Some(tiers.into_iter().map(TierId::new).collect())
}

/// What the rep proves an identity with; nothing where a mistake was noted.
fn read_secrets(
    table: &Section<'_>,
    id: &str,
    secrets: Sources<'_>,
    sip: &SipSettings,
) -> Vec<Ha1> {
    let ha1 = table.value("ha1");
    match secrets.seek(table, &PASSWORD) {
        Sought::Unusable => Vec::new(),
        Sought::Found(secret, value) => {
            if let Some(ha1) = ha1 {
                ha1.mistake_of_key("is one too many; keep the password or its hashes");
            }
            let password = secret.expose();
            if password.chars().count() < PASSWORD_LENGTH {
                value.warning(format!(
                    "has fewer than {PASSWORD_LENGTH} characters and may be guessed"
                ));
            }
            Algorithm::ALL
                .map(|algorithm| Ha1::derive(algorithm, id, &sip.realm, password))
                .into()
        }
        Sought::Absent => match ha1 {
            Some(ha1) => read_ha1(&ha1, sip),
            None => {
                let hint = "write password_file = \"FILE\" (or password_env, password, ha1)";
                table.mistake("password", format!("is missing; {hint}"));
                Vec::new()
            }
        },
    }
}

fn read_ha1(value: &Value<'_>, sip: &SipSettings) -> Vec<Ha1> {
    let Some(table) = value.open_table() else {
        return Vec::new();
    };
    let mut named = Vec::new();
    let mut hashes = Vec::new();
    for (key, hash) in table.entries() {
        let Some(algorithm) = Algorithm::from_name(key) else {
            let hint = nearest::hint(key, Algorithm::ALL.map(Algorithm::as_str));
            hash.mistake_of_key(format!("is unknown{hint}"));
            continue;
        };
        if named.contains(&algorithm) {
            hash.mistake_of_key(format!("is {algorithm} a second time"));
        }
        named.push(algorithm);
        hashes.extend(read_hash(algorithm, &hash));
    }
    let over_some = sip
        .digest
        .suites_by_protocol
        .iter()
        .flat_map(|(_, suites)| suites);
    let mut asked: Vec<Algorithm> = Vec::new();
    for suite in sip.digest.suites.iter().chain(over_some) {
        if !asked.contains(&suite.algorithm) {
            asked.push(suite.algorithm);
        }
    }
    for algorithm in asked.into_iter().filter(|asked| !named.contains(asked)) {
        value.mistake(format!("has no {algorithm}, which [sip] digest asks phones for; add it, or take {algorithm} out there"));
    }
    hashes
}

fn read_hash(algorithm: Algorithm, value: &Value<'_>) -> Option<Ha1> {
    let hash = Ha1::from_hex(algorithm, value.text()?);
    if hash.is_none() {
        let digits = algorithm.hex_digits();
        value.mistake(format!("must be {digits} hexadecimal digits"));
    }
    hash
}
