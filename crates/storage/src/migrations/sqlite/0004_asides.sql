-- Why tickets went to whom: of each ticket the first decision and the latest. They go with it.
CREATE TABLE decisions (
    position INTEGER PRIMARY KEY,
    ticket   TEXT NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    at       INTEGER NOT NULL,              -- milliseconds since the Unix epoch
    version  INTEGER NOT NULL,              -- of the body's form
    body     TEXT NOT NULL,                 -- JSON
    digest   BLOB NOT NULL
) STRICT;

CREATE INDEX decisions_by_ticket ON decisions (ticket);

-- What the desk has learnt of waits and conversations: the newest.
CREATE TABLE lessons (
    position INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    digest   BLOB NOT NULL
) STRICT;
