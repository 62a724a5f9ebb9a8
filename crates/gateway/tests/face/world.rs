//! A gateway that runs, with the shop's configuration and a double behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use gateway::{
    Config, ConfigHandle, Figures, Gateway, Options, Secret, SiteFace, TokenKey, TokenVerifier,
};
use helpdesk::{SiteId, SkillId, TierId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Call, Client};
use crate::desk_double::DeskDouble;

pub(crate) const SECRET: &[u8] = b"the shop's secret, long enough for HS256";

pub(crate) struct World {
    pub(crate) desk: DeskDouble,
    pub(crate) address: SocketAddr,
    pub(crate) config: ConfigHandle,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config(), Options::default()).await
    }

    pub(crate) async fn with(config: Config, options: Options) -> Self {
        let (double, desk) = DeskDouble::start();
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let gateway = Gateway::bind_with(listen, config, desk, options)
            .await
            .unwrap();
        let address = gateway.local_address();
        let config = gateway.config_handle();
        let stop = CancellationToken::new();
        let running = tokio::spawn(gateway.run(stop.clone()));
        Self {
            desk: double,
            address,
            config,
            stop,
            running,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.client().call("GET", path)
    }

    pub(crate) fn post(&self, path: &str, json: &str) -> Call {
        self.client().call("POST", path).json(json)
    }

    /// A click for cameras: the ticket's id and token.
    pub(crate) async fn ticket(&self) -> (String, String) {
        let reply = self
            .post("/v1/sites/shop/tickets", r#"{"skills":["cameras"]}"#)
            .send()
            .await;
        let ticket = reply.json(201);
        let text = |name: &str| ticket[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }
}

pub(crate) fn config() -> Config {
    let skills = ["cameras", "lenses", "closed", "full"];
    let site = |id: &str, skills: &[&str], secret: Option<Secret>| SiteFace {
        id: SiteId::new(id),
        name: id.to_owned(),
        skills: skills.iter().map(|skill| SkillId::new(skill)).collect(),
        origins: vec![format!("https://{id}.example")],
        token_keys: secret.into_iter().map(shared).collect(),
        form: gateway::FormFace::default(),
    };
    Config {
        sites: vec![
            site("shop", &skills, Some(Secret::new(SECRET))),
            site("library", &["lenses"], None),
        ],
        skills: vec![
            (SkillId::new("cameras"), "Cameras".to_owned()),
            (SkillId::new("lenses"), "Lenses & <glass>".to_owned()),
        ],
        tiers: vec![TierId::new("standard"), TierId::new("gold")],
        demo: None,
        console: None,
        admin: None,
        softphones: None,
        figures: Figures::default(),
    }
}

fn shared(secret: Secret) -> TokenKey {
    TokenKey {
        id: None,
        verifier: TokenVerifier::Shared(secret),
    }
}

/// What should happen soon, or the test fails.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), what)
        .await
        .unwrap()
}
