//! Which tickets and cases are a customer's. Must not know what is done with them.

use helpdesk::{CallbackFact, Case, Record};
use storage::Story;

use gateway::Customer;

/// Whether the ticket is by anything given the customer's.
pub(crate) fn is_of(story: &Story, customer: &Customer) -> bool {
    if customer.tickets.contains(&story.ticket) {
        return true;
    }
    let is_theirs = |number: &str| {
        let wanted = customer.phone.as_deref();
        wanted.is_some_and(|wanted| same_number(wanted, number))
    };
    story.records.iter().any(|record| {
        if let Record::Callback {
            fact: CallbackFact::Wanted { number, .. },
            ..
        } = record
        {
            return is_theirs(number.as_str());
        }
        let Record::Opened { ask, .. } = record else {
            return false;
        };
        ask.phone.as_deref().is_some_and(is_theirs)
            || same_name(customer.name.as_deref(), ask.name.as_deref())
    })
}

/// Whether the case is the customer's by its own words, or of one of the customer's tickets.
pub(crate) fn is_case_of(case: &Case, customer: &Customer, stories: &[Story]) -> bool {
    let of_ticket = case
        .ticket
        .as_ref()
        .is_some_and(|ticket| stories.iter().any(|story| story.ticket == *ticket));
    let same_phone = match (&customer.phone, &case.contact) {
        (Some(wanted), Some(found)) => same_number(wanted, found),
        _ => false,
    };
    of_ticket || same_phone || same_name(customer.name.as_deref(), case.name.as_deref())
}

fn same_name(wanted: Option<&str>, found: Option<&str>) -> bool {
    match (wanted, found) {
        (Some(wanted), Some(found)) => wanted.trim().to_lowercase() == found.trim().to_lowercase(),
        _ => false,
    }
}

/// `+33 1 23`, `0033-1-23` and `(+33)123` are one number; a number without a digit is nobody's.
fn same_number(one: &str, other: &str) -> bool {
    let digits = |text: &str| -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        match digits.strip_prefix("00") {
            Some(international) => international.to_owned(),
            None => digits,
        }
    };
    let one = digits(one);
    !one.is_empty() && one == digits(other)
}

#[cfg(test)]
mod tests {
    use helpdesk::{PhoneNumber, PlannedBy, TicketId};
    use serde_json::json;

    use super::super::story::whole;
    use super::*;

    /// Only the call that was wished for tells the number.
    #[test]
    fn a_number_to_be_called_is_the_customers_too() {
        let number = PhoneNumber::read("+33 1 23 45 67 89", None).unwrap();
        let story = Story {
            ticket: TicketId::new("a"),
            opened_at_unix_ms: 0,
            ended_at_unix_ms: None,
            records: vec![Record::Callback {
                ticket: TicketId::new("a"),
                fact: CallbackFact::Wanted {
                    number,
                    by: PlannedBy::Shopper,
                },
                at_unix_ms: 0,
            }],
        };
        let customer = |phone: &str| Customer {
            phone: Some(phone.to_owned()),
            name: None,
            tickets: Vec::new(),
        };
        assert!(is_of(&story, &customer("0033 123 456 789")));
        assert!(!is_of(&story, &customer("+33 1 23 45 67 80")));
        assert_eq!(whole(&story)["numbers"], json!(["+33123456789"]));
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        assert!(same_number("+33 1 23 45", "0033-1-23(45)"));
        assert!(!same_number("+33 1 23 45", "+33 1 23 46"));
        assert!(!same_number("-", "()"));
    }
}
