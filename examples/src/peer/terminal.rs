//! Runs a program on a terminal of its own, types into it and reads along.
//! Must not know which program.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// Wide enough that no program breaks our lines.
const SIZE: Winsize = Winsize {
    ws_row: 50,
    ws_col: 500,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// A program on a terminal; killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// How much of the screen was already waited for.
    read_up_to: usize,
}

impl Terminal {
    /// Starts the program.
    ///
    /// # Errors
    /// Where there is no terminal or no such program.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let pty = openpty(&SIZE, None).context("failed to open a terminal")?;
        let slave = File::from(pty.slave);
        let child = command
            .env("TERM", "dumb")
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave))
            .spawn()
            .with_context(|| format!("failed to start {:?}", command.get_program()))?;
        // The command keeps copies of the terminal, without which its end would never be read.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let keyboard = File::from(pty.master);
        let mut eyes = keyboard.try_clone()?;
        let screen = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux reports the end of the program as an error of the terminal.
            while let Ok(length @ 1..) = eyes.read(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
            }
        });
        Ok(Self {
            child,
            keyboard,
            screen,
            read_up_to: 0,
        })
    }

    /// Types a line and Enter.
    ///
    /// # Errors
    /// Where the program has ended.
    pub fn type_line(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.keyboard, "{line}").context("failed to type")
    }

    /// Waits until the program shows `text` after whatever was waited for before.
    ///
    /// # Errors
    /// Where it does not come within `limit`; the error tells what the screen shows.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> anyhow::Result<()> {
        let from = self.read_up_to;
        let screen = Arc::clone(&self.screen);
        let end = wait::until(&format!("{text:?} on the terminal"), limit, || {
            let screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = screen.get(from..).unwrap_or_default();
            Ok(fresh.find(text).map(|at| from + at + text.len()))
        })
        .with_context(|| format!("the terminal shows:\n{}", self.screen()))?;
        self.read_up_to = end;
        Ok(())
    }

    /// Everything the program showed so far.
    #[must_use]
    pub fn screen(&self) -> String {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks the program to end, as `kill` does.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id())?;
        kill(Pid::from_raw(id), Signal::SIGTERM)?;
        Ok(())
    }

    /// Waits for the program's end.
    ///
    /// # Errors
    /// Where it does not end within `limit`; the error tells what the screen shows.
    pub fn wait_exit(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let screen = self.screen();
        let child = &mut self.child;
        wait::until("the program's end", limit, || Ok(child.try_wait()?))
            .with_context(|| format!("the terminal shows:\n{screen}"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn what_is_typed_reaches_the_program_and_its_words_reach_us() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "test -t 0 && read line && echo \"heard $line\""]);
        let mut terminal = Terminal::start(&mut shell).unwrap();
        terminal.type_line("a bell").unwrap();
        terminal.wait_for("heard a bell", SOON).unwrap();
        assert!(terminal.wait_exit(SOON).unwrap().success());
    }

    #[test]
    fn what_never_comes_is_told_with_the_screen() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo quiet; sleep 5"]);
        let mut terminal = Terminal::start(&mut shell).unwrap();
        terminal.wait_for("quiet", SOON).unwrap();
        let error = terminal
            .wait_for("loud", Duration::from_millis(50))
            .unwrap_err();
        assert!(format!("{error:#}").contains("quiet"));
    }
}
