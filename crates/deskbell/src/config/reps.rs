//! The tables `[[rep]]`: who helps, with what, and how they prove who they are.
//! Must not know how a challenge is answered.

use std::collections::HashMap;

use helpdesk::{Level, Rep, RepId, SkillId, TierId};

use super::document::{Section, Value};
use super::names::{self, Names};
use super::secret::{Credentials, Keys, Sought, Sources};
use super::settings::DigestAlgorithm;
use super::watchers;

pub(super) const KEYS: [&str; 10] = [
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
    digest: &[DigestAlgorithm],
) -> (Vec<Rep>, HashMap<RepId, Credentials>) {
    let mut taken = Vec::new();
    let mut credentials = HashMap::new();
    let mut reps = Vec::new();
    for table in tables {
        let id = names::read_id(table, &mut taken);
        let proof = read_credentials(table, secrets, digest);
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
        if let Some(proof) = proof {
            credentials.insert(id.clone(), proof);
        }
        reps.push(Rep {
            id,
            name,
            skills,
            tiers,
            capacity: capacity.unwrap_or(DEFAULT_CAPACITY),
        });
    }
    (reps, credentials)
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

fn read_credentials(
    table: &Section<'_>,
    secrets: Sources<'_>,
    digest: &[DigestAlgorithm],
) -> Option<Credentials> {
    let ha1 = table.value("ha1");
    match secrets.seek(table, &PASSWORD) {
        Sought::Unusable => None,
        Sought::Found(secret, value) => {
            if let Some(ha1) = ha1 {
                ha1.mistake_of_key("is one too many; keep the password or its hashes");
            }
            if secret.expose().chars().count() < PASSWORD_LENGTH {
                value.warning(format!(
                    "has fewer than {PASSWORD_LENGTH} characters and may be guessed"
                ));
            }
            Some(Credentials::Password(secret))
        }
        Sought::Absent => match ha1 {
            Some(ha1) => read_ha1(&ha1, digest),
            None => {
                let hint = "write password_file = \"FILE\" (or password_env, password, ha1)";
                table.mistake("password", format!("is missing; {hint}"));
                None
            }
        },
    }
}

fn read_ha1(value: &Value<'_>, digest: &[DigestAlgorithm]) -> Option<Credentials> {
    let table = value.table(&["md5", "sha-256"])?;
    let (md5, sha256) = (table.value("md5"), table.value("sha-256"));
    for algorithm in digest {
        let (hash, key) = match algorithm {
            DigestAlgorithm::Md5 => (&md5, "md5"),
            DigestAlgorithm::Sha256 => (&sha256, "sha-256"),
        };
        if hash.is_none() {
            value.mistake(format!("has no {key}, which [sip] digest asks phones for; add it, or take {algorithm} out there"));
        }
    }
    Some(Credentials::Ha1 {
        md5: md5.and_then(|hash| read_hash(&hash)),
        sha256: sha256.and_then(|hash| read_hash(&hash)),
    })
}

fn read_hash<const BYTES: usize>(value: &Value<'_>) -> Option<[u8; BYTES]> {
    let text = value.text()?;
    let hash = hexadecimal(text);
    if hash.is_none() {
        value.mistake(format!("must be {} hexadecimal digits", 2 * BYTES));
    }
    hash
}

fn hexadecimal<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? * 16 + low?).ok()
    };
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes?.try_into().ok()
}
