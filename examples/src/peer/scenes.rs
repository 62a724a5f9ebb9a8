//! Scripts that play people in browsers against a running server; their own tests say what went wrong.
//! Must not know what they do.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::Context;
use serde_json::{Value, json};

use super::{find, find_module};
use crate::server::Server;

/// A script with what it needs.
#[derive(Debug)]
pub struct Scenes {
    node: PathBuf,
    script: PathBuf,
}

impl Scenes {
    /// The script, where a browser, node and these modules of node are installed.
    #[must_use]
    pub fn find(script: &Path, modules: &[&str]) -> Option<Self> {
        find("chromium")?;
        let node = find("node")?;
        for module in modules {
            find_module(script, module)?;
        }
        Some(Self {
            node,
            script: script.to_owned(),
        })
    }

    /// Plays them; the script is told where the server is, who its reps are, and `more`, which is an object.
    ///
    /// # Errors
    /// Where node cannot be started.
    pub fn play(&self, server: &Server, more: &Value) -> anyhow::Result<ExitStatus> {
        let demo = server.demo();
        let reps = demo.reps.iter();
        let passwords: serde_json::Map<String, Value> = reps
            .map(|rep| (rep.user.clone(), json!(rep.password)))
            .collect();
        let mut facts = json!({
            "http": demo.http.to_string(),
            "domain": demo.domain,
            "admin_key": demo.admin_key,
            "passwords": passwords,
        });
        if let (Some(facts), Some(more)) = (facts.as_object_mut(), more.as_object()) {
            facts.extend(more.clone());
        }
        let folder = self.script.parent().context("the script lies nowhere")?;
        Command::new(&self.node)
            // A scene that fails leaves its servers open: node would wait for them.
            .args(["--test", "--test-force-exit", "--test-reporter=spec"])
            .arg(&self.script)
            .current_dir(folder)
            .env("DESKBELL_SERVER", facts.to_string())
            .status()
            .context("failed to start node")
    }
}
