//! What SIP has done, as `/metrics` shows it. Must not know what the figures mean.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use gateway::{Figure, FigureKind, Figures, TrunkBoard, TrunkReport};
use sip_transport::Counters;

/// The counters of the sockets and connections, and how the trunks stand, asked for each time they are shown.
pub(crate) fn of_sip(counters: Arc<Counters>, trunks: TrunkBoard) -> Figures {
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
        let trunks = of_trunks(&trunks.borrow());
        std::iter::once(open).chain(counts).chain(trunks).collect()
    })
}

fn of_trunks(reports: &[TrunkReport]) -> [Figure; 3] {
    let now = Instant::now();
    let gauge = |name: &str, help, count: usize| Figure {
        name: name.to_owned(),
        help,
        kind: FigureKind::Gauge,
        value: u64::try_from(count).unwrap_or(u64::MAX),
    };
    let in_service = reports
        .iter()
        .filter(|report| report.out_of_service(now).is_none());
    let registered = reports.iter().filter(|report| report.is_registered());
    [
        gauge("trunks", "Ways to the telephone network", reports.len()),
        gauge(
            "trunks_in_service",
            "Trunks that calls go over at this moment",
            in_service.count(),
        ),
        gauge(
            "trunks_registered",
            "Trunks that have our registration",
            registered.count(),
        ),
    ]
}
