//! `deskbell passwd`: the hashes that stand for a password in the configuration. Must not know the configuration.

use std::io::Write;

use sip::digest::{Algorithm, Ha1};

use crate::cli::PasswdArguments;
use crate::password;

/// Asks for the password and prints the line of the rep's table that takes its place.
pub(crate) fn run(arguments: &PasswdArguments) -> anyhow::Result<()> {
    let PasswdArguments { rep, realm } = arguments;
    let password = password::ask(rep)?;
    let entries = Algorithm::ALL.map(|algorithm| {
        let hash = Ha1::derive(algorithm, rep, realm, &password).to_hex();
        // All are bare keys of TOML.
        format!("{algorithm} = \"{hash}\"")
    });
    let mut out = anstream::stdout().lock();
    writeln!(out, "ha1 = {{ {} }}", entries.join(", "))?;
    Ok(())
}
