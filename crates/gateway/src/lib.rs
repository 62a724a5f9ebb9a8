//! The HTTP face. Must not know SIP syntax or SQL.
