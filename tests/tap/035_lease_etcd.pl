# A registry in etcd: members take different worker IDs, keep them without one etcd server, go on
# until the end of their lease without most of them; one that was restored holds worker IDs back.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use EtcdTest;
use JSON::PP;
use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $missing = etcd_missing();
plan skip_all => $missing if $missing;

my @etcd = new_cluster('etcd', 3);
start_etcd(@etcd);
my $where = address('/test/snowflake', @etcd);
# holds last the longest lease and three times the tolerance
etcdctl($etcd[0], 'put', '/test/snowflake/settings', '{"clock_tolerance":1000}');
etcdctl($etcd[0], 'put', '/test/snowflake/terms', '{"longest":6000}');

my $conf = "snowflake_pg.lease_length = '6s'\n";

sub member
{
    my ($name) = @_;
    return new_member(undef, $name, registry => $where, conf => $conf);
}

# What is stored under a key, from a server that runs.
sub stored
{
    my ($key) = @_;
    my ($member) = grep { $_->{pid} } @etcd;
    my $text = etcdctl($member, 'get', '--print-value-only', "/test/snowflake/$key");
    return $text eq '' ? {} : decode_json($text);
}

# Statements of a client that gives out IDs for some seconds.
sub seconds
{
    my ($seconds) = @_;
    return ('SELECT snowflake_next() FROM generate_series(1, 50)', 'DO $$BEGIN PERFORM pg_sleep(0.02); END$$') x (50 * $seconds);
}

# three members started at once, three worker IDs

my ($first, $second, $third) = my @members = map { member($_) } qw(first second third);
start_together(@members);
$_->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg') for @members;
my @workers = map { held($_) } @members;
is(join(' ', sort @workers), '0 1 2', 'three members, three worker IDs');
is(join(' ', map { worker_of($_) } @members), "@workers", '... in their IDs');
is(lease($first, 'registry'), 'etcd', 'the view says what kind of registry it is');
my $entry = stored("lease/twitter/$workers[0]");
is($entry->{identity}, $first->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'), 'the registry has the holder');
cmp_ok($entry->{not_after}, '>', $entry->{not_before}, '... and the interval');
cmp_ok(stored('terms')->{origin}{raft_index}, '>', 0, '... and which cluster it is');

# one etcd server is killed, that which is asked first; then the majority is gone

my $client = start_recording($first, 'postgres', seconds(20));
wait_until(sub { (recorded_bytes($client))[0] }) or fail('no IDs');
pass_lead(@etcd[ 0, 1 ]);
stop_etcd($etcd[0]);
for my $member (@members)
{
    my $renewed = lease($member, 'renewed');
    ok(wait_until(sub { lease($member, "renewed > '$renewed'") eq 't' }), $member->name . ': renewed without one etcd server');
}
is(slurp_file($client->{errors}), '', '... and IDs went on');
unlike(slurp_file($_->logfile), qr/does not answer/, '... nothing of it in the log of ' . $_->name) for @members;

stop_etcd($etcd[1]);
ok(wait_until(sub { lease($first, 'last_error') =~ /^no answer since / }), 'no majority: noticed');
is(worker_of($first), $workers[0], '... IDs go on');
like(slurp_file($first->logfile),
    qr/LOG:  the registry of worker IDs does not answer\n.*etcd at 127\.0\.0\.1:\d+: .*IDs of worker ID $workers[0] go on for \d s, until/,
    '... and the log says how long');
ok(wait_until(sub { slurp_file($client->{errors}) =~ /ERROR.*HINT.*\n/s }), '... until the lease ends');
like(slurp_file($client->{errors}),
    qr/55000: the lease of worker ID $workers[0] has ended\n.*DETAIL:  It end(?:s|ed) at .* The registry has not answered since .*: etcd at/,
    '... and then the error says why');
is($first->safe_psql('postgres', q(SELECT pg_is_in_recovery())), 'f', '... the server is there');

start_etcd(@etcd[ 0, 1 ]);
for my $member (@members)
{
    ok(wait_until(sub { $member->psql('postgres', 'SELECT snowflake_next()') == 0 }), $member->name . ': IDs again, without a restart');
}
is(join(' ', map { worker_of($_) } @members), "@workers", '... of the same workers');
like(slurp_file($first->logfile), qr/LOG:  the registry of worker IDs answers again/, '... and a line in the log');
$first->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'));
finish_recording($client);
my ($again) = record($first, 'postgres', 1, seconds(1));
check_ids('before and after', [ $client, $again ]);

# given back by a stop; a clone beside its original

$second->stop;
my $released = stored("lease/twitter/$workers[1]");
ok($released->{released}, 'a stop gives the lease back');
cmp_ok($released->{not_after}, '<', time * 1000 + 1500, '... down to the last ID');
PostgreSQL::Test::RecursiveCopy::copypath($second->data_dir, $second->backup_dir . '/copy');
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($second, 'copy');
$clone->append_conf('postgresql.conf', 'port = ' . $clone->port . "\nunix_socket_directories = '" . $clone->host . "'\n");
$second->start;
is(held($second), $workers[1], 'started again: the same worker ID');
my $beside = start_recording($second, 'postgres', seconds(2));
$clone->start;
my $own = held($clone);
isnt($own, $workers[1], 'a clone has a worker ID of its own');
my ($cloned) = record($clone, 'postgres', 1, seconds(1));
finish_recording($beside);
check_ids('original and clone', [ $beside, $cloned ]);
my $contested = qr/LOG:  another server with the identity of this one holds a worker ID, on host "\S+"/;
like(slurp_file($clone->logfile), $contested, 'the log of the clone says so');
ok(wait_until(sub { slurp_file($second->logfile) =~ $contested }), '... and that of the original');
$clone->stop;

# Restored from a snapshot, with the names and the token of the cluster that it was taken from: it
# has the same ID. A lease that was granted after the snapshot is lost with its holder, and nobody
# is there to claim it.

my $snapshot = $first->basedir . '/snapshot';
etcdctl($etcd[0], 'snapshot', 'save', $snapshot);
my $lost = start_member(member('lost'));
my $worker = held($lost);
my @ids = start_recording($lost, 'postgres', seconds(1));
finish_recording(@ids);
my $until = stored("lease/twitter/$worker")->{not_after};
my $cluster = stored('terms')->{origin}{cluster_id};
$_->stop('immediate') for $lost, $second;
$third->stop;
stop_etcd(@etcd);
restore_cluster($snapshot, \@etcd);
start_etcd(@etcd);
isnt(stored("lease/twitter/$worker")->{not_after} // 0, $until, 'restored: a lease is lost');
my $newcomer = start_member(member('newcomer'));
ok(wait_until(sub { stored('terms')->{hold_until} }), '... which is noticed');
is(stored('terms')->{origin}{cluster_id}, $cluster, '... although the ID of the cluster is the same');
ok(wait_until(sub { lease($newcomer, 'last_error') =~ /may have lost its newest grants/ }), '... worker IDs are held back');
fails($newcomer, 'postgres', 'SELECT snowflake_next()', '... and the error says so',
    qr/55000: no worker ID is leased to this server/, qr/DETAIL:  The registry may have lost its newest grants: it grants nothing anew until/);
held($newcomer);
my $taken = stored('lease/twitter/' . lease($newcomer, 'worker_id'));
cmp_ok($taken->{not_before}, '>=', $until, '... until the lost lease is over');
push @ids, record($newcomer, 'postgres', 1, seconds(1));
check_ids('the lost one and the newcomer', \@ids);
held($first);
is(worker_of($first), $workers[0], 'the member that was there all the time has its worker ID');

# restored with a token of its own, under members that go on

my $hold = stored('terms')->{hold_until};
my @busy = map { start_recording($_, 'postgres', seconds(4)) } $first, $newcomer;
stop_etcd(@etcd);
restore_cluster($snapshot, \@etcd, token => 'restored');
start_etcd(@etcd);
ok(wait_until(sub { (stored('terms')->{origin}{cluster_id} // $cluster) ne $cluster }), 'another cluster: noticed');
cmp_ok(stored('terms')->{hold_until}, '>', $hold, '... and worker IDs are held back');
finish_recording(@busy);
for my $member ($first, $newcomer)
{
    ok(wait_until(sub { $member->psql('postgres', 'SELECT snowflake_next()') == 0 }), $member->name . ' gives out IDs in the end');
}
push @busy, map { record($_, 'postgres', 1, seconds(1)) } $first, $newcomer;
check_ids('over the restore', \@busy);

# Restored once more, when the leases that it does not know are over: their holders cannot go on with them, and what they
# say of them holds back once, not each time.

stop_etcd(@etcd);
for my $member ($first, $newcomer)
{
    ok(wait_until(sub { lease($member, q(remaining = '0')) eq 't' }), $member->name . ': its lease is over');
}
restore_cluster($snapshot, \@etcd);
start_etcd(@etcd);
for my $member ($first, $newcomer)
{
    ok(wait_until(sub { $member->psql('postgres', 'SELECT snowflake_next()') == 0 }), $member->name . ' gives out IDs after that');
}
push @busy, map { record($_, 'postgres', 1, seconds(1)) } $first, $newcomer;
check_ids('over that restore', \@busy);

# addresses that are none

$newcomer->stop;
my @wrong = (
    [ 'etcd://[::1/x', 'has no closing bracket' ],
    [ 'etcd://secret@127.0.0.1:2379/x', 'no user name' ],
    [ 'etcd://127.0.0.1:99999', 'is no port' ]);
for my $case (@wrong)
{
    my ($setting, $problem) = @$case;
    my $log = log_size($newcomer);
    $newcomer->append_conf('postgresql.conf', "snowflake_pg.registry = '$setting'");
    ok(!$newcomer->start(fail_ok => 1), "$setting: no start");
    like(log_since($newcomer, $log), qr/FATAL:  invalid value for parameter "snowflake_pg.registry": "\.\.\."\n.*DETAIL: .*\Q$problem/, '... and says why');
}

$first->stop;
stop_etcd(@etcd);
done_testing();
