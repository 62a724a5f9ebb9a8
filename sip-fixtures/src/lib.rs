//! SIP messages of real softphones and of our own making, one or all of a kind.
//! For tests and benchmarks alone: a file that is not there panics with its name.
#![forbid(unsafe_code)]

mod anomalies;
mod bad;
mod file;
mod phones;
mod torture;

pub use anomalies::{Anomaly, anomalies};
pub use bad::{Bad, Verdict, bad, odd};
pub use file::Fixture;
pub use phones::{Basic, Kind, State, expected_states, phone, phones, publish_892};
pub use torture::{Afterwards, Outcome, Torture, torture};
