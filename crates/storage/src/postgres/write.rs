//! Commits groups of batches in one PostgreSQL transaction, exactly once: a transaction whose answer was lost is found
//! again by its number before it is tried again. Must not know what a record means beyond its row.

use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{CaseId, TicketId};
use tokio::runtime::Runtime;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use tracing::{info, warn};

use super::changes::settle;
use super::connect::{Connection, Settings, within};
use super::insert::{Left, Statements, answer, insert_apart, insert_together};
use super::remove::remove;
use super::reseal::reseal;
use super::schema;
use crate::backend::{Backend, Batch, Failure, Removal, Resealed, Resealing};
use crate::chain::Links;
use crate::changes::Backlog;
use crate::error::{CommitError, PostgresError};
use crate::health::Health;
use crate::seal::Keyring;
use crate::soft::SoftKind;

/// The writing session, with a runtime of its own on the writer's thread.
pub(crate) struct PostgresBackend {
    runtime: Runtime,
    settings: Settings,
    session: Option<Session>,
    keyring: Keyring,
    links: Links,
    backlog: Backlog,
    /// Of this owner; another one in the table means that another owner has come.
    epoch: i64,
    /// The transactions known to be committed.
    operation: i64,
    doubt: Doubt,
}

/// A connection with its prepared statements.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) statements: Statements,
}

/// What is known of the transaction under way.
#[derive(Debug, Clone, PartialEq)]
enum Doubt {
    None,
    /// The answer to its COMMIT was lost; these are the outcomes if it was committed.
    Committing(Vec<Result<(), CommitError>>),
    /// The same, and nobody asks what became of it: only its number counts.
    Forgotten,
}

/// Two deskbells on one journal would answer for the same tickets: "Dskb" as a number.
const ADVISORY_LOCK: i64 = 0x4473_6b62;

/// How long opening waits for the last owner to be gone.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

impl PostgresBackend {
    /// Connects, takes the journal over from its last owner and brings its schema up to date.
    pub(crate) fn open(settings: Settings, keyring: Keyring) -> Result<Self, PostgresError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| PostgresError::Unreachable(error.to_string()))?;
        let (session, epoch, operation) = runtime.block_on(async {
            let connection = settings.connect().await?;
            connection.check_durability().await?;
            take_lock(&connection.client).await?;
            schema::migrate(&connection.client).await?;
            let statements = Statements::prepare(&connection.client).await?;
            let head = within(connection.client.query_one(
                "UPDATE head SET epoch = epoch + 1 RETURNING epoch, operation",
                &[],
            ))
            .await?;
            let session = Session {
                connection,
                statements,
            };
            Ok::<_, PostgresError>((session, head.get(0), head.get(1)))
        })?;
        Ok(Self {
            runtime,
            settings,
            session: Some(session),
            keyring,
            links: Links::default(),
            backlog: Backlog::default(),
            epoch,
            operation,
            doubt: Doubt::None,
        })
    }

    /// Gives the connection up after a failure; what happened on it is looked up over the next one.
    fn leave(&mut self, health: Health) -> Failure {
        self.session = None;
        self.links.forget_all();
        self.backlog.forget();
        Failure::Passing(health)
    }

    /// Connects anew if need be, and resolves what was in doubt: `Some` if it was committed after all.
    fn ready(&mut self) -> Result<Option<Vec<Result<(), CommitError>>>, Failure> {
        let is_closed = |session: &Session| session.connection.is_closed();
        if self.session.as_ref().is_some_and(is_closed) {
            self.session = None;
            self.links.forget_all();
            self.backlog.forget();
        }
        if self.session.is_some() {
            return Ok(None);
        }
        let settings = self.settings.clone();
        let reconnecting = self.runtime.block_on(async {
            let connection = settings.connect().await?;
            connection.check_durability().await?;
            // Ours again unless the old session is still dying; the epoch guards the journal either way.
            let lock = "SELECT pg_try_advisory_lock($1)";
            within(connection.client.query_one(lock, &[&ADVISORY_LOCK])).await?;
            // Waits for the old session's transaction to end, if the server still works on it.
            let head = within(
                connection
                    .client
                    .query_one("SELECT epoch, operation FROM head FOR UPDATE", &[]),
            )
            .await?;
            let statements = Statements::prepare(&connection.client).await?;
            let session = Session {
                connection,
                statements,
            };
            Ok((session, head.get::<_, i64>(0), head.get::<_, i64>(1)))
        });
        let (session, epoch, operation) = match reconnecting {
            Ok(head) => head,
            Err(error @ PostgresError::Fsync) => return Err(Failure::Lasting(error.to_string())),
            Err(error) => {
                let why = Arc::from(error.to_string());
                return Err(Failure::Passing(Health::Unreachable(why)));
            }
        };
        if epoch != self.epoch {
            return Err(Failure::Lasting(REPLACED.to_owned()));
        }
        info!("connected to PostgreSQL again");
        self.session = Some(session);
        match std::mem::replace(&mut self.doubt, Doubt::None) {
            Doubt::Committing(outcomes) if operation == self.operation + 1 => {
                info!(
                    operation,
                    "a transaction whose answer was lost is committed"
                );
                self.operation = operation;
                Ok(Some(outcomes))
            }
            Doubt::Forgotten if operation == self.operation + 1 => {
                self.operation = operation;
                Ok(None)
            }
            Doubt::Committing(_) | Doubt::Forgotten | Doubt::None
                if operation == self.operation =>
            {
                Ok(None)
            }
            Doubt::Committing(_) | Doubt::Forgotten | Doubt::None => {
                Err(Failure::Lasting(REPLACED.to_owned()))
            }
        }
    }

    /// Runs `work` in the transaction numbered next.
    fn transact<T>(
        &mut self,
        work: impl AsyncFnOnce(&Session, &mut Links, &Keyring) -> Result<T, Left>,
        outcomes: impl FnOnce(&T) -> Vec<Result<(), CommitError>>,
    ) -> Result<T, Left> {
        let Self {
            runtime,
            session,
            links,
            keyring,
            epoch,
            operation,
            doubt,
            ..
        } = self;
        let Some(session) = session.as_ref() else {
            let why = Arc::from("it is not connected");
            return Err(Left::Passing(Health::Unreachable(why)));
        };
        let client = &session.connection.client;
        let number = *operation + 1;
        let done = runtime.block_on(async {
            begin(session, *epoch, number).await?;
            match work(session, links, keyring).await {
                Ok(done) => {
                    *doubt = Doubt::Committing(outcomes(&done));
                    let answer = answer(client.batch_execute("COMMIT")).await;
                    if let Err(Left::Lasting(why)) = answer {
                        // The server said no to COMMIT: nothing of it is kept, as far as it knows.
                        *doubt = Doubt::None;
                        return Err(Left::Lasting(why));
                    }
                    answer.map(|()| done)
                }
                Err(left) => {
                    // A connection that cannot roll back is given up, which rolls back.
                    if answer(client.batch_execute("ROLLBACK")).await.is_err() {
                        let why = Arc::from("it does not answer");
                        return Err(Left::Passing(Health::Unreachable(why)));
                    }
                    Err(left)
                }
            }
        })?;
        self.operation = number;
        self.doubt = Doubt::None;
        Ok(done)
    }

    fn fail(&mut self, left: Left) -> Failure {
        match left {
            Left::Passing(health) => self.leave(health),
            Left::Lasting(why) => Failure::Lasting(why),
            Left::ByItsContent => Failure::Lasting("records do not fit the tables".to_owned()),
        }
    }
}

impl Backend for PostgresBackend {
    fn commit(&mut self, group: &[Batch]) -> Result<Vec<Result<(), CommitError>>, Failure> {
        if let Some(outcomes) = self.ready()? {
            return Ok(outcomes);
        }
        let well = vec![Ok(()); group.len()];
        let together = self.transact(
            async |session, links, _| insert_together(session, group, links).await,
            |_| well.clone(),
        );
        match together {
            Ok(appended) => {
                if let Some(row) = appended {
                    let soft = group.iter().flat_map(|batch| &batch.soft);
                    self.backlog.note(row.number, row.bytes, soft);
                }
                return Ok(well);
            }
            Err(Left::ByItsContent) => {}
            Err(left) => return Err(self.fail(left)),
        }
        self.links.forget_all();
        let apart = self.transact(
            async |session, _, keyring| insert_apart(session, group, keyring).await,
            |outcomes| outcomes.clone(),
        );
        // What was refused is remembered too far, and what was appended is not known.
        self.links.forget_all();
        self.backlog.forget();
        apart.map_err(|left| self.fail(left))
    }

    fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    fn settle(&mut self) -> Result<bool, Failure> {
        // Settling twice is settling once: what was in doubt needs no looking up.
        self.ready()?;
        let backlog = std::mem::take(&mut self.backlog);
        let settled = self.transact(
            async |session, _, _| settle(session, &backlog).await,
            |_| Vec::new(),
        );
        self.backlog = backlog;
        match settled {
            Ok(portion) => Ok(self.backlog.settled(&portion)),
            Err(left) => Err(self.fail(left)),
        }
    }

    fn remove(&mut self, removal: &Removal, now_unix_ms: i64) -> Result<u64, Failure> {
        // Taking away twice is taking away once: what was in doubt needs no looking up.
        self.ready()?;
        self.links.forget_all();
        let removed = self.transact(
            async |session, _, _| remove(&session.connection.client, removal, now_unix_ms).await,
            |_| Vec::new(),
        );
        removed.map_err(|left| self.fail(left))
    }

    fn reseal(&mut self, resealing: &Resealing) -> Result<Resealed, Failure> {
        self.keyring = resealing.keyring.clone();
        self.ready()?;
        self.links.forget_all();
        let resealed = self.transact(
            async |session, _, _| reseal(&session.connection.client, resealing).await,
            |_| Vec::new(),
        );
        resealed.map_err(|left| self.fail(left))
    }

    /// Without it the outcomes of what was given up would be told to whoever asks next.
    fn give_up(&mut self) {
        if let Doubt::Committing(_) = self.doubt {
            self.doubt = Doubt::Forgotten;
        }
    }

    /// Whoever owns the database is not this one any more, or what is in it is not known here.
    fn abandon(self) {
        drop(self.session);
    }

    fn finish(self) {
        let Some(session) = &self.session else {
            return;
        };
        // The lock is freed with the session too, but only once the server has seen it end.
        let bye = session
            .connection
            .client
            .batch_execute("SELECT pg_advisory_unlock_all()");
        if let Err(left) = self.runtime.block_on(answer(bye)) {
            warn!(?left, "PostgreSQL frees the journal when it misses us");
        }
    }
}

/// Takes tickets and cases out of a database that a server may be writing to.
pub(crate) async fn erase_beside(
    settings: &Settings,
    tickets: Vec<TicketId>,
    cases: &[CaseId],
    now_unix_ms: i64,
) -> Result<u64, PostgresError> {
    let connection = settings.connect().await?;
    let client = &connection.client;
    let told = |left: Left| PostgresError::Unreachable(format!("{left:?}"));
    within(client.batch_execute("BEGIN")).await?;
    let removal = Removal::Tickets(tickets);
    let mut removed = remove(client, &removal, now_unix_ms).await.map_err(told)?;
    for case in cases {
        let gone = "DELETE FROM state WHERE kind = $1 AND key = $2";
        let (kind, name) = (SoftKind::Case.as_str(), case.as_str().as_bytes());
        removed += within(client.execute(gone, &[&kind, &name])).await?;
    }
    within(client.batch_execute("COMMIT")).await?;
    Ok(removed)
}

const REPLACED: &str = "another deskbell has taken the journal over";

/// The last owner's session may be dying still.
async fn take_lock(client: &Client) -> Result<(), PostgresError> {
    let give_up = Instant::now() + LOCK_TIMEOUT;
    loop {
        let lock = "SELECT pg_try_advisory_lock($1)";
        if within(client.query_one(lock, &[&ADVISORY_LOCK]))
            .await?
            .get(0)
        {
            return Ok(());
        }
        if Instant::now() >= give_up {
            return Err(PostgresError::InUse);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Invariant: a transaction writes nothing before it holds the row of `head` and has found its own epoch and the number
/// before its own there. Of a transaction that is tried twice, one does not find it.
async fn begin(
    Session {
        connection,
        statements,
    }: &Session,
    epoch: i64,
    number: i64,
) -> Result<(), Left> {
    let client = &connection.client;
    let begun = async {
        let begin = client.batch_execute("BEGIN");
        let parameters: [&(dyn ToSql + Sync); 2] = [&number, &epoch];
        let claim = client.execute(&statements.claim, &parameters);
        let (begun, claimed) = tokio::join!(begin, claim);
        begun?;
        claimed
    };
    match answer(begun).await? {
        1 => Ok(()),
        _ => Err(Left::Lasting(REPLACED.to_owned())),
    }
}
