# Crashes under load, with the clock set back further and further meanwhile: no ID comes twice, and
# every ID is above all earlier ones of its worker.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

use constant CLIENTS => 4;

# With 64 IDs a millisecond the load uses up time as fast as it passes, also when the clock is behind
# the IDs: the mark is raised often, and that is where a crash could do harm.
my $node = new_node('primary', conf => <<'CONF');
restart_after_crash = on
fsync = on
snowflake_pg.layout = 'ts=41,worker=10,seq=6,unit=1ms,epoch=2020-01-01T00:00:00Z'
snowflake_pg.mark_window = '500ms'
snowflake_pg.clock_tolerance = '1d'
CONF
fake_clock($node);
sub start { return with_clock($node, sub { $node->start }) }
start();
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg; CREATE TABLE kept (id bigint PRIMARY KEY)');

# Where the server's clock is. It only goes back: with a right clock a server that starts goes on
# above the earlier IDs also without a mark.
my $clock = 0;

sub clock_back
{
    my ($seconds) = @_;
    $clock -= $seconds;
    set_clock($node, $clock);
    return;
}

sub change_setting
{
    my ($name, $value) = @_;
    $node->append_conf('postgresql.conf', "snowflake_pg.$name = '$value'");
    return;
}

# One statement that never ends, so that the server dies in the middle of it. In FROM the series
# would be stored first.
my @long = map { ['COPY (SELECT snowflake_next() FROM (SELECT generate_series(1, 1000000000)) AS n) TO STDOUT'] }
  1 .. CLIENTS;
# One kind of transaction for each client, over and over.
my @short = map { [ ($_) x 5_000 ] } (
    'BEGIN; INSERT INTO kept SELECT snowflake_next() FROM generate_series(1, 200) RETURNING id; ROLLBACK',
    'INSERT INTO kept SELECT snowflake_next() FROM generate_series(1, 200) RETURNING id',
    'BEGIN READ ONLY; SELECT snowflake_next() FROM generate_series(1, 200); COMMIT',
    'SELECT snowflake_next_batch(200)');

my @all;
my %largest;    # of each worker

sub worker_of
{
    my ($id) = @_;
    return $id >> 6 & 1023;
}

# Holds what clients recorded against the promise. Each of them is a session, and has one worker.
sub check_clients
{
    my ($name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $own_worker = sub {
        my ($client, $id) = @_;
        my $worker = worker_of($id);
        $client->{worker} //= $worker;
        return $worker == $client->{worker};
    };
    check_ids($name, \@clients, each => $own_worker);
    push @all, @clients;
    my @recorded = grep { defined $_->{first} } @clients;
    my @not_above =
      grep { exists $largest{ $_->{worker} } && $_->{first} <= $largest{ $_->{worker} } } @recorded;
    is(scalar @not_above, 0, "$name: above all earlier IDs of the worker")
      or diag(map { "$_->{first} is not above $largest{$_->{worker}} of worker $_->{worker}\n" } @not_above);
    for my $client (@recorded)
    {
        my ($worker, $last) = @$client{qw(worker last)};
        $largest{$worker} = $last if $last > ($largest{$worker} // -1);
    }
    return;
}

# CLIENTS clients under load; `crash` is called at a random instant after all of them have recorded
# IDs, and ends them. Waits for the server's return, by `return`.
sub crash_round
{
    my ($name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients =
      map { start_recording($node, 'postgres', 'SET application_name = recording', @$_) } @{ $options{load} };
    ok(wait_until(sub { !grep { $_ < 20_000 } recorded_bytes(@clients) }), "$name: all clients record");
    # more than a window
    sleep rand;
    $options{crash}->();
    finish_recording(@clients);
    my $message = qr/connection to server was lost|server closed the connection/;
    my $lost = grep { slurp_file($_->{errors}) =~ $message } @clients;
    is($lost, CLIENTS, "$name: all clients lost the server");
    $options{return}->();
    check_clients($name, @clients);
    my %workers = map { $_->{worker} => 1 } @clients;
    is(scalar keys %workers, $options{workers} // 1, "$name: on as many workers as configured");

    my ($highest) = sort { $b <=> $a } values %largest;
    is(
        $node->safe_psql('postgres',
            "SELECT last_value > 1000 * extract(epoch FROM snowflake_timestamp($highest)) FROM snowflake_mark"),
        't',
        "$name: the stored mark is above all of them");
    return;
}

# One more ID, above all before.
sub goes_on
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $id = works($node, 'postgres', 'SELECT snowflake_next()', "$name: an ID");
    cmp_ok($id, '>', $largest{1}, "$name: above all that went before");
    $largest{1} = $id;
    return;
}

# A backend is killed while it generates: the server restarts all backends and clears shared
# memory. Before every second time the clock goes back, which few callers see before the crash.
for my $turn (1 .. 10)
{
    my $log = log_size($node);
    crash_round(
        "SIGKILL of a backend, $turn",
        load => $turn % 4 < 2 ? \@long : \@short,
        crash => sub {
            my $pid = $node->safe_psql('postgres',
                q(SELECT pid FROM pg_stat_activity WHERE application_name = 'recording' ORDER BY random() LIMIT 1));
            clock_back(600) if $turn % 2 == 0;
            kill 9, $pid or die "no backend to kill: '$pid'";
        },
        return => sub {
            # psql would do, but may be gone before it is told what to ask
            my @is_ready = ($node->installed_command('pg_isready'), '-q', '-d', $node->connstr('postgres'));
            ok(wait_until(sub { run_log(\@is_ready) }), 'the server comes back');
        });
    like(log_since($node, $log), qr/was terminated by signal 9.*all server processes terminated; reinitializing/s,
        'it was a crash restart');
}
goes_on('after the last SIGKILL');

# The postmaster and all others die at once. Before every second start the clock goes back; in some
# rounds the server has a range of workers.
for my $turn (1 .. 20)
{
    my $range = $turn % 5 == 0;
    if ($range)
    {
        change_setting('worker_id', '1-4');
        $node->reload;
        ok($node->poll_query_until('postgres', q(SELECT current_setting('snowflake_pg.worker_id') = '1-4')),
            'a range of workers');
    }
    crash_round(
        "immediate stop, $turn, clock at $clock s",
        load => $turn % 4 < 2 ? \@long : \@short,
        workers => $range ? 4 : 1,
        crash => sub { $node->stop('immediate') },
        return => sub {
            change_setting('worker_id', '1');
            # the WAL writer is soon enough, or it is not
            change_setting('mark_window', $turn % 3 == 0 ? '500ms' : '100ms');
            clock_back(3600) if $turn % 2 == 0;
            start();
        });
}
goes_on('after the last immediate stop');

# A clock that is set back while the server is down is noticed by the stored mark.
$node->stop('immediate');
clock_back(3600);
my $log = log_size($node);
start();
my $expected = $node->safe_psql('postgres',
    'SELECT last_value / 1000.0 - 0.5 - extract(epoch FROM clock_timestamp()) FROM snowflake_mark');
goes_on('back while down');
my ($distance) = log_since($node, $log) =~ /LOG: .*the clock went back by (\d+\.\d\d\d) s/;
ok($expected > 3600 && abs(($distance // 0) - $expected) < 10,
    'the log says that the clock went back while the server was down, and how far')
  or diag("expected: $expected, logged: " . ($distance // 'nothing'));

# Beyond the tolerance there is no ID, whoever asks.
$node->stop('immediate');
clock_back(2 * 86_400);
start();
my @refused = map { start_recording($node, 'postgres', $_->[0], ('SELECT snowflake_next()') x 20) } @long, @short;
finish_recording(@refused);
is(scalar(grep { $_ > 0 } recorded_bytes(@refused)), 0, 'beyond the tolerance nobody receives an ID');
for my $client (@refused)
{
    my $errors = slurp_file($client->{errors});
    my $refusals = () = $errors =~ /ERROR:  55000: the clock went back by 2[01]\d{4}\.\d\d\d s/g;
    my $errors_of_all_kinds = () = $errors =~ /ERROR:  /g;
    ok($refusals == 21 && $errors_of_all_kinds == 21, 'but the error, each time') or diag($errors);
}
change_setting('clock_tolerance', '7d');
$node->reload;
ok($node->poll_query_until('postgres', q(SELECT current_setting('snowflake_pg.clock_tolerance') = '7d')),
    'clock_tolerance is raised');
goes_on('beyond the tolerance, which is raised');
crash_round(
    'far back, tolerance raised',
    load => \@long,
    crash => sub { $node->stop('immediate') },
    return => \&start);
goes_on('after another crash');

check_ids('over all crashes', \@all);

# A database whose first IDs come before the extension is committed, and the first raise of its
# mark without WAL of its own.
works($node, 'postgres', 'CREATE DATABASE fresh', 'another database');
my $first = works($node, 'fresh', <<'SQL', 'the first ID of a database, before its extension is committed');
BEGIN;
CREATE EXTENSION snowflake_pg;
SELECT snowflake_next();
COMMIT;
SQL
$node->stop('immediate');
clock_back(3600);
start();
my $second = works($node, 'fresh', 'SELECT snowflake_next()', 'an ID after a crash');
cmp_ok($second, '>', $first, 'it is above the one before');

$node->stop;

done_testing();
