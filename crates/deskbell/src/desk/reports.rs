//! Answers what supervisors ask of the helpdesk. Must not change it.

use gateway::Report;
use helpdesk::Helpdesk;

/// Answers at once; an asker that has gone away is no error.
pub(super) fn answer(helpdesk: &Helpdesk, report: Report) {
    match report {
        Report::Reps(answer) => drop(answer.send(helpdesk.reps())),
        Report::Queue(answer) => drop(answer.send(helpdesk.queue())),
        Report::Cases(answer) => drop(answer.send(helpdesk.cases().cloned().collect())),
        Report::Decisions { ticket, answer } => {
            drop(answer.send(helpdesk.decisions(&ticket).cloned().collect()));
        }
        Report::Decided { asked, answer } => {
            drop(answer.send(asked.of(helpdesk.all_decisions())));
        }
        Report::WaitsEnded { after, answer } => {
            drop(answer.send(helpdesk.waits_ended_after(after).cloned().collect()));
        }
        Report::Estimates(answer) => drop(answer.send(helpdesk.estimate_scores())),
    }
}
