# Marks of many databases: more than shared memory has room for, and one that is far ahead.

use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__) . '/lib';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('marks');
$node->start;

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

# The shared table has room for 1,024 marks, and every extension created anew takes one.
$node->safe_psql('postgres', 'CREATE DATABASE churn');
$node->safe_psql('churn', <<'SQL');
SET client_min_messages = warning;
SELECT format('CREATE EXTENSION snowflake_pg; SELECT snowflake_next(); DROP EXTENSION snowflake_pg')
    FROM generate_series(1, 1030) \gexec
CREATE EXTENSION snowflake_pg;
SQL

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

# What was given out stays below what comes after a crash.
my $before = $node->safe_psql('churn', 'SELECT snowflake_next()');
$node->stop('immediate');
$node->start;
cmp_ok($node->safe_psql('churn', 'SELECT snowflake_next()'), '>', $before, 'after a crash, above all before');

# So it is if another database has taken the last place and stored a higher mark first: the mark from
# before the crash still counts as such.
$node->append_conf('postgresql.conf', "snowflake_pg.mark_window = '60s'");
$node->reload;
sleep 3;
$node->safe_psql('churn', 'SELECT snowflake_next()');
my $stored = $node->safe_psql('churn', 'SELECT last_value FROM snowflake_mark');
cmp_ok($stored, '>', 1000 * (time + 30), 'the mark is far enough ahead to tell');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
DROP EXTENSION snowflake_pg;
SELECT format('CREATE EXTENSION snowflake_pg; SELECT snowflake_next(); DROP EXTENSION snowflake_pg')
    FROM generate_series(1, 1030) \gexec
SQL
is($node->safe_psql('churn', "SELECT snowflake_next() >= snowflake_min_id(to_timestamp($stored / 1000.0))"),
    't', 'after a crash, above the mark from before it, whatever others have stored since');

$node->stop;
done_testing();
