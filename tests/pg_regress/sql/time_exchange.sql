-- What four timestamps say about a clock, and what one does.
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';

-- sent at 950, received by the server at 1010, answered at 1015, received at 975, in any unit
SELECT ntp_offset(950, 1010, 1015, 975), ntp_delay(950, 1010, 1015, 975), b.* FROM ntp_bounds(950, 1010, 1015, 975) AS b;
SELECT ntp_offset(0.1, 0.25, 0.25, 0.2), ntp_delay(0.5, 1, 1, 1.5);

-- by timestamps
\set sent '2026-11-24 16:07:30.950Z'
SELECT ntp_offset(t, t + '60 ms', t + '65 ms', t + '25 ms'), ntp_delay(t, t + '60 ms', t + '65 ms', t + '25 ms'), b.*
    FROM (VALUES (timestamptz :'sent')) AS v (t), ntp_bounds(t, t + '60 ms', t + '65 ms', t + '25 ms') AS b;
-- behind, and half a microsecond, which is rounded toward zero
SELECT ntp_offset(t, t - '3 s'::interval, t - '3 s'::interval, t + '1 us'), ntp_offset(t, t + '1 us', t, t) FROM (VALUES (timestamptz :'sent')) AS v (t);
-- the server had the message longer than the round trip took: no bounds
SELECT ntp_delay(0, 0, 10, 5);
SELECT * FROM ntp_bounds(0, 0, 10, 5);
\echo SQLSTATE :SQLSTATE
SELECT * FROM ntp_bounds(timestamptz :'sent', :'sent', timestamptz :'sent' + '10 ms', timestamptz :'sent' + '5 ms');
-- no figures
SELECT ntp_offset('-infinity', :'sent', :'sent', timestamptz :'sent');
\echo SQLSTATE :SQLSTATE
SELECT ntp_delay(timestamptz :'sent', :'sent', 'infinity', :'sent');
SELECT ntp_offset(timestamptz '4713-01-01 BC', '294276-12-31', '294276-12-31', '4713-01-01 BC');
SELECT ntp_offset(-1e308, 1e308, 1, 1);
\echo SQLSTATE :SQLSTATE
SELECT ntp_offset('-infinity'::float8, 1, 1, 1), ntp_offset('NaN'::float8, 1, 1, 1);
SELECT ntp_offset(NULL, 1, 1, 1), ntp_delay(1, NULL, 1, 1), ntp_bounds(1, 1, NULL, 1), ntp_offset(NULL::timestamptz, now(), now(), now());

-- Cristian's algorithm: one timestamp of the server
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03.010Z', '2026-11-24 12:00:00.020Z');
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03.010Z', '2026-11-24 12:00:00.020Z', '4 ms');
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03Z', '2026-11-24 12:00:00.000001Z');
SELECT * FROM cristian_offset('2026-11-24 12:00:01Z', '2026-11-24 12:00:03Z', '2026-11-24 12:00:00Z');
\echo SQLSTATE :SQLSTATE
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03Z', '2026-11-24 12:00:00.020Z', '21 ms');
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03Z', '2026-11-24 12:00:00.020Z', '-1 ms');
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03Z', 'infinity');
SELECT * FROM cristian_offset('2026-11-24 12:00:00Z', '2026-11-24 12:00:03Z', '2026-11-24 12:00:01Z', '178000000 years');
\echo SQLSTATE :SQLSTATE
SELECT cristian_offset(NULL, now(), now()), cristian_offset(now(), now(), now(), NULL);
