# UUIDs from many backends at once, from parallel workers, over restarts and crashes, by a clock that
# is stepped, on a standby and without shared_preload_libraries.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { BACKENDS => 8, UUIDS => 500_000, RANDOM_UUIDS => 200_000 };

# What is generated in order: the version, and the keys for sort(1) that put the text in the order of
# time. They leave out what is random, so that it cannot hide a tick given out twice.
my %ordered = (
    uuid_v1 => { version => 1, keys => '-t- -k3,3 -k2,2 -k1,1' },
    uuid_v6 => { version => 6, keys => '-k1.1,1.18' },
    uuid_v7 => { version => 7, keys => '-k1.1,1.18' },
    snowflake128_next => { version => 8, keys => '-k1.1,1.26' });

my $files = 0;

# Many of one UUID function from several backends at once, each into a file of its own.
sub generate
{
    my ($node, $function, $backends, $count) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my (@files, @clients);
    for (1 .. $backends)
    {
        my $file = "$PostgreSQL::Test::Utils::tmp_check/uuids_" . ++$files;
        push @files, $file;
        push @clients, start_recording($node, 'postgres',
            "COPY (SELECT $function() FROM (SELECT generate_series(1, $count)) AS n) TO '$file'");
    }
    finish_recording(@clients);
    is(join('', map { slurp_file($_->{errors}) } @clients), '',
        "$function by $backends backends: nothing failed");
    return @files;
}

# The number of lines that are UUIDs of a version.
sub of_version
{
    my ($version, @files) = @_;
    my $names = join ' ', map { "'$_'" } @files;
    my $pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-$version\[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\$";
    return qx(cat $names | LC_ALL=C grep -cE '$pattern') + 0;
}

# Holds files against the promise: each is in ascending order, and nothing came twice, also not in
# different files. Answers how many there are.
sub check_ordered
{
    my ($name, $function, @files) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($version, $keys) = @{ $ordered{$function} }{qw(version keys)};
    my $disorder = join '', map { qx(LC_ALL=C sort -c -u $keys '$_' 2>&1) } @files;
    is($disorder, '', "$name: in order for every backend");
    my $count = of_version($version, @files);
    my $names = join ' ', map { "'$_'" } @files;
    my $distinct = $disorder ? 'unknown' : qx(LC_ALL=C sort -m -u $keys $names | wc -l) + 0;
    ok($count > 0 && $distinct eq $count, "$name: $count of version $version, no tick twice")
      or diag("$distinct are distinct");
    return $count;
}

# The same of files of random UUIDs, which have no order.
sub check_random
{
    my ($name, @files) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $count = of_version(4, @files);
    my $names = join ' ', map { "'$_'" } @files;
    is(qx(LC_ALL=C sort -u $names | wc -l) + 0, $count, "$name: $count, none twice");
    return $count;
}

my $node = new_node('primary', allows_streaming => 1, conf => 'restart_after_crash = on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# All at once.
for my $function (sort keys %ordered)
{
    my $name = "$function by " . BACKENDS . ' backends';
    my @files = generate($node, $function, BACKENDS, UUIDS);
    is(check_ordered($name, $function, @files), BACKENDS * UUIDS, "$name: as many as were asked for");
    unlink @files;
}

# One after the other: who takes over the row generates above what its predecessor stored, at once.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE baton (v6 uuid, v7 uuid, wide uuid, holder int, turns int, hand_overs int);
INSERT INTO baton SELECT uuid_v6(), uuid_v7(), snowflake128_next(), 0, 0, 0;
CREATE PROCEDURE relay(turns int) LANGUAGE plpgsql AS $$
DECLARE
    before baton;
    after baton;
BEGIN
    FOR turn IN 1 .. turns LOOP
        SELECT * INTO before FROM baton FOR UPDATE;
        after.v7 := uuid_v7();
        after.v6 := uuid_v6();
        after.wide := snowflake128_next();
        IF after.v6 <= before.v6 OR after.v7 <= before.v7 OR after.wide <= before.wide THEN
            RAISE 'turn %: % is not after %', turn, after, before;
        END IF;
        UPDATE baton SET (v6, v7, wide, holder) = (SELECT after.v6, after.v7, after.wide, pg_backend_pid()),
            turns = baton.turns + 1, hand_overs = hand_overs + (holder <> pg_backend_pid())::int;
        COMMIT;
        -- lets the others take the lock
        PERFORM pg_sleep(0.0001);
    END LOOP;
END $$;
SQL
my @relay = record($node, 'postgres', 4, 'CALL relay(1000)');
is(join('', map { slurp_file($_->{errors}) } @relay), '', 'v6, v7 and snowflake128 ascend from backend to backend');
my ($turns, $hand_overs) = split /\|/, $node->safe_psql('postgres', 'SELECT turns, hand_overs FROM baton');
is($turns, 4000, 'all turns were taken');
# each took it at least once, however the kernel let them run
cmp_ok($hand_overs, '>=', 4, "by different backends in turn, with $hand_overs hand-overs");

# Random bits: no process goes on with a generator of another. Version 7 of a given time has only them.
my $at = q(uuid_v7('2026-01-01 00:00Z'));
my @sessions = map {
    [ split /\n/, $node->safe_psql('postgres', "SELECT uuid_v4() FROM generate_series(1, 200); SELECT $at") ]
} 1 .. 50;
my %first = map { $_->[0] => 1 } @sessions;
my %all = map { map { $_ => 1 } @$_ } @sessions;
is(scalar keys %first, 50, '50 backends begin with different random bits');
is(scalar keys %all, 50 * 201, 'and go on with different ones');

my @random = generate($node, 'uuid_v4', BACKENDS, RANDOM_UUIDS);
is(check_random('uuid_v4', @random), BACKENDS * RANDOM_UUIDS, 'as many as were asked for');
unlink @random;

# Parallel workers, of a leader that has generated before: every query has new ones.
my $queries = 5;
# pg_backend_pid() itself is only called in the leader, and would take what stands beside it there.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE big AS SELECT generate_series(1, 20000) AS n;
ANALYZE big;
CREATE FUNCTION process() RETURNS int PARALLEL SAFE LANGUAGE plpgsql AS 'BEGIN RETURN pg_backend_pid(); END';
SQL
my $generate = 'SELECT process(), uuid_v4() AS v4, uuid_v7() AS v7, uuid_v1() AS v1 FROM';
my $plan_parallel = parallel_plan();
my $plan = works($node, 'postgres', "$plan_parallel EXPLAIN (ANALYZE, VERBOSE, TIMING OFF) $generate big", 'a parallel plan');
like($plan, qr/Workers Launched: [12]\n(?:.*\n)*.*Parallel Seq Scan.*\n\s+Output: process\(\), uuid_v4\(\), uuid_v7\(\), uuid_v1\(\)/,
    'parallel workers generate');
my ($rows, $distinct, $processes, $identities) = split /\|/, works(
    $node, 'postgres',
    join("\n",
        "CREATE TABLE made_0 AS $generate generate_series(1, 1000);",
        $plan_parallel,
        (map { "CREATE TABLE made_$_ AS $generate big;" } 1 .. $queries),
        'WITH made AS (' . join(' UNION ALL ', map { "TABLE made_$_" } 0 .. $queries) . ')',
        <<'SQL'),
SELECT count(*), count(DISTINCT v4) + count(DISTINCT v7) + count(DISTINCT v1), count(DISTINCT process),
       count(DISTINCT ((uuid_decode(v1)).node, (uuid_decode(v1)).clock_seq))
FROM made;
SQL
    'UUIDs from parallel plans');
is($rows, 1_000 + $queries * 20_000, 'leader and parallel workers generate');
is($distinct, 3 * $rows, 'leader and parallel workers never make the same');
cmp_ok($processes, '>', $queries, 'every query had parallel workers of its own');
is($identities, 1, 'they share node and clock sequence');

# Node and clock sequence are those of a start of the server.
my $identity = <<'SQL';
SELECT DISTINCT node, clock_seq, node & '01:00:00:00:00:00' AS multicast
FROM unnest(ARRAY[uuid_v1(), uuid_v6(), uuid_v1()]) AS uuid, uuid_decode(uuid);
SQL
my (@nodes, @clock_sequences);

sub new_identity
{
    my ($server, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %seen = map { $server->safe_psql('postgres', $identity) => 1 } 1 .. 5;
    is(scalar keys %seen, 1, "$name: versions 1 and 6 of all backends have one node and clock sequence")
      or diag(join "\n", keys %seen);
    my ($mac, $clock_sequence, $multicast) = split /\|/, (keys %seen)[0];
    is($multicast, '01:00:00:00:00:00', "$name: the node has the multicast bit");
    is(scalar(grep { $_ eq $mac } @nodes), 0, "$name: the node is a new one") or diag("$mac: @nodes");
    push @nodes, $mac;
    push @clock_sequences, $clock_sequence;
    return;
}

new_identity($node, 'first start');
$node->restart;
new_identity($node, 'after a restart');
$node->stop('immediate');
$node->start;
new_identity($node, 'after an immediate stop');
my $log = log_size($node);
my $victim = start_recording($node, 'postgres', "SET application_name = 'victim'", 'SELECT pg_sleep(600)');
my $pid = '';
wait_until(
    sub {
        $pid = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'));
        return $pid ne '';
    }) or die 'no backend to kill';
kill 9, $pid or die "no backend to kill: '$pid'";
finish_recording($victim);
ok(wait_until(sub { log_since($node, $log) =~ /all server processes terminated; reinitializing/ }, 30),
    'a backend is killed: it is a crash restart');
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server comes back');
new_identity($node, 'after a crash restart');
my %clock_sequences = map { $_ => 1 } @clock_sequences;
cmp_ok(scalar keys %clock_sequences, '>', 1, 'the clock sequence is chosen anew too');

# A standby has its own words. snowflake128 has the worker ID, which is its primary's.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'a standby');
new_identity($standby, 'standby');
is(
    works($standby, 'postgres', <<'SQL', 'UUIDs on a standby'),
SELECT string_agg(uuid_version(uuid)::text, ' ')
FROM unnest(ARRAY[uuid_v1(), uuid_v3(uuid_namespace_url(), 'x'), uuid_v4(), uuid_v6(), uuid_v7(), uuid_v7(now()), uuid_v8('\x5c146b143c524afd938a375d0df1fbf6')]) AS uuid;
SELECT uuid_v5(uuid_namespace_dns(), 'www.example.com');
SELECT worker_id FROM snowflake128_decode('018bcfe5-6800-8000-8040-000000000000');
SQL
    "1 3 4 6 7 7 8\n2ed6657d-e927-568b-95e1-2665a8aea6a2\n1",
    'they are the right ones');
my $waiting = session($standby);
for my $count (1, 5)
{
    fails($standby, 'postgres', "SELECT snowflake128_next() FROM generate_series(1, $count)",
        "snowflake128_next() on a standby, $count times",
        qr/ERROR:  25006: .*during recovery/, qr/HINT:  Generate them on the primary/);
}
my ($out, $error) = ask($waiting, 'SELECT snowflake128_next()');
like($error, qr/during recovery/, 'a session on the standby is refused');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
($out, $error) = ask($waiting, 'SELECT worker_id FROM snowflake128_decode(snowflake128_next())');
is($out, 1, 'and generates once it is promoted') or diag($error);
$waiting->quit;
$standby->stop;

# Without a lead a millisecond's ticks can be used, and callers are not held to one in a millisecond.
$node->safe_psql('postgres', 'ALTER SYSTEM SET snowflake_pg.max_lead = 0');
$node->reload;
$node->poll_query_until('postgres', q(SELECT current_setting('snowflake_pg.max_lead') = '0'))
  or die 'the server did not reload';
for my $function (sort keys %ordered)
{
    my $begin = time;
    my @files = generate($node, $function, 1, 20_000);
    my $elapsed = time - $begin;
    cmp_ok($elapsed, '<', 5, "$function, max_lead = 0: 20000 in no more than a few seconds");
    is(check_ordered("$function, max_lead = 0", $function, @files), 20_000, "$function, max_lead = 0: all of them");
    unlink @files;
}
$node->stop;

# Not preloaded: every backend has words and a node of its own.
my $bare = new_node('bare', preload => 0);
$bare->start;
$bare->safe_psql('postgres', q(CREATE EXTENSION snowflake_pg; ALTER DATABASE postgres SET TimeZone = 'UTC'));
my $increasing = 'SELECT count(*), bool_and(coalesce(uuid > before, true)), count(DISTINCT uuid) FROM '
  . '(SELECT n, uuid, lag(uuid) OVER (ORDER BY n) AS before FROM (SELECT n, %s AS uuid FROM generate_series(1, 50000) AS n) AS made) AS pairs';
my $guid = '\x33221100554477668899aabbccddeeff';
my $wide = '018bcfe5-6800-8000-8040-030000000000';
my %expected = (
    'SELECT uuid_version(uuid_v1()), uuid_version(uuid_v4()), uuid_version(uuid_v6()), uuid_version(uuid_v7())' => '1|4|6|7',
    q(SELECT uuid_v3(uuid_namespace_dns(), 'www.example.com'), uuid_v3(uuid_namespace_dns(), 'www.example.com'::bytea)) =>
      '5df41881-3aed-3515-88a7-2f4a814cf09e|5df41881-3aed-3515-88a7-2f4a814cf09e',
    q(SELECT uuid_v5(uuid_namespace_dns(), 'www.example.com'), uuid_v5(uuid_namespace_dns(), 'www.example.com'::bytea)) =>
      '2ed6657d-e927-568b-95e1-2665a8aea6a2|2ed6657d-e927-568b-95e1-2665a8aea6a2',
    q(SELECT uuid_v8('\x5c146b143c524afd938a375d0df1fbf6')) => '5c146b14-3c52-8afd-938a-375d0df1fbf6',
    q(SELECT * FROM uuid_decode('1ec9414c-232a-6b00-b3c8-9f6bdeced846')) =>
      '6|rfc9562|2022-02-22 19:22:22+00|13256|9f:6b:de:ce:d8:46',
    q(SELECT uuid_variant(uuid_v7()), uuid_timestamp(uuid_v7('2022-02-22 19:22:22.123456Z'))) =>
      'rfc9562|2022-02-22 19:22:22.123+00',
    q(SELECT abs(extract(epoch FROM uuid_timestamp(uuid) - clock_timestamp())) < 5
      FROM unnest(ARRAY[uuid_v1(), uuid_v6(), uuid_v7()]) AS uuid) => "t\nt\nt",
    q(SELECT uuid_v7_min('2022-02-22 19:22:22Z'), uuid_v7_max('2022-02-22 19:22:22Z')) =>
      '017f22e2-79b0-7000-8000-000000000000|017f22e2-79b0-7fff-bfff-ffffffffffff',
    "SELECT uuid_to_guid_bytes('00112233-4455-6677-8899-aabbccddeeff'), uuid_from_guid_bytes('$guid')" =>
      "$guid|00112233-4455-6677-8899-aabbccddeeff",
    "SELECT * FROM snowflake128_decode('$wide')" => '2023-11-14 22:13:20+00|1|3',
    "SELECT snowflake128_timestamp('$wide')" => '2023-11-14 22:13:20+00',
    sprintf($increasing, 'uuid_v6()') => '50000|t|50000',
    sprintf($increasing, 'uuid_v7()') => '50000|t|50000');
for my $query (sort keys %expected)
{
    is(works($bare, 'postgres', $query, "not preloaded: $query"), $expected{$query}, 'and answers right');
}
for my $call ('SELECT snowflake128_next()', "LOAD 'snowflake_pg'; SELECT snowflake128_next()")
{
    fails($bare, 'postgres', $call, "not preloaded: $call is refused",
        qr/ERROR:  55000: snowflake_pg must be loaded via "shared_preload_libraries"/,
        qr/HINT:  Add snowflake_pg to shared_preload_libraries/);
}
my %identities = map { $bare->safe_psql('postgres', $identity) => 1 } 1 .. 5;
is(scalar(grep { /^[^\n]*\|01:00:00:00:00:00$/ } keys %identities), 5,
    'not preloaded: every backend has one node, with the multicast bit, and clock sequence')
  or diag(join "\n", keys %identities);
my %backend_nodes = map { (split /\|/)[0] => 1 } keys %identities;
is(scalar keys %backend_nodes, 5, 'not preloaded: backends have different nodes');
for my $function ('uuid_v1', 'uuid_v4', 'uuid_v6', 'uuid_v7')
{
    # backends share ticks here, so the whole UUID counts
    my @files = generate($bare, $function, 4, 50_000);
    my $names = join ' ', map { "'$_'" } @files;
    is(qx(LC_ALL=C sort -u $names | wc -l) + 0, 200_000, "not preloaded: $function by 4 backends, none twice");
    unlink @files;
}
$bare->stop;

# The clock is stepped under load: there is never an error.
my $clock = new_node('clock');
fake_clock($clock);
with_clock($clock, sub { $clock->start });
$clock->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg; SELECT snowflake_next()');

# Clients pause between statements by themselves: pg_sleep() would go by the server's clock. Much more
# than is needed: they are ended.
my %clients = map {
    my $function = $_;
    $function => [
        map {
            start_recording(
                $clock, 'postgres',
                'SET application_name = recording',
                ("COPY (SELECT $function() FROM generate_series(1, 500)) TO STDOUT;\n\\! sleep 0.02") x 10_000)
        } 1 .. 2 ]
} sort keys %ordered;
my @clients = map { @{ $clients{$_} } } sort keys %clients;

# All clients receive UUIDs, again and again, of times that are so many seconds from the true clock.
sub goes_on
{
    my ($name, $from, $to) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @before = recorded_bytes(@clients);
    my $receive = sub {
        my @now = recorded_bytes(@clients);
        return !grep { $now[$_] < $before[$_] + 200_000 } 0 .. $#clients;
    };
    ok(wait_until($receive, 20), "$name: all clients receive UUIDs");
    my @distances = split /\n/, $clock->safe_psql('postgres', <<SQL);
SELECT round(extract(epoch FROM ts) - ${\ time}, 3)
FROM unnest(ARRAY[uuid_timestamp(uuid_v1()), uuid_timestamp(uuid_v6()), uuid_timestamp(uuid_v7()), snowflake128_timestamp(snowflake128_next())]) AS ts
SQL
    is(scalar(grep { $_ > $from && $_ < $to } @distances), 4, "$name: between $from s and $to s from the true clock")
      or diag("distances: @distances");
    return;
}

# The log names the distance, once for each word: that of versions 1 and 6, that of version 7 and the
# worker's of snowflake128.
sub logged
{
    my ($name, $offset, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @lines = grep { /LOG: .*the clock went back by/ } split /\n/, log_since($clock, $offset);
    my @right = grep { /went back by (\d+\.\d\d\d) s/ && abs($1 - $seconds) < 5 } @lines;
    ok(@right == 3 && @lines == 3, "$name: the log notes it, once for each word") or diag(join "\n", @lines);
    return;
}

my $clock_log = log_size($clock);
goes_on('right clock', -1, 5);
is(scalar(grep { /the clock went back/ } split /\n/, log_since($clock, $clock_log)), 0, 'right clock: nothing is logged');
for my $back (3_600, 864_000)
{
    $clock_log = log_size($clock);
    set_clock($clock, -$back);
    goes_on("$back s back", -20, 5);
    logged("$back s back", $clock_log, $back);
    fails($clock, 'postgres', 'SELECT snowflake_next()', "$back s back: beyond the tolerance of snowflake_next()",
        qr/ERROR:  55000: the clock went back by /);
    set_clock($clock, 0);
    # the words notice by the next sample, once a second
    sleep 1.5;
    goes_on("corrected from $back s back", -1, 5);
}
set_clock($clock, 3_600);
goes_on('an hour ahead', 3_595, 3_605);
$clock_log = log_size($clock);
set_clock($clock, 0);
goes_on('back from an hour ahead', 3_575, 3_605);
logged('back from an hour ahead', $clock_log, 3_600);

$clock->safe_psql('postgres',
    q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'recording'));
finish_recording(@clients);
for my $function (sort keys %clients)
{
    check_ordered("$function over all steps of the clock", $function, map { $_->{ids} } @{ $clients{$function} });
}
is(join("\n", grep { /(?:ERROR|FATAL): / && !/57P01/ } map { split /\n/, slurp_file($_->{errors}) } @clients),
    '', 'no step of the clock was an error');
$clock->stop;

done_testing();
