# A registry that is not there: IDs go on until the lease ends, and again once it is back, or its
# standby in its place.

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

my $registry = new_registry('registry', allows_streaming => 1);
# holds after a failover last three times this
$registry->safe_psql('postgres', "UPDATE snowflake_registry SET clock_tolerance = '1s', longest = 8000");
$registry->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($registry, 'copy', has_streaming => 1);
$standby->start;

my $where = line_up($registry, $standby);
my $settings = "snowflake_pg.lease_length = '8s'\n";
my ($member, $second) =
  map { new_member($registry, $_, registry => $where, conf => $settings) } qw(member second);
my $millis = q(extract(epoch FROM now()) * 1000);

# not there at the start

$registry->stop('immediate');
start_member($member);
ok(wait_until(sub { lease($member, 'last_error') ne '' }), 'no registry, no lease');
fails($member, 'postgres', 'SELECT snowflake_next()', '... no ID',
    qr/55000: no worker ID is leased to this server/,
    qr/DETAIL:  The registry has not answered since .*: connection to server/,
    qr/HINT:  IDs go on as soon as the registry answers\./);
# further attempts
sleep 1;
my $lines = () = slurp_file($member->logfile) =~ /registry of worker IDs does not answer/g;
is($lines, 1, '... one line in the log');
$registry->start;
my $worker = held($member);
isnt($worker, '', 'the registry comes: a lease without a restart');
like(slurp_file($member->logfile), qr/LOG:  the registry of worker IDs answers again/, '... and a line in the log');
is(worker_of($member), $worker, '... and IDs');

# killed while the member gives out IDs

my $client = start_recording($member, 'postgres', trickle(20));
wait_until(sub { (recorded_bytes($client))[0] }) or fail('no IDs');
my @processes = processes($registry);
$registry->kill9;
kill 'KILL', @processes;
ok(wait_until(sub { lease($member, 'last_error') =~ /^no answer since / }), 'killed: noticed');
like(slurp_file($member->logfile), qr/LOG:  the registry of worker IDs does not answer\n.*IDs of worker ID $worker go on for \d s, until/, '... and logged, with how long IDs go on');
is(lease($member, q(remaining BETWEEN '0.1 s' AND '8 s')), 't', '... the view says so, too');
is(worker_of($member), $worker, '... IDs go on');
ok(wait_until(sub { slurp_file($client->{errors}) =~ /ERROR.*HINT.*\n/s }), '... until the lease ends');
like(slurp_file($client->{errors}), qr/55000: the lease of worker ID $worker has ended\n.*DETAIL:  It end(?:s|ed) at .* The registry has not answered since/, '... and then the error says why');
fails($member, 'postgres', 'SELECT snowflake128_next()', '... also of snowflake128', qr/55000: the lease of worker ID $worker has ended/);
$registry->start;
ok(wait_until(sub { $member->psql('postgres', 'SELECT snowflake_next()') == 0 }), 'back: IDs without a restart');
is(worker_of($member), $worker, '... of the same worker');
finish_recording($client);
my ($again) = record($member, 'postgres', 1, 'SELECT snowflake_next() FROM generate_series(1, 1000)');
check_ids('before and after', [ $client, $again ]);

# its standby takes over, and grants nothing anew for a time; what is held goes on

start_member($second);
my $neighbour = held($second);
isnt($neighbour, $worker, 'two members');
$registry->wait_for_catchup($standby);
my @busy = map { start_recording($_, 'postgres', trickle(5)) } $member, $second;
$registry->stop('immediate');
$standby->promote;
my $renewed = lease($member, 'renewed');
ok(wait_until(sub { lease($member, "renewed > '$renewed'") eq 't' }), 'failed over to the standby: renewed there');
like($standby->safe_psql('postgres', "SELECT hold_until > $millis FROM snowflake_registry"), qr/^t$/, '... which holds worker IDs back');
is(held($member) . held($second), $worker . $neighbour, '... and both members keep theirs');
finish_recording(@busy);
is(slurp_file($_->{errors}), '', 'no error meanwhile') for @busy;
check_ids('over the failover', \@busy);
my $third = new_member($registry, 'third', registry => $where, conf => $settings);
start_member($third);
my $ids;
ok(wait_until(sub { $third->psql('postgres', 'SELECT snowflake_next()', stdout => \$ids) == 0 }), 'a new member gets one, after the hold');
ok($third->safe_psql('postgres', 'SELECT snowflake_worker_id(snowflake_next())') !~ /^($worker|$neighbour)$/, '... and not one of theirs');

$_->stop for $member, $second, $third;
is($standby->safe_psql('postgres', 'SELECT count(*) FROM snowflake_leases WHERE released'), 3, 'all were given back');
$standby->stop;
done_testing();
