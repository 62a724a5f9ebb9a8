-- Why tickets went to whom: of each ticket the first decision and the latest. They go with it.
CREATE TABLE decisions (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket   TEXT COLLATE "C" NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    at       BIGINT NOT NULL,               -- milliseconds since the Unix epoch
    version  INTEGER NOT NULL,              -- of the body's form
    body     TEXT NOT NULL,                 -- JSON
    digest   BYTEA NOT NULL
);

CREATE INDEX decisions_by_ticket ON decisions (ticket);

-- What the desk has learnt of waits and conversations: the newest.
CREATE TABLE lessons (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       BIGINT NOT NULL,
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    digest   BYTEA NOT NULL
);
