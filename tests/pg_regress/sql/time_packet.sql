-- The 48 bytes of an NTP packet.
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';
\x on

-- an answer: leap 0, version 4, mode 4, stratum 2, poll 6, precision -23
SELECT * FROM ntp_decode('\x240206e9 00000400 00008000 c0000207 eebc6b0000000000 0123456789abcdef eebc6b3340000000 eebc6b3350000000'::bytea, '2026-11-24');
-- a kiss-o'-death, with bytes after the 48
SELECT leap, stratum, reference_id, kiss, origin_ts, transmit_ts
    FROM ntp_decode(decode('e4000000' || repeat('00', 8) || encode('RATE', 'hex') || repeat('00', 32) || repeat('ff', 1000), 'hex'), '2026-11-24');
-- a reference ID that is no text
SELECT reference_id FROM ntp_decode(decode('24010000' || repeat('00', 8) || '0a00ff01' || repeat('00', 32), 'hex'), '2026-11-24');
-- the largest of everything
SELECT * FROM ntp_decode(decode(repeat('ff', 48), 'hex'), '2026-11-24');
\x off

-- era 1 begins in 2036: the time is the one nearest to another
\set packet '\\x24010000000000000000000000000000 0000000000000001 0000000000000000 0000000100000000 ffffffff80000000'
SELECT near, reference_ts, receive_ts, transmit_ts
    FROM (VALUES (timestamptz '1970-01-01'), ('2026-11-24'), ('2036-02-07 06:28:16'), ('2100-01-01'), ('2170-01-01'), ('10000-01-01')) AS v (near),
         ntp_decode((:'packet')::bytea, near);

-- no packet
SELECT ntp_decode('\x24', '2026-11-24');
\echo SQLSTATE :SQLSTATE
SELECT ntp_decode('', '2026-11-24');
SELECT ntp_decode(decode(repeat('ff', 47), 'hex'), '2026-11-24');
SELECT ntp_decode((:'packet')::bytea, 'infinity');
\echo SQLSTATE :SQLSTATE
SELECT ntp_decode(decode(repeat('60', 48), 'hex'), '4713-01-01 BC');
SELECT ntp_decode((:'packet')::bytea, '294276-12-31');
\echo SQLSTATE :SQLSTATE
SELECT ntp_decode(NULL, now()), ntp_decode('', NULL);
