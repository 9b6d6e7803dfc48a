# ntp_query() against servers that misbehave in every way: each is a state or is ignored, and nothing takes longer than it
# may.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $wrong = "\1" x 8;
my $flood = sub { my ($request, $send, $count) = @_; $send->(answer($request, origin => $wrong)) for 1 .. $count };
# Sizes that a datagram has; what comes after 48 bytes is not read.
my @longer = (49, 68, 500, 1472, 9000, 65_507);

my %address = start_servers(
    good => sub { my ($request, $send) = @_; $send->(answer($request)) },
    twice => sub { my ($request, $send) = @_; $send->(answer($request)) for 1 .. 2 },
    version_3 => sub { my ($request, $send) = @_; $send->(answer($request, version => 3)) },
    ahead => sub { my ($request, $send) = @_; $send->(answer($request, ahead => 0.25)) },
    reference => sub { my ($request, $send) = @_; $send->(answer($request, stratum => 1, reference_id => "PPS\0")) },
    kiss => sub { my ($request, $send) = @_; $send->(answer($request, stratum => 0, leap => 3, reference_id => 'RATE')) },
    deny => sub { my ($request, $send) = @_; $send->(answer($request, stratum => 0, reference_id => 'DENY')) },
    no_code => sub { my ($request, $send) = @_; $send->(answer($request, stratum => 0, reference_id => "\n\0\xff\0")) },
    forged_kiss => sub {
        my ($request, $send) = @_;
        $send->(answer($request, stratum => 0, reference_id => 'DENY', origin => $wrong));
        $send->(answer($request));
    },
    wrong_origin => sub { my ($request, $send) = @_; $send->(answer($request, origin => $wrong)) },
    no_origin => sub { my ($request, $send) = @_; $send->(answer($request, origin => "\0" x 8)) },
    short => sub {
        my ($request, $send) = @_;
        $send->(substr answer($request), 0, $_) for 0 .. 47;
        $send->(answer($request));
    },
    broadcast => sub { my ($request, $send) = @_; $send->(answer($request, mode => 5)) },
    echo => sub { my ($request, $send) = @_; $send->($request) },
    version_2 => sub { my ($request, $send) = @_; $send->(answer($request, version => 2)) },
    leap_3 => sub { my ($request, $send) = @_; $send->(answer($request, leap => 3)) },
    leap_1 => sub { my ($request, $send) = @_; $send->(answer($request, leap => 1)) },
    stratum_16 => sub { my ($request, $send) = @_; $send->(answer($request, stratum => 16)) },
    dispersion => sub { my ($request, $send) = @_; $send->(answer($request, root_dispersion => 20)) },
    other_sender => sub { my ($request, undef, $from_other) = @_; $from_other->(answer($request)) },
    silent => sub { },
    backward => sub { my ($request, $send) = @_; $send->(answer($request, transmit => ntp_time(time - 3))) },
    slow => sub { my ($request, $send) = @_; $send->(answer($request, transmit => ntp_time(time + 3))) },
    no_time => sub { my ($request, $send) = @_; $send->(answer($request, transmit => "\0" x 8)) },
    nothing => sub { my ($request, $send) = @_; $send->("\0" x 48) },
    # 2040-01-01, in the era that begins in 2036
    era_1 => sub { my ($request, $send) = @_; $send->(answer($request, ahead => 2_208_988_800 - time)) },
    (map { my $size = $_; ("size_$size" => sub {
        my ($request, $send) = @_;
        my $answer = answer($request);
        $send->($answer . join '', map { chr int rand 256 } 1 .. $size - 48);
    }) } @longer));
# each by itself, since they take their time
%address = (%address, start_servers(
    flood => sub {
        my ($request, $send) = @_;
        # the right one among them each time: some of all may be lost
        for (1 .. 50)
        {
            $flood->($request, $send, 2_000);
            $send->(answer($request)) // last;
        }
    }));
# ways that take different times, by a third of a second
%address = (%address, start_servers(
    there => sub { my ($request, $send) = @_; sleep 0.3; $send->(answer($request)) },
    back => sub { my ($request, $send) = @_; my $answer = answer($request); sleep 0.3; $send->($answer) }));
%address = (%address, start_servers(
    flood_only => sub { my ($request, $send) = @_; my $end = time + 3; $flood->($request, $send, 100) while time < $end }));

my $node = new_node('ntp', conf => "intervalstyle = 'postgres'\ntimezone = 'UTC'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# Columns of what a server is said to be. An answer takes as long as the machine is busy.
my $patient = q(, timeout => '10 s');

sub query
{
    my ($name, $columns, $arguments) = @_;
    return $node->safe_psql('postgres', "SELECT $columns FROM ntp_query('$address{$name}'" . ($arguments // $patient) . ')');
}

# Whether an offset is what it should be, as far as can be told.
sub is_about
{
    my ($offset) = @_;
    return "abs(extract(epoch FROM clock_offset) - $offset) <= extract(epoch FROM root_distance) + 0.01";
}

my $soon = q(, timeout => '200 ms');

# servers that tell the time
is(query('good', 'state, stratum, leap, reference_id, kiss, ignored, detail'), 'good|2|0|192.0.2.7||0|', 'a good server');
is(query($_, 'state, ignored'), 'good|0', $_) for 'twice', 'version_3', map { "size_$_" } @longer;
is(query('leap_1', 'state, leap'), 'good|1', 'one that announces a leap second');
is(query('reference', 'state, stratum, reference_id'), 'good|1|PPS', 'one with a reference clock');
is(query('ahead', 'state, ' . is_about(0.25) . q(, delay BETWEEN '-1 ms' AND '10 s', root_distance >= '1 ms',
    root_distance < delay + '10 ms', dispersion BETWEEN '1 us' AND '1 ms', jitter = '0')),
    'good|t|t|t|t|t|t', 'one that is 250 ms ahead');
is(query($_, 'state, ' . is_about(0) . q(, delay > '290 ms')), 'good|t|t', "one far away, and mostly on the way $_")
  for qw(there back);
is(query('era_1', q(state, date_trunc('minute', clock_timestamp() + clock_offset))), 'good|2040-01-01 00:00:00+00',
    'one that is in the next era');

# servers that do not
is(query('kiss', 'state, clock_offset, stratum, leap, reference_id, kiss, detail'), 'kiss||0|3|RATE|RATE|It refuses.', 'a kiss');
is(query('no_code', 'state, reference_id, kiss'), 'unsynchronised|0x0a00ff00|', 'no kiss, because its code is no text');
is(query('leap_3', 'state, clock_offset, stratum, leap, detail'),
    'unsynchronised||2|3|Its clock is not synchronised.', 'leap 3');
is(query('stratum_16', 'state, stratum, detail'), 'unsynchronised|16|Its clock is not synchronised.', 'stratum 16');
like(query('dispersion', 'state, detail'), qr/^unsynchronised\|Its clock may be off by 20\.0\d+ s\.$/, 'root dispersion 20 s');
like(query('backward', 'state, clock_offset, detail'),
    qr/^broken\|\|Its answer left [23]\.\d+ s before the request came\.$/, 'an answer that left before the request came');
like(query('slow', 'state, detail'),
    qr/^broken\|By its timestamps, request and answer were on the way for -[0-3]\.\d+ s\.$/, 'an answer that was held too long');
is(query('no_time', 'state, detail'), 'broken|Its answer has no time.', 'an answer without a time');

# what is no answer is ignored
is(query($_, 'state, ignored, stratum, detail', $soon), "no answer|1||It did not answer within 0.200 s.", $_)
  for qw(wrong_origin no_origin broadcast echo version_2 nothing);
is(query($_, 'state, ignored', $soon), 'no answer|0', $_) for qw(other_sender silent);
is(query('short', 'state, ignored'), 'good|48', 'packets of 0 to 47 bytes, then an answer');
is(query('forged_kiss', 'state, kiss, ignored'), 'good||1', 'a forged kiss, then an answer');
like(query('flood', 'state, ignored > 100'), qr/^good\|t$/, 'the answer among wrong ones');
my $from = time;
like(query('flood_only', 'state, ignored > 100', q(, timeout => '500 ms')), qr/^no answer\|t$/, 'wrong ones all the time');
cmp_ok(time - $from, '<', 20, 'they do not keep it');

# several samples, at most one a second
is(query('ahead', 'state, ' . is_about(0.25) . q(, jitter BETWEEN '0' AND '10 s'), q(, 3, '10 s')), 'good|t|t', 'three samples');
my @came = map { $_->[0] } requests('ahead');
is(scalar @came, 4, 'all of them came');
cmp_ok($came[$_] - $came[ $_ - 1 ], '>', 0.5, 'a second apart') for 1 .. $#came;
is(query('deny', 'state, kiss', q(, 8, '10 s')), 'kiss|DENY', 'who is refused');
is(scalar requests('deny'), 1, '... does not go on');
like(query('silent', 'state, detail', q(, 2, '1 ms')), qr/^no answer\|It did not answer within 0\.001 s\.$/, 'two that are lost');

# nothing is learnt from a request
my @packets = map { $_->[1] } requests('ahead');
is(scalar(grep { /^23(?:00){39}[0-9a-f]{16}$/ } @packets), 4, 'a request has no fields but the transmit timestamp');
my %nonces = map { substr($_, -16) => 1 } @packets;
is(scalar keys %nonces, 4, '... which differs');
my $hour = substr unpack('H*', ntp_time(time)), 0, 5;
is(scalar(grep { /^$hour/ } keys %nonces), 0, '... and is no time');

# names
like($node->safe_psql('postgres', "SELECT state, clock_offset, detail FROM ntp_query('no-such-host.invalid')"),
    qr/^no answer\|\|\w.*\.$/, 'a name that does not resolve');
my ($port) = $address{good} =~ /:(\d+)/;
is($node->safe_psql('postgres', "SELECT state FROM ntp_query(' LOCALHOST:$port '$patient)") =~ /^(?:good|no answer)$/, 1, 'one that does');

# several servers in one statement
is($node->safe_psql('postgres',
    "SELECT string_agg(state, ',' ORDER BY n) FROM unnest(ARRAY['$address{version_3}', '$address{stratum_16}', '127.0.0.1:1'])"
      . " WITH ORDINALITY AS s (name, n), ntp_query(name$patient)"),
    'good,unsynchronised,no answer', 'several servers in one statement');

# who may
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
CREATE ROLE somebody LOGIN;
CREATE ROLE trusted LOGIN;
GRANT EXECUTE ON FUNCTION ntp_query(text, int, interval) TO trusted;
SQL
my $call = "SELECT state FROM ntp_query('$address{good}'$patient)";
fails($node, 'postgres', "SET ROLE watcher; $call", 'a server that is not listed',
    qr/ERROR:  42501: permission denied to query NTP server "\Q$address{good}\E"/,
    qr/DETAIL:  Only superusers may query servers that snowflake_pg\.ntp_servers does not list\./);
reload_with($node, 'snowflake_pg.ntp_servers', "ntp.example.org, $address{good}");
is($node->safe_psql('postgres', "SET ROLE watcher; $call"), 'good', 'one that is, for pg_monitor');
is($node->safe_psql('postgres', "SET ROLE trusted; $call"), 'good', '... and for who was granted it');
fails($node, 'postgres', "SET ROLE somebody; $call", '... and for nobody else',
    qr/ERROR:  42501: permission denied for function ntp_query/);
fails($node, 'postgres', "SET ROLE watcher; SELECT ntp_query('$address{silent}')", 'no other', qr/ERROR:  42501: permission denied to/);
fails($node, 'postgres', "SET ROLE watcher; SELECT ntp_query('127.0.0.1')", 'no other port', qr/ERROR:  42501: permission denied to/);
is($node->safe_psql('postgres', 'SET ROLE watcher; SHOW snowflake_pg.ntp_servers'), "ntp.example.org, $address{good}",
    'pg_monitor sees the list');
fails($node, 'postgres', 'SET ROLE somebody; SHOW snowflake_pg.ntp_servers', 'others do not', qr/ERROR:  42501: /);

# a list that makes no sense leaves the old one in force
my $log = log_size($node);
$node->append_conf('postgresql.conf', q(snowflake_pg.ntp_servers = ') . join(',', map { "n$_" } 1 .. 1000) . q('));
$node->reload;
ok(wait_until(sub { log_since($node, $log) =~ /invalid value for parameter "snowflake_pg\.ntp_servers"/ }), 'a thousand servers');
like(log_since($node, $log), qr/DETAIL:  1000 NTP servers are too many\./, '... are too many');
is($node->safe_psql('postgres', "SET ROLE watcher; $call"), 'good', '... and the list is the old one');

# cancelled, terminated, out of time: at once
sub ends
{
    my ($name, $statement, $function, $message) = @_;
    my $client = start_recording($node, 'postgres', "SET application_name = 'asking'", $statement);
    my $pid;
    ok(
        wait_until(
            sub {
                $pid = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE application_name = 'asking' ) .
                    q(AND state = 'active' AND wait_event_type = 'Extension' AND wait_event IN ('SnowflakeNtp', 'Extension')));
                return $pid ne '';
            }),
        "$name: it is seen waiting");
    my $begin = time;
    $node->safe_psql('postgres', "SELECT $function($pid)");
    finish_recording($client);
    cmp_ok(time - $begin, '<', 5, "$name: it ends at once");
    like(slurp_file($client->{errors}), $message, "$name: with the right message");
    return;
}

my $long = "SELECT ntp_query('$address{silent}', 1, '10 s')";
my $queued = "SELECT ntp_query('$address{silent}', 8, '10 s')";
ends('cancel', $long, 'pg_cancel_backend', qr/57014: canceling statement due to user request/);
ends('terminate', $queued, 'pg_terminate_backend', qr/57P01: terminating connection/);
$from = time;
fails($node, 'postgres', "SET statement_timeout = '300ms'; $long", 'statement_timeout',
    qr/57014: canceling statement due to statement timeout/);
fails($node, 'postgres', "SET statement_timeout = '300ms'; SELECT ntp_query('$address{flood_only}', 1, '10 s')",
    'statement_timeout while wrong ones come', qr/57014: canceling statement due to statement timeout/);
cmp_ok(time - $from, '<', 9, '... ends it at once');
# what was cancelled leaves no socket open
my $session = session($node);
my ($backend) = ask($session, 'SELECT pg_backend_pid()');
my $open = sub { opendir my $directory, "/proc/$backend/fd" or die "/proc/$backend/fd: $!"; return scalar(() = readdir $directory) };
ask($session, "SET statement_timeout = '50ms'");
ask($session, "SELECT ntp_query('$address{broadcast}', 1, '10 s')");
my $before = $open->();
for my $name (qw(wrong_origin no_origin other_sender))
{
    my (undef, $error) = ask($session, "SELECT ntp_query('$address{$name}', 1, '10 s')");
    like($error, qr/canceling statement due to statement timeout/, "$name is cancelled");
}
cmp_ok($open->(), '<=', $before, 'no socket is left open');

# each of these takes a turn, a second after the one before, until the next would be too late
my $last;
my $full = wait_until(
    sub {
        ($last) = ask($session, "SELECT state, detail FROM ntp_query('$address{silent}', 1, '10 s')");
        return $last ne '';
    });
ok($full, 'who would have to wait for too long is told so');
like($last, qr/^no answer\|Other sessions are asking it: it would be the turn of this one in 1\d\.\d{3} s\.$/, '... and asks nobody');
$session->quit;

# a clock that is wrong: what the server says is a figure, and the way is not
$node->append_conf('postgresql.conf', q(snowflake_pg.ntp_servers = ''));
fake_clock($node);
set_clock($node, 3600);
$node->stop;
with_clock($node, sub { $node->start });
is(query('good', 'state, ' . is_about(-3600) . q(, delay BETWEEN '-1 ms' AND '10 s')), 'good|t|t',
    'the clock of this server is an hour ahead');
set_clock($node, -86_400);
is(query('version_3', 'state, ' . is_about(86_400) . q(, delay BETWEEN '-1 ms' AND '10 s')), 'good|t|t',
    'a day behind');

unlike(slurp_file($node->logfile), qr/terminated by signal|panicked/, 'no process crashed');
$node->stop;

done_testing();
