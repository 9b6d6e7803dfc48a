# Three servers that all write to the same table, each with the rows of the other two by stock
# logical replication: with leased worker IDs nothing conflicts, also when one is killed, comes back
# and finds no registry, and when a fourth joins. The same with identity columns does conflict.
#
# NEWER_BINDIR names the programs of PostgreSQL 16 or newer, which has `origin = none`; the registry
# is of the version that is tested.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

my $newer = $ENV{NEWER_BINDIR} // '';
-x "$newer/postgres" or die "NEWER_BINDIR does not name the programs of a PostgreSQL: '$newer'\n";

# The type of process tells what an error of an apply worker is. A subscription that lost its
# publisher looks for it every half a second, and what crashed is not up to date at once.
my $conf = <<'CONF';
log_line_prefix = '%m [%p] %b: '
track_commit_timestamp = on
wal_retrieve_retry_interval = '500ms'
max_logical_replication_workers = 8
max_worker_processes = 16
CONF

my $registry = new_registry('registry');
my %servers = map { $_ => new_server($_) } qw(a b c);
my @names = sort keys %servers;
start_together(@servers{@names});
$_->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg') for @servers{@names};
my $version = major_version($servers{a});
cmp_ok($version, '>=', 16, "three servers of PostgreSQL $version");

sub new_server
{
    my ($name) = @_;
    return new_member($registry, $name, install_path => dirname($newer), allows_streaming => 'logical', conf => $conf);
}

# How the log calls apply workers, and those that copy a table; before PostgreSQL 17 both the same.
my $apply_worker = qr/logical replication (?:\w+ )*worker:/;

# Makes a database with a table that is published.
sub publish
{
    my ($database, $name, $id) = @_;
    $servers{$name}->safe_psql('postgres', "CREATE DATABASE $database");
    $servers{$name}->safe_psql($database, <<"SQL");
CREATE EXTENSION snowflake_pg;
CREATE TABLE event (id bigint $id PRIMARY KEY, server text NOT NULL, n int NOT NULL);
CREATE PUBLICATION event FOR TABLE event;
SQL
    return;
}

sub subscribe
{
    my ($database, $name, $peer, $copy) = @_;
    my $connection = $servers{$peer}->connstr($database) =~ s/'/''/gr;
    $servers{$name}->safe_psql($database, <<"SQL");
CREATE SUBSCRIPTION ${database}_${name}_from_$peer CONNECTION '$connection' PUBLICATION event
    WITH (origin = none, copy_data = $copy)
SQL
    return;
}

# Each server of the three publishes the table, and has the rows of the other two.
sub connect_all
{
    my ($database, $id) = @_;
    publish($database, $_, $id) for @names;
    for my $name (@names)
    {
        subscribe($database, $name, $_, 'false') for grep { $_ ne $name } @names;
    }
    return;
}

# Starts two clients of a server that insert, a transaction for each statement, and record the IDs
# of what is committed.
sub start_writing
{
    my ($database, $name) = @_;
    my $insert = "INSERT INTO event (server, n) SELECT '$name', i FROM generate_series(1, 20) AS i RETURNING id";
    my @statements = ('SET application_name = inserting', ("$insert;\n\\! sleep 0.03\n") x 10_000);
    my $worker = held($servers{$name});
    return map { { %{ start_recording($servers{$name}, $database, @statements) }, worker => $worker } } 1 .. 2;
}

# Waits until each of some clients has recorded that many bytes more.
sub go_on
{
    my ($bytes, @clients) = @_;
    my @enough = map { $_ + $bytes } recorded_bytes(@clients);
    my $all = sub {
        my @now = recorded_bytes(@clients);
        return !grep { $now[$_] < $enough[$_] } 0 .. $#now;
    };
    return if wait_until($all);
    die join "\n", 'not all clients insert', map { slurp_file($_->{errors}) } @clients;
}

# What a server has: number and checksum of its rows.
sub content
{
    my ($database, $name) = @_;
    return $servers{$name}->safe_psql($database,
        q{SELECT count(*), md5(string_agg(concat_ws(':', id, server, n), ',' ORDER BY id)) FROM event});
}

# Whether all have the same. Each has its own rows from the start, so this is all rows.
sub same
{
    my ($database) = @_;
    my %contents = map { content($database, $_) => 1 } @names;
    sleep 0.3 if keys %contents > 1;
    return keys %contents == 1;
}

# Lines of a server's log, from a place on, about changes that could not be applied. That a
# publisher is gone is none of these.
sub conflicts
{
    my ($name, $offset) = @_;
    my @lines = split /\n/, log_since($servers{$name}, $offset // 0);
    my $lost = qr/could not (connect to the publisher|receive data from WAL stream|send data to WAL stream|start WAL streaming)|terminating/;
    # a worker is started anew before the one that lost its publisher has ended
    my $early = qr/replication (origin with ID \d+|slot "\w+") is (already )?active for PID/;
    my $gone = qr/$lost|$early|apply worker for subscription "\w+" will restart because/;
    return grep {
        /conflict detected|duplicate key|violates|processing remote data|has been disabled/
          || (/$apply_worker (ERROR|FATAL|PANIC|WARNING):/ && !/$gone/)
    } @lines;
}

# The counters of conflicts that PostgreSQL 18 has for every subscription.
sub counted_conflicts
{
    my ($name) = @_;
    return $servers{$name}->safe_psql('postgres', <<'SQL');
SELECT sum(value::bigint) FROM pg_stat_subscription_stats AS s, jsonb_each_text(to_jsonb(s)) WHERE key LIKE 'confl%'
SQL
}

# all insert at once; one is killed and comes back, at first without the registry

connect_all('app', 'DEFAULT snowflake_next()');
my %workers = map { $_ => held($servers{$_}) } @names;
is(scalar(keys %{{ reverse %workers }}), 3, "worker IDs @workers{@names}");

my %clients = map { $_ => [ start_writing('app', $_) ] } @names;
go_on(15_000, map { @$_ } values %clients);
cmp_ok($servers{$_}->safe_psql('app', 'SELECT count(DISTINCT server) FROM event'), '==', 3, "rows of all three arrive at $_ meanwhile")
  for @names;
$servers{b}->stop('immediate');
finish_recording(@{ $clients{b} });
$registry->stop('immediate');
go_on(15_000, @{ $clients{a} }, @{ $clients{c} });
my $newest = newest_event($servers{a}, 'app');
$servers{b}->start;
ok(wait_until(sub { sleep 0.3; $servers{b}->safe_psql('app', "SELECT count(*) FROM event WHERE id = $newest") }),
    'what the others wrote meanwhile arrives at b');
fails($servers{b}, 'app', q(INSERT INTO event (server, n) VALUES ('b', 0)), '... which has no lease yet',
    qr/55000: no worker ID is leased to this server/, qr/DETAIL:  The registry has not answered since/);
$registry->start;
isnt(held($servers{b}), $workers{b}, '... and then another worker ID than the one it had when it was killed');
my @back = start_writing('app', 'b');
go_on(15_000, @back, @{ $clients{a} }, @{ $clients{c} });
end_inserting($servers{$_}, $_ eq 'b' ? @back : @{ $clients{$_} }) for @names;
push @{ $clients{b} }, @back;

ok(wait_until(sub { same('app') }), 'all three have the same rows') or diag(map { "$_: " . content('app', $_) . "\n" } @names);
my ($rows) = split /\|/, content('app', 'a');
my @all = map { @{ $clients{$_} } } @names;
my ($received) = check_ids('three servers, one of them killed', \@all, each => sub {
    my ($client, $id) = @_;
    return ($id >> 12 & 1023) == $client->{worker};
});
cmp_ok($rows, '>=', $received, "$rows rows");
my $copies = join ' ', map { "COPY received FROM '$_->{ids}';" } @all;
is( $servers{b}->safe_psql('app', <<"SQL"),
CREATE TEMP TABLE received (id bigint); $copies
SELECT count(*), count(event.id) FROM received LEFT JOIN event USING (id);
SQL
    "$received|$received", 'all that was committed is there');
is($servers{a}->safe_psql('app', 'SELECT count(*) FROM (SELECT snowflake_worker_id(id) FROM event GROUP BY 1 HAVING count(DISTINCT server) > 1) AS x'),
    0, 'no worker ID on two servers');
for my $name (@names)
{
    is(join("\n", conflicts($name)), '', "nothing conflicts in the log of $name");
    is(counted_conflicts($name), 0, '... nor in its counters') if $version >= 18;
}
like(slurp_file($servers{a}->logfile), qr/$apply_worker ERROR:  could not /, 'an apply worker that lost its publisher can be told by the log');

# one more, while nobody writes

my @older = @names;
$servers{d} = start_member(new_server('d'));
push @names, 'd';
publish('app', 'd', 'DEFAULT snowflake_next()');
for my $name (@older)
{
    subscribe('app', 'd', $name, $name eq 'a' ? 'true' : 'false');
    subscribe('app', $name, 'd', 'false');
}
ok(wait_until(sub { same('app') }), 'a server more has all rows');
my @four = map { (start_writing('app', $_))[0] } @names;
go_on(5_000, @four);
end_inserting($_) for @servers{@names};
finish_recording(@four);
ok(wait_until(sub { same('app') }), 'all four have the same rows') or diag(map { "$_: " . content('app', $_) . "\n" } @names);
is($servers{a}->safe_psql('app', 'SELECT count(DISTINCT server) FROM event'), 4, '... of all four');
check_ids('four servers', [ @all, @four ]);
is(join("\n", conflicts($_)), '', "nothing conflicts in the log of $_") for @names;
$servers{d}->stop;
@names = @older;

# the same with a sequence on each server

my %before = map { $_ => log_size($servers{$_}) } @names;
connect_all('counted', 'GENERATED ALWAYS AS IDENTITY');
# all insert before the first of them commits
my @writers = map { session($servers{$_}, 'counted') } @names;
my @ids = map { (ask($writers[$_], "BEGIN; INSERT INTO event (server, n) VALUES ('$names[$_]', 1) RETURNING id"))[0] } 0 .. 2;
is("@ids", '1 1 1', 'identity columns: the same ID on all three');
ask($_, 'COMMIT') for @writers;
$_->quit for @writers;
for my $name (@names)
{
    ok(wait_until(sub { sleep 0.2; conflicts($name, $before{$name}) > 0 }), "... which conflicts on $name");
    like(join("\n", conflicts($name, $before{$name})), qr/conflict=insert_exists|duplicate key/, '... as the log says');
    ok(wait_until(sub { sleep 0.2; counted_conflicts($name) > 0 }), '... and the counters') if $version >= 18;
}
ok(!same('counted'), '... and the rows stay different');

# a subscription that cannot go on would hold up the shutdown of its publisher
for my $name (@names)
{
    my @subscriptions = split /\n/, $servers{$name}->safe_psql('counted',
        'SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()');
    is(@subscriptions, 2, "$name has two subscriptions");
    $servers{$name}->safe_psql('counted', "ALTER SUBSCRIPTION $_ DISABLE") for @subscriptions;
}
$_->stop for @servers{@names}, $registry;
done_testing();
