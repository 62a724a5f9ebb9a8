//! Reps, tickets, queue, routing, offers and conversations. Must not know SIP, HTTP, SQL or tokio.
#![forbid(unsafe_code)]
