//! Reads the configuration file into typed settings, and says every mistake at once with its place.
//! Must not know what is done with the settings.

mod admin_keys;
mod console;
mod desk;
mod digest;
mod document;
mod duration;
mod forms;
mod hosts;
mod hours;
mod http;
mod limits;
mod mistake;
mod names;
mod nearest;
mod pbx;
mod presence;
mod reps;
mod routing;
mod scenario;
mod secret;
mod settings;
mod sip;
mod sites;
mod storage;
mod summary;
mod tls;
mod token_keys;
mod trunks;
mod watchers;

use std::env;
use std::fs;
use std::path::Path;

use toml::de::DeTable;

use document::{Notes, Section};
use names::Names;
use secret::Environment;
use settings::DangerousSettings;

pub(crate) use mistake::Mistake;
pub(crate) use scenario::{ScenarioFile, read_scenario};
pub(crate) use settings::{
    Audience, DigestSettings, Durability, Extension, HttpSettings, OfferBy, PbxSettings, Protocol,
    Refusal, Settings, TrunkSettings, WatcherSettings, route_over,
};
pub(crate) use summary::summary;

/// The annotated default configuration; it has no mistakes on any machine.
pub(crate) const DEFAULT: &str = include_str!("default.toml");

/// Reads the file at `path` with this process's environment; the error lists every mistake.
pub(crate) fn load_or_explain(path: &Path) -> anyhow::Result<Settings> {
    load(path, &own_environment).map_err(explain)
}

/// Reads a text with this process's environment; the error lists every mistake, with `path` as the file's name.
pub(crate) fn read_or_explain(text: &str, path: &Path) -> anyhow::Result<Settings> {
    read(text, path, &own_environment).map_err(explain)
}

fn own_environment(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn explain(mistakes: Vec<Mistake>) -> anyhow::Error {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the configuration cannot be used\n{}", lines.join("\n"))
}

/// Reads a duration as the configuration writes it; `Err` says what is wrong with it.
pub(crate) fn read_duration(text: &str) -> Result<std::time::Duration, String> {
    duration::read(text)
}

/// Reads the file at `path`; secrets' files are looked for beside it.
pub(crate) fn load(path: &Path, environment: Environment<'_>) -> Result<Settings, Vec<Mistake>> {
    match fs::read_to_string(path) {
        Ok(text) => read(&text, path, environment),
        Err(error) => Err(vec![Mistake::of_file(path, &error)]),
    }
}

/// Reads a configuration's text; `path` names it in mistakes, and secrets' files are looked for beside it.
pub(crate) fn read(
    text: &str,
    path: &Path,
    environment: Environment<'_>,
) -> Result<Settings, Vec<Mistake>> {
    let notes = Notes::new(path, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What follows a broken line may be misread: its mistakes would be ours.
        for error in &errors {
            notes.syntax(error);
        }
        return Err(notes.into_mistakes());
    }
    let root = Section::root(&notes, &document, TABLES);
    let settings = read_settings(&root, path, environment);
    notes.judge(settings)
}

fn read_settings(root: &Section<'_>, path: &Path, environment: Environment<'_>) -> Settings {
    let directory = path.parent().unwrap_or(Path::new(""));
    let secrets = secret::Sources {
        directory,
        environment,
    };
    let tables = Tables::open(root);
    let presence = root.table("presence", "[presence]", &presence::KEYS);
    let names = tables.names();
    let (sip, tls, tls_trust) = sip::read(root, directory);
    let skills = desk::read_skills(&tables.skills);
    let tiers = desk::read_tiers(&tables.tiers);
    let trunks = trunks::read(
        &root.tables("trunk", "[[trunk]]", &trunks::TRUNK_KEYS),
        secrets,
    );
    let dialling = trunks::dialling(&trunks);
    let (sites, faces) = sites::read(&tables.sites, &names, secrets, &dialling);
    let (reps, secrets_by_rep) = reps::read(&tables.reps, &names, secrets, &sip);
    let routing = routing::read(root, &names, &sites, &reps);
    warn_of_gaps(root, &tables, &sites, &reps);
    let dangerous = read_dangerous(root);
    let site_ids: Vec<_> = sites.iter().map(|site| site.id.clone()).collect();
    Settings {
        sip,
        tls,
        tls_trust,
        presence: presence::read(presence.as_ref()),
        limits: limits::read(root, &dangerous),
        http: http::read(root, secrets),
        trunks,
        storage: storage::read(root, (&tables.sites, &sites), secrets),
        watchers: watchers::read(presence.as_ref(), &tables.reps),
        pbx: pbx::read(root, &tables.reps, secrets),
        helpdesk: helpdesk::Config {
            sites,
            skills,
            tiers,
            reps,
            routing,
        },
        sites: faces,
        console: console::read(root, &tables.reps),
        admin_keys: admin_keys::read(&tables.admin_keys, secrets),
        webhooks: webhooks::read(&tables.webhooks, &site_ids, secrets),
        secrets_by_rep,
        dangerous,
        warnings: Vec::new(),
    }
}

const TABLES: &[&str] = &[
    "sip",
    "presence",
    "limits",
    "http",
    "pbx",
    "trunk",
    "storage",
    "skill",
    "tier",
    "site",
    "rep",
    "routing",
    "console",
    "admin_key",
    "webhook",
    "dangerous",
];

/// The repeated tables, which refer to each other.
struct Tables<'a> {
    skills: Vec<Section<'a>>,
    tiers: Vec<Section<'a>>,
    sites: Vec<Section<'a>>,
    reps: Vec<Section<'a>>,
    admin_keys: Vec<Section<'a>>,
    webhooks: Vec<Section<'a>>,
}

impl<'a> Tables<'a> {
    fn open(root: &Section<'a>) -> Self {
        Self {
            skills: root.tables("skill", "[[skill]]", &desk::SKILL_KEYS),
            tiers: root.tables("tier", "[[tier]]", &desk::TIER_KEYS),
            sites: root.tables("site", "[[site]]", &sites::KEYS),
            reps: root.tables("rep", "[[rep]]", &reps::KEYS),
            admin_keys: root.tables("admin_key", "[[admin_key]]", &admin_keys::KEYS),
            webhooks: root.tables("webhook", "[[webhook]]", &webhooks::KEYS),
        }
    }

    fn names(&self) -> Names<'a> {
        let mut tiers = names::collect(&self.tiers);
        if tiers.is_empty() {
            tiers.push(desk::ONLY_TIER);
        }
        Names {
            skills: names::collect(&self.skills),
            tiers,
        }
    }
}

/// What is complete in itself and yet serves nobody.
fn warn_of_gaps(
    root: &Section<'_>,
    tables: &Tables<'_>,
    sites: &[helpdesk::Site],
    reps: &[helpdesk::Rep],
) {
    if tables.skills.is_empty() {
        root.warning("", "there is no [[skill]]: nothing can be asked for");
    }
    if tables.sites.is_empty() {
        root.warning("", "there is no [[site]]: no page can show a bell");
    }
    if tables.reps.is_empty() {
        root.warning("", "there is no [[rep]]: nobody can answer");
        return;
    }
    for (table, site) in tables.sites.iter().zip(sites) {
        for skill in &site.skills {
            if !reps
                .iter()
                .any(|rep| rep.skills.iter().any(|(has, _)| has == skill))
            {
                table.warning(
                    "skills",
                    format!("no rep has {skill}: it will always be closed"),
                );
            }
        }
    }
}

fn read_dangerous(root: &Section<'_>) -> DangerousSettings {
    let open_domain = root
        .table("dangerous", "[dangerous]", &["open_domain"])
        .and_then(|dangerous| dangerous.value("open_domain"));
    let Some(value) = open_domain else {
        return DangerousSettings::default();
    };
    let open_domain = value.truth().unwrap_or(false);
    if open_domain {
        value.warning(
            "whoever reaches the SIP port can publish and chat as any rep; for load tests only",
        );
    }
    DangerousSettings { open_domain }
}

#[cfg(test)]
mod tests;
mod webhooks;
