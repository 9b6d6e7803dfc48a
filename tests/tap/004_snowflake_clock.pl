# The clock is stepped under a running server, with clients that generate and record all the time.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('primary');
fake_clock($node);
with_clock($node, sub { $node->start });
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# Clients pause between statements by themselves: pg_sleep() would go by the server's clock. They
# go on after errors. Much more than is needed: they are ended.
my @clients = map {
    start_recording(
        $node, 'postgres',
        'SET application_name = recording',
        ("COPY (SELECT snowflake_next() FROM generate_series(1, 500)) TO STDOUT;\n\\! sleep 0.02") x 5_000)
} 1 .. 3;

# All clients receive IDs, again and again.
sub all_go_on
{
    my @before = recorded_bytes(@clients);
    return wait_until(
        sub {
            my @now = recorded_bytes(@clients);
            return !grep { $now[$_] < $before[$_] + 50_000 } 0 .. $#clients;
        },
        20);
}

# All clients are refused: what they were in the middle of when the clock was set is behind them.
sub all_are_refused
{
    my @before = map { -s $_->{errors} // 0 } @clients;
    wait_until(sub { !grep { (-s $clients[$_]{errors} // 0) <= $before[$_] } 0 .. $#clients }, 20)
      or die 'not all clients are refused';
    return;
}

# What the server's view says of the one worker.
sub status
{
    my ($what) = @_;
    return $node->safe_psql('postgres', "SELECT $what FROM snowflake_status WHERE worker_id = 1");
}

# An ID and its distance from the true clock in seconds.
sub next_id
{
    my ($id, $distance) = split /\|/, $node->safe_psql('postgres',
        'SELECT id, extract(epoch FROM snowflake_timestamp(id)) - ' . time . ' FROM snowflake_next() AS id');
    return ($id, $distance);
}

# Lines of the log that say the clock went back, other than errors.
sub log_lines
{
    my ($offset) = @_;
    my @lines = grep { /LOG: .*the clock went back by/ } split /\n/, log_since($node, $offset);
    return @lines;
}

my $largest = 0;

# The ID of a phase is above those of the phases before.
sub goes_on
{
    my ($name, $from, $to) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(all_go_on(), "$name: all clients receive IDs");
    my ($id, $distance) = next_id();
    cmp_ok($id, '>', $largest, "$name: larger than before");
    ok($distance > $from && $distance < $to, "$name: between $from s and $to s from the true clock")
      or diag("distance: $distance");
    $largest = $id;
    return;
}

my $log = log_size($node);
goes_on('right clock', -1, 5);
is(status('regressions'), 0, 'no regression counted');
is(scalar log_lines($log), 0, 'and none logged');

# Back within the tolerance, which is 1000 s: the IDs go on from the last one, so that the clock
# catches up with them under a load like this one.
set_clock($node, -300);
goes_on('300 s back', -10, 10);
is(status('regressions'), 1, '300 s back: counted once');
is(status('errors'), 0, '300 s back: no error');
is(status("regression BETWEEN '298 s' AND '302 s'"), 't', '300 s back: status names the distance')
  or diag(status('regression'));
my @lines = log_lines($log);
is(scalar @lines, 1, '300 s back: the log says so once') or diag(@lines);
like($lines[0] // '', qr/the clock went back by (?:299|300|301)\.\d\d\d s/, '300 s back: the log names the distance');

# Corrected. The clients go on long enough for the server to notice.
set_clock($node, 0);
goes_on('corrected', -1, 10);
ok(wait_until(sub { status("regression < '1 s'") eq 't' }, 10), 'corrected: no regression any more');
sleep 2.5;

# Back a second time: counted and logged again.
$log = log_size($node);
set_clock($node, -600);
goes_on('600 s back', -15, 15);
is(status('regressions'), 2, '600 s back: counted once more');
is(scalar log_lines($log), 1, '600 s back: the log says so once more');
set_clock($node, 0);
ok(wait_until(sub { status("regression < '1 s'") eq 't' }, 10), 'corrected: no regression any more');
sleep 2.5;

# Back beyond the tolerance: not a single ID.
set_clock($node, -7200);
all_are_refused();
my $errors = status('errors');
my @before = recorded_bytes(@clients);
sleep 1;
is(join(' ', recorded_bytes(@clients)), "@before", '7200 s back: nobody receives an ID');
cmp_ok(status('errors'), '>', $errors, '7200 s back: the errors are counted');
is(status('regressions'), 3, '7200 s back: counted once');
my @message = (
    qr/ERROR:  55000: the clock went back by (?:7199|7200|7201)\.\d\d\d s/,
    qr/DETAIL:  The clock reads \S+; snowflake_pg\.clock_tolerance is 1000\.000 s\./,
    qr/HINT:  Correct the clock, or raise snowflake_pg\.clock_tolerance above the distance/);
fails($node, 'postgres', 'SELECT snowflake_next()', '7200 s back: the error', @message);
fails($node, 'postgres', 'SELECT snowflake_next(1)', '7200 s back: with a worker', @message);
fails($node, 'postgres', 'SELECT snowflake_next_batch(5)', '7200 s back: for a batch', @message);

# The operator takes IDs that are ahead of the clock.
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = '3h'));
$node->reload;
goes_on('tolerance raised', -25, 25);
set_clock($node, 0);
goes_on('corrected', -1, 25);
ok(wait_until(sub { status("regression < '1 s'") eq 't' }, 10), 'corrected: no regression any more');

# Ahead: the IDs follow.
set_clock($node, 3600);
goes_on('3600 s ahead', 3590, 3605);
# And corrected: the IDs stay ahead,
set_clock($node, 0);
goes_on('back from ahead', 3580, 3620);
# or are refused if that is not tolerated.
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = '10min'));
$node->reload;
ok(wait_until(sub { ($node->psql('postgres', 'SELECT snowflake_next()'))[0] == 3 }, 10),
    'back from ahead: refused once the tolerance is lower');
fails($node, 'postgres', 'SELECT snowflake_next()', 'back from ahead: the error',
    qr/ERROR:  55000: the clock went back by (?:3[56]\d\d)\.\d\d\d s/,
    qr/HINT:  Correct the clock, or raise snowflake_pg\.clock_tolerance/);
# A tolerance of nothing still lets a clock through that is right.
set_clock($node, 3601);
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = 0));
$node->reload;
goes_on('no tolerance, clock further ahead', 3590, 3620);

# A year ahead, and corrected: the error names the distance, and nobody receives an ID,
use constant YEAR => 365 * 86_400;
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = '1000s'));
$node->reload;
set_clock($node, YEAR);
goes_on('a year ahead', YEAR - 10, YEAR + 5);
set_clock($node, 0);
all_are_refused();
@before = recorded_bytes(@clients);
sleep 1;
is(join(' ', recorded_bytes(@clients)), "@before", 'a year ahead, corrected: nobody receives an ID');
fails($node, 'postgres', 'SELECT snowflake_next()', 'a year ahead, corrected: the error',
    qr/ERROR:  55000: the clock went back by 315(?:3599\d|3600\d)\.\d\d\d s/,
    qr/DETAIL:  The clock reads \S+; snowflake_pg\.clock_tolerance is 1000\.000 s\./,
    qr/HINT:  Correct the clock, or raise snowflake_pg\.clock_tolerance above the distance/);
# unless the operator takes them a year ahead.
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = '366d'));
$node->reload;
goes_on('a year ahead, tolerance raised', YEAR - 30, YEAR + 30);
# A year later all is as before.
set_clock($node, YEAR + 60);
goes_on('a year later', YEAR + 59, YEAR + 65);
is(status('regression'), '00:00:00', 'a year later: no regression');
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = '1000s'));
$node->reload;
goes_on('a year later, default tolerance', YEAR + 59, YEAR + 65);

$node->safe_psql('postgres',
    q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'recording'));
finish_recording(@clients);
check_ids('over all steps', \@clients);
for my $client (@clients)
{
    my @other = grep { /(?:ERROR|FATAL): / && !/the clock went back by|57P01/ }
      split /\n/, slurp_file($client->{errors});
    is("@other", '', 'no error but that the clock went back');
}
$node->stop;

done_testing();
