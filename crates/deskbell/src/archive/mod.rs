//! What people do with the journal from a terminal: list tickets, export and erase a customer, back up, restore, verify.
//! Must not know how the journal is stored.

mod case;
pub(crate) mod customer;
mod story;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use gateway::Customer;
use helpdesk::{Case, CaseId, TicketId};
use jiff::tz::TimeZone;
use serde_json::json;
use storage::{After, Archive, Keyring, Location, Story};

use crate::cli::{
    self, BackupArguments, ConfigArguments, CustomerArguments, RestoreArguments, TicketsArguments,
};
use crate::config::{self, Settings};
use crate::happenings::unix_ms;

/// Stories read at once.
const PAGE: u32 = 500;

/// `deskbell tickets`.
pub(crate) fn tickets(arguments: &TicketsArguments) -> anyhow::Result<()> {
    let since = match &arguments.since {
        Some(text) => read_since(text)?,
        None => i64::MIN,
    };
    let mut out = anstream::stdout().lock();
    if arguments.csv {
        writeln!(out, "{}", story::CSV_HEADER)?;
    } else if !arguments.json {
        writeln!(out, "{}", story::HEADER)?;
    }
    each_story(&arguments.config, since, |story| {
        let line = if arguments.csv {
            story::csv_row(story)
        } else if arguments.json {
            story::summary(story).to_string()
        } else {
            story::row(story)
        };
        writeln!(out, "{line}")?;
        Ok(())
    })
}

/// `deskbell export`.
pub(crate) fn export(arguments: &CustomerArguments) -> anyhow::Result<()> {
    let customer = customer_of(&arguments.customer);
    let found = stories_of(&arguments.config, &customer)?;
    let tickets: Vec<_> = found.iter().map(story::whole).collect();
    let cases = cases_of(&arguments.config, &customer, &found)?;
    let cases: Vec<_> = cases.iter().map(case::whole).collect();
    let mut out = anstream::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &json!({ "tickets": tickets, "cases": cases }))?;
    writeln!(out)?;
    Ok(())
}

/// `deskbell erase`.
pub(crate) fn erase(arguments: &CustomerArguments) -> anyhow::Result<()> {
    let customer = customer_of(&arguments.customer);
    let found = stories_of(&arguments.config, &customer)?;
    let unended: Vec<&str> = found
        .iter()
        .filter(|story| story.ended_at_unix_ms.is_none())
        .map(|story| story.ticket.as_str())
        .collect();
    if !unended.is_empty() {
        bail!(
            "nothing was erased: {} has not ended; end the conversation first",
            unended.join(", ")
        );
    }
    let cases = cases_of(&arguments.config, &customer, &found)?;
    if let Some(case) = cases.iter().find(|case| case.is_open()) {
        bail!(
            "nothing was erased: case {} is open; close it first",
            case.id
        );
    }
    let tickets: Vec<TicketId> = found.into_iter().map(|story| story.ticket).collect();
    let cases: Vec<CaseId> = cases.into_iter().map(|case| case.id).collect();
    let settings = config::load_or_explain(&arguments.config.config)?;
    let erased = runtime()?.block_on(async {
        let archive = open(&settings).await?;
        anyhow::Ok(archive.erase(tickets, cases, unix_ms()).await?)
    })?;
    writeln!(
        anstream::stdout().lock(),
        "erased {erased} tickets and cases"
    )?;
    Ok(())
}

/// `deskbell backup`.
pub(crate) fn back_up(arguments: &BackupArguments) -> anyhow::Result<()> {
    let settings = config::load_or_explain(&arguments.config.config)?;
    let file = &arguments.file;
    // Made here, so that nobody else may read what is copied into it.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("failed to make {}", file.display()))?;
    let (copied, verdict) = runtime()?.block_on(async {
        let copied = open(&settings).await?.back_up(file).await?;
        if !copied {
            return anyhow::Ok((false, None));
        }
        // A backup that was never read is none.
        let url = format!("sqlite:{}", file.display());
        let backup = Archive::open(&url, settings.storage.keyring.clone()).await?;
        Ok((true, Some(backup.verify().await?)))
    })?;
    let Some(verdict) = verdict.filter(|_| copied) else {
        fs::remove_file(file)?;
        bail!("PostgreSQL has tools of its own for this; use pg_dump");
    };
    if let Some(wrong) = verdict.wrong.first() {
        bail!("{} is made, but not sound: {wrong}", file.display());
    }
    File::open(file)?.sync_all()?;
    writeln!(
        anstream::stdout().lock(),
        "{} holds {} tickets with {} records",
        file.display(),
        verdict.tickets,
        verdict.records
    )?;
    Ok(())
}

/// `deskbell restore`.
pub(crate) fn restore(arguments: &RestoreArguments) -> anyhow::Result<()> {
    let settings = config::load_or_explain(&arguments.config.config)?;
    let Location::File(journal) = Location::read(&settings.storage.url)? else {
        bail!("only an SQLite journal is restored; use pg_restore for PostgreSQL");
    };
    let verdict = runtime()?.block_on(async {
        let url = format!("sqlite:{}", arguments.file.display());
        let backup = Archive::open(&url, settings.storage.keyring.clone()).await?;
        anyhow::Ok(backup.verify().await?)
    })?;
    if let Some(wrong) = verdict.wrong.first() {
        bail!("{} is not sound: {wrong}", arguments.file.display());
    }
    put_in_place(&arguments.file, &journal)?;
    writeln!(
        anstream::stdout().lock(),
        "{} tickets with {} records are in the journal",
        verdict.tickets,
        verdict.records
    )?;
    Ok(())
}

/// `deskbell verify`.
pub(crate) fn verify(arguments: &ConfigArguments) -> anyhow::Result<()> {
    let settings = config::load_or_explain(&arguments.config)?;
    let verdict =
        runtime()?.block_on(async { anyhow::Ok(open(&settings).await?.verify().await?) })?;
    let mut out = anstream::stdout().lock();
    for wrong in &verdict.wrong {
        writeln!(out, "{wrong}")?;
    }
    writeln!(
        out,
        "{} tickets with {} records read",
        verdict.tickets, verdict.records
    )?;
    if verdict.wrong.is_empty() {
        Ok(())
    } else {
        bail!(
            "the journal is not as it was written; restore a backup and keep this one for a look at it"
        )
    }
}

/// Copies beside the journal and renames, so that there is a journal at every moment. What was there before is kept under
/// another name.
fn put_in_place(backup: &Path, journal: &Path) -> anyhow::Result<()> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(beside(journal, "-lock"))?;
    if lock.try_lock().is_err() {
        bail!(
            "{} is in use by a running deskbell; stop it first",
            journal.display()
        );
    }
    let copy = beside(journal, "-restored");
    let mut to = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&copy)?;
    io::copy(&mut File::open(backup)?, &mut to)?;
    to.sync_all()?;
    // A log belongs to its own file alone: that of the one before last is no part of the last one.
    for suffix in ["-wal", "-shm", ""] {
        let kept = beside(journal, &format!("-before-restore{suffix}"));
        if kept.exists() {
            fs::remove_file(kept)?;
        }
    }
    for suffix in ["-wal", "-shm"] {
        let old = beside(journal, suffix);
        if old.exists() {
            fs::rename(&old, beside(journal, &format!("-before-restore{suffix}")))?;
        }
    }
    if journal.exists() {
        fs::hard_link(journal, beside(journal, "-before-restore"))?;
    }
    fs::rename(&copy, journal)?;
    let folder = journal
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn customer_of(asked: &cli::Customer) -> Customer {
    Customer {
        phone: asked.phone.clone(),
        name: asked.name.clone(),
        tickets: asked.ticket.iter().map(|id| TicketId::new(id)).collect(),
    }
}

fn stories_of(config: &ConfigArguments, customer: &Customer) -> anyhow::Result<Vec<Story>> {
    let mut found = Vec::new();
    each_story(config, i64::MIN, |story| {
        if customer::is_of(story, customer) {
            found.push(story.clone());
        }
        Ok(())
    })?;
    Ok(found)
}

fn cases_of(
    config: &ConfigArguments,
    customer: &Customer,
    stories: &[Story],
) -> anyhow::Result<Vec<Case>> {
    let settings = config::load_or_explain(&config.config)?;
    let mut cases = runtime()?.block_on(async {
        let cases = open(&settings).await?.cases().await;
        cases.context("failed to read the cases")
    })?;
    cases.retain(|case| customer::is_case_of(case, customer, stories));
    Ok(cases)
}

fn each_story(
    config: &ConfigArguments,
    since_unix_ms: i64,
    mut tell: impl FnMut(&Story) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let settings = config::load_or_explain(&config.config)?;
    runtime()?.block_on(async {
        let archive = open(&settings).await?;
        let mut after = None;
        loop {
            let page = archive.stories(since_unix_ms, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(After {
                opened_at_unix_ms: last.opened_at_unix_ms,
                ticket: last.ticket.clone(),
            });
            page.iter().try_for_each(&mut tell)?;
        }
    })
}

async fn open(settings: &Settings) -> anyhow::Result<Archive> {
    let keyring: Keyring = settings.storage.keyring.clone();
    Archive::open(&settings.storage.url, keyring)
        .await
        .context("failed to open the journal")
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")
}

/// A date, from its first moment by UTC, or a span back from now.
fn read_since(text: &str) -> anyhow::Result<i64> {
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let at = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0))?;
        return Ok(at.as_millisecond());
    }
    let span: Duration = config::read_duration(text).map_err(|_| {
        anyhow::anyhow!(
            "--since {text:?} is neither a date such as 2026-01-31 nor a span such as 90d"
        )
    })?;
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Ok(unix_ms().saturating_sub(span))
}
