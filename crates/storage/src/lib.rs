//! The journal and history. Must not know SIP or HTTP.
