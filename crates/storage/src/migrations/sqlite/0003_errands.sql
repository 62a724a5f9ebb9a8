-- What is about to be done outside, written down before it is done. It outlives its ticket, without what it says, so
-- that limits still count it.
CREATE TABLE intents (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    ticket     TEXT,
    step       TEXT NOT NULL,               -- how far it has come
    open       INTEGER NOT NULL,            -- 1 while its end is not known
    began_at   INTEGER NOT NULL,            -- milliseconds since the Unix epoch, as every time here
    changed_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,            -- of the body's form, per kind
    body       TEXT NOT NULL,               -- JSON
    digest     BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX intents_by_beginning ON intents (kind, began_at);
CREATE INDEX intents_by_ticket ON intents (ticket) WHERE ticket IS NOT NULL;
CREATE INDEX intents_open ON intents (kind) WHERE open = 1;

-- What is to be told to programs outside, until it was delivered.
CREATE TABLE outbox (
    id          TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    ticket      TEXT,
    at          INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    dead        INTEGER NOT NULL,           -- 1 when it was given up
    why         TEXT,                       -- of the last failure
    version     INTEGER NOT NULL,
    body        TEXT NOT NULL,              -- JSON
    digest      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_by_due ON outbox (due_at) WHERE dead = 0;
CREATE INDEX outbox_dead ON outbox (id) WHERE dead = 1;
CREATE INDEX outbox_by_ticket ON outbox (ticket) WHERE ticket IS NOT NULL;

-- Empty for a row that an older program wrote.
ALTER TABLE state ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
