-- The first schema.
--
-- Samples are kept as the batches in which agents sent them: one row and one commit per batch, appended at the end of
-- the table. A row per sample would rewrite a page per series every second.

-- What sequences of values describe. Batches refer to a series by its id, so that names are stored once.
create table series (
    id     integer primary key,
    metric text    not null,
    labels text    not null, -- a JSON object, keys in order
    unique (metric, labels)
) strict;

-- Accepted batches. (node, epoch, seq) makes a batch that was sent twice be stored once.
create table batch (
    id      integer primary key,
    node    text    not null,
    epoch   integer not null, -- start of the agent, ms
    seq     integer not null,
    t0_ms   integer not null, -- oldest sample
    t1_ms   integer not null, -- newest sample
    samples blob    not null, -- postcard: [(series id, ms after t0_ms, value)]
    unique (node, epoch, seq)
) strict;

create index batch_by_time on batch (t1_ms);

-- What was or is wrong. The document is core's `Incident` as JSON; what is looked up by has a column.
create table incident (
    id          integer primary key,
    started_ms  integer not null,
    is_open     integer not null, -- 1 while it fires
    document    text    not null
) strict;

create index incident_by_start on incident (started_ms);

-- What the settings page saved: one row, only the fields that differ from defaults and configuration file.
create table setting (
    id       integer primary key check (id = 1),
    version  integer not null,
    saved_ms integer not null,
    document text    not null
) strict;
