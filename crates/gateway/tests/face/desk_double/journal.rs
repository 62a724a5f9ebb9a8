//! A journal that has one line of every ticket, whatever is erased.

use std::sync::Arc;

use gateway::{CustomerPast, Errand, Forgetting, PastTicket};
use helpdesk::{Line, Record, Seq, Speaker, TicketId};

use super::tell;

pub(super) fn run(errand: Errand) {
    match errand {
        Errand::Show { tickets, answer } => {
            let story = |ticket: TicketId| {
                let line = Line {
                    seq: Seq(1),
                    id: None,
                    from: Speaker::Shopper,
                    name: None,
                    text: Arc::from(format!("said in {ticket}")),
                    at_unix_ms: 1_767_268_800_000,
                };
                let record = Record::Line {
                    ticket: ticket.clone(),
                    line,
                };
                (ticket, vec![record])
            };
            tell(answer, Ok(tickets.into_iter().map(story).collect()));
        }
        Errand::Erase { tickets, answer } => {
            tell(answer, Ok(tickets.len() as u64));
        }
        Errand::List {
            since_unix_ms,
            after,
            at_most,
            answer,
        } => {
            let tickets = (1..=5_i64).map(|number| PastTicket {
                ticket: TicketId::new(&format!("t{number}")),
                opened_at_unix_ms: number * 1_000,
                ended_at_unix_ms: Some(number * 1_000 + 500),
                records: Vec::new(),
            });
            let place = |ticket: &PastTicket| (ticket.opened_at_unix_ms, ticket.ticket.clone());
            let page = tickets
                .filter(|ticket| ticket.opened_at_unix_ms >= since_unix_ms)
                .filter(|ticket| after.as_ref().is_none_or(|after| place(ticket) > *after))
                .take(at_most as usize);
            tell(answer, Ok(page.collect()));
        }
        Errand::Customer { customer, answer } => {
            let tickets = customer.tickets.into_iter();
            let past = CustomerPast {
                tickets: tickets.map(|ticket| (ticket, Vec::new())).collect(),
                cases: Vec::new(),
            };
            tell(answer, Ok(past));
        }
        Errand::Forget { customer, answer } => {
            let open = customer.tickets.iter();
            let open: Vec<_> = open.filter(|id| id.as_str() == "open").cloned().collect();
            let forgetting = if open.is_empty() {
                Forgetting::Done {
                    tickets: customer.tickets.len() as u64,
                    cases: 1,
                }
            } else {
                Forgetting::StillOpen {
                    tickets: open,
                    cases: Vec::new(),
                }
            };
            tell(answer, Ok(forgetting));
        }
    }
}
