-- Newest words about phones' things that are not in `state` yet, many in a row: in the order of their numbers they come
-- before what `state` says.
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body   BLOB NOT NULL,
    digest BLOB NOT NULL
) STRICT;

-- Each refresh moved an entry of it, and it was read once an hour.
DROP INDEX state_by_expiry;
