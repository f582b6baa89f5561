-- Who changed what of the settings. Bounded: the oldest changes go.

create table setting_change (
    version  integer primary key, -- that came of the change
    document text    not null     -- core's `SettingsChange` as JSON
) strict;
