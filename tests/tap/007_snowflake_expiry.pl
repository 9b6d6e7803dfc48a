# Layouts end: a warning from a year before, an error afterwards, and nothing wrong in between.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

# 2^40 ms after 2011-08-24 21:07:01.721
my $end = (1_314_220_021_721 + 2**40) / 1000;
my $last_instant = '2046-06-27 17:00:49.496+00';

my $node = new_node('instagram', conf => "snowflake_pg.layout = 'instagram'\nTimeZone = 'UTC'");
fake_clock($node);

# Sets the clock to so many seconds after the end of the layout.
sub set_clock_after_end
{
    my ($seconds) = @_;
    set_clock($node, $end + $seconds - time);
    return;
}

my $day = 86_400;
set_clock_after_end(-400 * $day);
with_clock($node, sub { $node->start });
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
like($node->safe_psql('postgres', 'SELECT clock_timestamp()'), qr/^2045-05-2/, 'the server has its own clock');
works($node, 'postgres', 'SELECT snowflake_next()', '400 days before the end: no warning');
is($node->safe_psql('postgres', q(SELECT last_instant FROM snowflake_layouts WHERE layout = 'instagram')),
    $last_instant, 'snowflake_layouts shows the last instant');
is($node->safe_psql('postgres', 'SELECT layout_expires FROM snowflake_status'),
    $last_instant, 'and so does snowflake_status');

# The last year.
set_clock_after_end(-100.5 * $day);
my $warning =
  qr/WARNING:  01000: layout "instagram" has no IDs left in 100 days\n.*?DETAIL:  Its last instant is 2046-06-27T17:00:49\.496Z\./s;
for my $session (1 .. 2)
{
    my ($code, $out, $err) = $node->psql('postgres', <<'SQL');
\set VERBOSITY verbose
SELECT snowflake_next();
SELECT snowflake_next();
SELECT snowflake_next_batch(2);
SELECT snowflake_next(1);
SQL
    is($code, 0, "session $session in the last year: works");
    is(scalar(() = $out =~ /^\d+$/mg), 5, 'it gets its IDs');
    is(scalar(() = $err =~ /WARNING/g), 1, 'and one warning');
    like($err, $warning, 'that names layout, days and last instant');
}

# Through the end, with clients that generate.
set_clock_after_end(-3);
my @clients = map {
    start_recording($node, 'postgres',
        ('COPY (SELECT snowflake_next() FROM generate_series(1, 200)) TO STDOUT') x 20_000)
} 1 .. 2;
push @clients,
  start_recording($node, 'postgres', ('COPY (SELECT snowflake_next_batch(200)) TO STDOUT') x 20_000);
my $refused = qr/ERROR:  2200H: layout "instagram" has no IDs left/;
ok(wait_until(sub { !grep { slurp_file($_->{errors}) !~ $refused } @clients }, 30), 'all clients reach the end');
$node->safe_psql('postgres',
    q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()));
finish_recording(@clients);
my ($count, $smallest, $largest) = check_ids('through the end', \@clients,
    # worker 1 between 13 bits of worker and 10 of sequence
    each => sub { ($_[1] >> 10 & 8191) == 1 });
cmp_ok($largest, '<=', $node->safe_psql('postgres', q(SELECT snowflake_max_id('infinity'))),
    'none is above the layout');
is(
    $node->safe_psql('postgres',
        "SELECT snowflake_timestamp($largest) BETWEEN '2046-06-27 17:00:48+00' AND '$last_instant'"),
    't',
    'the last one has a time close to the last instant');
for my $client (@clients)
{
    my @other = grep { /(?:ERROR|FATAL|PANIC): / && !/$refused|57P01/ } split /\n/, slurp_file($client->{errors});
    is("@other", '', 'no other error');
}

# Afterwards.
my @error = (
    $refused,
    qr/DETAIL:  The last instant of the layout is 2046-06-27T17:00:49\.496Z\./,
    qr/HINT:  Correct the clock if it is wrong; otherwise the database needs a layout with a later epoch\./);
set_clock_after_end(10);
for my $call ('snowflake_next()', 'snowflake_next(1)', 'snowflake_next_batch(2)')
{
    fails($node, 'postgres', "SELECT $call", "after the end: $call is refused", @error);
}
set_clock_after_end(30 * $day);
with_clock($node, sub { $node->restart });
fails($node, 'postgres', 'SELECT snowflake_next()', 'after the end and a restart: no ID', @error);
cmp_ok($node->safe_psql('postgres', 'SELECT coalesce(sum(errors), 0) FROM snowflake_status'), '>', 0, 'status counts it')
  or diag($node->safe_psql('postgres', 'SELECT * FROM snowflake_status'));
is($node->safe_psql('postgres', "SELECT snowflake_worker_id($largest)"), 1, 'decoding works');
works($node, 'postgres', 'CREATE DATABASE other', 'the server works');
is(works($node, 'other', 'CREATE EXTENSION snowflake_pg; SELECT layout FROM snowflake_recorded_layout',
        'CREATE EXTENSION in another database'),
    'instagram', 'records the layout of the server');
fails($node, 'other', 'SELECT snowflake_next()', 'without IDs there either', @error);
$node->stop;

# Some minutes are left, and IDs may run ahead of the clock by an hour: a start does not begin after
# the end, neither by its own worker ID nor by a leased one.
{
    # the registrar's clock cannot be moved: a layout that ends soon by the true time
    my $epoch = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 900 - 2**40 / 1000));
    my $conf = <<"CONF";
snowflake_pg.layout = 'ts=40,worker=10,seq=12,unit=1ms,epoch=$epoch'
snowflake_pg.max_lead = '1h'
CONF
    my $registry = new_registry('registry');
    my $numbered = new_node('numbered', conf => $conf);
    my $leasing = new_member($registry, 'leasing', conf => "${conf}snowflake_pg.lease_length = '4h'\n");
    start_member($_) for $numbered, $leasing;
    for my $server ($numbered, $leasing)
    {
        my ($name, @clients) = ($server->name);
        for my $round (1 .. 4)
        {
            isnt(held($server), '', "$name, start $round: it has a lease") if $server == $leasing;
            push @clients, record($server, 'postgres', 2, 'SELECT snowflake_next() FROM generate_series(1, 3000)');
            # the warning that few days are left
            unlike(slurp_file($_->{errors}), qr/ERROR/, "$name, start $round: IDs") for @clients[ -2, -1 ];
            # these begin an hour ahead all the same, which a first lease does not reach
            is($server->psql('postgres', 'SELECT snowflake128_next()'), 0, "$name, start $round: a snowflake128")
              if $server == $numbered || $round > 1;
            $server->stop($round % 2 ? 'immediate' : 'fast');
            $server->start if $round < 4;
        }
        my ($count) = check_ids("$name, four starts", \@clients);
        is($count, 4 * 2 * 3000, "$name: all that were asked for");
    }
    $registry->stop;
}

done_testing();
