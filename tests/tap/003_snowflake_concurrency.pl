# Eight clients at once, half a million IDs each: none twice, ascending for every client.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

use constant { CLIENTS => 8, IDS => 500_000 };

my $node = new_node('primary');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# the worker field of layout twitter
sub worker_of { return $_[0] >> 12 & 1023 }

my $previous = 0;

# Records, holds the recordings against the promise and against all earlier ones.
sub round
{
    my ($name, $each, @statements) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients = record($node, 'postgres', CLIENTS, @statements);
    my ($count, $smallest, $largest) = check_ids($name, \@clients, each => $each);
    is($count, CLIENTS * IDS, "$name: every client got as many as it asked for");
    cmp_ok($smallest, '>', $previous, "$name: all above the ones before");
    $previous = $largest;
    is(join('', map { slurp_file($_->{errors}) } @clients), '', "$name: nothing failed");
    unlink $_->{ids} for @clients;
    return @clients;
}

my $next = sprintf 'COPY (SELECT snowflake_next() FROM generate_series(1, %d)) TO STDOUT', IDS;
round('one worker', sub { worker_of($_[1]) == 1 }, $next);

# Short statements, single IDs and blocks by turns.
my $rounds = 20;
my $half = IDS / $rounds / 2;
round(
    'one worker, single IDs and batches',
    sub { worker_of($_[1]) == 1 },
    (
        "COPY (SELECT snowflake_next() FROM generate_series(1, $half)) TO STDOUT",
        "COPY (SELECT snowflake_next_batch($half)) TO STDOUT"
    ) x $rounds);

# Blocks of which a part is never taken.
round(
    'one worker, parts of batches',
    sub { worker_of($_[1]) == 1 },
    ("COPY (SELECT snowflake_next_batch(2000000000) LIMIT $half) TO STDOUT") x ($rounds * 2));

# A range: every backend has a worker, dealt in turn.
sub set_workers
{
    my ($workers) = @_;
    $node->safe_psql('postgres', "ALTER SYSTEM SET snowflake_pg.worker_id = '$workers'");
    $node->reload;
    $node->poll_query_until('postgres', "SELECT current_setting('snowflake_pg.worker_id') = '$workers'")
      or die 'the server did not reload';
    return;
}

set_workers('0-7');
my %worker;
my $of_client = sub {
    my ($client, $id) = @_;
    my $worker = $worker{ $client->{ids} } //= worker_of($id);
    return worker_of($id) == $worker;
};
round('a range of workers', $of_client, $next);
is(join(' ', sort values %worker), '0 1 2 3 4 5 6 7', 'eight backends were dealt eight workers');

my @dealt = map { $node->safe_psql('postgres', 'SELECT snowflake_worker_id(snowflake_next())') } 1 .. 10;
is("@dealt", join(' ', map { ($dealt[0] + $_) % 8 } 0 .. 9), 'backends are dealt workers in turn');

# More clients than workers: two share each.
set_workers('8-11');
%worker = ();
round('four workers for eight backends', $of_client, $next);
my %backends;
$backends{$_}++ for values %worker;
is(join(' ', map { "$_:$backends{$_}" } sort { $a <=> $b } keys %backends),
    '8:2 9:2 10:2 11:2', 'each worker was dealt to two backends');

# A backend that names a worker keeps its own.
my ($own, @named) = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT snowflake_worker_id(snowflake_next());
SELECT snowflake_worker_id(snowflake_next(worker)) FROM generate_series(8, 11) AS worker;
SELECT snowflake_worker_id(snowflake_next());
SQL
is("@named", "8 9 10 11 $own", 'naming a worker does not change the own one');
fails($node, 'postgres', 'SELECT snowflake_next(12)', 'a worker of another server is refused',
    qr/ERROR:  22023: worker ID 12 does not belong to this server/,
    qr/DETAIL:  Its worker IDs are 8 to 11\./);

$node->stop;
done_testing();
