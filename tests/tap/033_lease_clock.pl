# Servers with a wrong clock: no lease, no worker ID burnt, and IDs once the clock is right.

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
my ($ahead, $behind, $right) = map { new_member($registry, $_, conf => "snowflake_pg.lease_length = '10s'\n") } qw(ahead behind right);
my %offset = (ahead => 7200, behind => -7200);

# The process that asks the registry.
sub registrar
{
    my ($node) = @_;
    my @processes = processes($node);
    my ($pid) = map { /^\s*(\d+)/ } grep { /snowflake_pg registrar/ } split /\n/, qx(ps -o pid= -o args= -p @{[ join ',', @processes ]});
    return $pid;
}

# PostgreSQL 15 starts it in a signal handler, where the library that moves the clock does not; but not
# when it was ended by somebody. Until then there is no registry.
$registry->stop;
for my $node ($ahead, $behind)
{
    fake_clock($node);
    # the postmaster takes the time of the end in a signal handler, and would wait for it
    set_clock($node, $offset{ $node->name } > 0 ? $offset{ $node->name } : 0);
    with_clock($node, sub { start_member($node) });
    my $first;
    wait_until(sub { $first = registrar($node) }) or fail('no registrar');
    kill 'TERM', $first;
    ok(wait_until(sub { my $second = registrar($node); defined $second && $second != $first }), $node->name . ': the registrar is started again');
    set_clock($node, $offset{ $node->name });
}
$registry->start;
for my $node ($ahead, $behind)
{
    ok(wait_until(sub { lease($node, 'last_error') =~ /clock/ }), $node->name . ': refused');
    fails($node, 'postgres', 'SELECT snowflake_next()', $node->name . ': no ID, and why',
        qr/55000: no worker ID is leased to this server/,
        qr/DETAIL:  The server's clock reads \S+, the registry's \S+: they may differ by 60 s\./,
        qr/HINT:  Correct the clock of this server or that of the registry\./);
    like(slurp_file($node->logfile), qr/refuses a lease\n.*The server's clock reads/, $node->name . ': in the log');
}
start_member($right);
is(held($right), 0, 'no worker ID is burnt');
is($registry->safe_psql('postgres', 'SELECT count(*) FROM snowflake_leases'), 1, '... there is one lease');

# corrected

my @clients = record($right, 'postgres', 1, 'SELECT snowflake_next() FROM generate_series(1, 1000)');
for my $node ($ahead, $behind)
{
    set_clock($node, 0);
    isnt(held($node), '', $node->name . ': corrected, a lease without a restart');
    push @clients, record($node, 'postgres', 1, 'SELECT snowflake_next() FROM generate_series(1, 1000)');
    is(slurp_file($clients[-1]{errors}), '', $node->name . ': IDs');
}
check_ids('with the clocks right', \@clients);

# wrong while it runs: the lease is not renewed, and no ID is beyond it

my $end = $ahead->safe_psql('postgres', 'SELECT extract(epoch FROM not_after) FROM snowflake_lease');
set_clock($ahead, 7200);
fails($ahead, 'postgres', 'SELECT snowflake_next()', 'ahead while it runs: no ID beyond the lease',
    qr/55000: the lease of worker ID \d has ended/);
ok(wait_until(sub { lease($ahead, 'last_error') =~ /clock reads/ }), '... which is not renewed');
cmp_ok($registry->safe_psql('postgres', 'SELECT extract(epoch FROM max(not_after) - now()) FROM snowflake_leases'), '<', 60, '... nor is a worker ID burnt');
set_clock($ahead, 0);
ok(wait_until(sub { $ahead->psql('postgres', 'SELECT snowflake_next()') == 0 }), 'corrected: IDs');
push @clients, record($ahead, 'postgres', 1, 'SELECT snowflake_next() FROM generate_series(1, 1000)');
is(slurp_file($clients[-1]{errors}), '', '... without an error');
check_ids('none twice', \@clients);

$_->stop for $ahead, $behind, $right, $registry;
done_testing();
