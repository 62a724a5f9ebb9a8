//! Simulated and recorded days, played by the same routing and queue code as the live desk.
//! Must not know files, terminals or the time of day.

mod law;
mod play;
mod report;
mod rivals;
mod scenario;
mod score;
mod shoppers;
mod staff;
mod tally;
mod ticket;

pub use law::Law;
pub use play::simulate;
pub use report::{
    ClassReport, EstimatorReport, Measured, NextRepReport, PoolReport, PromiseReport, Report,
};
pub use scenario::{Arrival, Arrivals, Class, Pool, Scenario, ScenarioError, Usual};
