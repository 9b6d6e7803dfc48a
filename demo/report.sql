\pset footer off
\echo
\echo '* Every ID differs, in both tables together'
SELECT count(*) AS rows, count(DISTINCT id) AS different_ids, count(*) = count(DISTINCT id) AS all_differ,
       round(count(*) / :elapsed) AS ids_per_second
FROM (SELECT id FROM pgbench_history UNION ALL SELECT id FROM events) AS ids;

\echo '* What an ID says beside what the row says: when its transaction began'
SELECT h.id, d.ts, d.worker_id, d.sequence, h.mtime
FROM pgbench_history AS h, snowflake_decode(h.id) AS d
ORDER BY h.id DESC LIMIT 5;

\echo '* One tenth of a second of the history, by its primary key: no index on the time, no column for it'
VACUUM (ANALYZE) pgbench_history;
SELECT snowflake_timestamp(max(id)) - interval '1.1 s' AS from_ts, snowflake_timestamp(max(id)) - interval '1 s' AS to_ts
FROM pgbench_history \gset
\echo SELECT count(*) FROM pgbench_history
\echo WHERE snowflake_between(id, :'from_ts', :'to_ts')
\pset format unaligned
\pset tuples_only on
EXPLAIN (ANALYZE, COSTS OFF)
SELECT count(*) FROM pgbench_history WHERE snowflake_between(id, :'from_ts', :'to_ts');
