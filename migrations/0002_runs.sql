-- Training runs, and what happened in them.

-- The document is core's `Run` as JSON; what is looked up by has a column.
create table run (
    id         text    primary key,
    started_ms integer not null,
    is_open    integer not null, -- 1 while it has not ended
    document   text    not null
) strict, without rowid;

create index run_by_start on run (started_ms, id);

-- The document is core's `RunEvent` as JSON.
create table run_event (
    id       integer primary key,
    run      text    not null references run (id) on delete cascade,
    at_ms    integer not null,
    document text    not null
) strict;

create index run_event_by_time on run_event (run, at_ms);
