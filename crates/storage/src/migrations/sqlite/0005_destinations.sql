-- What waits for one program, in the order it is told.
CREATE INDEX outbox_by_destination ON outbox (destination, id) WHERE dead = 0;
