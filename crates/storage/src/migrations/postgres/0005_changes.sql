-- Newest words about phones' things that are not in `state` yet, many in a row: in the order of their numbers they come
-- before what `state` says.
CREATE TABLE changes (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body   BYTEA NOT NULL,
    digest BYTEA NOT NULL
);

-- Compressing it would cost more than it saves.
ALTER TABLE changes ALTER COLUMN body SET STORAGE EXTERNAL;
