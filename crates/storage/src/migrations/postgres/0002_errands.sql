-- What is about to be done outside, written down before it is done. It outlives its ticket, without what it says, so
-- that limits still count it.
CREATE TABLE intents (
    kind       TEXT NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    ticket     TEXT COLLATE "C",
    step       TEXT NOT NULL,               -- how far it has come
    open       BOOLEAN NOT NULL,            -- while its end is not known
    began_at   BIGINT NOT NULL,             -- milliseconds since the Unix epoch, as every time here
    changed_at BIGINT NOT NULL,
    version    INTEGER NOT NULL,            -- of the body's form, per kind
    body       TEXT NOT NULL,               -- JSON
    digest     BYTEA NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE INDEX intents_by_beginning ON intents (kind, began_at);
CREATE INDEX intents_by_ticket ON intents (ticket) WHERE ticket IS NOT NULL;
CREATE INDEX intents_open ON intents (kind) WHERE open;

-- What is to be told to programs outside, until it was delivered.
CREATE TABLE outbox (
    id          TEXT COLLATE "C" PRIMARY KEY,
    destination TEXT NOT NULL,
    ticket      TEXT COLLATE "C",
    at          BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    dead        BOOLEAN NOT NULL,           -- when it was given up
    why         TEXT,                       -- of the last failure
    version     INTEGER NOT NULL,
    body        TEXT NOT NULL,              -- JSON
    digest      BYTEA NOT NULL
);

CREATE INDEX outbox_by_due ON outbox (due_at) WHERE NOT dead;
CREATE INDEX outbox_dead ON outbox (id) WHERE dead;
CREATE INDEX outbox_by_ticket ON outbox (ticket) WHERE ticket IS NOT NULL;

-- Empty for a row that an older program wrote.
ALTER TABLE state ADD COLUMN digest BYTEA NOT NULL DEFAULT '';
