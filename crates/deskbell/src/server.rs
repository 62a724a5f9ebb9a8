//! Puts the parts together and runs them: sockets, store, owner, carrier, mail, gateway. Both `serve` and
//! `demo` are this. Must not know the command line.

mod parts;
mod recording;
mod reload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use arc_swap::ArcSwap;
use gateway::{ConsoleFace, Desk, Gateway, Recording, SoftphoneSocket};
use helpdesk::{Clock, Helpdesk, Input, RepId};
use presence::{Availability, Store, StoreConfig};
use sip::Protocol;
use sip_transport::{Calls, DnsConfig, Transport};
use storage::{Journal, Location};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::browsers;
use crate::calls::{self, Operator};
use crate::config::{Settings, route_over};
use crate::consoles::{self, Consoles};
use crate::desk::{self, Carrier, Owner, OwnerInputs, PresenceChanges, PresenceSignal, Ways};
use crate::happenings::{Happenings, unix_ms};
use crate::keeper::{self, Keeper};
use crate::random;
use crate::reached::Reached;
use crate::sip_service::{
    self, Agent, AgentInputs, Bindings, ExpectedNotifies, KeptSubscriptions, Letters, Lifetimes,
    LineParts, Lines, Mail, SharedDirectory, SipService,
};
use crate::trunks::{self, Trunks};
use crate::webhooks::Webhooks;
use parts::{directory, gateway_config, listeners, offers, trust};
use recording::tell_recording;
use reload::Reload;

/// Inputs of each kind that may wait for the owner; beyond it SIP answers 503 and HTTP waits.
const INPUTS: usize = 1024;

/// Batches that may wait for the journal; beyond it the owner waits.
const BATCHES: usize = 256;

/// WebSockets of softphones that may wait to be taken over; beyond it HTTP answers 503.
const SOCKETS: usize = 64;

/// Looks at past conversations that may wait for the journal; beyond it shoppers are told to come later.
const ERRANDS: usize = 16;

/// How far back ended tickets are read from the journal at start, so that a shopper can still rate them.
const ENDED_KEPT: Duration = Duration::from_secs(30 * 60);

/// How long it may take to tell the watchers.
const GOODBYE_TIME: Duration = Duration::from_secs(3);

/// How long everything may take to stop.
const STOP_TIME: Duration = Duration::from_secs(10);

/// How long the journal may take to commit what waits.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// A running server.
pub(crate) struct Server {
    sip_addresses: Vec<(Protocol, SocketAddr)>,
    http_address: SocketAddr,
    bindings: Arc<Bindings>,
    reload: Reload,
    /// Ends the presence agent and the calls, which need the sockets to say goodbye.
    farewell: CancellationToken,
    watchers: TaskTracker,
    shutdown: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    journal: Journal,
}

impl Server {
    /// Opens the journal and every socket, restores what was on record, and starts.
    pub(crate) async fn start(settings: Settings, happenings: Happenings) -> anyhow::Result<Self> {
        let journal = Journal::open_sealed(&settings.storage.url, settings.storage.keyring.clone())
            .await
            .context("failed to open the journal")?;
        let transport = Transport::bind(sip_transport::Config {
            listen: listeners(&settings),
            udp_sockets: settings.sip.udp_sockets,
            tls: settings.tls.clone(),
            tls_trust: Some(trust(&settings)?),
            websocket_origins: settings.sip.origins.clone(),
            limits: settings.limits.clone(),
            dns: DnsConfig {
                servers: settings.sip.name_servers.clone(),
                ..DnsConfig::default()
            },
            ..sip_transport::Config::default()
        })
        .await
        .context("failed to listen for SIP; free the address or choose another")?;
        let store = Store::new(StoreConfig {
            shortest_lifetime: settings.sip.expires.min,
            default_lifetime: settings.sip.expires.default,
            longest_lifetime: settings.sip.expires.max,
            floor: settings.presence.refuse_below,
            most_presentities: settings.presence.most_presentities,
            most_publications: settings.presence.most_publications,
            precedence: settings.presence.precedence,
            ..StoreConfig::new(random::bytes()?)
        });
        // Nobody reads what was edited where nothing outlives the process.
        let store = Arc::new(match journal.outlives_process() {
            true => store.with_edits(),
            false => store,
        });
        let bindings = Arc::new(Bindings::new(settings.sip.flow_grace));
        let restored = keeper::restore(&journal, &store, &bindings)
            .await
            .context("failed to read the journal")?;
        tracing::info!(presentities = restored, "publications are back");
        let subscriptions = KeptSubscriptions::default();
        let watched = keeper::load_subscriptions(&journal, &subscriptions)
            .await
            .context("failed to read the journal")?;
        let (keeper, answers) = Keeper::new(
            journal.clone(),
            store.clone(),
            bindings.clone(),
            subscriptions.clone(),
            settings.storage.durability,
        );
        let clock = Clock {
            at: Instant::now(),
            unix_ms: unix_ms(),
        };
        let mut helpdesk = Helpdesk::new(settings.helpdesk.clone(), clock)
            .context("failed to set up the helpdesk")?;
        let ended_kept = i64::try_from(ENDED_KEPT.as_millis()).unwrap_or(i64::MAX);
        let records = journal
            .load(clock.unix_ms.saturating_sub(ended_kept))
            .await
            .context("failed to read the journal")?;
        // Before the tickets, so that the reps on duty are weighed together.
        while let Some(presentity) = store.poll_changed() {
            let availability = store
                .presentity(&presentity)
                .map_or(Availability::Offline, |snapshot| {
                    snapshot.composed().availability
                });
            let rep = RepId::new(presentity.as_str());
            helpdesk.handle(Input::Presence { rep, availability }, clock.at);
        }
        let past_calls = calls::past_calls(&journal)
            .await
            .context("failed to read the journal")?;
        helpdesk.restore_calls(past_calls);
        let webhooks = Webhooks::new(journal.clone(), settings.webhooks.clone());
        let announcer = webhooks.announcer(&records);
        helpdesk.restore(records, clock.at);

        let (commands_in, commands) = mpsc::channel(INPUTS);
        let (rep_says_in, rep_says) = mpsc::channel(INPUTS);
        let (shopper_says_in, shopper_says) = mpsc::channel(INPUTS);
        let (call_reports_in, call_reports) = mpsc::channel(INPUTS);
        let (call_orders_in, call_orders) = mpsc::channel(INPUTS);
        let (gone_in, gone) = mpsc::channel(INPUTS);
        let (lines_to_messengers_in, lines_to_messengers) = mpsc::channel(INPUTS);
        let (deliveries_in, deliveries) = mpsc::channel(INPUTS);
        let (reconfigure_in, reconfigure) = mpsc::channel(1);
        let (batches_in, batches) = mpsc::channel(BATCHES);
        let (letters_in, letters) = mpsc::channel(INPUTS);
        let (phone_letters_in, phone_letters) = mpsc::channel(INPUTS);
        let (phone_outcomes_in, phone_outcomes) = mpsc::channel(INPUTS);
        let (console_calls_in, console_calls) = mpsc::channel(INPUTS);
        let console = ConsoleFace::new(console_calls_in, store.clone());
        let (subscribes_in, subscribes) = mpsc::channel(INPUTS);
        let (reloads_in, reloads) = watch::channel(());
        let (line_notifies_in, line_notifies) = mpsc::channel(INPUTS);
        let (lines_in, line_board) = watch::channel(Arc::default());
        let (trunks_in, trunks) = watch::channel(Arc::from(settings.trunks.clone()));
        let (messengers_proxy_in, messengers_proxy) =
            watch::channel(settings.sip.outbound_proxy.as_deref().map(route_over));
        let (trunk_reports, trunk_board) = watch::channel(Arc::from([]));
        let expected_notifies = ExpectedNotifies::default();
        let (sockets_in, mut sockets) = mpsc::channel::<SoftphoneSocket>(SOCKETS);
        let (snapshots_in, snapshots) = watch::channel(helpdesk.snapshot());
        let snapshots_out = snapshots.clone();
        let presence = PresenceSignal::default();
        let changes = PresenceChanges::default();
        let (recording_in, recording) = watch::channel(Recording::Sound);
        let directory: SharedDirectory = Arc::new(ArcSwap::from_pointee(directory(&settings)));
        let (errands_in, errands) = mpsc::channel(ERRANDS);
        let gateway = Gateway::bind_with(
            settings.http.listen,
            gateway_config(
                &settings,
                &happenings,
                &sockets_in,
                &store,
                transport.counters(),
                (&line_board, &trunk_board, &webhooks.handle()),
                &console,
            ),
            Desk::new(commands_in, snapshots.clone())
                .with_recording(recording)
                .with_errands(errands_in),
            browsers::options(&settings.http)?,
        )
        .await
        .context("failed to listen for HTTP; free the address or choose another")?;

        let reload = Reload {
            trunks: trunks_in,
            trunk_board: trunk_board.clone(),
            directory: directory.clone(),
            watchers: reloads_in,
            gateway: gateway.config_handle(),
            tls: transport.tls_handle(),
            trust: transport.trust_handle(),
            messengers_proxy: messengers_proxy_in,
            limits: transport.limits_handle(),
            sockets: sockets_in,
            counters: transport.counters(),
            helpdesk: reconfigure_in,
            happenings: happenings.clone(),
            store: store.clone(),
            lines: line_board,
            webhooks: webhooks.handle(),
            console,
        };
        let legs = Arc::new(Calls::default());
        let messengers = Letters::new(
            transport.sender(),
            settings.sip.domain.clone(),
            messengers_proxy,
            deliveries_in.clone(),
            happenings.clone(),
        );
        let service = SipService::new(sip_service::Parts {
            directory: directory.clone(),
            offers: offers(&settings.sip.digest),
            nonce_key: random::bytes()?,
            login_tries: settings.sip.login_tries,
            bindings: bindings.clone(),
            store: store.clone(),
            answers,
            health: journal.health(),
            flow_grace: settings.presence.flow_grace,
            presence: presence.clone(),
            rep_says: rep_says_in,
            shopper_says: shopper_says_in,
            messengers: messengers.board(),
            calls: legs.clone(),
            subscribes: subscribes_in,
            expected_notifies: expected_notifies.clone(),
            line_notifies: line_notifies_in,
            registration_lifetimes: Lifetimes {
                shortest: settings.sip.expires.min,
                default: settings.sip.expires.default,
                longest: settings.sip.expires.max,
            },
            happenings: happenings.clone(),
        });
        let is_lasting = !matches!(Location::read(&settings.storage.url), Ok(Location::Memory));
        let mut agent = Agent::new(
            sip::subscription::Config {
                shortest_interval: settings.watchers.interval,
                most: settings.watchers.most,
                most_per_watcher: settings.watchers.most_per_watcher,
                ..sip::subscription::Config::default()
            },
            store.clone(),
            directory.clone(),
            AgentInputs {
                subscribes,
                changes: changes.clone(),
                snapshots,
                reloads,
            },
            transport.sender(),
            is_lasting.then_some(subscriptions),
            happenings.clone(),
        );
        let watching = agent.restore(watched);
        keeper
            .keep_marked()
            .await
            .context("failed to write the journal")?;
        tracing::info!(subscriptions = watching, "subscriptions are back");
        let line_parts = LineParts {
            store: store.clone(),
            presence: presence.clone(),
            sender: transport.sender(),
            local: transport.local_addresses().to_vec(),
            expected: expected_notifies,
            notifies: line_notifies,
            board: lines_in,
            happenings: happenings.clone(),
        };
        let lines = settings
            .pbx
            .clone()
            .map(|pbx| Lines::new(pbx, line_parts, Instant::now()));
        let login = service.login();
        let presence_signal = presence.clone();
        let owner = Owner::new(
            helpdesk,
            store.clone(),
            OwnerInputs {
                commands,
                rep_says,
                shopper_says,
                calls: call_reports,
                gone,
                deliveries,
                presence,
                reconfigure,
            },
            batches_in,
            snapshots_in,
            changes,
        );
        let carrier = Carrier::new(
            journal.clone(),
            announcer,
            batches,
            Ways {
                mail: letters_in,
                letters: lines_to_messengers_in,
                calls: call_orders_in,
                gone: gone_in,
            },
        );
        let reached = Reached::new(transport.local_addresses(), &settings.sip.domain);
        let operator = Operator::new(calls::Parts {
            bindings: bindings.clone(),
            calls: legs,
            sender: transport.sender(),
            journal: journal.clone(),
            trunks: trunks.clone(),
            board: trunk_board,
            reached: reached.clone(),
            reports: call_reports_in,
            happenings: happenings.clone(),
        });
        let keeping_trunks = Trunks::new(
            trunks::Parts {
                sender: transport.sender(),
                reached,
                happenings: happenings.clone(),
            },
            trunks,
            trunk_reports,
        );
        let consoles = Consoles::new(consoles::Parts {
            login,
            directory,
            store,
            signal: presence_signal,
            bindings: bindings.clone(),
            calls: console_calls,
            letters,
            mail: phone_letters_in,
            phone_outcomes,
            deliveries: deliveries_in,
            happenings: happenings.clone(),
        });
        let mail = Mail::new(
            bindings.clone(),
            transport.sender(),
            phone_outcomes_in,
            happenings,
        );

        let upgraded = transport.upgraded();
        let sip_addresses = transport.local_addresses().to_vec();
        let http_address = gateway.local_address();
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stop = shutdown.clone();
        tasks.spawn(async move {
            transport.run(Arc::new(service), stop).await;
            Ok(())
        });
        let stop = shutdown.clone();
        tasks.spawn(async move {
            gateway.run(stop).await;
            Ok(())
        });
        let stop = shutdown.clone();
        tasks.spawn(async move {
            while let Some(Some(socket)) = stop.run_until_cancelled(sockets.recv()).await {
                let SoftphoneSocket {
                    stream,
                    local,
                    remote,
                } = socket;
                if let Err(error) = upgraded.serve(stream, local, remote) {
                    tracing::debug!(%remote, %error, "a softphone's WebSocket was closed");
                }
            }
            Ok(())
        });
        let telling = webhooks.run(snapshots_out, shutdown.clone());
        tasks.spawn(async move { telling.await.context("failed to write the journal") });
        let stop = shutdown.clone();
        tasks.spawn(async move {
            owner.run(stop).await;
            Ok(())
        });
        let (stop, past) = (shutdown.clone(), journal.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(desk::run_errands(past, errands))
                .await;
            Ok(())
        });
        let farewell = CancellationToken::new();
        let (stop, watchers) = (farewell.clone(), TaskTracker::new());
        tasks.spawn(watchers.track_future(async move {
            agent.run(stop).await;
            Ok(())
        }));
        if let Some(lines) = lines {
            let stop = farewell.clone();
            tasks.spawn(watchers.track_future(async move {
                lines.run(stop).await;
                Ok(())
            }));
        }
        let stop = farewell.clone();
        tasks.spawn(watchers.track_future(async move {
            operator.run(call_orders, stop).await;
            Ok(())
        }));
        let stop = farewell.clone();
        tasks.spawn(watchers.track_future(async move {
            keeping_trunks.run(stop).await;
            Ok(())
        }));
        watchers.close();
        let stop = shutdown.clone();
        // On a thread of its own: as a task it would run where a socket's task wakes it, and each would wait for the other.
        tasks.spawn_blocking(move || {
            Handle::current()
                .block_on(keeper.run(stop))
                .context("failed to write the journal")
        });
        let (stop, health) = (shutdown.clone(), journal.health());
        tasks.spawn(async move {
            let told = tell_recording(health, recording_in);
            stop.run_until_cancelled(told).await.unwrap_or(Ok(()))
        });
        let upkeep = keeper::upkeep::run(
            journal.clone(),
            settings.storage.retention_by_site,
            shutdown.clone(),
        );
        tasks.spawn(async move { upkeep.await.context("failed to see to the journal") });
        tasks.spawn(async move { carrier.run().await.context("failed to write the journal") });
        tasks.spawn(async move {
            consoles.run().await;
            Ok(())
        });
        tasks.spawn(async move {
            mail.run(phone_letters).await;
            Ok(())
        });
        tasks.spawn(async move {
            messengers.run(lines_to_messengers).await;
            Ok(())
        });
        Ok(Self {
            sip_addresses,
            http_address,
            bindings,
            reload,
            farewell,
            watchers,
            shutdown,
            tasks,
            journal,
        })
    }

    /// Where SIP is listened for.
    pub(crate) fn sip_addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.sip_addresses
    }

    /// The first address of one protocol.
    pub(crate) fn sip_address(&self, protocol: Protocol) -> Option<SocketAddr> {
        self.sip_addresses
            .iter()
            .find(|(found, _)| *found == protocol)
            .map(|(_, address)| *address)
    }

    /// Where HTTP is listened for.
    pub(crate) fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// The registrar's table.
    pub(crate) fn bindings(&self) -> Arc<Bindings> {
        self.bindings.clone()
    }

    /// Puts a new configuration in force. Addresses and their sockets, the origins of SIP listeners, the journal, the digest
    /// order, `[presence]`, `[pbx]` and the longest datagram stay until a restart; certificates are shown to the next connection, and those of
    /// others judged by the new authorities from the next request on.
    ///
    /// The realm is part of every challenge that is out, so that a configuration with another one is refused whole.
    pub(crate) async fn reload(&self, settings: Settings) -> anyhow::Result<()> {
        self.reload.take(settings).await
    }

    /// Returns when a part has failed or stopped by itself.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => anyhow::Error::new(error).context("a part of the server failed"),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a part of the server stopped by itself"),
        }
    }

    /// Stops accepting, lets what is under way end, and closes the journal.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.farewell.cancel();
        if timeout(GOODBYE_TIME, self.watchers.wait()).await.is_err() {
            tracing::warn!("some watchers were not told of the end, or a call did not end in time");
        }
        self.shutdown.cancel();
        let drained = timeout(STOP_TIME, async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("a part of the server failed")??;
            }
            anyhow::Ok(())
        })
        .await;
        // What cannot be committed in time is as lost as after a crash, and no more.
        if timeout(CLOSE_TIME, self.journal.close()).await.is_err() {
            tracing::warn!("the journal did not close in time");
        }
        match drained {
            Ok(done) => done,
            Err(_) => {
                tracing::warn!("some connections did not end in time");
                Ok(())
            }
        }
    }
}
