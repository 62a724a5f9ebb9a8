//! How the gateway behaves towards browsers, as the configuration says. Must not know what it serves.

use std::sync::Arc;

use gateway::{
    AdminFace, ConsoleFace, CookieKeys, LineBoard, Options, SoftphoneDoor, SoftphoneSocket,
};
use presence::Store;
use sip_transport::Counters;
use tokio::sync::mpsc;

use crate::config::{HttpSettings, Settings};
use crate::figures;
use crate::happenings::Happenings;
use crate::random;

/// What stays until a restart. Without a secret of its own, cookies are sealed with one of this process.
pub(crate) fn options(http: &HttpSettings) -> anyhow::Result<Options> {
    let cookie_keys = match &http.cookie_keys {
        Some(keys) => keys.clone(),
        None => CookieKeys::new([&random::bytes::<32>()?[..]]),
    };
    Ok(Options {
        public_origin: http.public_origin.clone(),
        proxies: http.proxies.clone(),
        cookie_keys,
        ..Options::default()
    })
}

/// What can change with a new configuration.
pub(crate) fn config(
    settings: &Settings,
    happenings: &Happenings,
    sockets: &mpsc::Sender<SoftphoneSocket>,
    store: &Arc<Store>,
    counters: Arc<Counters>,
    lines: &LineBoard,
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
            presentities: store.clone(),
            lines: lines.clone(),
        }),
        console: Some(console_face(settings, console)),
        softphones: Some(SoftphoneDoor {
            origins: settings.sip.origins.clone(),
            sockets: sockets.clone(),
        }),
        figures: figures::of_sip(counters),
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
