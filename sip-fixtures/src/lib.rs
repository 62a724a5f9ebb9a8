//! Loads SIP fixtures for tests. Must not know any other crate.
