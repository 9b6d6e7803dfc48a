# Nobody gives out an ID outside the interval that was leased: a server that was frozen, a clone,
# more servers than worker IDs.

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
my $conf = "snowflake_pg.layout = '$few_workers'\nsnowflake_pg.lease_length = '3s'\nsnowflake_pg.mark_window = '60s'\n";
my $epoch = 1577836800000;
my ($frozen, $other, $late) = map { new_member($registry, $_, conf => $conf) } qw(frozen other late);

sub worker { return $_[0] >> 12 & 1 }
sub millis { return ($_[0] >> 13) + $epoch }

# one worker ID for the frozen server, and one for another

start_member($frozen);
is(held($frozen), 0, 'the first worker ID');
start_member($other);
is(held($other), 1, 'the second');

# none for a third

start_member($late);
ok(wait_until(sub { lease($late, 'last_error') ne '' }), 'there is none for a third server');
fails($late, 'postgres', 'SELECT snowflake_next()', 'it says so, and where to look',
    qr/55000: no worker ID is leased to this server/,
    qr/DETAIL:  All 2 worker IDs are leased; the first to end is \d, at/,
    qr/HINT:  The view snowflake_leases of the registry shows who has them/);
fails($late, 'postgres', 'SELECT snowflake128_next()', 'also for snowflake128', qr/55000: no worker ID is leased to this server/);
like(slurp_file($late->logfile), qr/LOG:  the registry of worker IDs refuses a lease\n.*All 2 worker IDs are leased/, '... and in the log');

# frozen past its lease, while it gives out IDs; who waits takes over its worker ID

my @clients = map { start_recording($frozen, 'postgres', trickle(12)) } 1 .. 2;
wait_until(sub { !grep { !$_ } recorded_bytes(@clients) }) or fail('no IDs');
sleep 1;
my @processes = freeze($frozen);
cmp_ok(scalar @processes, '>=', 8, 'frozen: ' . scalar @processes . ' processes');
is(held($late), 0, 'another server takes over its worker ID');
my ($taken) = registered($registry, 0, 'not_before');
my @others = map { start_recording($late, 'postgres', trickle(6)) } 1 .. 2;
wait_until(sub { !grep { !$_ } recorded_bytes(@others) }) or fail('no IDs');
thaw(@processes);
ok(wait_until(sub { join('', map { slurp_file($_->{errors}) } @clients) =~ /ERROR.*HINT.*\n/s }), 'thawed: no IDs for want of a lease');
like(join('', map { slurp_file($_->{errors}) } @clients),
    qr/55000: (the lease of worker ID 0 has ended|no worker ID is leased)/, '... and clients are told');
ok(wait_until(sub { lease($frozen, 'last_error') =~ /All 2 worker IDs are leased/ }), '... there is no worker ID for it');
$other->stop;
ok(wait_until(sub { lease($frozen, 'worker_id') eq '1' }), '... until one is given back');
is(held($frozen), 1, '... and it goes on with that');
like(slurp_file($frozen->logfile), qr/LOG:  the worker ID of this server is 1 now, and was 0/, '... and says so in the log');
finish_recording(@clients, @others);
push @clients, record($frozen, 'postgres', 1, trickle(1));

check_ids('the frozen server and the one that took over', [ @clients, @others ]);
check_ids('the frozen server', \@clients, each => sub {
    my ($client, $id) = @_;
    return worker($id) == 1 || millis($id) < $taken;
});
check_ids('the one that took over', \@others, each => sub {
    my ($client, $id) = @_;
    return worker($id) == 0 && millis($id) >= $taken;
});
is($frozen->safe_psql('postgres', q(SELECT string_agg(worker_id::text, ',') FROM snowflake_status)), '1', 'status shows the present worker ID only');
my @log = slurp_file($frozen->logfile) =~ /the worker ID of this server is/g;
is(scalar @log, 1, 'one change, one line in the log');

# a clone beside its original: each has a worker ID of its own, and both say so

$_->stop for $late, $frozen;
my $original = new_member($registry, 'original', conf => "snowflake_pg.lease_length = '3s'\n");
start_member($original);
$original->stop;
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup(copied($original), 'copy');
$clone->append_conf('postgresql.conf', 'port = ' . $clone->port . "\nunix_socket_directories = '" . $clone->host . "'\n");
$original->start;
my $first = held($original);
my @before = map { start_recording($original, 'postgres', trickle(4)) } 1 .. 2;
$clone->start;
my $second = held($clone);
isnt($second, $first, "a clone has a worker ID of its own: $second beside $first");
my @beside = record($clone, 'postgres', 2, trickle(3));
finish_recording(@before);
check_ids('original and clone', [ @before, @beside ]);
my $contested = qr/LOG:  another server with the identity of this one holds a worker ID, on host "\S+"\n.*DETAIL:  It has system identifier/;
like(slurp_file($clone->logfile), $contested, 'the log of the clone says so');
ok(wait_until(sub { slurp_file($original->logfile) =~ $contested }), 'the log of the original says so');
isnt(lease($original, 'contested_by'), '', '... and its view') or diag(lease($original, '*'));
is(held($original), $first, 'the original keeps its worker ID');
$clone->stop('immediate');
$original->stop;
$original->start;
is(held($original), $first, '... also over a restart');

$original->stop;
$registry->stop;
done_testing();

# A copy of the data of a server that is stopped, where init_from_backup() looks for it.
sub copied
{
    my ($node) = @_;
    PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $node->backup_dir . '/copy');
    return $node;
}
