//! What a script needs to know of a running demo: addresses, users, passwords, secrets. Kept as `demo.json`
//! in the data directory. Must not know who reads it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::secrets::{Secrets, secret_name};
use crate::config::Settings;

/// The file's name in the data directory.
const FILE: &str = "demo.json";

/// The content of `demo.json`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Where SIP is listened for, UDP and TCP.
    pub(super) sip: SocketAddr,
    /// Where HTTP is listened for.
    pub(super) http: SocketAddr,
    /// The domain of every address of record.
    pub(super) domain: String,
    /// Opens the admin addresses.
    pub(super) admin_key: String,
    /// Signs the first site's tokens.
    pub(super) site_secret: String,
    /// Every site, the first one first; absent in the file of an earlier version.
    #[serde(default)]
    pub(super) sites: Vec<SiteFacts>,
    /// Everybody who can sign in.
    pub(super) reps: Vec<RepFacts>,
}

/// One site of the demo.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SiteFacts {
    /// Its identity in addresses.
    pub(super) id: String,
    /// Its name for people.
    pub(super) name: String,
    /// Where its page is.
    pub(super) page: String,
    /// Signs its tokens.
    pub(super) secret: String,
}

/// One rep of the demo.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RepFacts {
    /// What a softphone calls user or login.
    pub(super) user: String,
    /// The password.
    pub(super) password: String,
    /// The address of record.
    pub(super) aor: String,
    /// Level by skill.
    pub(super) skills: BTreeMap<String, u8>,
    /// The tiers served.
    pub(super) tiers: Vec<String>,
}

impl Facts {
    /// The facts of a demo with these settings and secrets at these addresses.
    pub(super) fn new(
        settings: &Settings,
        secrets: &Secrets,
        sip: SocketAddr,
        http: SocketAddr,
    ) -> Self {
        let domain = settings.sip.domain.clone();
        let all_tiers: Vec<String> = settings
            .helpdesk
            .tiers
            .iter()
            .map(|tier| tier.id.to_string())
            .collect();
        let reps = settings
            .helpdesk
            .reps
            .iter()
            .map(|rep| RepFacts {
                user: rep.id.to_string(),
                password: secrets.of(rep.id.as_str()),
                aor: format!("sip:{}@{domain}", rep.id),
                skills: rep
                    .skills
                    .iter()
                    .map(|(skill, level)| (skill.to_string(), level.value()))
                    .collect(),
                tiers: match &rep.tiers {
                    Some(tiers) => tiers.iter().map(ToString::to_string).collect(),
                    None => all_tiers.clone(),
                },
            })
            .collect();
        let sites = settings
            .sites
            .iter()
            .enumerate()
            .map(|(place, site)| match place {
                0 => SiteFacts {
                    id: site.id.to_string(),
                    name: site.name.clone(),
                    page: format!("http://{http}/"),
                    secret: secrets.of("site_secret"),
                },
                _ => SiteFacts {
                    id: site.id.to_string(),
                    name: site.name.clone(),
                    page: format!("http://{http}/{}/", site.id),
                    secret: secrets.of(&secret_name(site.id.as_str())),
                },
            })
            .collect();
        Self {
            sip,
            http,
            domain,
            admin_key: secrets.of("admin_key"),
            site_secret: secrets.of("site_secret"),
            sites,
            reps,
        }
    }

    /// The facts of an earlier demo in this directory.
    pub(super) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = data.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read {}", path.display()));
            }
        };
        let facts = serde_json::from_str(&text).with_context(|| {
            format!(
                "failed to understand {}; remove it to start afresh",
                path.display()
            )
        })?;
        Ok(Some(facts))
    }

    /// Writes the facts where scripts find them, whole or not at all, for the owner's eyes only.
    pub(super) fn write(&self, data: &Path) -> anyhow::Result<()> {
        let path = data.join(FILE);
        let draft = data.join("demo.json.new");
        let write = || -> anyhow::Result<()> {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.write_all(b"\n")?;
            fs::rename(&draft, &path)?;
            Ok(())
        };
        write().with_context(|| format!("failed to write {}", path.display()))
    }
}
