//! SQLite's door to that disk: a file system in memory that becomes SQLite's default. The one place with unsafe code:
//! SQLite calls a file system through C function pointers. Must not know what the files hold.
#![allow(
    unsafe_code,
    reason = "SQLite calls a file system through C function pointers; no shipped crate has any of this"
)]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{LazyLock, Mutex, MutexGuard, Once};
use std::{ptr, slice};

use rusqlite::ffi;

use crate::disk::Disk;

/// Everything SQLite and the tests share.
pub(crate) static DISK: LazyLock<Mutex<Disk>> = LazyLock::new(Mutex::default);

/// Locks and shared memory of each database, by its name.
static SHARED: LazyLock<Mutex<HashMap<String, Shared>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Shared {
    /// Pages of the log's index; they live as long as the process, for SQLite keeps pointers to them.
    regions: Vec<usize>,
    /// For each of SQLite's locks: who holds it.
    locks: [Holders; LOCKS],
}

/// Connections that hold a lock, by the address of their file.
#[derive(Default)]
struct Holders {
    shared: Vec<usize>,
    exclusive: Option<usize>,
}

const LOCKS: usize = ffi::SQLITE_SHM_NLOCK as usize;

/// One open file, as SQLite allocates it for us.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    name: *mut String,
}

pub(crate) fn disk() -> MutexGuard<'static, Disk> {
    DISK.lock().unwrap()
}

/// Forgets the locks of databases that are closed.
pub(crate) fn forget_locks() {
    SHARED.lock().unwrap().clear();
}

/// Makes this file system SQLite's default, for the whole process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default file system lives as long as the process; ours is leaked, and so does too. It borrows
        // the other's clock, randomness and sleep and replaces all that touches files.
        unsafe {
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
            let default = ffi::sqlite3_vfs_find(ptr::null());
            let mut vfs: ffi::sqlite3_vfs = ptr::read(default);
            vfs.szOsFile = size_of::<Handle>() as c_int;
            vfs.zName = c"power-loss".as_ptr();
            vfs.pNext = ptr::null_mut();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            vfs.xAccess = Some(access);
            vfs.xFullPathname = Some(full_path);
            let vfs = Box::leak(Box::new(vfs));
            assert_eq!(ffi::sqlite3_vfs_register(vfs, 1), ffi::SQLITE_OK);
        }
    });
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// SAFETY: `file` is one that `open` has filled in and `close` has not emptied.
unsafe fn name<'a>(file: *mut ffi::sqlite3_file) -> &'a str {
    unsafe { &*(*file.cast::<Handle>()).name }
}

/// SAFETY: SQLite hands over text that ends in NUL and is UTF-8, as all paths of the tests are.
unsafe fn text<'a>(text: *const c_char) -> &'a str {
    unsafe { CStr::from_ptr(text) }.to_str().unwrap()
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    told: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives room for szOsFile bytes.
    unsafe {
        let name = if path.is_null() {
            "temporary".to_owned()
        } else {
            text(path).to_owned()
        };
        disk().files.entry(name.clone()).or_default();
        let handle = file.cast::<Handle>();
        (*handle).base.pMethods = &raw const METHODS;
        (*handle).name = Box::into_raw(Box::new(name));
        if !told.is_null() {
            *told = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, _: c_int) -> c_int {
    // SAFETY: see `text`.
    disk().files.remove(unsafe { text(path) });
    ffi::SQLITE_OK
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    _: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: see `text`; SQLite wants the answer in `answer`.
    unsafe { *answer = c_int::from(disk().files.contains_key(text(path))) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    to: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives room for `room` bytes.
    unsafe {
        let bytes = CStr::from_ptr(path).to_bytes_with_nul();
        assert!(bytes.len() <= room as usize);
        ptr::copy_nonoverlapping(bytes.as_ptr().cast(), to, bytes.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: closed once, after which SQLite does not touch the file.
    unsafe { drop(Box::from_raw((*file.cast::<Handle>()).name)) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    to: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives room for `amount` bytes.
    let to = unsafe { slice::from_raw_parts_mut(to.cast::<u8>(), amount as usize) };
    to.fill(0);
    let disk = disk();
    let Some(state) = disk.files.get(unsafe { name(file) }) else {
        return ffi::SQLITE_IOERR_SHORT_READ;
    };
    let from = state.current.get(offset as usize..).unwrap_or_default();
    let length = from.len().min(to.len());
    to[..length].copy_from_slice(&from[..length]);
    if length == to.len() {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_IOERR_SHORT_READ
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite hands over `amount` bytes.
    let from = unsafe { slice::from_raw_parts(from.cast::<u8>(), amount as usize) };
    let name = unsafe { name(file) };
    let written = disk().write(name, offset as usize, from);
    crate::cut::maybe(name);
    if written {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_FULL
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let name = unsafe { name(file) };
    disk().truncate(name, size as usize);
    crate::cut::maybe(name);
    ffi::SQLITE_OK
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    let name = unsafe { name(file) };
    crate::cut::maybe(name);
    let takes = disk().sync_takes;
    if !takes.is_zero() {
        std::thread::park_timeout(takes);
    }
    let synced = disk().sync(name);
    crate::cut::maybe(name);
    if synced {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_IOERR_FSYNC
    }
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    let disk = disk();
    let state = disk.files.get(unsafe { name(file) });
    // SAFETY: SQLite wants the size there.
    unsafe { *size = state.map_or(0, |state| state.current.len() as ffi::sqlite3_int64) };
    ffi::SQLITE_OK
}

/// In WAL mode the database file is locked for sharing alone, which never fails.
unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, answer: *mut c_int) -> c_int {
    // SAFETY: SQLite wants the answer there.
    unsafe { *answer = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    512
}

/// None: not even that a write of one sector is whole once a later one is.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    0
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    to: *mut *mut c_void,
) -> c_int {
    let mut shared = SHARED.lock().unwrap();
    let shared = shared.entry(unsafe { name(file) }.to_owned()).or_default();
    while extend != 0 && shared.regions.len() <= region as usize {
        // Aligned for the index, and never freed.
        let words = vec![0_u64; size as usize / 8].leak();
        shared.regions.push(words.as_mut_ptr() as usize);
    }
    let found = shared.regions.get(region as usize).copied();
    // SAFETY: SQLite wants the address there.
    unsafe { *to = found.unwrap_or_default() as *mut c_void };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    let me = file as usize;
    let mut shared = SHARED.lock().unwrap();
    let shared = shared.entry(unsafe { name(file) }.to_owned()).or_default();
    let wanted = offset as usize..(offset + count) as usize;
    let locks = &mut shared.locks[wanted];
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        for lock in locks {
            lock.shared.retain(|holder| *holder != me);
            if lock.exclusive == Some(me) {
                lock.exclusive = None;
            }
        }
        return ffi::SQLITE_OK;
    }
    let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    let free = locks.iter().all(|lock| {
        lock.exclusive.is_none_or(|holder| holder == me)
            && (!exclusive || lock.shared.iter().all(|holder| *holder == me))
    });
    if !free {
        return ffi::SQLITE_BUSY;
    }
    for lock in locks {
        if exclusive {
            lock.exclusive = Some(me);
        } else if !lock.shared.contains(&me) {
            lock.shared.push(me);
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    let me = file as usize;
    let mut shared = SHARED.lock().unwrap();
    if let Some(shared) = shared.get_mut(unsafe { name(file) }) {
        for lock in &mut shared.locks {
            lock.shared.retain(|holder| *holder != me);
            if lock.exclusive == Some(me) {
                lock.exclusive = None;
            }
        }
    }
    ffi::SQLITE_OK
}
