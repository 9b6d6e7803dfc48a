# One member cannot keep the others of a registry waiting, whatever else it puts into the statement
# that takes a lease, and however it is asked to stop.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $registry = new_registry('registry');

# A call that takes a lease.
sub take
{
    my ($server) = @_;
    return "snowflake_lease_take('javascript', '$server', md5('$server')::uuid, '$server', "
      . 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, 500, 60000, NULL, NULL, NULL, NULL)';
}

# Takes as long as the pause in it, an hour.
my %statements = (
    'sleeping' => 'SELECT ' . take('a') . ', pg_sleep(3600)',
    'catching what cancels it' => 'DO $$BEGIN PERFORM ' . take('b')
      . '; LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END$$',
    'calling again and again' => 'SELECT count(*) FROM (SELECT ' . take('c') . ', pg_sleep(0.01) FROM generate_series(1, 360000)) AS t',
    'taking no result' => 'SELECT ' . take('d') . ", repeat('x', 1000), i FROM generate_series(1, 100000000) AS i");
my $holding = q(SELECT count(*) FROM pg_locks l JOIN pg_stat_activity USING (pid)
    WHERE usename = 'member' AND relation = 'snowflake_registry'::regclass AND l.mode = 'RowShareLock' AND state = 'active');
for my $name (sort keys %statements)
{
    # the client of the last one hangs
    my $sql = $statements{$name};
    my $client = IPC::Run::start(
        [ 'psql', '-XAtq', '-U', 'member', '-d', $registry->connstr('postgres'), '-c', $sql ],
        '<', '/dev/null', '>', '/dev/null', '2>', \my $errors);
    ok($registry->poll_query_until('postgres', $holding, 1), "$name: one has the registry for itself");
    if ($name eq 'taking no result')
    {
        kill 'STOP', map { $_->{PID} } @{ $client->{KIDS} };
    }
    my $answer = $registry->safe_psql('postgres', "SET statement_timeout = '60s'; SELECT outcome FROM " . take("beside $name"));
    is($answer, 'granted', "$name: and another gets its lease");
    ok($registry->poll_query_until('postgres', $holding, 0), "$name: whose session is over");
    kill 'CONT', map { $_->{PID} } @{ $client->{KIDS} };
    $client->finish;
    like($errors, qr/terminating connection|server closed the connection/, "$name: the client learns of it");
}
is($registry->safe_psql('postgres', 'SELECT count(*) FROM snowflake_leases WHERE host_name !~ $$^beside$$'),
    0, 'what they took was not granted');

# A session that takes its lease and no more stays.
my $session = session($registry);
ask($session, 'SELECT outcome FROM ' . take('well-behaved'));
is((ask($session, q(SELECT pg_sleep(2), 'still there')))[0], '|still there', 'afterwards a statement may take as long as it wants');
is((ask($session, 'SELECT outcome FROM ' . take('well-behaved')))[0], 'granted', 'and the lease is renewed');
$session->quit;

$registry->stop;
done_testing();
