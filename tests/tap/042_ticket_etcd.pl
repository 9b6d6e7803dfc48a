# Tickets from a registry in etcd: never the same one twice on two servers, without one member of
# etcd, without a majority; a cluster that was restored gives out none until somebody says where to
# go on.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use EtcdTest;
use JSON::PP;
use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $missing = etcd_missing();
plan skip_all => $missing if $missing;

my @etcd = new_cluster('etcd', 3);
start_etcd(@etcd);
my $where = address('/test/snowflake', @etcd);
my $key = '/test/snowflake/ticket/load';

my ($one, $two) = map {
    start_member(new_node("drawer_$_", conf => <<"CONF"))
max_connections = 20
snowflake_pg.worker_id = $_
snowflake_pg.ticket_registry = '$where'
CONF
} 1, 2;

# Statements that draw so many tickets, most of them many at a time.
sub draw
{
    my ($count) = @_;
    return (q(SELECT ticket_next('load') FROM generate_series(1, 1000))) x ($count / 1000), (q(SELECT ticket_next('load'))) x 50;
}

$one->safe_psql('postgres', q(SELECT ticket_create('load', 500, 100, 3)));
is_deeply([ @{ decode_json(etcdctl($etcd[0], 'get', '--print-value-only', $key)) }{qw(next step)} ], [ 500, 3 ],
    'the counter is in etcd');
my (undef, undef, $notice) = $two->psql('postgres', q(SELECT ticket_create('load', 1, 100)));
like($notice, qr/NOTICE:  ticket "load" already exists in the registry/, 'another server finds it there');

my @all = map { start_recording($_, 'postgres', draw(100_000)) } $one, $two, $one, $two;
finish_recording(@all);
my ($count, $smallest) = check_ids('two servers', \@all, each => sub { my (undef, $number) = @_; return $number % 3 == 500 % 3 });
is("$count $smallest", '400200 500', 'two servers: everybody got what was asked for, from the first on');

# without one member
my @busy = map { start_recording($_, 'postgres', draw(1_000_000)) } $one, $two;
ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@busy) }, 60), 'one member killed: clients record');
stop_etcd($etcd[0]);
finish_recording(@busy);
push @all, @busy;
is(join('', map { slurp_file($_->{errors}) } @busy), '', 'one member killed: no client had an error');
check_ids('one member killed', \@all);

# without a majority
stop_etcd($etcd[1]);
my (undef, $drawn, $error) = $one->psql('postgres',
    q(COPY (SELECT ticket_next('load') FROM (SELECT generate_series(1, 10000000)) AS n) TO STDOUT));
cmp_ok(scalar(split /\n/, $drawn), '>', 0, 'no majority: what was cached is given out');
like($error, qr/ERROR:  no block of ticket "load" can be had\n.*DETAIL:  etcd at 127\.0\.0\.1:/s, 'no majority: then an error');
start_etcd(@etcd[ 0, 1 ]);
ok($one->poll_query_until('postgres', q(SELECT ticket_next('load') > 0)), 'a majority again: it goes on');
push @all, map { record($_, 'postgres', 1, draw(10_000)) } $one, $two;
check_ids('a majority again', \@all);

# A snapshot from before the newest claims: with the old identity of the cluster, as the worst case.
my $snapshot = PostgreSQL::Test::Utils::tempdir() . '/snapshot';
etcdctl($etcd[0], 'snapshot', 'save', $snapshot);
push @all, map { record($_, 'postgres', 1, draw(100_000)) } $one, $two;
check_ids('before the restore', \@all);
stop_etcd(@etcd);
$_->stop('immediate') for $one, $two;
restore_cluster($snapshot, \@etcd);
start_etcd(@etcd);
$_->start for $one, $two;
for my $node ($one, $two)
{
    fails($node, 'postgres', q(SELECT ticket_next('load')), 'restored: ' . $node->name . ' refuses',
        qr/DETAIL:  .*the cluster lost what was stored last, and key \Q$key\E may be behind/);
}
my ($largest) = sort { $b <=> $a } map { $_->{last} } @all;
etcdctl($etcd[0], 'put', $key, encode_json({ next => '' . ($largest + 300), step => '3' }));
ok($_->poll_query_until('postgres', q(SELECT ticket_next('load') > 0)), 'restored: ' . $_->name . ' goes on once it is told where')
  for $one, $two;
push @all, map { record($_, 'postgres', 1, draw(10_000)) } $one, $two;
check_ids('over the restore', \@all);

# What else there is to say.
$one->safe_psql('postgres', q(SELECT ticket_drop('load')));
cmp_ok($two->safe_psql('postgres', q(SELECT ticket_next('load'))), '>', $largest, 'dropped by one server, the other one goes on');
etcdctl($etcd[0], 'put', $key, 'nonsense');
(undef, undef, $error) = $two->psql('postgres', q(SELECT count(ticket_next('load')) FROM generate_series(1, 10000000)));
like($error, qr/the value of key \Q$key\E cannot be read/, 'a value that cannot be read');

$_->stop for $one, $two;
stop_etcd(@etcd);
done_testing();
