//! Asks for a password on the terminal, unseen. Must not know what it opens.

use std::io::{BufRead, IsTerminal, Write, stdin};

use anyhow::{Context, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

/// Asks whoever sits at the terminal; without one, reads a line of standard input.
pub(crate) fn ask(user: &str) -> anyhow::Result<String> {
    let password = if stdin().is_terminal() {
        let mut err = anstream::stderr().lock();
        write!(err, "Password of {user}: ")?;
        err.flush()?;
        let password = read_unseen();
        writeln!(err)?;
        password?
    } else {
        read_line()?
    };
    if password.is_empty() {
        bail!("there is no password; type it or give it on standard input");
    }
    Ok(password)
}

fn read_unseen() -> anyhow::Result<String> {
    let terminal = tcgetattr(stdin()).context("failed to read the terminal's settings")?;
    let mut unseen = terminal.clone();
    unseen.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(stdin(), SetArg::TCSANOW, &unseen).context("failed to hide the password")?;
    let password = read_line();
    tcsetattr(stdin(), SetArg::TCSANOW, &terminal).context("failed to mend the terminal")?;
    password
}

fn read_line() -> anyhow::Result<String> {
    let mut line = String::new();
    stdin()
        .lock()
        .read_line(&mut line)
        .context("failed to read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
