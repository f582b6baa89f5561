-- What happened to incidents, step by step. The document is core's `TimelineEntry` as JSON.
create table incident_event (
    id       integer primary key,
    incident integer not null references incident (id) on delete cascade,
    at_ms    integer not null,
    document text    not null
) strict;

create index incident_event_by_time on incident_event (incident, at_ms);

-- Which incidents nobody is told of. The document is core's `Silence` as JSON.
create table silence (
    id      text    primary key,
    ends_ms integer not null,
    document text   not null
) strict;

create index silence_by_end on silence (ends_ms);
