# Servers that nobody numbers: each leases a worker ID of its own from a registry, keeps it while it
# runs, and has it again after a stop.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

my $registry = new_registry('registry');
my @members = map { new_member($registry, "member_$_") } 1 .. 5;
start_together(@members);
$_->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg') for @members;

# started together, after clean stops and others; the registry as well

my (%holder, @clients, %before);
for my $round (1 .. 10)
{
    my @workers = map { held($_) } @members;
    is(scalar(keys %{{ map { $_ => 1 } @workers }}), 5, "round $round: worker IDs @workers");
    for my $index (0 .. 4)
    {
        my $again = $before{$index};
        is($workers[$index], $again, "round $round: the one that was given back") if defined $again;
    }
    my @recording = map { start_recording($_, 'postgres', ('SELECT snowflake_next() FROM generate_series(1, 500)') x 3) } @members;
    finish_recording(@recording);
    push @clients, map { { run => $recording[$_], ids => $recording[$_]{ids}, errors => $recording[$_]{errors}, worker => $workers[$_] } } 0 .. 4;
    last if $round == 10;
    %before = ();
    for my $index (0 .. 4)
    {
        my $clean = ($round + $index) % 3;
        $members[$index]->stop($clean ? 'fast' : 'immediate');
        $before{$index} = $workers[$index] if $clean;
    }
    $registry->stop($round % 2 ? 'fast' : 'immediate');
    start_together($registry, @members);
}
check_ids('five servers, ten starts', \@clients, each => sub {
    my ($client, $id) = @_;
    return ($id >> 12 & 1023) == $client->{worker};
});

# what an operator sees

# one that was stopped cleanly
my $first = $members[1];
my $worker = held($first);
is(lease($first, q(registry, not_before < now() + interval '5 s', not_after - renewed > '9 min', remaining BETWEEN '9 min' AND '11 min', last_error IS NULL)),
    'postgresql|t|t|t|t', 'the view of the member');
is(lease($first, 'identity'), $first->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'), 'its identity');
is( $registry->safe_psql('postgres', "SELECT holder, not_after > now() FROM snowflake_leases WHERE worker_id = $worker"),
    lease($first, 'identity') . '|t',
    'the view of the registry');
$first->safe_psql('postgres', 'CREATE ROLE watcher; GRANT pg_monitor TO watcher; CREATE ROLE nobody');
is($first->safe_psql('postgres', 'SET ROLE watcher; SELECT worker_id FROM snowflake_lease'), $worker, 'pg_monitor sees it');
fails($first, 'postgres', 'SET ROLE nobody; SELECT * FROM snowflake_lease', 'others do not', qr/42501: permission denied/);
fails($first, 'postgres', 'SET ROLE nobody; SHOW snowflake_pg.registry', 'nor the connection string', qr/42501/);
fails($first, 'postgres', 'SELECT snowflake_next(' . ($worker + 1) . ')', 'a worker ID of somebody else',
    qr/22023: worker ID \d+ does not belong to this server/);
is($first->safe_psql('postgres', "SELECT snowflake_worker_id(snowflake_next($worker))"), $worker, 'its own by number');
is($first->safe_psql('postgres', 'SELECT worker_id FROM snowflake128_decode(snowflake128_next())'), $worker, 'also in snowflake128');
is($first->safe_psql('postgres', 'SELECT string_agg(worker_id::text, \',\') FROM snowflake_status'), $worker,
    'no other worker in snowflake_status');

# a crash of a backend takes shared memory with it, and leaves the lease

my $log = log_size($first);
my $renewed = lease($first, 'not_before');
my $victim = start_recording($first, 'postgres', 'SELECT pg_backend_pid()', 'SELECT pg_sleep(180)');
wait_until(sub { (recorded_bytes($victim))[0] }) or fail('no process to kill');
my $pid = slurp_file($victim->{ids}) + 0;
my $client = start_recording($first, 'postgres', ('SELECT snowflake_next() FROM generate_series(1, 1000)') x 20);
kill 'KILL', $pid;
wait_until(sub { log_since($first, $log) =~ /reinitializing/ }) or fail('no restart');
wait_until(sub { is_ready($first) });
$client->{run}->finish;
is(held($first), $worker, 'a crash of a backend: the same worker ID');
is(lease($first, 'not_before'), $renewed, '... by the same lease');
unlike(log_since($first, $log), qr/the worker ID of this server is/, '... and nothing else is logged');
my ($after) = record($first, 'postgres', 1, 'SELECT snowflake_next() FROM generate_series(1, 1000)');
check_ids('before and after the crash', [ $client, $after ]);
finish_recording($victim);

# a stop hands back what lies above the mark, and no ID does

my $third = $members[2];
my $given = held($third);
my ($bulk) = record($third, 'postgres', 1, 'SELECT max(snowflake_next()) FROM generate_series(1, 10000)');
my $last = $third->safe_psql('postgres', 'SELECT ceil(extract(epoch FROM snowflake_timestamp(' . slurp_file($bulk->{ids}) . ')) * 1000)');
my $end = registered($registry, $given, 'not_after');
$third->stop;
my ($handed_back) = registered($registry, $given, 'not_after');
cmp_ok($handed_back, '>', $last, 'given back: nothing that is below an ID');
cmp_ok($handed_back, '<', $end - 300_000, '... and the rest of the lease');
like(slurp_file($third->logfile), qr/LOG:  worker ID $given was given back/, '... with a line in the log');
$third->start;
is(held($third), $given, '... and the same server has it again at once');
my ($later) = record($third, 'postgres', 1, 'SELECT max(snowflake_next()) FROM generate_series(1, 10000)');
check_ids('before and after', [ { %$bulk }, $later ]);

# the same number on two servers

my @static = map { new_member($registry, "static_$_", conf => "snowflake_pg.worker_id = '777'\n") } 1 .. 2;
start_member($_) for @static;
is(held($static[0]), 777, 'a number that is registered');
is(worker_of($static[0]), 777, '... gives IDs');
fails($static[1], 'postgres', 'SELECT snowflake_next()', 'the same number again: refused',
    qr/55000: worker ID 777 is not leased to this server/,
    qr/DETAIL:  Worker ID 777 is leased to \S+ until/,
    qr/HINT:  The view snowflake_leases of the registry shows who has it\./);
fails($static[1], 'postgres', 'SELECT snowflake128_next()', '... also for snowflake128', qr/55000: worker ID 777 is not leased/);
like(slurp_file($static[1]->logfile), qr/refuses a lease.*\n.*Worker ID 777 is leased to/, '... and in the log');
$static[1]->adjust_conf('postgresql.conf', 'snowflake_pg.worker_id', undef);
$static[1]->append_conf('postgresql.conf', q(snowflake_pg.worker_id = '778'));
$static[1]->reload;
is(held($static[1]), 778, 'another number, without a restart');
$static[0]->stop;
$static[1]->adjust_conf('postgresql.conf', 'snowflake_pg.worker_id', q('777'));
$static[1]->reload;
ok(wait_until(sub { lease($static[1], 'worker_id') eq '777' }), 'the number of a server that was stopped');
is(worker_of($static[1]), 777, '... in IDs');
like($registry->safe_psql('postgres', 'SELECT released FROM snowflake_registry_lease WHERE worker_id = 778'), qr/t/, 'the one before was given back');

# settings that do not go together

$static[1]->adjust_conf('postgresql.conf', 'snowflake_pg.worker_id', q('8-15'));
$static[1]->reload;
ok(wait_until(sub { lease($static[1], 'last_error') =~ /cannot be leased/ }), 'a range cannot be leased');
fails($static[1], 'postgres', 'SELECT snowflake_next()', '... and says so',
    qr/55000: worker IDs 8 to 15 cannot be leased/, qr/HINT:  Set snowflake_pg.worker_id to "lease" or to a number\./);
$static[1]->adjust_conf('postgresql.conf', 'snowflake_pg.worker_id', q('lease'));
$static[1]->reload;
ok(held($static[1]) ne '', 'lease again');
$static[1]->stop;

my $alone = new_node('alone', conf => "snowflake_pg.worker_id = 'lease'\n");
start_member($alone);
fails($alone, 'postgres', 'SELECT snowflake_next()', 'lease without a registry',
    qr/55000: there is no registry to lease a worker ID from/, qr/HINT:  Set snowflake_pg\.registry/);
is(lease($alone, 'count(*)'), 0, 'no lease, no row');
$alone->stop;
$alone->append_conf('postgresql.conf', q(snowflake_pg.registry = 'nonsense secret'));
ok(!$alone->start(fail_ok => 1), 'a registry that is no connection string: no start');
like(slurp_file($alone->logfile), qr/FATAL:  invalid value for parameter "snowflake_pg.registry": "\.\.\."/, '... and says so');

$_->stop for @members;
$registry->stop;
done_testing();
