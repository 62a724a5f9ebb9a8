//! How often help may be asked for: by one source at one site, and at a site by all.
//! Must not know what becomes of a click; time is an argument.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use helpdesk::SiteId;

use crate::bucket::{Buckets, Rate};
use crate::problem::Problem;
use crate::visitor::Visitor;

/// How often help may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClickRates {
    /// By one source at one site: an IPv4 address, or the /64 of an IPv6 one.
    pub per_source: Rate,
    /// By one visitor whom a cookie makes known.
    pub per_visitor: Rate,
    /// At one site by all, so that a flood from many sources does not fill its queue.
    pub per_site: Rate,
}

impl Default for ClickRates {
    fn default() -> Self {
        Self {
            // An office behind one address may ask so often; a person never does.
            per_source: Rate {
                burst: 30,
                interval: Duration::from_secs(2),
            },
            per_visitor: Rate {
                burst: 6,
                interval: Duration::from_secs(10),
            },
            per_site: Rate {
                burst: 600,
                interval: Duration::from_millis(100),
            },
        }
    }
}

/// What has been clicked of late.
#[derive(Default)]
pub(crate) struct Clicks {
    by_source: Buckets<(SiteId, IpAddr)>,
    by_visitor: Buckets<String>,
    by_site: Buckets<SiteId>,
    errands: Buckets<String>,
}

impl Clicks {
    /// Counts a look at one's own data, or its end: both read the whole journal of a visitor.
    pub(crate) fn take_errand(&self, visitor: &str, now: Instant) -> Result<(), Problem> {
        let rate = Rate {
            burst: 6,
            interval: Duration::from_secs(10),
        };
        self.errands
            .take(visitor.to_owned(), rate, now)
            .map_err(|wait| {
                let words = format!(
                    "You have asked for this very often. Ask again in {}.",
                    wait.text()
                );
                Problem::too_fast(words, wait.seconds())
            })
    }

    /// Counts a click, or refuses it and says when the next one is taken.
    pub(crate) fn take(
        &self,
        site: &SiteId,
        source: IpAddr,
        visitor: Option<&Visitor>,
        rates: &ClickRates,
        now: Instant,
    ) -> Result<(), Problem> {
        if let Some(visitor) = visitor {
            self.by_visitor
                .take(visitor.id.clone(), rates.per_visitor, now)
                .map_err(|wait| {
                    let words = format!("You have asked very often. Ask again in {}.", wait.text());
                    Problem::too_fast(words, wait.seconds())
                })?;
        }
        self.by_source
            .take((site.clone(), source), rates.per_source, now)
            .map_err(|wait| {
                let words = format!(
                    "Help was asked for too often from where you are. Ask again in {}.",
                    wait.text()
                );
                Problem::too_fast(words, wait.seconds())
            })?;
        self.by_site
            .take(site.clone(), rates.per_site, now)
            .map_err(|wait| {
                let words = format!(
                    "Very many people ask for help just now. Ask again in {}.",
                    wait.text()
                );
                Problem::too_fast(words, wait.seconds())
            })
    }
}
