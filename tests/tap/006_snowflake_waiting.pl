# Waiting for the clock: it can be interrupted, it is seen, it burns no core. And batches stream.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use POSIX qw(sysconf _SC_CLK_TCK);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

# Two IDs a millisecond.
my $node = new_node('slow', conf => <<'CONF');
snowflake_pg.layout = 'ts=41,worker=10,seq=1,unit=1ms,epoch=2020-01-01T00:00:00Z'
snowflake_pg.max_lead = '10ms'
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# Far more than anybody waits for.
my $endless = 'SELECT count(snowflake_next()) FROM (SELECT generate_series(1, 10000000)) AS n';

# A client with such a statement, and the process ID of its backend.
sub start_endless
{
    my ($server, $statement) = @_;
    my $client = start_recording($server, 'postgres', "SET application_name = 'endless'", $statement);
    my $pid;
    wait_until(
        sub {
            $pid = $server->safe_psql('postgres',
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'endless' AND state = 'active'");
            return $pid ne '';
        },
        10) or die 'the statement does not run';
    return ($client, $pid);
}

# Seconds of processor time that a process has used.
sub cpu
{
    my ($pid) = @_;
    my @stat = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;
    return ($stat[11] + $stat[12]) / sysconf(_SC_CLK_TCK);
}

sub resident_kb
{
    my ($pid) = @_;
    my ($kb) = slurp_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+) kB/m;
    return $kb;
}

# Ends a statement by a function of the server, promptly.
sub ends
{
    my ($server, $client, $pid, $function, $message, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $begin = time;
    is($server->safe_psql('postgres', "SELECT $function($pid)"), 't', "$name: sent");
    finish_recording($client);
    my $elapsed = time - $begin;
    cmp_ok($elapsed, '<', 2, "$name: ends the statement promptly");
    like(slurp_file($client->{errors}), $message, "$name: with the right message");
    return;
}

my $waits = $node->safe_psql('postgres', 'SELECT coalesce(sum(waits), 0) FROM snowflake_status');
my ($client, $pid) = start_endless($node, $endless);

# what others see
my $event = major_version($node) >= 17 ? 'SnowflakeClock' : 'Extension';
ok(
    wait_until(
        sub {
            $node->safe_psql('postgres',
                "SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity WHERE pid = $pid") eq
              "Extension $event";
        },
        10),
    "it waits for $event");
my ($cpu, $begin) = (cpu($pid), time);
sleep 2;
my $share = (cpu($pid) - $cpu) / (time - $begin);
cmp_ok($share, '<', 0.3, 'waiting burns no core') or diag($share);
cmp_ok($node->safe_psql('postgres', 'SELECT waits FROM snowflake_status WHERE worker_id = 1'),
    '>', $waits, 'status counts the waits');
is($node->safe_psql('postgres', q(SELECT lead < '1 s' FROM snowflake_status WHERE worker_id = 1)),
    't', 'the IDs stay close to the clock');

# ends
ends($node, $client, $pid, 'pg_cancel_backend', qr/57014: canceling statement due to user request/, 'cancel');
($client, $pid) = start_endless($node, $endless);
ends($node, $client, $pid, 'pg_terminate_backend', qr/57P01: terminating connection/, 'terminate');
for my $statement (
    $endless,
    'SELECT count(id) FROM (SELECT snowflake_next_batch(10000000) AS id) AS ids',
    'SELECT count(snowflake_next(1)) FROM (SELECT generate_series(1, 10000000)) AS n')
{
    my $from = time;
    fails($node, 'postgres', "SET statement_timeout = '1s'; $statement", "statement_timeout: $statement",
        qr/57014: canceling statement due to statement timeout/);
    my $elapsed = time - $from;
    ok($elapsed > 0.9 && $elapsed < 3, 'it ends the statement promptly') or diag($elapsed);
}
works($node, 'postgres', 'SELECT snowflake_next()', 'IDs go on afterwards');

# Waiting in a transaction keeps nobody else from generating.
($client, $pid) = start_endless($node, $endless);
my $from = time;
is($node->safe_psql('postgres', 'SELECT count(snowflake_next()) FROM generate_series(1, 100)'),
    100, 'others get IDs while one waits');
cmp_ok(time - $from, '<', 5, 'without delay');

# a fast shutdown does not wait either
$from = time;
$node->stop('fast');
cmp_ok(time - $from, '<', 5, 'nor does a fast shutdown');
finish_recording($client);

# Batches in the select list stream: memory stays flat.
my $fast = new_node('fast');
$fast->start;
$fast->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
my %batch = (
    'a long batch in a subquery' =>
      'SELECT count(id) FROM (SELECT snowflake_next_batch(1000000000) AS id OFFSET 0) AS ids',
    'a long batch in COPY' => "COPY (SELECT snowflake_next_batch(1000000000)) TO '/dev/null'");
for my $name (sort keys %batch)
{
    ($client, $pid) = start_endless($fast, $batch{$name});
    sleep 1;
    my ($memory, $used) = (resident_kb($pid), cpu($pid));
    sleep 2;
    my $growth = resident_kb($pid) - $memory;
    cmp_ok(cpu($pid) - $used, '>', 0.2, "$name: goes on");
    cmp_ok($growth, '<', 4096, "$name: in flat memory, kB");
    cmp_ok($fast->safe_psql('postgres', 'SELECT sum(tuples_processed) FROM pg_stat_progress_copy'),
        '>', 500_000, "$name: many IDs by now")
      if $name =~ /COPY/;
    ends($fast, $client, $pid, 'pg_cancel_backend', qr/57014: canceling statement/, "$name: cancel");
}
$fast->stop;

done_testing();
