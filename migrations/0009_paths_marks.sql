-- Ways of packets over time, and marks on the time axis. Both are bounded: the oldest go.

create table path_record (
    id       integer primary key,
    src      text    not null,
    dst      text    not null,
    mode     text    not null,
    first_ms integer not null,
    last_ms  integer not null,
    document text    not null -- core's `PathRecord` as JSON
) strict;

create index path_record_of_pair on path_record (src, dst, mode, first_ms);
create index path_record_by_time on path_record (last_ms);

create table mark (
    id       integer primary key,
    at_ms    integer not null,
    until_ms integer not null, -- the moment itself for a mark that has no end
    kind     text    not null,
    src      text    not null,
    dst      text    not null,
    document text    not null  -- core's `Mark` as JSON
) strict;

create index mark_by_time on mark (at_ms);
