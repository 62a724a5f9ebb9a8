//! How good the promised waits were, for `/metrics`. Must not know how they were promised.

use std::sync::atomic::AtomicU64;

use helpdesk::{EstimateScore, EstimateScores};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Share = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    skill: String,
    tier: String,
}

/// Registers the score of each skill and tier that was ever asked for.
pub(super) fn register(registry: &mut Registry, scores: &EstimateScores) {
    type Count = fn(&EstimateScore) -> u64;
    let counts: [(&str, &str, Count); 6] = [
        ("promised", "Tickets that were promised a wait", |score| {
            score.promised
        }),
        (
            "by_length",
            "Promised waits that were found by the length of the queue",
            |score| score.by_length,
        ),
        (
            "unknown",
            "Tickets that waited with nothing promised",
            |score| score.unknown,
        ),
        ("scored", "Promises whose wait ended with a rep", |score| {
            score.scored
        }),
        ("held", "Waits within the promised range", |score| {
            score.held
        }),
        (
            "grown",
            "Times a shopper was told of a longer wait",
            |score| score.grown,
        ),
    ];
    for (name, help, of) in counts {
        let family = Family::<Labels, Counter>::default();
        for (labels, score) in labelled(scores) {
            family.get_or_create(&labels).inc_by(of(score));
        }
        registry.register(format!("estimate_{name}"), help, family);
    }
    type Mean = fn(&EstimateScore) -> Option<f64>;
    let means: [(&str, &str, Mean); 3] = [
        (
            "bias_seconds",
            "Mean of promised less actual wait",
            EstimateScore::bias,
        ),
        (
            "mean_square_error",
            "Mean square of promised less actual wait, in square seconds",
            EstimateScore::mean_square_error,
        ),
        (
            "coverage",
            "Share of waits in the range that is meant to hold 0.8",
            EstimateScore::coverage,
        ),
    ];
    for (name, help, of) in means {
        let family = Family::<Labels, Share>::default();
        for (labels, score) in labelled(scores) {
            if let Some(mean) = of(score) {
                family.get_or_create(&labels).set(mean);
            }
        }
        registry.register(format!("estimate_{name}"), help, family);
    }
}

fn labelled(scores: &EstimateScores) -> impl Iterator<Item = (Labels, &EstimateScore)> {
    scores.groups.iter().map(|(skill, tier, score)| {
        let labels = Labels {
            skill: skill.to_string(),
            tier: tier.to_string(),
        };
        (labels, score)
    })
}
