# The background worker that asks NTP servers: when it asks, and what it makes of those that lie, fall silent, refuse or
# hang. 075_time_worker_gate.pl has what the gate makes of that.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use ClockWorkerTest;
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my @names = qw(a b c d);
my %address = start_obedient(@names);
my @all = @address{@names};

sub start
{
    my ($name, %options) = @_;
    my $servers = delete $options{servers} // \@all;
    my $node = asking_node($name, $servers, %options);
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    return $node;
}

# Nothing is started unasked.
{
    my $node = start('without', conf => "snowflake_pg.clock_worker = off\n");
    is(clock_worker($node), undef, 'off: no worker');
    is($node->safe_psql('postgres', "SELECT count(*) FROM snowflake_clock_sources"), 0, '... no sources');
    is($node->safe_psql('postgres', "SELECT count(*) FROM snowflake_clock_history"), 0, '... no history');
    is(says($node, 'state, decided_by'), 'unknown|', '... and nothing known');
    $node->stop;
    is(scalar(map { requests($_) } @names), 0, '... and no server was asked');
}

# Four rounds at the start, and then one in each interval.
{
    my $begin = time;
    my $node = start('rounds', conf => "snowflake_pg.ntp_poll = '1h'\n");
    becomes(sub { scalar requests('a') }, 4, 'four requests at the start');
    my @came = map { $_->[0] } requests('a');
    # a machine that is busy may bring them closer to each other, but none before its time
    cmp_ok($came[$_] - $begin, '>', 1.9 * $_, '... seconds apart') for 1 .. 3;
    becomes(sub { $node->safe_psql('postgres', q(SELECT count(*), count(DISTINCT server) FROM snowflake_clock_history WHERE server <> 'kernel')) }, '16|4', 'the history has all of them');
    becomes(sub { $node->safe_psql('postgres', q(SELECT bool_and(next_poll BETWEEN now() + '53 min' AND now() + '67 min') FROM snowflake_clock_sources)) },
        't', 'the next round is in an hour, give or take a tenth');
    is($node->safe_psql('postgres', q(SELECT bool_and(at BETWEEN now() - interval '1 min' AND now() AND clock_offset BETWEEN -distance - '10 ms' AND distance + '10 ms' AND delay BETWEEN '-1 ms' AND '1 s') FROM snowflake_clock_history WHERE server <> 'kernel')),
        't', '... with figures');
    is(of_servers($node, 'reach, polls, answers, ignored, stratum, reference_id, kiss, last_error'),
        join(', ', map { "$_ 00001111|4|4|0|2|192.0.2.7||" } @names), 'what is shown of each server');
    is(of_servers($node, q(address || ':' || substring(server FROM ':(.*)') = server)), join(', ', map { "$_ t" } @names), '... and its address');
    # a reload looks everything up again, and asks
    my $before = () = requests('a');
    $node->append_conf('postgresql.conf', "snowflake_pg.ntp_servers = '" . join(', ', reverse @all) . "'");
    $node->reload;
    ok(wait_until(sub { requests('a') > $before }), 'a reload asks at once, also with the list in another order');
    # who may see that
    $node->safe_psql('postgres', 'CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE somebody');
    is($node->safe_psql('postgres', "SET ROLE watcher; SELECT count(*) > 0 FROM $_"), 't', "$_: pg_monitor") for qw(snowflake_clock_sources snowflake_clock_history);
    fails($node, 'postgres', "SET ROLE somebody; SELECT count(*) FROM $_", "$_: nobody else", qr/ERROR:  42501: permission denied for view $_/)
      for qw(snowflake_clock_sources snowflake_clock_history);
    # it sleeps until then
    my $woken = sub { slurp_file('/proc/' . clock_worker($node) . '/status') =~ /^voluntary_ctxt_switches:\s+(\d+)/m ? $1 : die };
    my $switches;
    wait_until(sub { my $last = $switches; $switches = $woken->(); sleep 0.2; defined $last && $last == $switches });
    $node->safe_psql('postgres', 'SELECT pg_sleep(3)');
    is($woken->(), $switches, 'nothing wakes it meanwhile');
    $begin = time;
    $node->stop;
    cmp_ok(time - $begin, '<', 5, 'it stops while it sleeps');
}

# Who lies, and who falls silent.
my $node = start('lies', servers => [ @all[ 0 .. 2 ] ], conf => "restart_after_crash = on\n");
states($node, 'a agrees, b agrees, c agrees', 'all agree');
becomes(sub { says($node, q(state, decided_by, offset_low <= '0' AND offset_high >= '0', offset_high - offset_low < '1 s', as_of > now() - interval '10 s')) },
    'right|ntp|t|t|t', 'the clock is right, as they say');
is($node->safe_psql('postgres', q(SELECT latest - earliest < '1 s' FROM clock_bounds())), 't', 'clock_bounds()');
order('c', 'liar');
states($node, 'a agrees, b agrees, c falseticker', 'one that lies by a quarter of a second is a falseticker');
logged($node, qr/LOG:  NTP server \Q$address{c}\E is a falseticker\n.*DETAIL:  It says \+0\.2\d{5} s; 2 others agree on [+-]0\.\d{6} s to [+-]0\.\d{6} s\./, '... as the log says', 1);
is(says($node, q(state, offset_low <= '0' AND offset_high >= '0', offset_high < '200 ms')), 'right|t|t', '... and it is not believed');
order('c', 'right');
states($node, 'a agrees, b agrees, c agrees', 'it tells the truth again');
logged($node, qr/LOG:  NTP server \Q$address{c}\E agrees with the others/, '... as the log says', 1);
ok(wait_until(sub { says($node, 'drift_ppm IS NOT NULL') eq 't' }), 'how the crystal drifts is known');
cmp_ok(abs(says($node, 'drift_ppm')), '<', 20_000, '... about');

# what is no time, and who announces a leap second
for my $case ([ 'unsynchronised', 'unsynchronised', 'Its clock is not synchronised.' ],
    [ 'broken', 'broken', qr/^Its answer left [23]\.\d+ s before the request came\.$/ ],
    [ 'other_kiss', 'kiss', 'It refuses.' ])
{
    my ($order, $state, $error) = @$case;
    order('c', $order);
    states($node, "a agrees, b agrees, c $state", "one that is $state");
    like($node->safe_psql('postgres', "SELECT last_error FROM snowflake_clock_sources WHERE server = '$address{c}'"),
        ref $error ? $error : qr/^\Q$error\E$/, '... and why');
}
order('c', 'leap');
becomes(sub { of_servers($node, 'state, leap') }, 'a agrees|0, b agrees|0, c agrees|1', 'one that announces a leap second');

# two of three are silenced, and the third lies
order('c', 'liar');
states($node, 'a agrees, b agrees, c falseticker', 'one lies again');
order($_, 'silent') for qw(a b);
states($node, 'a no answer, b no answer, c good', 'two are silenced: the liar is no majority');
is(says($node, q(decided_by, offset_low <= '0' AND offset_high >= '0', offset_low < '200 ms')), 'ntp|t|t', '... what they said before goes on to count');
like(of_servers($node, 'reach'), qr/^a 00000000, b 00000000, c 11111111$/, '... they were not reached eight times');
$node->restart;
states($node, 'a no answer, b no answer, c good', 'the same from the start');
is(says($node, 'state, decided_by, offset_low'), 'unknown||', '... nobody knows, and the liar is not believed');
is($node->safe_psql('postgres', 'SELECT * FROM clock_bounds()'), '-infinity|infinity', '... clock_bounds()');

# servers that hang do not keep the worker from stopping
my $begin = time;
$node->stop;
cmp_ok(time - $begin, '<', 5, 'it stops while servers hang');
order($_, 'right') for @names;
$node->start;
states($node, 'a agrees, b agrees, c agrees', 'all answer again');

# they contradict each other without a majority
order('b', 'liar');
order('c', 'behind');
logged($node, qr/LOG:  the sources of time contradict each other\n.*DETAIL:  3 of 3 NTP servers tell the time, and no 2 of them agree\./, 'three that say three times', 1);
states($node, 'a good, b good, c good', '... of which none is known to be right');
order($_, 'right') for qw(b c);
logged($node, qr/LOG:  the sources of time do not contradict each other any more/, '... until they agree', 1);
states($node, 'a agrees, b agrees, c agrees', '... and all do');

# what it costs
my ($nanoseconds) = split ' ', slurp_file('/proc/' . clock_worker($node) . '/schedstat');
note(sprintf '%.3f ms of a processor for a round of three servers, start and end of the process included',
    $nanoseconds / 1e6 / $node->safe_psql('postgres', 'SELECT max(polls) FROM snowflake_clock_sources'));

# another list
my $answers = $node->safe_psql('postgres', qq(SELECT answers FROM snowflake_clock_sources WHERE server = '$address{b}'));
$node->append_conf('postgresql.conf', qq(snowflake_pg.ntp_servers = '$address{b}, $address{d}, $address{a}'));
$node->reload;
states($node, 'b agrees, d agrees, a agrees', 'a reload changes the servers');
becomes(sub { says($node, 'state, decided_by') }, 'right|ntp', '... who know the time');
is($node->safe_psql('postgres', qq(SELECT answers > $answers FROM snowflake_clock_sources WHERE server = '$address{b}')), 't', '... what is known of those that stay is kept');
# one of which has two names
(my $again = $address{c}) =~ s/^127\.0\.0\.1:/127.1:/;
order('c', 'liar');
reload_with($node, 'snowflake_pg.ntp_servers', "$address{c}, $again, $address{a}");
states($node, "c good, $again same as another, a good", 'two names of one machine have one vote');
is($node->safe_psql('postgres', "SELECT polls, next_poll IS NULL, clock_offset IS NULL, last_error FROM snowflake_clock_sources WHERE server = '$again'"),
    "0|t|t|Its address is that of $address{c}.", '... as is shown');
is(says($node, q(state, offset_high < '200 ms')), 'right|t', '... so one that lies is no majority');
order('c', 'right');
states($node, "c agrees, $again same as another, a agrees", '... but counts');
reload_with($node, 'snowflake_pg.ntp_servers', '');
becomes(sub { of_servers($node, 'state') }, '', 'none are listed');
becomes(sub { says($node, 'state, decided_by') }, 'unknown|', '... so nobody knows, and what others said does not count');
reload_with($node, 'snowflake_pg.ntp_servers', join ', ', @all);
states($node, 'a agrees, b agrees, c agrees, d agrees', 'four are');

# a worker that is killed takes what it knew with it, one that ends does not
ok(wait_until(sub { $node->safe_psql('postgres', 'SELECT min(answers) >= 8 FROM snowflake_clock_sources') eq 't' }), '... and were asked for a while');
my $first = clock_worker($node);
kill 'TERM', $first;
ok(wait_until(sub { my $second = clock_worker($node); defined $second && $second != $first }), 'it is started again when it has ended');
states($node, 'a agrees, b agrees, c agrees, d agrees', '... and goes on');
is($node->safe_psql('postgres', q(SELECT min(answers) > 8 FROM snowflake_clock_sources)), 't', '... with what was known');
$first = clock_worker($node);
kill 'KILL', $first;
ok(wait_until(sub { my $second = clock_worker($node); defined $second && $second != $first }), 'it is started again when it was killed');
ok(wait_until(sub { $node->psql('postgres', 'SELECT 1') == 0 }), '... with the server');
states($node, 'a agrees, b agrees, c agrees, d agrees', '... and asks again');

# who refuses
order('c', 'deny');
states($node, 'a agrees, b agrees, c kiss, d agrees', 'DENY');
logged($node, qr/LOG:  NTP server \Q$address{c}\E asks to be left alone\n.*DETAIL:  It answered DENY; it is asked again after a reload\./, '... as the log says', 1);
is(of_servers($node, 'kiss, next_poll IS NULL'), 'a |f, b |f, c DENY|t, d |f', '... it is not asked');
my $refused = () = requests('c');
my $others = () = requests('a');
ok(wait_until(sub { requests('a') > $others + 3 }), '... others are');
is(scalar(() = requests('c')), $refused, '... and it was not');
$first = clock_worker($node);
kill 'TERM', $first;
ok(wait_until(sub { my $second = clock_worker($node); defined $second && $second != $first }), '... nor by another worker');
$others = () = requests('a');
ok(wait_until(sub { requests('a') > $others + 3 }), '... which asks others');
is(scalar(() = requests('c')), $refused, '... and not this one');
is(of_servers($node, 'state, next_poll IS NULL'), 'a agrees|f, b agrees|f, c kiss|t, d agrees|f', '... as is shown');
order('c', 'right');
$node->reload;
states($node, 'a agrees, b agrees, c agrees, d agrees', '... before a reload');
my $slower = time;
order('d', 'rate');
logged($node, qr/LOG:  NTP server \Q$address{d}\E asks to be asked less often\n.*DETAIL:  It answered RATE; it is asked every 2\.000 s from now on\./, 'RATE', 1);
logged($node, qr/LOG:  NTP server \Q$address{d}\E asks to be asked less often\n.*DETAIL:  It answered RATE; it is asked every $_\.000 s from now on\./, "... every $_ s", 1)
  for 4, 8;
my @asked = map { $_->[0] } requests('d');
# after the first kiss 2 s, then 4 s; the first request may have come a little before
cmp_ok($asked[-1] - $slower, '>', 4.9, '... and so it is');
order('d', 'right');
$node->stop;

done_testing();
