//! Opens the database: the file and its lock, the connections and their settings, the schema.
//! Must not know what is written.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, SchemaError};
use crate::error::OpenError;

/// An open database: one connection that writes, one that only reads.
pub(crate) struct Database {
    pub(crate) writer: Connection,
    pub(crate) reader: Connection,
    /// Held as long as the writer lives; the kernel frees it however the process ends.
    pub(crate) lock: Option<File>,
}

impl Database {
    /// Opens or creates the database and brings its schema up to date.
    pub(crate) fn open_file(path: &Path) -> Result<Self, OpenError> {
        let lock = lock_file(path)?;
        create_private(path)?;
        let writable = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open_writer = || {
            let writer = Connection::open_with_flags(path, writable)?;
            schema::examine(&writer)?;
            configure_writer(&writer)?;
            let mode: String =
                writer.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
            Ok((writer, mode))
        };
        let (mut writer, mode) = open_writer().map_err(|error| explain(path, error))?;
        // Some network file systems cannot share the memory that the log needs.
        if mode != "wal" {
            return Err(OpenError::NoLog {
                path: path.to_owned(),
            });
        }
        let mut open_reader = || {
            schema::migrate(&mut writer)?;
            let reader = Connection::open_with_flags(path, read_only)?;
            configure(&reader)?;
            Ok(reader)
        };
        let reader = open_reader().map_err(|error| explain(path, error))?;
        Ok(Self {
            writer,
            reader,
            lock: Some(lock),
        })
    }

    /// A database that ends with its connections.
    pub(crate) fn open_memory() -> Result<Self, OpenError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // A name beginning with "/" is shared by the connections of this process and by no other.
        let name = format!(
            "file:/journal-{}?vfs=memdb",
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let mut writer = Connection::open_with_flags(&name, flags)?;
            configure_writer(&writer)?;
            schema::migrate(&mut writer)?;
            let reader = Connection::open_with_flags(&name, flags)?;
            configure(&reader)?;
            reader.pragma_update(None, "query_only", true)?;
            Ok((writer, reader))
        };
        let (writer, reader) = open().map_err(|error| explain(Path::new(":memory:"), error))?;
        Ok(Self {
            writer,
            reader,
            lock: None,
        })
    }
}

/// A connection that reads an existing database of this program's schema, beside a server that may be using it.
pub(crate) fn open_archive(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(OpenError::File {
            path: path.to_owned(),
            source,
        });
    }
    check_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        configure(&connection)?;
        schema::examine_current(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| explain(path, error))
}

/// A connection that writes to an existing database of this program's schema, beside a server that may be using it.
pub(super) fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    drop(open_archive(path)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        configure_writer(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| explain(path, error))
}

/// How long a statement waits for another program's lock, such as a backup's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long opening waits for the last owner to finish writing.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

fn configure(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A damaged or hostile file must not run functions from its schema or lead reads astray.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

fn configure_writer(connection: &Connection) -> Result<(), rusqlite::Error> {
    configure(connection)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is erased leaves no trace in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    // FULL syncs the log before each commit returns: what is acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Locks a file beside the database: two servers on one journal would answer for the same tickets.
fn lock_file(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, "-lock");
    let failed = |source| OpenError::File {
        path: lock_path.clone(),
        source,
    };
    // Not the database itself: closing any descriptor of it would drop SQLite's own locks.
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(failed)?;
    let give_up = Instant::now() + LOCK_TIMEOUT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "opening runs on a thread for blocking work"
                )]
                thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// Creates the database readable by its owner only (SQLite gives the log the same mode),
/// or refuses one that others can read.
fn create_private(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File {
        path: path.to_owned(),
        source,
    };
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_created) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_private(path),
        Err(source) => Err(failed(source)),
    }
}

fn check_private(path: &Path) -> Result<(), OpenError> {
    let metadata = path.metadata().map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })?;
    if !metadata.is_file() {
        return Err(OpenError::NotOurs {
            path: path.to_owned(),
        });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(OpenError::TooOpen {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn explain(path: &Path, error: SchemaError) -> OpenError {
    let path = path.to_owned();
    match error {
        SchemaError::NotOurs => OpenError::NotOurs { path },
        SchemaError::Older { found, known } => OpenError::OlderSchema { path, found, known },
        SchemaError::Newer { found, known } => OpenError::NewerSchema { path, found, known },
        SchemaError::Database(source) => match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::NotOurs { path },
            _ => OpenError::Database { path, source },
        },
    }
}
