# Marks of many databases: more than shared memory has room for, and one that is far ahead.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(time);

# With 64 IDs a millisecond a load uses up time as fast as it passes, also when the clock is behind
# the IDs, and marks are raised often.
my $node = new_node('marks', conf => <<'CONF');
snowflake_pg.layout = 'ts=41,worker=10,seq=6,unit=1ms,epoch=2020-01-01T00:00:00Z'
CONF
fake_clock($node);
sub start { return with_clock($node, sub { $node->start }) }
start();

# One database's mark is far ahead, as after a restore from a server whose clock was: it is refused
# there, and nowhere else.
$node->safe_psql('postgres', 'CREATE DATABASE ahead');
$node->safe_psql($_, 'CREATE EXTENSION snowflake_pg') for qw(postgres ahead);
$node->safe_psql('ahead',
    'SELECT setval(\'snowflake_mark\', (extract(epoch FROM now()) * 1000)::bigint + 3600000)');
for (1 .. 2)
{
    my ($status, undef, $error) = $node->psql('ahead', 'SELECT snowflake_next()');
    isnt($status, 0, 'a mark beyond the tolerance: no ID');
    like($error, qr/the clock went back by 359\d\.\d\d\d s/, 'the error names the distance');
}
my $lead = $node->safe_psql('postgres',
    'SELECT (SELECT ts FROM snowflake_decode(snowflake_next())) < clock_timestamp() + interval \'2 s\'');
is($lead, 't', 'another database goes on near the clock');

# The shared table has room for 1,024 marks, and every sequence created anew takes one.
sub fill_table
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ids = $node->safe_psql('filler', <<'SQL');
SELECT 'BEGIN; DROP SEQUENCE snowflake_mark; CREATE SEQUENCE snowflake_mark; SELECT snowflake_next(); COMMIT'
    FROM generate_series(1, 1030) \gexec
SQL
    is(scalar(split /\n/, $ids), 1030, "$name: 1,030 marks take all places");
    return;
}

# Whether a database that has given out IDs has a place: waits for a mark of its own are counted.
sub has_place
{
    my ($database) = @_;
    return $node->safe_psql($database, 'SELECT bool_and(mark_waits IS NOT NULL) FROM snowflake_status') eq 't';
}

$node->safe_psql('postgres', 'CREATE DATABASE filler');
$node->safe_psql('postgres', 'CREATE DATABASE churn');
$node->safe_psql('filler', 'CREATE EXTENSION snowflake_pg; ALTER EXTENSION snowflake_pg DROP SEQUENCE snowflake_mark');
fill_table('first start');
$node->safe_psql('churn', 'CREATE EXTENSION snowflake_pg; SELECT snowflake_next()');
ok(!has_place('churn'), 'a further database has no place');
ok(has_place('postgres'), 'one from before has');

# Without a place in it backends keep marks of their own: IDs stay in order, below the stored mark,
# and near the clock.
my @ids;
my ($ordered, $covered) = (1, 1);
for my $round (1 .. 3)
{
    my @sessions = map { $node->background_psql('churn') } 1 .. 2;
    for my $turn (1 .. 20)
    {
        for my $session (@sessions)
        {
            my ($id, $below) = split /\|/, $session->query_safe(
                'SELECT id, snowflake_timestamp(id) < (SELECT to_timestamp(last_value / 1000.0) FROM snowflake_mark)
                 FROM (SELECT snowflake_next() AS id OFFSET 0) AS n');
            $ordered = 0 if @ids && $id <= $ids[-1];
            $covered = 0 unless $below eq 't';
            push @ids, $id;
        }
    }
    $_->quit for @sessions;
}
ok($ordered, scalar(@ids) . ' IDs of changing sessions are in order');
ok($covered, 'all of them are below the stored mark');
is($node->safe_psql('churn', "SELECT snowflake_timestamp($ids[-1]) < clock_timestamp() + interval '5 s'"),
    't', 'and near the clock');

# An extension created anew in such a session has a mark of its own again.
my $mark = $node->safe_psql('churn', <<'SQL');
SET client_min_messages = warning;
DO $$ BEGIN PERFORM snowflake_next(); END $$;
DROP EXTENSION snowflake_pg;
CREATE EXTENSION snowflake_pg;
DO $$ BEGIN PERFORM snowflake_next(); END $$;
SELECT last_value > 0 FROM snowflake_mark;
SQL
is($mark, 't', 'its first ID is covered by its mark');

# Several backends at a time, each with a mark of its own, raised often; crashes, the clock set back
# meanwhile, and after the crash again no place.
$node->append_conf('postgresql.conf', "snowflake_pg.clock_tolerance = '1d'");
reload_with($node, 'snowflake_pg.mark_window', '100ms');
my @all;
my $largest = $node->safe_psql('churn', 'SELECT snowflake_next()');
cmp_ok($largest, '>', $ids[-1], 'in order');

# Holds what clients have recorded against the promise, and all before.
sub check_clients
{
    my ($name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my (undef, $smallest, $last) = check_ids($name, \@clients);
    cmp_ok($smallest, '>', $largest, "$name: above all that went before");
    is(
        $node->safe_psql('churn',
            "SELECT last_value > 1000 * extract(epoch FROM snowflake_timestamp($last)) FROM snowflake_mark"),
        't',
        "$name: the stored mark is above all of them");
    $largest = $last;
    push @all, @clients;
    return;
}

my $long = 'COPY (SELECT snowflake_next() FROM (SELECT generate_series(1, 1000000000)) AS n) TO STDOUT';
my @short = ('BEGIN; SELECT snowflake_next_batch(50); SELECT snowflake_next(); ROLLBACK') x 10_000;
for my $round (1 .. 3)
{
    # Some stay, others come and go.
    my @clients = map { start_recording($node, 'churn', @$_) } [$long], [$long], \@short, \@short;
    for (1 .. 10)
    {
        push @clients, record($node, 'churn', 2, 'SELECT snowflake_next()', 'SELECT snowflake_next_batch(100)');
    }
    ok(wait_until(sub { !grep { $_ < 1_000 } recorded_bytes(@clients) }), "no place, $round: all clients record");
    $node->stop('immediate');
    finish_recording(@clients);
    set_clock($node, -3600 * $round);
    start();
    fill_table("no place, $round, after the crash");
    check_clients("no place, $round", @clients);
    my @after = record($node, 'churn', 4, 'SELECT snowflake_next() FROM generate_series(1, 1000)');
    check_clients("no place, $round, after the crash", @after);
    ok(!has_place('churn'), "no place, $round: neither before nor after");
}

# So it is if another database has taken the last place and stored a higher mark first: the mark from
# before the crash still counts as such.
reload_with($node, 'snowflake_pg.mark_window', '1min');
my $stored = $node->safe_psql('churn', 'SELECT last_value FROM snowflake_mark');
$node->stop('immediate');
set_clock($node, $stored / 1000 - 40 - time);
start();
fill_table('last crash');
cmp_ok($node->safe_psql('filler', 'SELECT last_value FROM snowflake_mark'), '>', $stored, 'the mark of others is higher');
cmp_ok($node->safe_psql('filler', 'SELECT 1000 * extract(epoch FROM last_ts) FROM snowflake_status'),
    '<', $stored, 'but not their IDs');
my $last = $node->safe_psql('churn', "SELECT snowflake_next()");
is($node->safe_psql('churn', "SELECT $last >= snowflake_min_id(to_timestamp($stored / 1000.0))"),
    't', 'after a crash, above the mark from before it, whatever others have stored since');
cmp_ok($last, '>', $largest, 'and above all IDs');
ok(!has_place('churn'), 'still without a place');
check_ids('over all crashes', \@all);

# A database that is dropped leaves its places to others, also to sessions that go on.
{
    my $session = session($node, 'churn');
    my ($before) = ask($session, 'SELECT snowflake_next()');
    $node->safe_psql('postgres', 'DROP DATABASE filler');
    my ($first) = ask($session, 'SELECT snowflake_next()');
    my $second = $node->safe_psql('churn', 'SELECT snowflake_next()');
    ok(has_place('churn'), 'a place of a database that was dropped');
    my ($third) = ask($session, 'SELECT snowflake_next()');
    my @ordered = sort { $a <=> $b } $last, $before, $first, $second, $third;
    is("@ordered", "$last $before $first $second $third", 'IDs of a session from before and of others are in order');
    my @clients = map { record($node, 'churn', 2, 'SELECT snowflake_next() FROM generate_series(1, 1000)') } 1 .. 3;
    check_clients('a place again', @clients);
    $session->quit;
}

$node->stop;
done_testing();
