//! Waits for a condition instead of for time.
//! Must not know what is waited for.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(10);

/// Asks `look` until it finds something; `what` names it if it does not come within `limit`.
///
/// # Errors
/// When the time is over, or when `look` itself fails.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if started.elapsed() >= limit {
            bail!("{what} did not come within {limit:?}");
        }
        thread::sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_is_still_found() {
        let mut looks = 0;
        let found = until("the third look", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn what_never_comes_is_named() {
        let found = until::<()>("godot", Duration::from_millis(20), || Ok(None));
        assert_eq!(
            found.unwrap_err().to_string(),
            "godot did not come within 20ms"
        );
    }
}
