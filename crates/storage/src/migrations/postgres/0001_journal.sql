-- One row a ticket: what restarts, retention and erasure choose by. Deleting it deletes its records.
CREATE TABLE tickets (
    id        TEXT COLLATE "C" PRIMARY KEY,
    site      TEXT NOT NULL,
    tier      TEXT NOT NULL,
    opened_at BIGINT NOT NULL,              -- milliseconds since the Unix epoch, as every time here
    ended_at  BIGINT,                       -- NULL while anything can still happen
    records   BIGINT NOT NULL DEFAULT 0,
    chain     BYTEA NOT NULL DEFAULT ''     -- over the digests of its records: a changed, missing or moved one shows
) WITH (fillfactor = 80);

CREATE INDEX tickets_by_end ON tickets (ended_at);
CREATE INDEX tickets_by_opening ON tickets (opened_at);

-- The journal: facts in the order they were committed, never changed.
CREATE TABLE records (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket   TEXT COLLATE "C" NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    version  INTEGER NOT NULL,              -- of the body's form, per kind
    at       BIGINT NOT NULL,
    line     BIGINT,                        -- a line's place in its conversation
    line_id  BYTEA,                         -- the identity a browser gave the line
    body     TEXT NOT NULL,                 -- JSON
    digest   BYTEA NOT NULL
);

CREATE INDEX records_by_ticket ON records (ticket);
CREATE UNIQUE INDEX records_by_line ON records (ticket, line) WHERE line IS NOT NULL;
CREATE UNIQUE INDEX records_by_line_id ON records (ticket, line_id) WHERE line_id IS NOT NULL;

-- Tickets that were erased or have passed their retention; what is still said of them is not kept.
CREATE TABLE erased (
    ticket TEXT COLLATE "C" PRIMARY KEY,
    at     BIGINT NOT NULL
);

-- Soft state: what phones would bring again by themselves, one newest row a key.
CREATE TABLE state (
    kind       TEXT NOT NULL,
    key        BYTEA NOT NULL,
    version    INTEGER NOT NULL,            -- of the body's form, per kind
    expires_at BIGINT NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 70);

-- Who owns the journal, and the last transaction of that owner. A transaction whose answer was lost is found by its
-- number; an owner that was replaced finds another epoch and stops.
CREATE TABLE head (
    one       BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    epoch     BIGINT NOT NULL,
    operation BIGINT NOT NULL
) WITH (fillfactor = 10);

INSERT INTO head (epoch, operation) VALUES (0, 0);
