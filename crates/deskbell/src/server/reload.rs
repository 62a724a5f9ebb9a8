//! A new configuration on its way to the parts of a running server. Must not know what they do with it.

use std::sync::Arc;

use anyhow::bail;
use gateway::{ConfigHandle, ConsoleFace, LineBoard, SoftphoneSocket, TrunkBoard};
use presence::Store;
use sip_transport::{Counters, LimitsHandle, TlsHandle, TrustHandle};
use tokio::sync::{mpsc, watch};

use super::parts::{directory, gateway_config, trust};
use crate::config::{Settings, TrunkSettings, route_over};
use crate::happenings::Happenings;
use crate::sip_service::SharedDirectory;
use crate::webhooks::WebhooksHandle;

/// The ends through which a new configuration reaches the parts.
pub(super) struct Reload {
    pub(super) directory: SharedDirectory,
    /// Has the watchers judged by the new directory.
    pub(super) watchers: watch::Sender<()>,
    pub(super) gateway: ConfigHandle,
    pub(super) tls: TlsHandle,
    pub(super) trust: TrustHandle,
    pub(super) messengers_proxy: watch::Sender<Option<String>>,
    pub(super) limits: LimitsHandle,
    pub(super) sockets: mpsc::Sender<SoftphoneSocket>,
    pub(super) counters: Arc<Counters>,
    pub(super) helpdesk: mpsc::Sender<helpdesk::Config>,
    pub(super) happenings: Happenings,
    pub(super) store: Arc<Store>,
    pub(super) lines: LineBoard,
    pub(super) webhooks: WebhooksHandle,
    pub(super) console: ConsoleFace,
    pub(super) trunks: watch::Sender<Arc<[TrunkSettings]>>,
    pub(super) trunk_board: TrunkBoard,
}

impl Reload {
    /// What cannot change before a restart is said, and nothing is taken.
    pub(super) async fn take(&self, settings: Settings) -> anyhow::Result<()> {
        let realm = &self.directory.load().realm;
        if *realm != settings.sip.realm {
            bail!("[sip] realm is {realm:?} until a restart");
        }
        let trust = trust(&settings)?;
        self.directory.store(Arc::new(directory(&settings)));
        self.watchers.send_replace(());
        let Reload {
            happenings,
            sockets,
            counters,
            store,
            lines,
            webhooks,
            console,
            trunk_board,
            ..
        } = self;
        let counters = Arc::clone(counters);
        let gateway = gateway_config(
            &settings,
            happenings,
            sockets,
            store,
            counters,
            (lines, trunk_board, webhooks),
            console,
        );
        webhooks.replace(settings.webhooks);
        self.gateway.replace(gateway);
        if let Some(identity) = settings.tls {
            self.tls.replace(identity);
        }
        self.trust.replace(trust);
        let proxy = settings.sip.outbound_proxy.as_deref().map(route_over);
        self.messengers_proxy.send_replace(proxy);
        self.limits.replace(settings.limits);
        // Before the helpdesk's, which says by the trunks who dials.
        self.trunks.send_replace(settings.trunks.into());
        if self.helpdesk.send(settings.helpdesk).await.is_err() {
            tracing::warn!("a new configuration came after the helpdesk had stopped");
        }
        Ok(())
    }
}
