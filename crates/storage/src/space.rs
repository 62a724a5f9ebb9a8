//! Room on the disk of a journal's file: a reserve that is given up when the disk is full, so that what was begun can go
//! on, and a look at what is left. Must not know what is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;
use tracing::{debug, info, warn};

/// How often it is looked how much is left.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The reserve, where the disk is not a small one.
const RESERVE: u64 = 64 << 20;

/// Below it a disk is told to be nearly full: a twentieth of it, and of a large one this.
const MOST_LOW: u64 = 1 << 30;

/// The room of one journal's file.
#[derive(Debug)]
pub(crate) struct Space {
    folder: PathBuf,
    reserve: PathBuf,
    state: Mutex<State>,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not looked at yet, or the system does not say.
    Unknown,
    /// There is room, and a reserve.
    Ample,
    /// Little is left, or the reserve is given up.
    Scarce,
}

/// A disk's size and what is left of it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Disk {
    size: u64,
    free: u64,
}

impl Disk {
    fn of(folder: &Path) -> Result<Self, Errno> {
        let found = statvfs(folder)?;
        let unit = found.fragment_size();
        Ok(Self {
            size: found.blocks().saturating_mul(unit),
            free: found.blocks_available().saturating_mul(unit),
        })
    }

    /// Of a small disk the reserve takes a hundredth.
    fn reserve(self) -> u64 {
        RESERVE.min(self.size / 100)
    }

    fn low(self) -> u64 {
        MOST_LOW.min(self.size / 20)
    }

    /// What it is where a reserve of some length is there; twice as far from the mark on the way back, so that it does
    /// not change with each file that comes and goes.
    fn judge(self, before: State, reserved: u64) -> State {
        let missing = self.reserve().saturating_sub(reserved);
        let mark = match before {
            State::Unknown | State::Ample => self.low(),
            State::Scarce => self.low().saturating_add(self.reserve()),
        };
        if self.free < mark.saturating_add(missing) {
            State::Scarce
        } else {
            State::Ample
        }
    }
}

impl Space {
    /// Of the disk that `database` is on.
    pub(crate) fn of(database: &Path) -> Self {
        let folder = match database.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        let mut reserve = database.as_os_str().to_owned();
        reserve.push("-reserve");
        Self {
            folder,
            reserve: reserve.into(),
            state: Mutex::new(State::Unknown),
        }
    }

    /// Looks how much is left, and takes the reserve where there is room for it. Whether the disk is nearly full.
    pub(crate) fn look(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = match Disk::of(&self.folder) {
            Ok(disk) => disk,
            Err(error) => {
                debug!(%error, "the system does not say how much room is left");
                return *state == State::Scarce;
            }
        };
        let reserved = fs::metadata(&self.reserve).map_or(0, |found| found.len());
        let mut now = disk.judge(*state, reserved);
        if now == State::Ample
            && reserved < disk.reserve()
            && let Err(error) = take(&self.reserve, disk.reserve())
        {
            debug!(%error, "no room is reserved");
            now = match error.kind() {
                io::ErrorKind::StorageFull => State::Scarce,
                // A disk that takes no such file is looked at all the same.
                _ => State::Ample,
            };
        }
        let free_mib = disk.free >> 20;
        match (*state, now) {
            (State::Unknown | State::Ample, State::Scarce) => {
                warn!(
                    free_mib,
                    "the disk of the journal is nearly full; no new tickets are taken"
                );
            }
            (State::Scarce, State::Ample) => {
                info!(free_mib, "there is room on the disk of the journal again");
            }
            _ => {}
        }
        *state = now;
        now == State::Scarce
    }

    /// Gives the reserve up; whether there was one. The disk counts as nearly full until there is room for another.
    pub(crate) fn give_up_reserve(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = fs::remove_file(&self.reserve).is_ok();
        if gone {
            *state = State::Scarce;
            warn!(
                "the disk is full; what was reserved of it is given up, and no new tickets are taken"
            );
        }
        gone
    }
}

/// Makes the file so long, with its room on the disk.
fn take(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    let taken = fill(&file, length);
    if taken.is_err() {
        // What is half there is of no use, and room is scarce.
        fs::remove_file(path)?;
    }
    taken
}

fn fill(file: &File, length: u64) -> io::Result<()> {
    let wanted = i64::try_from(length).map_err(io::Error::other)?;
    match fallocate(file, FallocateFlags::empty(), 0, wanted) {
        Ok(()) => Ok(()),
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {
            let zeros = vec![0; 1 << 20];
            let mut left = length;
            let mut file = file;
            while left > 0 {
                let part = left.min(zeros.len() as u64) as usize;
                file.write_all(zeros.get(..part).unwrap_or(&zeros))?;
                left -= part as u64;
            }
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[track_caller]
    fn check(size: u64, free: u64, before: State, reserved: u64, expected: State) {
        let disk = Disk { size, free };
        assert_eq!(disk.judge(before, reserved), expected);
    }

    #[test]
    fn a_twentieth_or_a_gibibyte_is_little() {
        use State::{Ample, Scarce, Unknown};
        check(100 * GIB, GIB, Unknown, RESERVE, Ample);
        check(100 * GIB, GIB - 1, Ample, RESERVE, Scarce);
        // There has to be room for the reserve beside it.
        check(100 * GIB, GIB, Unknown, 0, Scarce);
        check(100 * GIB, GIB + RESERVE, Unknown, 0, Ample);
        // On its way back it has to come further.
        check(100 * GIB, GIB, Scarce, RESERVE, Scarce);
        check(100 * GIB, GIB + 2 * RESERVE, Scarce, 0, Ample);
        // Of a small disk in proportion.
        check(1_000_000, 50_000, Ample, 10_000, Ample);
        check(1_000_000, 49_999, Ample, 10_000, Scarce);
    }

    #[test]
    fn the_reserve_is_taken_and_given_up() {
        let folder = std::env::temp_dir().join(format!("deskbell-space-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let space = Space::of(&folder.join("journal.db"));
        let reserve = folder.join("journal.db-reserve");
        // Whoever runs this has room, or it tells of none.
        if !space.look() {
            assert!(fs::metadata(&reserve).unwrap().len() > 0);
            assert!(space.give_up_reserve());
            assert!(!reserve.exists());
            assert!(!space.give_up_reserve());
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
