-- The settings.
SELECT name, setting, unit, context, vartype, boot_val, min_val, max_val, enumvals
    FROM pg_settings WHERE name LIKE 'snowflake\_pg.%' ORDER BY name COLLATE "C";
\x on
SELECT name, category, short_desc, extra_desc
    FROM pg_settings WHERE name LIKE 'snowflake\_pg.%' ORDER BY name COLLATE "C";
\x off
SHOW snowflake_pg.layout;
SHOW snowflake_pg.worker_id;
SHOW snowflake_pg.max_lead;
SHOW snowflake_pg.clock_tolerance;
SHOW snowflake_pg.mark_window;
SHOW snowflake_pg.sequence_start;
SHOW snowflake_pg.clock_sources;
SHOW snowflake_pg.ntp_poll;

-- they belong to the server, not to a session, a role or a database
SET snowflake_pg.worker_id = '2';
\echo SQLSTATE :SQLSTATE
SET snowflake_pg.layout = 'discord';
SET snowflake_pg.max_lead = '1s';
SET snowflake_pg.clock_tolerance = 0;
SET snowflake_pg.mark_window = '2s';
SET snowflake_pg.sequence_start = 'random';
ALTER ROLE ALL SET snowflake_pg.worker_id = '2';

-- a value that makes no sense is refused before it is written
ALTER SYSTEM SET snowflake_pg.worker_id = '1024';
\echo SQLSTATE :SQLSTATE
ALTER SYSTEM SET snowflake_pg.worker_id = '8-2';
ALTER SYSTEM SET snowflake_pg.worker_id = '1000-1024';
ALTER SYSTEM SET snowflake_pg.worker_id = '5-';
ALTER SYSTEM SET snowflake_pg.worker_id = 'banana';
ALTER SYSTEM SET snowflake_pg.worker_id = '-1';
ALTER SYSTEM SET snowflake_pg.worker_id = 'ip:';
ALTER SYSTEM SET snowflake_pg.worker_id = '99999999999999999999';
ALTER SYSTEM SET snowflake_pg.layout = 'banana';
ALTER SYSTEM SET snowflake_pg.layout = 'ts=41,worker=10,seq=13,epoch=2020-01-01T00:00:00Z';
ALTER SYSTEM SET snowflake_pg.layout = '';
-- (PostgreSQL 18 words these in another way: only their SQLSTATE is shown)
\set VERBOSITY sqlstate
ALTER SYSTEM SET snowflake_pg.max_lead = -1;
ALTER SYSTEM SET snowflake_pg.max_lead = '2h';
ALTER SYSTEM SET snowflake_pg.clock_tolerance = '-1s';
ALTER SYSTEM SET snowflake_pg.mark_window = '99ms';
ALTER SYSTEM SET snowflake_pg.mark_window = '61s';
ALTER SYSTEM SET snowflake_pg.ntp_poll = 0;
ALTER SYSTEM SET snowflake_pg.ntp_poll = '61min';
\set VERBOSITY default
ALTER SYSTEM SET snowflake_pg.sequence_start = 'one';
ALTER SYSTEM SET snowflake_pg.clock_sources = '';
ALTER SYSTEM SET snowflake_pg.clock_sources = 'ntp, sundial';
ALTER SYSTEM SET snowflake_pg.clock_sources = 'kernel, ntp, Kernel';
SET snowflake_pg.clock_sources = 'ntp';
SET snowflake_pg.clock_worker = on;

-- there are no others
SET snowflake_pg.worker = '2';

-- nothing of this was written: the files have no value that would be refused
SELECT name, setting, error FROM pg_file_settings WHERE name LIKE 'snowflake\_pg.%' AND error IS NOT NULL;
