-- One row a ticket: what restarts, retention and erasure choose by. Deleting it deletes its records.
CREATE TABLE tickets (
    id        TEXT PRIMARY KEY,
    site      TEXT NOT NULL,
    tier      TEXT NOT NULL,
    opened_at INTEGER NOT NULL,             -- milliseconds since the Unix epoch, as every time here
    ended_at  INTEGER                       -- NULL while anything can still happen
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_by_end ON tickets (ended_at);
CREATE INDEX tickets_by_opening ON tickets (opened_at);

-- The journal: facts in the order they were committed, never changed.
CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    ticket   TEXT NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    version  INTEGER NOT NULL,              -- of the body's form, per kind
    at       INTEGER NOT NULL,
    line     INTEGER,                       -- a line's place in its conversation
    line_id  TEXT,                          -- the identity a browser gave the line
    body     TEXT NOT NULL                  -- JSON
) STRICT;

CREATE INDEX records_by_ticket ON records (ticket);
CREATE UNIQUE INDEX records_by_line ON records (ticket, line) WHERE line IS NOT NULL;
CREATE UNIQUE INDEX records_by_line_id ON records (ticket, line_id) WHERE line_id IS NOT NULL;

-- For people with an SQL shell.
CREATE VIEW story AS
SELECT position, ticket, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, kind,
       coalesce(body ->> 'rep', body ->> 'name', body ->> 'from') AS who,
       coalesce(body ->> 'text', body ->> 'why', body ->> 'reason', body ->> 'comment', body ->> 'message') AS what
FROM records;
