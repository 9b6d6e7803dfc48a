# The gate: what a clock that is wrong, or that nobody vouches for, does to IDs. A library in the place of
# adjtimex(2) says what the kernel says, another one moves the clock.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::Local qw(timegm);
use Time::HiRes qw(sleep time);

my %faked = fake_kernel() or plan skip_all => 'there is no C compiler';

# What the kernel says of a clock that is kept within a millisecond, and of one that somebody has set.
sub kept { return kernel_says(0, 0, 0x2001, 1_000, 100, 0, 37) }
sub not_kept { return kernel_says(5, 0, 0x40, 16_000_000, 16_000_000, 0, 0) }

# Starts a server for which both the kernel and the clock are faked.
sub start
{
    my ($node, $how) = @_;
    $how //= 'start';
    with_clock($node, sub {
        local %ENV = (%ENV, %faked, LD_PRELOAD => "$faked{LD_PRELOAD} $ENV{LD_PRELOAD}");
        $node->$how;
    });
    return;
}

# How many seconds an ID of the default layout is ahead of the true clock.
sub ahead
{
    my ($id) = @_;
    return (($id >> 22) + 1_288_834_974_657) / 1_000 - time;
}

sub clock_says
{
    my ($node, $columns) = @_;
    return $node->safe_psql('postgres', "SELECT $columns FROM snowflake_clock");
}

my $node = new_node('gated', conf => "restart_after_crash = on\nsnowflake_pg.clock_gate = 'wrong'\nTimeZone = 'UTC'\n");
fake_clock($node);
kept();
start($node);
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# The clock is right.
like(works($node, 'postgres', 'SELECT snowflake_next()', 'the clock is right: an ID'), qr/^\d+$/, 'it is one');
is(clock_says($node, q(state, gate, decided_by, offset_low < '0', offset_high < '10 ms', kernel_synchronised, last_jump IS NULL, refusals)),
    'right|wrong|kernel|t|t|t|t|0', 'what the view says');
# a millisecond and a nanosecond are more than a millisecond; the kernel is asked again after a second
is($node->safe_psql('postgres', q(SELECT pg_sleep(1.1); SELECT offset_low < '-1 ms', offset_high > '1 ms' FROM snowflake_clock)) =~ s/^\n//r,
    't|t', '... rounded outwards');
is($node->safe_psql('postgres', q(SELECT latest - earliest < '100 ms', clock_timestamp() BETWEEN earliest AND latest FROM clock_bounds())),
    't|t', 'clock_bounds()');
is($node->safe_psql('postgres', q(SELECT clock_after(now() - interval '1 s'), clock_after(now() + interval '1 s'), clock_before(now() + interval '1 min'), clock_before(now()))),
    't|f|t|f', 'clock_after() and clock_before()');
is($node->safe_psql('postgres', q(SELECT clock_after(NULL), clock_before(NULL), clock_after('-infinity'), clock_before('infinity'))),
    '||t|t', 'of no time, and of infinite ones');

# Somebody sets it an hour ahead, under load, and back.
my @wrong = (
    qr/ERROR:  55000: the clock of this server is wrong/,
    qr/DETAIL:  It is ahead by 3\d{3}\.\d{3} s to 3\d{3}\.\d{3} s, as the kernel said at \S+Z; snowflake_pg\.clock_max_error is 500 ms\. The kernel says unsynchronised\./,
    qr/HINT:  Correct the clock; IDs go on without a restart\./);
my @clients = map { start_recording($node, 'postgres', ('SELECT snowflake_next() FROM generate_series(1, 20)') x 200_000) } 1 .. 4;
ok(wait_until(sub { !grep { $_ < 10_000 } recorded_bytes(@clients) }), 'clients get IDs');
not_kept();
set_clock($node, 3600);
ok(wait_until(sub { !grep { slurp_file($_->{errors}) !~ $wrong[0] } @clients }), 'an hour ahead: every client is refused');
fails($node, 'postgres', "SELECT $_", "an hour ahead: $_", @wrong)
  for 'snowflake_next()', 'snowflake_next(1)', 'snowflake_next_batch(3)', 'snowflake128_next() FROM generate_series(1, 100000)',
    'hlc_next()', q(hlc_witness(hlc(clock_timestamp()))), 'hlc_now()', 'snowflake_witness(snowflake_encode(clock_timestamp(), 7, 0))';
works($node, 'postgres', 'SELECT uuid_v7(), uuid_v1()', 'UUIDs are not refused');
is(clock_says($node, q(state, offset_low > '-1 h -1 s', offset_high < '-59 min', last_jump BETWEEN '59 min' AND '1 h 1 s', refusals > 0)),
    'wrong|t|t|t|t', 'what the view says');
is($node->safe_psql('postgres', q(SELECT clock_before(clock_timestamp() - interval '59 min'))), 't', 'the true time is known all the same');
my @before = recorded_bytes(@clients);
my $corrected = time;
set_clock($node, 0);
ok(wait_until(sub { my @now = recorded_bytes(@clients); !grep { $now[$_] <= $before[$_] } 0 .. $#now }), 'corrected: every client gets IDs');
note(sprintf 'within %.3f s', time - $corrected);
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()));
finish_recording(@clients);
my (undef, undef, $largest) = check_ids('an hour ahead and back', \@clients);
cmp_ok(ahead($largest), '<', 60, 'none is of the wrong hour');
is($node->safe_psql('postgres', q(SELECT hlc_next()::timestamptz < clock_timestamp() + interval '1 min')), 't', 'nor is a hybrid time');
my $log = slurp_file($node->logfile);
is(scalar(() = $log =~ /LOG:  the clock of this server is wrong/g), 1, 'the log says so once');
like($log, qr/LOG:  the clock jumped forward by 3(?:600|599)\.\d{3} s/, '... that it jumped');
like($log, qr/LOG:  the clock is right again/, '... and when it is right');
unlike($log, qr/the clock went back/, '... and nothing of a clock that went back');

# Again and again, so that callers are anywhere between reading the clock and having it judged when it
# is set, and when it is right again.
@clients = map { start_recording($node, 'postgres', ('SELECT snowflake_next() FROM generate_series(1, 20)') x 200_000) } 1 .. 4;
ok(wait_until(sub { !grep { $_ < 10_000 } recorded_bytes(@clients) }), 'clients get IDs again');
for (1 .. 60)
{
    set_clock($node, 3600);
    sleep rand 0.03;
    set_clock($node, 0);
    sleep rand 0.1;
}
@before = recorded_bytes(@clients);
ok(wait_until(sub { my @now = recorded_bytes(@clients); !grep { $now[$_] <= $before[$_] } 0 .. $#now }, 60), 'set 60 times: every client gets IDs');
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()));
finish_recording(@clients);
(undef, undef, $largest) = check_ids('set 60 times', \@clients);
cmp_ok(ahead($largest), '<', 60, 'set 60 times: none is of the wrong hour');
is(scalar(() = slurp_file($node->logfile) =~ /the clock went back/g), 0, 'set 60 times: no reading of the wrong clock was taken for right');

# What keeps the clock steps it, and says so to the kernel.
kept();
my $refusals = clock_says($node, 'refusals');
set_clock($node, 20);
my $id = works($node, 'postgres', 'SELECT max(snowflake_next()) FROM generate_series(1, 10)', 'a step that the kernel vouches for');
ok(wait_until(sub { ahead($id = $node->safe_psql('postgres', 'SELECT snowflake_next()')) > 15 }), 'IDs follow it');
set_clock($node, 0);
works($node, 'postgres', 'SELECT count(snowflake_next()) FROM generate_series(1, 10)', 'and back');
is(clock_says($node, 'refusals'), $refusals, 'nothing was refused');

# Only the log is told.
reload_with($node, 'snowflake_pg.clock_gate', 'warn');
$log = log_size($node);
not_kept();
set_clock($node, 100);
ok(wait_until(sub { ahead($node->safe_psql('postgres', 'SELECT snowflake_next()')) > 90 }), 'warn: IDs follow the clock');
like(log_since($node, $log), qr/LOG:  the clock of this server is wrong/, 'warn: the log says so');
set_clock($node, 0);

# Nobody vouches for the clock of a server that starts: the words are closed.
$node->append_conf('postgresql.conf', q(snowflake_pg.clock_gate = 'unsure'));
set_clock($node, 3600);
start($node, 'restart');
my @unsure = (
    qr/ERROR:  55000: nobody vouches for the clock of this server/,
    qr/DETAIL:  The kernel says unsynchronised\./,
    qr/HINT:  See that a daemon keeps the clock/);
fails($node, 'postgres', "SELECT $_", "unsure: $_", @unsure) for 'snowflake_next()', 'snowflake_next(1)', 'snowflake128_next()';
is(clock_says($node, q(state, gate, offset_low IS NULL, waits > 0)), 'unknown|unsure|t|t', 'unsure: callers waited at the start');
is($node->safe_psql('postgres', q(SELECT * FROM clock_bounds())), '-infinity|infinity', 'unsure: clock_bounds()');
is($node->safe_psql('postgres', q(SELECT clock_after('2020-01-01'), clock_before('2100-01-01'))), 'f|f', 'unsure: nothing is certain');
is($node->safe_psql('postgres', 'SELECT count(*) FROM snowflake_status'), 0, 'unsure: no ID');
set_clock($node, 0);
kept();
ok(wait_until(sub { $node->psql('postgres', 'SELECT snowflake_next()') == 0 }), 'corrected and vouched for: IDs without a restart');
$id = $node->safe_psql('postgres', 'SELECT snowflake_next()');
# IDs had been 100 s ahead before
cmp_ok(ahead($id), '<', 160, '... of the true time');
works($node, 'postgres', 'SELECT snowflake128_next()', '... and a snowflake128');

# A crash of a backend is a start.
not_kept();
my $session = session($node);
my ($pid) = ask($session, 'SELECT pg_backend_pid()');
kill 'KILL', $pid;
eval { $session->quit };
ok(wait_until(sub { $node->psql('postgres', 'SELECT 1') == 0 }), 'after a crash');
fails($node, 'postgres', 'SELECT snowflake_next()', 'after a crash: refused', @unsure);
# turned off: the next caller opens
reload_with($node, 'snowflake_pg.clock_gate', 'off');
my $next = works($node, 'postgres', 'SELECT snowflake_next()', 'turned off: an ID');
cmp_ok($next, '>', $id, '... above all before');

# A reload does not close anything.
kept();
reload_with($node, 'snowflake_pg.clock_gate', 'unsure');
# the kernel is asked once a second at the most
ok(wait_until(sub { $node->psql('postgres', 'SELECT count(snowflake_next()) FROM generate_series(1, 1000)') == 0 }), 'turned on: IDs go on');
$node->stop;

# A leap second is announced: near the end of the month nobody is asked whether the clock is right. It stands still there.
{
    my $leap = new_node('leap', conf => "snowflake_pg.clock_gate = 'unsure'\n");
    fake_clock($leap);
    my $stand = sub {
        my ($day, $time) = @_;
        my ($hours, $minutes, $seconds) = split /:/, $time;
        return stop_clock($leap, timegm($seconds, $minutes, $hours, $day, 11, 2026));
    };
    kernel_says(1, 0, 0x2011, 1_000, 100, 0, 37);
    start($leap);
    $leap->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    works($leap, 'postgres', 'SELECT snowflake_next()', 'a leap second is announced: an ID');
    for my $case ([ 30, '23:59:59', 'unknown' ], [ 31, '23:59:59', 'right' ], [ 31, '23:59:50', 'unknown' ])
    {
        my ($day, $time, $state) = @$case;
        # what is right is remembered
        kernel_says(1, 0, 0x2011, 1_000, 100, 0, 37);
        $stand->(30, '12:00:00');
        ok(wait_until(sub { clock_says($leap, 'state') eq 'right' }), 'the clock is right');
        $stand->($day, $time);
        kernel_says(1, 0, 0x2011, 700_000, 100, 0, 37);
        ok(wait_until(sub { clock_says($leap, q(kernel_max_error = '700 ms')) eq 't' }), 'the kernel knows no more');
        is(clock_says($leap, 'state, clock_timestamp() AT TIME ZONE $$UTC$$') =~ s/\|2026-12-$day $time.*//r, $state, "at $time of day $day");
    }
    $leap->stop;
}

# A server of a fleet takes no lease by a clock that is refused.
{
    not_kept();
    my $registry = new_registry('registry');
    my $member = new_member($registry, 'member', conf => "snowflake_pg.clock_gate = 'unsure'\n");
    {
        local %ENV = (%ENV, %faked);
        $member->start;
    }
    $member->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    ok(wait_until(sub { lease($member, 'last_error') =~ /^nobody vouches for the clock of this server: The kernel says unsynchronised/ }),
        'no lease while nobody vouches for the clock');
    fails($member, 'postgres', 'SELECT snowflake_next()', '... and no ID', qr/ERROR:  55000: nobody vouches|ERROR:  55000: no worker ID is leased to this server/,
        qr/DETAIL:  (?:The gate refuses the clock: nobody vouches for the clock of this server: )?The kernel says unsynchronised\./);
    is($registry->safe_psql('postgres', 'SELECT count(*) FROM snowflake_leases'), 0, '... and nothing in the registry');
    kept();
    isnt(held($member), '', 'vouched for: a lease');
    works($member, 'postgres', 'SELECT snowflake_next()', '... and an ID');
    $_->stop for $member, $registry;
}

done_testing();
