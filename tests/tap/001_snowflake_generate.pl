# IDs wherever SQL can ask for one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('primary', allows_streaming => 1);
$node->start;
my $parallel_mode = major_version($node) >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

# One line of output per ID; they must be distinct and in order.
sub ascending
{
    my ($out, $count, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @ids = split /\n/, $out;
    my $last = -1;
    my $good = 0;
    for my $id (@ids)
    {
        $good++ if $id =~ /^\d{19}$/a && $id > $last;
        $last = $id;
    }
    ok(@ids == $count && $good == $count, $name) or diag("expected $count IDs:\n$out");
    return $last;
}

# CREATE EXTENSION in an open transaction

ascending(
    works($node, 'postgres', <<'SQL', 'in the transaction that creates the extension, rolled back'),
BEGIN;
CREATE EXTENSION snowflake_pg;
SELECT snowflake_next() FROM generate_series(1, 3);
ROLLBACK;
SQL
    3,
    'IDs before the extension is committed');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_extension WHERE extname = 'snowflake_pg')),
    0, 'the extension is rolled back');
ascending(
    works($node, 'postgres', <<'SQL', 'in the transaction that creates the extension, committed'),
BEGIN;
CREATE EXTENSION snowflake_pg;
SELECT snowflake_next() FROM generate_series(1, 3);
COMMIT;
SELECT snowflake_next() FROM generate_series(1, 3);
SQL
    6,
    'IDs before and after the extension is committed');

# The time of an ID is that of the clock, whether the clock was read for it or the last reading stood.
# Not asked before IDs, which begin ahead of the clock at a start, have been caught up with.

$node->poll_query_until('postgres', q(SELECT snowflake_timestamp(snowflake_next()) <= clock_timestamp()));
for my $call ('snowflake_next()', 'snowflake_next(1)')
{
    is(works($node, 'postgres', <<"SQL", "$call beside the clock"), '', "$call: no time but the clock's");
CREATE TEMP TABLE times (before timestamptz, id bigint, after timestamptz);
DO \$\$
DECLARE
    before timestamptz;
    id bigint;
BEGIN
    FOR i IN 1 .. 100000 LOOP
        before := clock_timestamp();
        id := $call;
        IF snowflake_timestamp(id) < date_trunc('milliseconds', before)
            OR snowflake_timestamp(id) > clock_timestamp() THEN
            INSERT INTO times VALUES (before, id, clock_timestamp());
        END IF;
    END LOOP;
END \$\$;
SELECT before, snowflake_timestamp(id), after FROM times LIMIT 3;
SQL
}

# transactions

ascending(works($node, 'postgres', <<'SQL', 'transactions'), 10, 'IDs across transactions, committed or not');
SELECT snowflake_next();
BEGIN READ ONLY;
SELECT snowflake_next();
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
SELECT snowflake_next_batch(2);
ROLLBACK;
BEGIN;
SELECT snowflake_next();
SAVEPOINT s;
SELECT snowflake_next();
ROLLBACK TO s;
SELECT snowflake_next();
ROLLBACK;
SET default_transaction_read_only = on;
SELECT snowflake_next(1);
RESET default_transaction_read_only;
PREPARE next AS SELECT snowflake_next();
EXECUTE next;
EXECUTE next;
SQL

ascending(works($node, 'postgres', <<'SQL', 'DISCARD ALL'), 3, 'IDs across DISCARD ALL, as a pooler sends it');
SELECT snowflake_next();
DISCARD ALL;
SELECT snowflake_next();
DISCARD ALL;
SELECT snowflake_next();
SQL

ascending(works($node, 'postgres', <<'SQL', 'PL/pgSQL'), 4, 'IDs inside and outside of a block that fails');
CREATE FUNCTION ids() RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT snowflake_next();
    BEGIN
        RETURN NEXT snowflake_next();
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        RETURN NEXT snowflake_next();
    END;
    RETURN NEXT snowflake_next();
END $$;
SELECT ids();
SQL

# tables

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE item (id bigint PRIMARY KEY DEFAULT snowflake_next(), n int);
CREATE TABLE audit (id bigint PRIMARY KEY, item bigint);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit VALUES (snowflake_next(), NEW.id);
    RETURN NEW;
END $$;
CREATE TRIGGER audit AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION audit();
SQL
works($node, 'postgres', "COPY item (n) FROM STDIN;\n" . join('', map { "$_\n" } 1 .. 1000) . "\\.\n",
    'COPY FROM a table with an ID as DEFAULT');
works($node, 'postgres', 'INSERT INTO item (n) SELECT generate_series(1001, 2000)',
    'INSERT ... SELECT');
works($node, 'postgres', <<'SQL', 'MERGE');
MERGE INTO item USING generate_series(1501, 2500) AS source(n) ON item.n = source.n
WHEN MATCHED THEN UPDATE SET n = item.n
WHEN NOT MATCHED THEN INSERT (n) VALUES (source.n);
SQL
is($node->safe_psql('postgres', <<'SQL'), '2500|2500|5000', 'every row and every trigger got its own ID');
SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM audit),
       (SELECT count(DISTINCT id) FROM (SELECT id FROM item UNION ALL SELECT id FROM audit) AS ids);
SQL
is($node->safe_psql('postgres', <<'SQL'), 0, 'IDs sort as the rows came');
SELECT count(*) FROM (SELECT n, lag(n) OVER (ORDER BY id) AS before FROM item) AS pairs
WHERE n < before;
SQL
is($node->safe_psql('postgres', <<'SQL'), 't', 'IDs carry time and worker');
SELECT bool_and(abs(extract(epoch FROM now() - snowflake_timestamp(id))) < 60
                AND snowflake_worker_id(id) = 1)
FROM item;
SQL

# parallel workers

$node->safe_psql('postgres', 'CREATE DATABASE parallel');
$node->safe_psql('parallel', 'CREATE EXTENSION snowflake_pg');
ascending(
    works(
        $node, 'parallel',
        "SET $parallel_mode = on; SELECT snowflake_next(); SELECT snowflake_next();",
        'first ID of a database in a parallel worker'),
    2,
    'IDs from parallel workers one after the other');
like(
    $node->safe_psql('parallel', "SET $parallel_mode = on; EXPLAIN (ANALYZE) SELECT snowflake_next();"),
    qr/Workers Launched: 1/,
    'the parallel workers were real');

# With a range each worker process has a worker ID of its own.
$node->safe_psql('postgres', q(ALTER SYSTEM SET snowflake_pg.worker_id = '0-7'));
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
$node->poll_query_until('postgres', q(SELECT current_setting('snowflake_pg.worker_id') = '0-7'));
$node->safe_psql('postgres', 'CREATE TABLE big AS SELECT generate_series(1, 20000) AS n; ANALYZE big;');
my $plan_parallel = parallel_plan();
my $plan = works($node, 'postgres',
    "$plan_parallel EXPLAIN (ANALYZE, VERBOSE, TIMING OFF) SELECT snowflake_next() FROM big",
    'a parallel plan');
like($plan, qr/Workers Launched: 2/, 'parallel workers were launched');
like($plan, qr/Gather.*\n.*\n(?:.*\n)*.*Parallel Seq Scan.*\n\s+Output: snowflake_next\(\)/,
    'the workers generate');
is(
    works($node, 'postgres', <<SQL, 'IDs from a parallel plan'),
SELECT snowflake_worker_id(snowflake_next()) AS own \\gset
$plan_parallel
CREATE TABLE ids (id) AS SELECT snowflake_next() FROM big;
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE snowflake_worker_id(id) = :own) FROM ids;
SQL
    '20000|20000|0',
    'parallel workers give out no ID twice, and none with the worker of their leader');

# A database without WAL of relations that are new in the transaction.

my $minimal = new_node('minimal');
$minimal->start;
is($minimal->safe_psql('postgres', 'SHOW wal_level'), 'minimal', 'a server with wal_level = minimal');
ascending(
    works($minimal, 'postgres', <<SQL, 'in a parallel worker of the transaction that creates the extension'),
BEGIN;
CREATE EXTENSION snowflake_pg;
SELECT snowflake_next();
SET $parallel_mode = on;
SELECT snowflake_next();
SELECT snowflake_next();
COMMIT;
SELECT snowflake_next();
SQL
    4,
    'IDs from parallel workers before and after the extension is committed');
ascending(
    works($minimal, 'postgres', <<SQL, 'first ID in a parallel worker of the transaction that creates the extension'),
CREATE DATABASE parallel;
\\c parallel
BEGIN;
CREATE EXTENSION snowflake_pg;
SET $parallel_mode = on;
SELECT snowflake_next();
ROLLBACK;
CREATE EXTENSION snowflake_pg;
SELECT snowflake_next();
SQL
    2,
    'IDs before and after the extension is rolled back');
$minimal->stop;

# standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
fake_clock($standby);
set_clock($standby, -120);
with_clock($standby, sub { $standby->start });
my $behind = time - $standby->safe_psql('postgres', 'SELECT extract(epoch FROM clock_timestamp())');
cmp_ok(abs($behind - 120), '<', 60, 'the standby has a clock two minutes behind');
my $last = $node->safe_psql('postgres', 'SELECT snowflake_next()');
$node->safe_psql('postgres', "INSERT INTO audit VALUES ($last, 0)");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));

my $session = session($standby);
for my $call ('snowflake_next()', 'snowflake_next(1)', 'snowflake_next_batch(2)')
{
    fails($standby, 'postgres', "SELECT $call", "$call on a standby",
        qr/ERROR:  25006: .*during recovery/, qr/HINT:  /);
}
my ($out, $error) = ask($session, 'SELECT snowflake_next()');
like($error, qr/during recovery/, 'a session on the standby is refused');
is($standby->safe_psql('postgres', <<SQL), 't|t', 'decoding works on a standby');
SELECT d.worker_id = snowflake_worker_id($last), d.ts = snowflake_timestamp($last)
FROM snowflake_decode($last) AS d;
SQL
is($standby->safe_psql('postgres', 'SELECT count(*) FROM snowflake_layouts'), 8,
    'snowflake_layouts works on a standby');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM snowflake_status'), 0,
    'snowflake_status works on a standby, without workers in use');

# The standby takes over, and its clock is two minutes behind.
$node->stop('immediate');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
my $next = works($standby, 'postgres', 'SELECT snowflake_next()', 'after promotion');
cmp_ok($next, '>', $last, 'the promoted standby goes on above the old primary');
($out, $error) = ask($session, 'SELECT snowflake_next()');
cmp_ok($out || 0, '>', $next, 'and so does a session from before the promotion') or diag($error);
$session->quit;
$standby->stop;

done_testing();
