//! Whether what is said can be recorded, told to the web. Must not know what is said.

use anyhow::bail;
use gateway::Recording;
use storage::Health;
use tokio::sync::watch;

/// Tells the web what the journal's health means to it, until the journal is gone. An error where it failed, whoever
/// wrote then: nobody is answered any more, and the next start recovers from the disk.
pub(super) async fn tell_recording(
    mut health: watch::Receiver<Health>,
    told: watch::Sender<Recording>,
) -> anyhow::Result<()> {
    loop {
        let recording = match &*health.borrow_and_update() {
            Health::Sound => Recording::Sound,
            Health::Scarce => Recording::Scarce,
            Health::Full => Recording::Full,
            Health::Unreachable(_) => Recording::Away,
            Health::Failed(why) => bail!("failed to write the journal: {why}"),
        };
        told.send_replace(recording);
        if health.changed().await.is_err() {
            return Ok(());
        }
    }
}
