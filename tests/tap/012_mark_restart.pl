# Restarts: the first ID comes at once and near the clock. And clocks that are set while the server
# is down: the stored mark tells, within the tolerance and beyond it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

# max_lead + window, and what rounding the mark up adds
use constant NEAR => 1.5 + 0.002;

sub went_back
{
    my ($server, $offset) = @_;
    return join "\n", grep { /the clock went back by/ } split /\n/, log_since($server, $offset);
}

# An ID, its distance from the server's clock, and how long it took, in seconds.
sub next_id
{
    my ($server) = @_;
    my ($before, $id, $timestamp, $after) = map { split /\|/ } split /\n/, $server->safe_psql('postgres', <<'SQL');
SELECT extract(epoch FROM clock_timestamp());
SELECT id, extract(epoch FROM snowflake_timestamp(id)), extract(epoch FROM clock_timestamp())
    FROM snowflake_next() AS id;
SQL
    return ($id, $timestamp - $after, $after - $before);
}

sub status
{
    my ($server, $what) = @_;
    return $server->safe_psql('postgres', "SELECT $what FROM snowflake_status");
}

# Restarts of all kinds, by the right clock.
my $node = new_node('restarted');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
my $largest = 0;

# The first ID after a start.
sub first_id
{
    my ($name, $log) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($id, $lead, $elapsed) = next_id($node);
    note(sprintf '%s: the first ID after %.1f ms, %.3f s ahead of the clock', $name, 1000 * $elapsed, $lead);
    cmp_ok($id, '>', $largest, "$name: above all that went before");
    is(status($node, 'waits'), 0, "$name: without waiting");
    ok($lead > -1 && $lead <= NEAR, "$name: within max_lead + window of the clock") or diag($lead);
    is(status($node, 'worker_id, regressions, errors'), '1|0|0', "$name: status has the one worker, and no regression");
    is(went_back($node, $log), '', "$name: nor does the log say that the clock went back");
    $largest = $id;
    return;
}

for my $mode (qw(fast immediate))
{
    # the server itself takes a moment to stop and start
    for my $pause (0, 0.2, 2)
    {
        for my $load (0, 1)
        {
            my $name = ($load ? 'after load' : 'idle') . ", $mode stop, $pause s";
            if ($load)
            {
                # at the layout's ceiling: the IDs get max_lead ahead of the clock
                my ($last, $lead) = split /\|/, $node->safe_psql('postgres', <<'SQL');
SELECT last_id, extract(epoch FROM lead) FROM
    (SELECT max(id) FROM (SELECT snowflake_next_batch(3000000) AS id OFFSET 0) AS ids OFFSET 0) AS made,
    snowflake_status;
SQL
                note(sprintf '%s: IDs %.3f s ahead of the clock before', $name, $lead);
                cmp_ok($last, '>', $largest, "$name: load");
                $largest = $last;
            }
            else
            {
                ($largest) = next_id($node);
            }
            $node->stop($mode);
            sleep $pause;
            my $log = log_size($node);
            $node->start;
            first_id($name, $log);
        }
    }
}

# Restarts in quick succession do not add up.
for my $turn (1 .. 8)
{
    my $log = log_size($node);
    $node->restart;
    first_id("quick restart $turn", $log);
}
# Once the clock is past the first ID, max_lead counts again.
sleep 2;
my $lead = $node->safe_psql('postgres', <<'SQL');
SELECT count(*) FROM (SELECT snowflake_next_batch(5000000) OFFSET 0) AS ids \g /dev/null
SELECT extract(epoch FROM lead) FROM snowflake_status;
SQL
cmp_ok($lead, '<=', 0.5 + 0.002, 'after quick restarts: IDs keep to max_lead');
is(status($node, q(regression < '10 ms')), 't', 'after quick restarts: no regression')
  or diag(status($node, 'regression'));
$node->stop;

# From here on the clock is set, with the default tolerance, which is 1000 s.
my $set = new_node('set');
fake_clock($set);
my $clock = 0;
$largest = 0;
my @all;

sub start_at
{
    ($clock) = @_;
    set_clock($set, $clock);
    with_clock($set, sub { $set->start });
    return;
}

# Several clients receive IDs, so many seconds from the server's clock; what they get counts also
# if it is rolled back.
sub goes_on
{
    my ($name, $ahead) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients = record(
        $set, 'postgres', 3,
        'COPY (SELECT snowflake_next() FROM generate_series(1, 2000)) TO STDOUT',
        ('BEGIN; SELECT snowflake_next(); SELECT snowflake_next_batch(100); ROLLBACK') x 5);
    my (undef, $smallest, $last) = check_ids($name, \@clients);
    cmp_ok($smallest, '>', $largest, "$name: above all that went before");
    push @all, @clients;
    my $lead;
    ($largest, $lead) = next_id($set);
    cmp_ok($largest, '>', $last, "$name: and so on");
    # IDs that are ahead of the clock go on from the last one, and it follows
    ok($lead > $ahead - 30 && $lead < $ahead + 5, "$name: $ahead s from the server's clock")
      or diag($lead);
    return;
}

# Nobody receives an ID, and the error says how far the clock went back and what to do.
sub refused
{
    my ($name, $expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $mark = $set->safe_psql('postgres', 'SELECT last_value FROM snowflake_mark');
    my @clients = record($set, 'postgres', 3, 'SELECT snowflake_next()', 'SELECT snowflake_next(1)',
        'SELECT snowflake_next_batch(10)');
    is(scalar(grep { $_ > 0 } recorded_bytes(@clients)), 0, "$name: nobody receives an ID");
    my @errors = map { split /\n(?=psql:)/, slurp_file($_->{errors}) } @clients;
    my @distances = map { /ERROR:  55000: the clock went back by (\d+\.\d\d\d) s\n/ } @errors;
    is(scalar @distances, 9, "$name: but the error, each time") or diag(@errors);
    my @wrong = grep { $_ < $expected - 30 || $_ > $expected + 5 } @distances;
    is("@wrong", '', "$name: it says that it is about $expected s");
    my @without = grep {
             !/DETAIL:  The clock reads \S+; snowflake_pg\.clock_tolerance is 1000\.000 s\./
          || !/HINT:  Correct the clock, or raise snowflake_pg\.clock_tolerance above the distance to go on/
    } @errors;
    is(scalar @without, 0, "$name: and the ways out") or diag(@without);
    cmp_ok(status($set, 'errors'), '>=', 9, "$name: status counts the errors");
    is($set->safe_psql('postgres', 'SELECT last_value FROM snowflake_mark'), $mark, "$name: the mark stays");
    return;
}

# Everything is as if the clock had always been right.
sub as_before
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($id, $lead) = next_id($set);
    cmp_ok($id, '>', $largest, "$name: above all that went before");
    ok($lead > -1 && $lead <= NEAR, "$name: the IDs are near the clock") or diag($lead);
    is(status($set, 'regression'), '00:00:00', "$name: no regression");
    $largest = $id;
    return;
}

start_at(0);
$set->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
goes_on('right clock', 0);

# Small steps back do not add up, once the clock has passed the last ID.
reload_with($set, 'snowflake_pg.clock_tolerance', '5s');
for my $turn (1 .. 2)
{
    set_clock($set, -3 * $turn);
    goes_on("small step $turn", 0);
    ok(
        wait_until(
            sub {
                my ($id, $ahead) = next_id($set);
                $largest = $id if $id > $largest;
                return $ahead < 0.001;
            }),
        "small step $turn: the clock catches up");
    is(status($set, 'regression'), '00:00:00', "small step $turn: no regression");
    # a window in which IDs follow the clock
    sleep 1;
    ($largest) = next_id($set);
}
reload_with($set, 'snowflake_pg.clock_tolerance', '1000s');
set_clock($set, 0);
goes_on('right clock again', 0);

# Back an hour while down.
$set->stop;
start_at(-3600);
refused('an hour back', 3600);
$set->stop;
start_at(-3600);
refused('an hour back, restarted', 3600);
reload_with($set, 'snowflake_pg.clock_tolerance', '2h');
goes_on('an hour back, tolerance raised', 3600);
is(status($set, 'regressions'), 1, 'an hour back: counted once');
is(status($set, "regression BETWEEN '3500 s' AND '3605 s'"), 't', 'an hour back: status has the distance')
  or diag(status($set, 'regression'));
# a restart changes nothing about it
$set->stop;
start_at(-3600);
goes_on('an hour back, tolerance raised, restarted', 3600);
# Corrected while it runs, by more than the IDs are ahead.
set_clock($set, 10);
as_before('an hour back, corrected');
reload_with($set, 'snowflake_pg.clock_tolerance', '1000s');
goes_on('an hour back, corrected, default tolerance', 0);
# and likewise while it is down
$set->stop;
start_at(-3000);
refused('50 minutes back', 3010);
$set->stop;
my $log = log_size($set);
start_at(20);
as_before('50 minutes back, corrected while down');
is(went_back($set, $log), '', 'the log does not say that the clock went back');

# A year ahead while down, and corrected while down.
use constant YEAR => 365 * 86_400;
$set->stop;
start_at(YEAR);
goes_on('a year ahead', 0);
$set->stop;
start_at(0);
refused('a year ahead, corrected', YEAR);
reload_with($set, 'snowflake_pg.clock_tolerance', '366d');
goes_on('a year ahead, corrected, tolerance raised', YEAR);
$set->stop('immediate');
start_at(0);
goes_on('a year ahead, corrected, tolerance raised, crashed', YEAR);
is(status($set, "regression BETWEEN '364 d 23:50' AND '365 d 00:00:05'"), 't', 'a year ahead: status has the distance')
  or diag(status($set, 'regression'));
# A year later the clock has caught up.
set_clock($set, YEAR + 10);
as_before('a year later');
reload_with($set, 'snowflake_pg.clock_tolerance', '1000s');
goes_on('a year later, default tolerance', 0);
$set->stop;
$log = log_size($set);
start_at(YEAR + 20);
as_before('a year later, restarted');
goes_on('a year later, restarted', 0);
is(went_back($set, $log), '', 'the log does not say that the clock went back');

check_ids('over all settings of the clock', \@all);
$set->stop;

done_testing();
