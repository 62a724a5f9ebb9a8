//! What SIP has done, as `/metrics` shows it. Must not know what the figures mean.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gateway::{Figure, FigureKind, Figures};
use sip_transport::Counters;

/// The counters of the sockets and connections, asked for each time they are shown.
pub(crate) fn of_sip(counters: Arc<Counters>) -> Figures {
    Figures::new(move || {
        let opened = counters.connections_opened.load(Ordering::Relaxed);
        let closed = counters.connections_closed.load(Ordering::Relaxed);
        let open = Figure {
            name: "sip_connections".to_owned(),
            help: "Open connections of softphones",
            kind: FigureKind::Gauge,
            value: opened.saturating_sub(closed),
        };
        let counts = counters.each().map(|count| Figure {
            name: format!("sip_{}", count.name),
            help: count.help.trim_end_matches('.'),
            kind: FigureKind::Counter,
            value: count.value,
        });
        std::iter::once(open).chain(counts).collect()
    })
}
