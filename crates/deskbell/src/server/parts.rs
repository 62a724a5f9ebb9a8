//! What each part of the server is told, out of the settings. Must not know how the parts run.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use gateway::{AdminFace, ConsoleFace, LineBoard, SoftphoneDoor, SoftphoneSocket, TrunkBoard};
use helpdesk::{RepId, SkillId};
use presence::Store;
use sip::Protocol;
use sip_transport::{Counters, Listen, TlsTrust};
use tokio::sync::mpsc;

use crate::config::{self, DigestSettings, Settings};
use crate::figures;
use crate::happenings::Happenings;
use crate::sip_service::{self, Directory, Offers, Permissions};
use crate::webhooks::WebhooksHandle;

pub(super) fn listeners(settings: &Settings) -> Vec<Listen> {
    settings
        .sip
        .listen
        .iter()
        .map(|listen| Listen {
            protocol: protocol(listen.protocol),
            address: listen.address,
        })
        .collect()
}

fn protocol(protocol: config::Protocol) -> Protocol {
    match protocol {
        config::Protocol::Udp => Protocol::Udp,
        config::Protocol::Tcp => Protocol::Tcp,
        config::Protocol::Tls => Protocol::Tls,
        config::Protocol::Ws => Protocol::Ws,
        config::Protocol::Wss => Protocol::Wss,
    }
}

pub(super) fn directory(settings: &Settings) -> Directory {
    let mut hosts = vec![settings.sip.domain.clone()];
    hosts.extend(settings.sip.aliases.iter().cloned());
    Directory {
        realm: settings.sip.realm.clone(),
        hosts,
        secrets_by_rep: settings.secrets_by_rep.clone(),
        skills: settings
            .helpdesk
            .skills
            .iter()
            .map(|skill| skill.id.clone())
            .collect(),
        tiers: settings
            .helpdesk
            .tiers
            .iter()
            .map(|tier| tier.id.clone())
            .collect(),
        names_by_rep: settings
            .helpdesk
            .reps
            .iter()
            .map(|rep| (rep.id.clone(), rep.name.clone()))
            .collect(),
        reps_by_skill: reps_by_skill(settings),
        permissions: Permissions::new(settings.watchers.clone()),
        open: settings.dangerous.open_domain,
    }
}

/// Who vouches for the servers that we connect to.
pub(super) fn trust(settings: &Settings) -> anyhow::Result<TlsTrust> {
    match &settings.tls_trust {
        Some(trust) => Ok(trust.clone()),
        None => TlsTrust::of_system().context("failed to set up TLS"),
    }
}

fn reps_by_skill(settings: &Settings) -> HashMap<SkillId, Vec<(RepId, sip_service::TiersServed)>> {
    let mut reps_by_skill: HashMap<_, Vec<_>> = HashMap::new();
    for rep in &settings.helpdesk.reps {
        for (skill, _) in &rep.skills {
            let reps = reps_by_skill.entry(skill.clone()).or_default();
            reps.push((rep.id.clone(), rep.tiers.clone()));
        }
    }
    reps_by_skill
}

pub(super) fn offers(settings: &DigestSettings) -> Offers {
    let DigestSettings {
        suites,
        suites_by_protocol,
        qualities,
    } = settings;
    let by_protocol = suites_by_protocol
        .iter()
        .map(|(special, suites)| (protocol(*special), suites.clone()))
        .collect();
    Offers::new(suites.clone(), by_protocol, qualities)
}

pub(super) fn gateway_config(
    settings: &Settings,
    happenings: &Happenings,
    sockets: &mpsc::Sender<SoftphoneSocket>,
    store: &Arc<Store>,
    counters: Arc<Counters>,
    (lines, trunks, webhooks): (&LineBoard, &TrunkBoard, &WebhooksHandle),
    console: &ConsoleFace,
) -> gateway::Config {
    gateway::Config {
        sites: settings.sites.clone(),
        skills: settings
            .helpdesk
            .skills
            .iter()
            .map(|skill| (skill.id.clone(), skill.name.clone()))
            .collect(),
        tiers: settings
            .helpdesk
            .tiers
            .iter()
            .map(|tier| tier.id.clone())
            .collect(),
        demo: happenings.events().map(|events| gateway::DemoFace {
            events: events.clone(),
        }),
        admin: (!settings.admin_keys.is_empty()).then(|| AdminFace {
            keys: settings.admin_keys.clone(),
            webhooks: webhooks.asked(),
            presentities: store.clone(),
            lines: lines.clone(),
            trunks: trunks.clone(),
        }),
        console: Some(console_face(settings, console)),
        softphones: Some(SoftphoneDoor {
            origins: settings.sip.origins.clone(),
            sockets: sockets.clone(),
        }),
        figures: figures::of_sip(counters, trunks.clone()),
    }
}

fn console_face(settings: &Settings, console: &ConsoleFace) -> ConsoleFace {
    let reps = &settings.helpdesk.reps;
    console.clone().with(
        reps.iter()
            .map(|rep| (rep.id.clone(), rep.name.clone()))
            .collect(),
        settings.console.supervisors.clone(),
        settings.console.canned.clone(),
        settings.console.idle_after,
    )
}
