-- Asking a server, as far as none is there; and what the kernel says of its clock, on any machine.
SET intervalstyle = 'postgres';

-- nobody listens on this port
SELECT state, clock_offset, stratum, ignored, detail FROM ntp_query('127.0.0.1:9');
-- no such name
SELECT state, clock_offset, ignored, detail IS NOT NULL AS detail FROM ntp_query('no-such-host.invalid');
-- several at once
SELECT s, q.state FROM unnest(ARRAY['127.0.0.1:19', 'localhost:29', '[::ffff:127.0.0.1]:39']) AS s, ntp_query(s) AS q;

-- what is no server
SELECT ntp_query('');
\echo SQLSTATE :SQLSTATE
SELECT ntp_query('127.0.0.1:0');
SELECT ntp_query('127.0.0.1:65536');
SELECT ntp_query('::1');
SELECT ntp_query('a,b');
SELECT ntp_query(repeat('9', 10000));
SELECT ntp_query('127.0.0.1:9', 0);
SELECT ntp_query('127.0.0.1:9', 9);
SELECT ntp_query('127.0.0.1:9', 1, '0');
SELECT ntp_query('127.0.0.1:9', 1, '-1 s');
SELECT ntp_query('127.0.0.1:9', 1, '11 s');
SELECT ntp_query('127.0.0.1:9', 1, '178000000 years');
\echo SQLSTATE :SQLSTATE
SELECT ntp_query(NULL), ntp_query('a', NULL), ntp_query('a', 1, NULL);

-- who may
SET ROLE pg_monitor;
SELECT ntp_query('127.0.0.1:9');
\echo SQLSTATE :SQLSTATE
SET ROLE pg_read_all_data;
SELECT ntp_query('127.0.0.1:9');
\echo SQLSTATE :SQLSTATE
RESET ROLE;

-- the list of servers
ALTER SYSTEM SET snowflake_pg.ntp_servers = 'a,b,c,d,e,f,g,h,i';
\echo SQLSTATE :SQLSTATE
ALTER SYSTEM SET snowflake_pg.ntp_servers = 'a, A:123';
ALTER SYSTEM SET snowflake_pg.ntp_servers = 'a,,b';
ALTER SYSTEM SET snowflake_pg.ntp_servers = 'a:99999';
ALTER SYSTEM SET snowflake_pg.ntp_servers = '2001:db8::1';
SET snowflake_pg.ntp_servers = 'a';
SHOW snowflake_pg.ntp_servers;

-- the kernel, whatever its state is
SELECT count(*), bool_and(state = 'unknown' OR max_error >= '0' AND synchronised IS NOT NULL AND tai_offset IS NOT NULL
                          AND frequency_ppm BETWEEN -1000 AND 1000 AND cardinality(flags) BETWEEN 0 AND 16) AS sound FROM kernel_clock();
