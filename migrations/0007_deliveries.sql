-- Who has been told of what, and what came of it.

-- One row for each receiver: what it was told, and the message that is on its way to it. The document is core's `Line` as
-- JSON; because it is one row, no crash can part the message from the memory of it.
create table notify_line (
    receiver text primary key,
    document text not null
) strict, without rowid;

-- The log of attempts. The document is core's `Delivery` as JSON.
create table delivery (
    id       integer primary key,
    at_ms    integer not null,
    document text    not null
) strict;
