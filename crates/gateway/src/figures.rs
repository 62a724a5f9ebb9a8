//! Figures of the server's other parts, shown in `/metrics` beside the gateway's own. Must not know what they count.

use std::fmt;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// One figure as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// In small letters and underlines, without prefix or unit suffix: `sip_received`.
    pub name: String,
    /// What it counts, as a sentence without its full stop.
    pub help: &'static str,
    /// How it moves.
    pub kind: FigureKind,
    /// What it is at this moment.
    pub value: u64,
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// It only rises.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// Where the figures of the other parts are asked for. Cheap to clone; without any by default.
#[derive(Clone, Default)]
pub struct Figures(Option<Arc<dyn Fn() -> Vec<Figure> + Send + Sync>>);

impl Figures {
    /// Figures that `ask` gives; it must not block.
    pub fn new(ask: impl Fn() -> Vec<Figure> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    /// Enters all of them as they stand.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let figures = self.0.as_ref().map(|ask| ask()).unwrap_or_default();
        for figure in figures {
            let Figure {
                name,
                help,
                kind,
                value,
            } = figure;
            match kind {
                FigureKind::Counter => {
                    let counter = Counter::<u64>::default();
                    counter.inc_by(value);
                    registry.register(name, help, counter);
                }
                FigureKind::Gauge => {
                    let gauge = Gauge::<i64>::default();
                    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
                    registry.register(name, help, gauge);
                }
            }
        }
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures(..)")
    }
}
