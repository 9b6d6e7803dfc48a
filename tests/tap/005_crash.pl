# Crashes and restarts under load, also with the clock set back while the server is down: no ID
# comes twice, and every ID is above the ones before.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

use constant CLIENTS => 4;

my $node = new_node('primary', conf => 'restart_after_crash = on');
fake_clock($node);
sub start { return with_clock($node, sub { $node->start }) }
start();
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

my @all;
my $largest = 0;

# Clients under load, as many as CLIENTS; `crash` is called when all of them have recorded IDs,
# and ends them.
sub round
{
    my ($name, $crash) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients = map {
        start_recording(
            $node, 'postgres',
            'SET application_name = recording',
            # Long statements, so that the server dies in the middle of one. In FROM the series would
            # be stored first.
            ('COPY (SELECT snowflake_next() FROM (SELECT generate_series(1, 10000000)) AS n) TO STDOUT') x 10)
    } 1 .. CLIENTS;
    ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@clients) }, 20),
        "$name: all clients record");
    # a different phase of the window each time
    sleep 0.3 + rand 0.9;
    $crash->();
    finish_recording(@clients);
    my $message = qr/connection to server was lost|server closed the connection/;
    my $lost = grep { slurp_file($_->{errors}) =~ $message } @clients;
    is($lost, CLIENTS, "$name: all clients lost the server in the middle of a statement");
    my (undef, $smallest, $last) = check_ids($name, \@clients);
    cmp_ok($smallest, '>', $largest, "$name: above all that went before");
    $largest = $last;
    push @all, @clients;
    return;
}

# One more ID, above all before.
sub goes_on
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $id = works($node, 'postgres', 'SELECT snowflake_next()', "$name: an ID");
    cmp_ok($id, '>', $largest, "$name: above all that went before");
    $largest = $id;
    return;
}

sub went_back
{
    my ($offset) = @_;
    my @lines = grep { /the clock went back by/ } split /\n/, log_since($node, $offset);
    return @lines;
}

# Clean restarts: the first ID comes at once, near the clock, and nobody takes the mark for a
# clock that went back.
for my $name ('clean restart, idle', 'clean restart, after load')
{
    if ($name =~ /load/)
    {
        record($node, 'postgres', CLIENTS,
            'COPY (SELECT snowflake_next() FROM generate_series(1, 100000)) TO STDOUT');
    }
    goes_on("before a $name");
    $node->stop('fast');
    my $log = log_size($node);
    start();
    my $begin = time;
    goes_on($name);
    cmp_ok(time - $begin, '<', 1, "$name: without waiting");
    my $lead = $node->safe_psql('postgres',
        "SELECT extract(epoch FROM snowflake_timestamp($largest) - clock_timestamp())");
    ok($lead > -1 && $lead < 1.5, "$name: within max_lead + window of the clock") or diag($lead);
    is($node->safe_psql('postgres', 'SELECT count(*) FROM snowflake_status'), 1,
        "$name: snowflake_status has a row for the one worker in use");
    is(join("\n", went_back($log)), '', "$name: the log does not say that the clock went back");
}

# Restarts in quick succession do not add up.
{
    my $log = log_size($node);
    my (@ids, @leads);
    for (1 .. 8)
    {
        with_clock($node, sub { $node->restart });
        my ($id, $lead) = split /\|/, $node->safe_psql('postgres',
            'SELECT id, extract(epoch FROM snowflake_timestamp(id) - clock_timestamp()) FROM snowflake_next() AS id');
        push @ids, $id;
        push @leads, $lead;
    }
    is(scalar(grep { $ids[$_] <= ($_ ? $ids[ $_ - 1 ] : $largest) } 0 .. $#ids),
        0, 'quick restarts: every ID above all that went before')
      or diag("@ids");
    is(scalar(grep { $_ >= 1.5 } @leads), 0, 'quick restarts: within max_lead + window of the clock')
      or diag("seconds ahead: @leads");
    $largest = $ids[-1];
    is(join("\n", went_back($log)), '', 'quick restarts: the log does not say that the clock went back');
}

# A backend is killed while it generates: the server restarts all backends and clears shared memory.
for my $turn (1 .. 2)
{
    my $log = log_size($node);
    round(
        "SIGKILL of a backend, $turn",
        sub {
            my $pid = $node->safe_psql('postgres',
                q(SELECT pid FROM pg_stat_activity WHERE application_name = 'recording' AND state = 'active' LIMIT 1));
            kill 9, $pid or die "no backend to kill: '$pid'";
        });
    ok($node->poll_query_until('postgres', 'SELECT true'), 'the server comes back');
    like(log_since($node, $log), qr/was terminated by signal 9.*all server processes terminated; reinitializing/s,
        'it was a crash restart');
    goes_on("after SIGKILL $turn");
}

# The postmaster and all others die at once, several times. Meanwhile the clock is set.
for my $clock (0, 0, -100, -100, -700, -300, 0)
{
    round("immediate stop, then a clock at $clock s", sub { $node->stop('immediate') });
    set_clock($node, $clock);
    start();
    goes_on("clock at $clock s");
}

# A clock set back while the server is down is noticed by the stored mark.
set_clock($node, -400);
$node->stop('immediate');
my $log = log_size($node);
start();
goes_on('400 s back while down');
like(log_since($node, $log), qr/LOG: .*the clock went back by (?:39\d|40\d)\.\d\d\d s/,
    'the log says that the clock went back while the server was down');

# Beyond the tolerance there is no ID, until it is raised.
$node->stop('immediate');
set_clock($node, -7200);
start();
for (1 .. 2)
{
    fails($node, 'postgres', 'SELECT snowflake_next()', '7200 s back while down: no ID',
        qr/ERROR:  55000: the clock went back by (?:719\d|720\d)\.\d\d\d s/, qr/HINT:  Correct the clock/);
}
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_tolerance = '1d'));
$node->reload;
ok($node->poll_query_until('postgres', q(SELECT current_setting('snowflake_pg.clock_tolerance') = '1d')),
    'clock_tolerance is raised');
goes_on('7200 s back while down, tolerance raised');
round('7200 s back', sub { $node->stop('immediate') });
start();
goes_on('after another crash');

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
set_clock($node, -14400);
start();
my $second = works($node, 'fresh', 'SELECT snowflake_next()', 'an ID after a crash');
cmp_ok($second, '>', $first, 'it is above the one before');

check_ids('over all crashes', \@all);
$node->stop;

done_testing();
