# ntp_query() and ntp_select() with real servers: chronyd, honest ones and a liar.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $missing = chronyd_missing();
plan skip_all => $missing if $missing;

my @honest = map { start_chronyd('local stratum 2') } 1 .. 3;
my ($host, $port) = split /:/, $honest[0];
# One that serves the time of an honest one, but for a quarter of a second.
my $liar = start_chronyd("server $host port $port iburst minpoll 0 maxpoll 0 offset 0.25");
my $unsynchronised = start_chronyd();
my $ipv6 = start_chronyd_at('::1', 'local stratum 3');

my $node = new_node('clients', conf => "intervalstyle = 'postgres'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

sub query
{
    my ($server, $columns, $arguments) = @_;
    return $node->safe_psql('postgres', "SELECT $columns FROM ntp_query('$server'" . ($arguments // '') . ')');
}

# Waits for it: what is measured is as exact as the machine is idle.
sub becomes
{
    my ($ask, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said;
    wait_until(sub { ($said = $ask->()) eq $expected }, 60);
    return is($said, $expected, $name);
}

my $about = q(clock_offset BETWEEN -root_distance AND root_distance, delay BETWEEN '-1 ms' AND '10 s');
for my $server (@honest)
{
    becomes(sub { query($server, "state, $about, stratum, leap, reference_id, ignored") }, 'good|t|t|2|0|127.127.1.1|0',
        "$server tells the time, and this machine has the same");
}
SKIP: {
    skip 'this machine has no IPv6', 1 unless $ipv6;
    becomes(sub { query($ipv6, "state, $about, stratum") }, 'good|t|t|3', "$ipv6 does, too");
}
is(query($honest[0], "state, $about, jitter >= '0', detail", q(, 2, '10 s')), 'good|t|t|t|', 'two samples');
becomes(sub { query($unsynchronised, 'state, clock_offset, leap, kiss, detail') },
    'unsynchronised||3||Its clock is not synchronised.', 'one that has no time');
becomes(sub { query($liar, q(state, clock_offset BETWEEN '200 ms' AND '300 ms')) }, 'good|t', 'one that is a quarter of a second ahead');

# What the servers say together. Two that agree within microseconds may each be further off than they claim.
sub selected
{
    my ($columns, @servers) = @_;
    my $list = join ',', map { "'$_'" } @servers;
    return $node->safe_psql('postgres', <<"SQL");
SELECT $columns FROM (
    SELECT array_agg(clock_offset ORDER BY n) AS offsets, array_agg(greatest(root_distance, '1 ms') ORDER BY n) AS distances
    FROM unnest(ARRAY[$list]) WITH ORDINALITY AS s (name, n), ntp_query(name, 1, '2 s')) AS asked, ntp_select(offsets, distances)
SQL
}

my $sound = q(low <= '0' AND high >= '0', agreeing, truechimers);
becomes(sub { selected($sound, @honest, $liar) }, 't|3|{t,t,t,f}', 'three honest ones and a liar');
becomes(sub { selected($sound, @honest[0, 1], $liar) }, 't|2|{t,t,f}', 'two and a liar');
becomes(sub { selected('low, high, truechimers', $honest[0], $liar) }, '||{f,f}', 'one against the other: nobody knows');
# silenced: an address where nobody is
my $nobody = '127.0.0.250:1';
becomes(sub { selected('low, high, agreeing, truechimers', $honest[0], $nobody, $nobody, $liar) }, '||1|{f,f,f,f}',
    'two honest ones are silenced: nobody knows, and the liar is not believed');
becomes(sub { selected('low, high, truechimers', $nobody, $nobody, $liar) }, '||{f,f,f}', 'nor the liar alone');
becomes(sub { selected($sound, @honest[0, 1], $nobody) }, 't|2|{t,t,f}', 'one silenced of three');
$node->stop;

# a clock that is wrong by a known amount
fake_clock($node);
set_clock($node, -3);
with_clock($node, sub { $node->start });
becomes(sub { query($honest[2], q(state, clock_offset - interval '3 s' BETWEEN -root_distance - '10 ms' AND root_distance + '10 ms')) },
    'good|t', 'this clock is 3 s behind');
becomes(sub { selected(q(low <= '3 s' AND high >= '3 s', agreeing, truechimers), @honest[0, 1], $liar) }, 't|2|{t,t,f}',
    '... as two of three say');
$node->stop;

done_testing();
