-- Agents that joined, and the codes with which others may.

create table agent (
    number        integer primary key autoincrement, -- never used twice: keys of the mesh follow from it
    node          text    not null unique,
    token         blob    not null,                  -- SHA-256 of what the agent shows
    version       text    not null,                  -- with which it last spoke
    enrolled_ms   integer not null,
    enrolled_from text    not null,
    revoked_ms    integer
) strict;

create table enrolment_code (
    digest     blob    primary key, -- SHA-256 of the secret
    expires_ms integer not null
) strict, without rowid;
