# What the gate makes of what NTP servers say: of a clock that is set by hand, of a machine that stood still, of a start, and
# of a kernel that says something else. Libraries stand in for adjtimex(2) and for the clock.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use ClockWorkerTest;
use LeaseTest;
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my %faked = fake_kernel() or plan skip_all => 'there is no C compiler';

sub kept { return kernel_says(0, 0, 0x2001, 1_000, 100, -655_360, 37) }
sub not_kept { return kernel_says(5, 0, 0x40, 16_000_000, 16_000_000, 0, 0) }

my @names = qw(a b c);
# d and e are not listed at first
my %address = start_obedient(@names, qw(d e));
my @all = @address{@names};

sub order_all { my ($what) = @_; order($_, $what) for @names; return }

# Starts a server for which both the kernel and the clock are faked.
sub start
{
    my ($node) = @_;
    with_clock($node, sub {
        local %ENV = (%ENV, %faked, LD_PRELOAD => "$faked{LD_PRELOAD} $ENV{LD_PRELOAD}");
        $node->start;
    });
    # The postmaster of PostgreSQL 15 starts it in a signal handler while the library that fakes the clock leaves it alone,
    # and the process inherits that; the next one is started elsewhere.
    my $first;
    wait_until(sub { $first = clock_worker($node) }) or die 'no worker';
    kill 'TERM', $first;
    wait_until(sub { my $second = clock_worker($node); defined $second && $second != $first }) or die 'no other worker';
    return;
}

# How many seconds an ID of the default layout is ahead of the true clock.
sub ahead
{
    my ($id) = @_;
    return (($id >> 22) + 1_288_834_974_657) / 1_000 - time;
}

sub next_id
{
    my ($node) = @_;
    my ($code, $id) = $node->psql('postgres', 'SELECT snowflake_next()');
    return $code == 0 ? $id : undef;
}

# Waits until the worker has begun a round, and so has read the configuration as it is.
sub asked_again
{
    my ($node) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $polls = $node->safe_psql('postgres', 'SELECT max(polls) FROM snowflake_clock_sources');
    return ok(wait_until(sub { $node->safe_psql('postgres', "SELECT max(polls) > $polls + 1 FROM snowflake_clock_sources") eq 't' }), '... servers are asked again');
}

sub all_go_on
{
    my ($name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @before = recorded_bytes(@clients);
    return ok(wait_until(sub { my @now = recorded_bytes(@clients); !grep { $now[$_] <= $before[$_] } 0 .. $#now }), $name);
}

my $node = asking_node('gated', \@all, conf => "snowflake_pg.clock_gate = 'wrong'\nsnowflake_pg.clock_sources = 'ntp, kernel'\n");
fake_clock($node);
not_kept();
start($node);
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
states($node, 'a agrees, b agrees, c agrees', 'all agree');
like(works($node, 'postgres', 'SELECT snowflake_next()', 'the clock is right: an ID'), qr/^\d+$/, 'it is one');

# Somebody sets the clock an hour ahead, under load, and back.
my @wrong = (
    qr/ERROR:  55000: the clock of this server is wrong/,
    qr/DETAIL:  It is ahead by 3\d{3}\.\d{3} s to 3\d{3}\.\d{3} s, as 3 of 3 NTP servers said at \S+Z; snowflake_pg\.clock_max_error is 500 ms\. The kernel says unsynchronised\./,
    qr/HINT:  Correct the clock; IDs go on without a restart\. The views snowflake_clock and snowflake_clock_sources show who says what\./);
my @clients = map { start_recording($node, 'postgres', ('SELECT snowflake_next() FROM generate_series(1, 20)') x 200_000) } 1 .. 4;
ok(wait_until(sub { !grep { $_ < 10_000 } recorded_bytes(@clients) }), 'clients get IDs');
set_clock($node, 3600);
ok(wait_until(sub { !grep { slurp_file($_->{errors}) !~ $wrong[0] } @clients }), 'an hour ahead: every client is refused');
fails($node, 'postgres', "SELECT $_", "an hour ahead: $_", @wrong) for 'snowflake_next()', 'snowflake_next_batch(3)';
works($node, 'postgres', 'SELECT uuid_v7()', 'UUIDs are not refused');
becomes(sub { says($node, q(state, decided_by, offset_low > '-1 h -1 s', offset_high < '-59 min', last_jump BETWEEN '59 min' AND '1 h 1 s')) },
    'wrong|ntp|t|t|t', 'what the view says');
# they are asked by the wrong clock, and say the same
my $polls = $node->safe_psql('postgres', 'SELECT min(polls) FROM snowflake_clock_sources');
ok(wait_until(sub { $node->safe_psql('postgres', "SELECT min(polls) > $polls + 3 FROM snowflake_clock_sources") eq 't' }), 'they are asked again');
is(says($node, 'state, decided_by'), 'wrong|ntp', '... and say the same');
my $corrected = time;
set_clock($node, 0);
all_go_on('corrected: every client gets IDs', @clients);
note(sprintf 'within %.3f s', time - $corrected);
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()));
finish_recording(@clients);
my (undef, undef, $largest) = check_ids('an hour ahead and back', \@clients);
cmp_ok(ahead($largest), '<', 60, 'none is of the wrong hour');
logged($node, qr/LOG:  the clock of this server is wrong/, 'the log says so', 1);
logged($node, qr/LOG:  the clock jumped forward by 3(?:600|599)\.\d{3} s/, '... that it jumped', 1);
logged($node, qr/LOG:  the clock is right again/, '... and when it is right', 1);
unlike(slurp_file($node->logfile), qr/the clock went back/, '... and nothing of a clock that went back');

# Another list, of servers that say nothing, does not let IDs of the wrong hour pass.
set_clock($node, 3600);
becomes(sub { says($node, 'state') }, 'wrong', 'an hour ahead again');
order($_, 'silent') for qw(d e);
reload_with($node, 'snowflake_pg.ntp_servers', join ', ', @address{qw(d e)});
states($node, 'd no answer, e no answer', 'a reload lists others, which are silent');
is(says($node, 'state, decided_by'), 'wrong|ntp', '... what the others said goes on to count');
fails($node, 'postgres', 'SELECT snowflake_next()', '... and there is no ID', $wrong[0], qr/, as NTP servers said at/);
reload_with($node, 'snowflake_pg.ntp_servers', join ', ', @all);
set_clock($node, 0);
states($node, 'a agrees, b agrees, c agrees', 'all are listed, and agree');
becomes(sub { says($node, 'state, decided_by') }, 'right|ntp', '... that the clock is right');

# A machine that stood still with all of its clocks, which its daemon sets right: servers and clock go on by 20 s. A session
# notices, and the servers are asked at once.
reload_with($node, 'snowflake_pg.ntp_poll', '1h');
my $settled = () = requests('a');
# so long after a round that the next may begin
wait_until(sub { my $before = $settled; sleep 0.3; ($settled = () = requests('a')) == $before && (requests('a'))[-1]->[0] < time - 11 });
order_all('ahead');
set_clock($node, 20);
my $id;
ok(wait_until(sub { defined($id = next_id($node)) && ahead($id) > 15 }), 'the servers say that it is right: IDs follow');
ok(requests('a') > $settled, '... since they were asked again');
is(says($node, 'state, decided_by'), 'right|ntp', '... and agree');
order_all('right');
set_clock($node, 0);
reload_with($node, 'snowflake_pg.ntp_poll', '1s');
becomes(sub { says($node, q(state, decided_by, offset_low <= '0' AND offset_high >= '0')) }, 'right|ntp|t', 'and back');

# The same, soon after a round, and its daemon has told the kernel: what the servers said before does not count against it.
reload_with($node, 'snowflake_pg.ntp_poll', '1h');
wait_until(sub { my $before = () = requests('a'); sleep 1.5; $before == (() = requests('a')) });
kept();
order_all('ahead');
set_clock($node, 20);
like(says($node, 'state, decided_by'), qr/^right\|(?:kernel|ntp)$/, 'the kernel vouches before the servers are asked again');
becomes(sub { says($node, 'state, decided_by') }, 'right|ntp', '... and then they do');
not_kept();
order_all('right');
set_clock($node, 0);
reload_with($node, 'snowflake_pg.ntp_poll', '1s');
becomes(sub { says($node, q(state, decided_by, offset_low <= '0' AND offset_high >= '0')) }, 'right|ntp|t', 'and back');

# The kernel says something else.
my $contradicted = log_size($node);
kept();
order_all('liar');
logged($node, qr/LOG:  the sources of time contradict each other\n.*DETAIL:  What is to be added to this clock is \+0\.2\d{5} s to \+0\.2\d{5} s by the NTP servers, and -0\.00\d{4} s to \+0\.00\d{4} s by the kernel\./,
    'servers and kernel contradict each other', 1);
becomes(sub { says($node, q(decided_by, offset_low > '200 ms')) }, 'ntp|t', '... the servers decide');
is(says($node, q(kernel_synchronised, kernel_frequency_ppm, kernel_max_error)), 't|-10|00:00:00.001', '... the kernel is shown');
is($node->safe_psql('postgres', q(SELECT count(*) > 0, bool_and(clock_offset = '0' AND delay IS NULL AND distance = '1 ms') FROM snowflake_clock_history WHERE server = 'kernel')),
    't|t', '... and what it said');
reload_with($node, 'snowflake_pg.clock_sources', 'kernel, ntp');
becomes(sub { says($node, q(decided_by, offset_low < '0' AND offset_high > '0')) }, 'kernel|t', '... or the kernel, if that comes first');
not_kept();
becomes(sub { says($node, 'decided_by') }, 'ntp', '... as long as it says something');
reload_with($node, 'snowflake_pg.clock_sources', 'registry, ntp, kernel');
asked_again($node);
kept();
becomes(sub { says($node, 'decided_by') }, 'ntp', 'a registry says nothing');
is(scalar(() = log_since($node, $contradicted) =~ /the sources of time (?:do not )?contradict/g), 1, 'a kernel that falls silent for a while does not agree');
# a worker that hangs vouches for three intervals and 30 s
my $stopped = clock_worker($node);
kill 'STOP', $stopped;
my $since = time;
becomes(sub { says($node, 'decided_by') }, 'kernel', 'a worker that hangs leaves it to the kernel');
cmp_ok(time - $since, '>', 25, '... after a while');
kill 'CONT', $stopped;
becomes(sub { says($node, 'decided_by') }, 'ntp', '... and goes on');
order_all('silent');
becomes(sub { says($node, 'decided_by') }, 'kernel', 'servers that fall silent leave it to the kernel');
order_all('right');
becomes(sub { says($node, 'decided_by') }, 'ntp', '... until they answer again');
ok(wait_until(sub { log_since($node, $contradicted) =~ /LOG:  the sources of time do not contradict each other any more/ }), '... and agree with the kernel');

# A worker that ends while the list changes: the next one does not speak for those that were on the old one.
$stopped = clock_worker($node);
order_all('silent');
kill 'STOP', $stopped;
reload_with($node, 'snowflake_pg.ntp_servers', join ', ', @address{qw(d e)});
is(says($node, 'decided_by'), 'ntp', 'what was said still counts as said now');
kill 'TERM', $stopped;
kill 'CONT', $stopped;
ok(wait_until(sub { of_servers($node, 'state') =~ /^d [^,]+, e [^,]+$/ }), 'another worker has another list');
is(says($node, 'decided_by'), 'kernel', '... and does not take over what others said');
order_all('right');
reload_with($node, 'snowflake_pg.ntp_servers', join ', ', @all);
$node->stop;

# A start: the words are closed until the servers were asked.
not_kept();
set_clock($node, 3600);
$largest = $id;
start($node);
fails($node, 'postgres', 'SELECT snowflake_next()', 'a start an hour ahead: no ID', $wrong[0], qr/as 3 of 3 NTP servers said/);
set_clock($node, 0);
ok(wait_until(sub { defined($id = next_id($node)) }), 'corrected: an ID');
cmp_ok(ahead($id), '<', 60, '... of the true time');
$node->stop;
order_all('silent');
my $begin = time;
start($node);
works($node, 'postgres', 'SELECT snowflake_next()', 'a start without anybody who knows the time: an ID');
is(says($node, 'state'), 'unknown', '... of a clock that nobody knows');
# each of the three has a second to answer
ok(says($node, 'waits') == 1 || time - $begin > 3, '... after the servers were given the time to answer');
$node->stop;
order_all('right');

# How many servers it takes.
for my $case ([ 1, qr/LOG:  one NTP server cannot be outvoted\n.*DETAIL:  IDs stop, or go on, as it says\. List three or more/ ],
    [ 2, qr/LOG:  two NTP servers cannot outvote each other\n.*DETAIL:  Nobody knows the time while they disagree, or one does not answer\. List three or more/ ])
{
    my ($count, $message) = @$case;
    my $few = asking_node("few$count", [ @all[ 0 .. $count - 1 ] ], conf => "snowflake_pg.clock_gate = 'wrong'\n");
    $few->start;
    $few->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    logged($few, $message, "$count: the log warns", 1);
    becomes(sub { says($few, 'state, decided_by') }, 'right|ntp', '... and all the same');
    # by what the gate is, and who decides
    reload_with($few, 'snowflake_pg.clock_gate', 'unsure');
    asked_again($few);
    reload_with($few, 'snowflake_pg.clock_gate', 'warn');
    asked_again($few);
    reload_with($few, 'snowflake_pg.clock_gate', 'wrong');
    logged($few, qr/$message(?s:.*)$message/, '... again when the gate is turned on');
    reload_with($few, 'snowflake_pg.clock_sources', 'kernel');
    asked_again($few);
    reload_with($few, 'snowflake_pg.clock_sources', 'ntp, kernel');
    logged($few, qr/$message(?s:.*)$message(?s:.*)$message/, '... and when they are to decide');
    reload_with($few, 'snowflake_pg.ntp_servers', join ', ', @all);
    states($few, 'a agrees, b agrees, c agrees', '... three');
    is(scalar(() = slurp_file($few->logfile) =~ /cannot .*outvote/g), 3, '... which it does not warn of');
    $few->stop;
}

# A server of a fleet takes no lease before the servers were asked.
{
    order_all('silent');
    my $registry = new_registry('registry');
    my $list = join ', ', @all;
    my $member = new_member($registry, 'member', conf => "snowflake_pg.clock_gate = 'wrong'\nsnowflake_pg.clock_worker = on\nsnowflake_pg.ntp_servers = '$list'\n");
    $member->start;
    $member->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    isnt(held($member), '', 'a lease');
    logged($member, qr/the clock of this server is not known yet: The first answers of those that are asked for the time are to come\./, '... but not at once');
    works($member, 'postgres', 'SELECT snowflake_next()', '... and an ID');
    $_->stop for $member, $registry;
}

done_testing();
