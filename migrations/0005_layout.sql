-- Which nodes stand together: one row, as it was handed in last. The document is core's `Layout` as JSON.
create table layout (
    id       integer primary key check (id = 1),
    saved_ms integer not null,
    document text    not null
) strict;
