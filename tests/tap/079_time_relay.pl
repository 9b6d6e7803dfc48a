# ntp_query() by way of a relay that loses, delays, doubles and reorders: what it says of the error holds. And floods, of
# wrong answers and of answers of any size.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RelayTest;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

# Waits until a client has read all that it was sent, so that nothing of it is lost.
sub drained
{
    my ($port) = @_;
    my $wanted = sprintf ':%04X', $port;
    my $end = time + 2;
    while (time < $end)
    {
        open my $sockets, '<', '/proc/net/udp' or die "/proc/net/udp: $!";
        my ($queue) = map { (split)[4] } grep { (split)[1] =~ /$wanted$/ } readline $sockets;
        return 1 if !defined $queue || $queue =~ /:00000000$/;
        sleep 0.0005;
    }
    return 0;
}

my @sizes = (0 .. 100, (map { (2**$_ - 1, 2**$_, 2**$_ + 1) } 7 .. 15), 65_507);
my %server = start_servers(
    quarter => sub { my ($request, $send) = @_; $send->(answer($request, ahead => 0.25)) },
    # the wrong one first
    two => sub { my ($request, $send) = @_; $send->(answer($request, ahead => 9, origin => 'x' x 8)); $send->(answer($request, ahead => 0.25)) });
# each by itself, since they take their time
%server = (%server, start_servers(
    flood => sub {
        my ($request, $send, undef, $port) = @_;
        # that of a forger, who does not know it, and of one who knows all of it but a bit
        my @wrong = map { answer($request, ahead => 3600, origin => $_) } map { my $bit = $_; substr($request, 40, 8) ^ pack 'Q', 1 << $bit } 0 .. 63;
        my $end = time + 7;
        for (1 .. 1_600)
        {
            $send->($_) // return for @wrong;
            drained($port);
            last if time > $end;
        }
        $send->(answer($request, ahead => 0.25));
    }));
%server = (%server, start_servers(
    sizes => sub {
        my ($request, $send, undef, $port) = @_;
        for my $size (@sizes)
        {
            $send->(join '', map { chr int rand 256 } 1 .. $size);
            drained($port);
        }
        $send->(answer($request, ahead => 0.25));
    }));

my $straight = sub { 0 };
my $random = sub { rand 0.1 };
my %relay = start_relays(
    straight => [ $server{quarter}, $straight, $straight ],
    there => [ $server{quarter}, sub { 0.2 }, $straight ],
    back => [ $server{quarter}, $straight, sub { 0.2 } ],
    random => [ $server{quarter}, $random, $random ],
    # of six samples the fourth is quick
    quick => [ $server{quarter}, $straight, sub { $_[0] == 4 ? 0 : 1 } ],
    # the second and the third, on different ways
    lossy => [ $server{quarter}, sub { $_[0] == 2 ? () : 0 }, sub { $_[0] == 2 ? () : 0 } ],
    lost_there => [ $server{quarter}, sub { () }, $straight ],
    lost_back => [ $server{quarter}, $straight, sub { () } ],
    late => [ $server{quarter}, $straight, sub { 1.2 } ],
    doubled => [ $server{quarter}, sub { (0, 0.05) }, sub { (0, 0, 0.02) } ],
    doubled_late => [ $server{quarter}, sub { (0.1, 0.15) }, sub { (0.02, 0.1) } ],
    in_order => [ $server{two}, $straight, $straight ],
    reordered => [ $server{two}, $straight, sub { $_[0] % 2 ? 1 : 0 } ]);

my $node = new_node('relayed', conf => "intervalstyle = 'postgres'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# Whether the truth is as far off as the way allows, whatever the server says of its own error.
sub true_at
{
    my ($ahead) = @_;
    return "abs(extract(epoch FROM clock_offset) - $ahead) <= extract(epoch FROM delay / 2 + dispersion) + 0.00001";
}
my $true = true_at(0.25);

# What each is asked for, and what comes of it. All at once: a server gets a request a second.
my $patient = q(, timeout => '10 s');
my %asked = (
    straight => [ $patient, "state, $true, ignored", 'good|t|0' ],
    # half of what the ways differ by is taken for a difference of the clocks
    there => [ $patient, "state, $true, clock_offset - '250 ms' >= interval '199.99 ms' - delay / 2, ignored", 'good|t|t|0' ],
    back => [ $patient, "state, $true, clock_offset - '250 ms' <= delay / 2 - interval '199.99 ms', ignored", 'good|t|t|0' ],
    random => [ q(, 8, '10 s'), "state, $true, jitter > '0', ignored, detail", 'good|t|t|0|' ],
    quick => [ q(, 6, '10 s'), "state, $true, delay < '1 s', jitter > '0'", 'good|t|t|t' ],
    lossy => [ q(, 4, '5 s'), "state, $true, detail", 'good|t|2 of 4 samples told the time; of another: it did not answer within 5.000 s.' ],
    (map { $_ => [ q(, 2, '300 ms'), 'state, clock_offset, ignored, detail', 'no answer||0|It did not answer within 0.300 s.' ] } qw(lost_there lost_back late)),
    doubled => [ q(, 3, '10 s'), "state, $true, delay < '10 s', detail", 'good|t|t|' ],
    doubled_late => [ q(, 3, '10 s'), "state, $true, delay >= '120 ms', detail", 'good|t|t|' ],
    in_order => [ $patient, "state, $true, ignored", 'good|t|1' ],
    reordered => [ $patient, "state, $true, ignored", 'good|t|0' ]);
is(join(' ', sort keys %asked), join(' ', sort keys %relay), 'each relay is used');
my %client = map {
    my ($arguments, $columns) = @{ $asked{$_} };
    $_ => start_recording($node, 'postgres', "SELECT $columns FROM ntp_query('$relay{$_}'$arguments)")
} sort keys %asked;
finish_recording(values %client);
for my $name (sort keys %asked)
{
    my $said = slurp_file($client{$name}{ids}) =~ s/\n\z//r;
    is($said, $asked{$name}[2], "by a relay: $name") or diag(slurp_file($client{$name}{errors}));
}

# Wrong origins while one answer is waited for. A machine that is busy does not get through with as many in 10 s.
my ($state, $ignored);
my $many = wait_until(
    sub {
        ($state, $ignored) = split /\|/, $node->safe_psql('postgres', "SELECT concat_ws(',', state, $true), ignored FROM ntp_query('$server{flood}'$patient)");
        return $state ne 'good,t' || $ignored >= 100_000;
    });
is($state, 'good,t', 'none of the wrong answers is taken, and the right one is');
ok($many, "... of more than 100,000: $ignored");

is($node->safe_psql('postgres', "SELECT state, $true, ignored FROM ntp_query('$server{sizes}'$patient)"), 'good|t|' . @sizes,
    'random bytes of 0 to 65507 bytes, then the answer');

SKIP: {
    my $missing = chronyd_missing();
    skip $missing, 3 if $missing;
    my $chronyd = start_chronyd('local stratum 2');
    my %way = start_relays(
        straight => [ $chronyd, $straight, $straight ],
        there => [ $chronyd, sub { 0.2 }, $straight ],
        back => [ $chronyd, $straight, sub { 0.2 } ]);
    for my $name (sort keys %way)
    {
        my $said;
        wait_until(sub { ($said = $node->safe_psql('postgres', 'SELECT state, ' . true_at(0) . ", stratum FROM ntp_query('$way{$name}'$patient)")) eq 'good|t|2' }, 60);
        is($said, 'good|t|2', "chronyd by a relay: $name");
    }
}

unlike(slurp_file($node->logfile), qr/terminated by signal|panicked/, 'no process crashed');
$node->stop;

done_testing();
