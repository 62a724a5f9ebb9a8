//! Takes pictures of the disk as a power cut would leave it, together with what was acknowledged by then.
//! Must not know SQLite.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use crate::disk::FileState;
use crate::vfs::disk;

/// The disk after a cut, and what its owner had promised.
pub(crate) struct Picture {
    pub(crate) files: HashMap<String, FileState>,
    pub(crate) acknowledged: Vec<String>,
}

#[derive(Default)]
struct Album {
    /// A picture is taken at about every so many operations; none at 0.
    every: u64,
    wanted: usize,
    acknowledged: Vec<String>,
    pictures: Vec<Picture>,
}

static ALBUM: LazyLock<Mutex<Album>> = LazyLock::new(Mutex::default);

/// Takes so many pictures from here on, one at about every so many operations.
pub(crate) fn begin(every: u64, wanted: usize) {
    *ALBUM.lock().unwrap() = Album {
        every,
        wanted,
        ..Album::default()
    };
}

pub(crate) fn end() -> Vec<Picture> {
    std::mem::take(&mut *ALBUM.lock().unwrap()).pictures
}

pub(crate) fn is_done() -> bool {
    let album = ALBUM.lock().unwrap();
    album.pictures.len() >= album.wanted
}

/// Somebody was promised this.
pub(crate) fn acknowledge(what: String) {
    ALBUM.lock().unwrap().acknowledged.push(what);
}

/// Called at every operation of the disk.
pub(crate) fn maybe(_name: &str) {
    let mut album = ALBUM.lock().unwrap();
    if album.every == 0 || album.pictures.len() >= album.wanted {
        return;
    }
    let mut disk = disk();
    let every = album.every;
    if disk.draw(every) == 0 {
        let files = disk.after_power_cut();
        let acknowledged = album.acknowledged.clone();
        album.pictures.push(Picture {
            files,
            acknowledged,
        });
    }
}
