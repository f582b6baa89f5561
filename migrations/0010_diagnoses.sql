-- Diagnoses: what nodes were asked to check, and what came of it. Bounded: the oldest go.

create table diagnosis (
    id         text    primary key,
    node       text    not null,
    started_ms integer not null,
    is_open    integer not null, -- 1 until it ended
    brief      text    not null, -- core's `DiagnosisBrief` as JSON
    document   text    not null  -- core's `Diagnosis` as JSON
) strict;

create index diagnosis_started on diagnosis (started_ms);
