-- Each record's digest, and each ticket's chain over the digests of its records: a changed, missing or moved
-- record shows. Filled in for older records by the program.
ALTER TABLE records ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE tickets ADD COLUMN records INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN chain BLOB NOT NULL DEFAULT x'';

-- Tickets that were erased or have passed their retention; what is still said of them is not kept.
CREATE TABLE erased (
    ticket TEXT PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Soft state: what phones would bring again by themselves, one newest row a key.
CREATE TABLE state (
    kind       TEXT NOT NULL,
    key        BLOB NOT NULL,
    version    INTEGER NOT NULL,            -- of the body's form, per kind
    expires_at INTEGER NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX state_by_expiry ON state (expires_at);
