-- Samples as blocks: one row for a window of time of a group of 32 series of one metric.
--
-- Series of before were numbered one by one. They and their batches are taken over at the next start, and dropped then.
alter table series rename to old_series;

create table series (
    id     integer primary key, -- group * 32 + place; a group holds one metric
    metric text    not null,
    labels text    not null,    -- a JSON object, keys in order
    unique (metric, labels)
) strict;

-- What was acknowledged and is in no block yet. A row holds samples of one window, so that it can go when the window is
-- sealed. (node, epoch, seq, window) makes a batch that was sent twice be stored once.
create table log (
    id      integer primary key autoincrement, -- never used twice: seals refer to it
    node    text,                              -- null for what carries no number
    epoch   integer,
    seq     integer,
    window  integer not null,                  -- quarter of an hour since 1970
    samples blob    not null,                  -- varints: series, time and value, each after the one before
    unique (node, epoch, seq, window)
) strict;

create index log_by_window on log (window, id);

-- Sealed samples and summaries. The row's number is tier, group and window in one, so that a group's blocks lie side by
-- side in order of time.
create table block (
    id    integer primary key,
    count integer not null, -- samples, or summaries
    data  blob    not null
) strict;

-- Which log rows of a window are in blocks already: those up to log_id. Rows of this table go with their log rows.
create table seal (
    window integer primary key,
    log_id integer not null
) strict;

-- Windows of a tier (0 raw, 1 minute, 2 hour) that have blocks; those of summaries only when they are complete.
create table filled (
    tier   integer not null,
    window integer not null,
    primary key (tier, window)
) strict, without rowid;

-- From which moment on a tier is kept. What is older was deleted and is not taken again.
create table kept (
    tier    integer primary key,
    from_ms integer not null
) strict;

-- What each tier holds, kept with every change because counting a large table takes long.
create table tier (
    tier    integer primary key,
    blocks  integer not null,
    samples integer not null, -- samples, or summaries
    bytes   integer not null
) strict;

insert into tier values (0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0);
