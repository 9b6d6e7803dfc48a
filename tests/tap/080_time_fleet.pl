# The servers that share a registry compare their clocks: whichever is off is named, that of the registry too; the gate goes by
# it; and a registry that hangs or is gone holds up nobody.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use ClockWorkerTest;
use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my %ntp = start_obedient('server');

# A registry by a clock of its own.
my $registry = new_node('registry', preload => 0, conf => "shared_buffers = '2MB'\nmax_connections = 30\nintervalstyle = 'postgres'\n");
fake_clock($registry);
with_clock($registry, sub { $registry->start });
$registry->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg; CREATE ROLE member LOGIN IN ROLE snowflake_member; CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE nobody');

my $polls = "snowflake_pg.clock_worker = on\nsnowflake_pg.ntp_poll = '1s'\nintervalstyle = 'postgres'\n";
my %conf = (
    one => "snowflake_pg.clock_sources = 'registry'\nsnowflake_pg.clock_gate = 'wrong'\n",
    two => "snowflake_pg.ntp_servers = '$ntp{server}'\n",
    three => '');
my @names = qw(one two three);
my %member = map { $_ => new_member($registry, $_, allows_streaming => 1, conf => $polls . $conf{$_}) } @names;
my %name = (registry => 'registry');
for my $name (@names)
{
    my $node = $member{$name};
    fake_clock($node);
    with_clock($node, sub { $node->start });
    $node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    $name{ $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()') } = $name;
}
my %identity = reverse %name;
sub clocks { return ($registry, @member{@names}) }

# What the registry shows of each clock, in the order of their names.
sub fleet
{
    my ($columns, $as) = @_;
    my $role = $as ? "SET ROLE $as; " : '';
    my @rows = map { [ split /\|/, $_, 2 ] } split /\n/, $registry->safe_psql('postgres', "${role}SELECT member, $columns FROM snowflake_fleet_clocks");
    return join ', ', sort map { ($name{ $_->[0] } // $_->[0]) . " $_->[1]" } @rows;
}

sub verdicts
{
    my ($expected, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return becomes(sub { fleet('verdict') }, $expected, $what);
}

sub all_but
{
    my ($off, @others) = @_;
    return join ', ', sort map { $_ . ($_ eq $off ? ' off' : ' agrees') } 'registry', @names, @others;
}

sub of_fleet
{
    my ($name, $columns) = @_;
    return $member{$name}->safe_psql('postgres', "SELECT $columns FROM snowflake_clock_fleet");
}

verdicts(all_but(''), 'four clocks agree');
is(fleet(q(offset_low <= '0' AND offset_high >= '0' AND offset_high - offset_low < '1 s')), 'one t, registry t, three t, two t', '... and differ by nothing');
like(fleet('host_name, state, gate'), qr/^one \S+\|\w+\|wrong, registry \S+\|\|, three \S+\|\w+\|off, two \S+\|\w+\|off$/, '... as they say themselves');
becomes(sub { fleet('ntp_low IS NOT NULL') }, 'one f, registry f, three f, two t', '... one of them by an NTP server');
becomes(sub { of_fleet($_, q(agreeing, clocks, registry_low <= '0', registry_high >= '0', fleet_low < '0', fleet_high > '0', last_error)) }, '4|4|t|t|t|t|', "$_ knows it")
  for @names;
is(fleet('host_name', $_), fleet('host_name'), "$_ sees the view") for qw(watcher member);

# Each of them in turn.
for my $by (3, -3)
{
    for my $name (@names)
    {
        set_clock($member{$name}, $by);
        verdicts(all_but($name), "$name is off by $by s");
        my $offset = -$by;
        becomes(sub { fleet(qq('$offset s' BETWEEN offset_low AND offset_high)) },
            join(', ', map { "$_ " . ($_ eq $name ? 't' : 'f') } sort keys %identity), '... by as much');
        becomes(sub { of_fleet($name, qq(agreeing, clocks, '$offset s' BETWEEN registry_low AND registry_high, '$offset s' BETWEEN fleet_low AND fleet_high)) },
            '3|4|t|t', '... and knows it');
        set_clock($member{$name}, 0);
        verdicts(all_but(''), "$name is right again");
    }
    set_clock($registry, $by);
    verdicts(all_but('registry'), "the registry is off by $by s");
    is(fleet(qq('$by s' BETWEEN offset_low AND offset_high)), 'one t, registry f, three t, two t', '... which its members see');
    becomes(sub { of_fleet('one', qq(agreeing, clocks, '$by s' BETWEEN registry_low AND registry_high, fleet_low < '0', fleet_high > '0')) },
        '3|4|t|t|t', '... and that it is not they');
    works($member{one}, 'postgres', 'SELECT snowflake_next()', '... so IDs go on');
    set_clock($registry, 0);
    verdicts(all_but(''), 'the registry is right again');
}

# The gate of a member that goes by the fleet.
my $one = $member{one};
becomes(sub { says($one, 'state, decided_by') }, 'right|registry', 'the fleet decides');
set_clock($one, 3);
my $refusal = qr/ERROR:  55000: the clock of this server is wrong/;
ok(wait_until(sub { ($one->psql('postgres', 'SELECT snowflake_next()'))[0] == 3 }), 'a clock that is off makes no IDs');
fails($one, 'postgres', 'SELECT snowflake_next()', '... and says why',
    $refusal, qr/DETAIL:  It is ahead by 2\.\d+ s to 3\.\d+ s, as [34] of 4 servers of the fleet said at /);
set_clock($member{two}, 3);
becomes(sub { fleet('verdict') }, 'one alone, registry alone, three alone, two alone', 'two and two: there is no majority');
set_clock($member{two}, 0);
verdicts(all_but('one'), '... until there is again');
set_clock($one, 0);
ok(wait_until(sub { ($one->psql('postgres', 'SELECT snowflake_next()'))[0] == 0 }), 'IDs go on when it is right again');

my $offset = log_size($one);
# ... also when it is started. Who was there before it has its place until nobody hears of it.
$one->stop('immediate');
set_clock($one, 3);
with_clock($one, sub { $one->start });
ok(wait_until(sub { lease($one, 'last_error') =~ /the clock of this server is wrong: It is ahead by 2\.\d+ s .* servers of the fleet said/ }),
    'a start by a wrong clock takes no lease');
fails($one, 'postgres', 'SELECT snowflake_next()', '... and makes no ID', qr/ERROR:  55000:/);
verdicts(all_but('one'), '... and the fleet sees it');
set_clock($one, 0);
ok(wait_until(sub { ($one->psql('postgres', 'SELECT snowflake_next()'))[0] == 0 }), 'and then it does');
verdicts(all_but(''), 'all agree again');
unlike(log_since($one, $offset), qr/does not compare|compares the clock/, '... which is nothing to log');

# An NTP server that says something else than the fleet does.
$offset = log_size($member{two});
order('server', 'behind');
logged($member{two},
    qr/LOG:  the sources of time contradict each other\n.*DETAIL:  What is to be added to this clock is -[23]\.\d+ s to -[23]\.\d+ s by the NTP servers, and -0\.\d+ s to \+0\.\d+ s by the fleet\./,
    'NTP servers and fleet contradict each other', 1);
becomes(sub { says($member{two}, q(decided_by, offset_high < '-2 s')) }, 'ntp|t', '... the servers decide');
order('server', 'right');
logged($member{two}, qr/LOG:  the sources of time do not contradict each other any more/, '... until they agree', 1);
becomes(sub { says($member{two}, 'state, decided_by') }, 'right|ntp', '... and are right');

# Who may.
for my $sql ('SELECT * FROM snowflake_fleet_clocks', 'SELECT * FROM snowflake_pg_fleet_clocks()', 'SELECT * FROM snowflake_clocks',
    q(SELECT snowflake_clock_report('a', gen_random_uuid(), 'a', 1000000, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off')))
{
    fails($registry, 'postgres', "SET ROLE nobody; $sql", "others may not: $sql", qr/ERROR:  42501: permission denied for /);
}
fails($registry, 'postgres', "SET ROLE member; $_", "a member may not: $_", qr/ERROR:  42501: permission denied for table snowflake_clocks/)
  for 'SELECT * FROM snowflake_clocks', 'DELETE FROM snowflake_clocks', 'UPDATE snowflake_clocks SET offset_low = 0';
$one->safe_psql('postgres', 'CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE nobody');
is($one->safe_psql('postgres', 'SET ROLE watcher; SELECT count(*) FROM snowflake_clock_fleet'), 1, 'pg_monitor sees what a member knows');
fails($one, 'postgres', 'SET ROLE nobody; SELECT * FROM snowflake_clock_fleet', '... and others do not', qr/ERROR:  42501: permission denied for view/);

# Members that lie change nothing but their own row.
sub report
{
    my ($identity, $server, @values) = @_;
    my ($low, $high, $poll) = ($values[0] // 'NULL', $values[1] // 'NULL', $values[2] // 1_000_000);
    return qq(SET ROLE member; SELECT agreeing, clocks, accepted FROM snowflake_clock_report('$identity', md5('$server')::uuid, 'liar', $poll, $low, $high, NULL, NULL, NULL, NULL, 'right', 'off'));
}
my $before = fleet('host_name, verdict');
is($registry->safe_psql('postgres', report($identity{three}, 'liar', 5_000_000, 5_000_000)), '4|4|f', 'who has the identity of another is not heard');
is(fleet('host_name, verdict'), $before, '... and changes nothing');
my $hour = 3_600_000_000;
is($registry->safe_psql('postgres', report('liar', 'liar')), '4|4|', 'who has measured nothing may ask');
is(fleet('host_name, verdict'), $before, '... and is not seen');
is($registry->safe_psql('postgres', report('liar', 'liar', -5_000_000, -5_000_000, $hour)), '4|5|t', 'who is off, as it says');
verdicts('liar off, ' . all_but(''), '... is called so, and nobody else');
is($registry->safe_psql('postgres', report('liar', 'liar', '-72057594037927936', '72057594037927936', $hour)), '5|5|t', 'who may be anywhere');
verdicts('liar agrees, ' . all_but(''), '... moves nobody');
my $busy = start_recording($registry, 'postgres', 'SET ROLE member',
    (report('liar', 'liar', '-72057594037927936', '72057594037927936', $hour) =~ s/SET ROLE member; //r) x 3_000);
works($registry, 'postgres', <<'SQL', '... nor is it stale at the moment of its report');
DO $$BEGIN
    FOR attempt IN 1 .. 3000 LOOP
        IF EXISTS (SELECT FROM snowflake_fleet_clocks WHERE member = 'liar' AND verdict = 'stale') THEN
            RAISE WARNING 'it is at attempt %', attempt;
            RETURN;
        END IF;
    END LOOP;
END$$
SQL
finish_recording($busy);
set_clock($member{three}, 3);
verdicts('liar agrees, ' . all_but('three'), '... and cannot defend one that is off');
set_clock($member{three}, 0);
$registry->safe_psql('postgres', report('liar', 'liar', 0, 0));
verdicts('liar stale, ' . all_but(''), 'who does not report any more is left out');
$registry->safe_psql('postgres', q(DELETE FROM snowflake_clocks WHERE identity = 'liar'));

# Arguments.
my $call = sub { my ($arguments) = @_; return "SELECT snowflake_clock_report($arguments)" };
my $ok = q('a', gen_random_uuid(), 'a', 1000000);
my %invalid = (
    q(NULL, gen_random_uuid(), 'a', 1000000, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off') => qr/22004: identity must not be NULL/,
    q('', gen_random_uuid(), 'a', 1000000, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off') => qr/22023: invalid identity/,
    q('a', NULL, 'a', 1000000, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off') => qr/22004: nonce must not be NULL/,
    q('a', gen_random_uuid(), e'a\n', 1000000, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off') => qr/22023: invalid host_name/,
    q('a', gen_random_uuid(), 'a', 999999, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off') => qr/22023: poll 999999 is out of range/,
    q('registry', gen_random_uuid(), 'a', 1000000, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off') => qr/22023: invalid identity.*DETAIL:  "registry" is the registry itself\./s,
    "$ok, 1, 0, NULL, NULL, NULL, NULL, 'right', 'off'" => qr/22023: offset_low must not be above offset_high/,
    "$ok, 0, NULL, NULL, NULL, NULL, NULL, 'right', 'off'" => qr/22023: offset_low and offset_high must be given together/,
    "$ok, 0, 0, NULL, 1, NULL, NULL, 'right', 'off'" => qr/22023: ntp_low and ntp_high must be given together/,
    "$ok, 0, 9223372036854775807, NULL, NULL, NULL, NULL, 'right', 'off'" => qr/22023: offset_high 9223372036854775807 is out of range/,
    "$ok, 0, 0, NULL, NULL, NULL, NULL, 'good', 'off'" => qr/22023: invalid state.*DETAIL:  It is one of unknown, right, unsure, wrong\./s,
    "$ok, 0, 0, NULL, NULL, NULL, NULL, 'right', ''" => qr/22023: invalid gate/);
fails($registry, 'postgres', $call->($_), "arguments $_", $invalid{$_}) for sort keys %invalid;
fails($registry, 'postgres', 'BEGIN; ' . $call->("$ok, 0, 0, NULL, NULL, NULL, NULL, 'right', 'off'"), 'in a transaction block',
    qr/25001: snowflake_clock_report\(\) cannot run inside a transaction block/);
is(fleet('verdict'), all_but(''), 'none of this is seen');

# A registry that hangs, and one that is gone: others are asked all the same, and nothing waits for it.
my $polled = sub { $member{two}->safe_psql('postgres', 'SELECT polls FROM snowflake_clock_sources') };
my $goes_on = sub {
    my ($what) = @_;
    my $count = $polled->();
    ok(wait_until(sub { $polled->() >= $count + 3 }), "$what: NTP servers are asked");
    is(says($member{two}, 'state, decided_by'), 'right|ntp', '... and vouch');
    works($member{two}, 'postgres', 'SELECT snowflake_next()', '... and IDs go on');
    return;
};
my @frozen = freeze($registry);
becomes(sub { of_fleet('two', 'last_error') }, 'it takes too long', 'the registry hangs');
$goes_on->('it hangs');
$member{three}->stop;
thaw(@frozen);
becomes(sub { of_fleet('two', 'last_error IS NULL') }, 't', 'the registry goes on');
verdicts('one agrees, registry agrees, three stale, two agrees', 'and a member has stopped');
$registry->stop('immediate');
becomes(sub { of_fleet('two', q(last_error ~ 'connection to server')) }, 't', 'the registry is gone');
$goes_on->('it is gone');
logged($member{two}, qr/LOG:  the registry does not compare the clock of this server with others\n.*DETAIL:  it takes too long\./, 'the log says so');
with_clock($registry, sub { $registry->start });
verdicts('one agrees, registry agrees, two agrees', 'after a crash all report anew');
logged($member{two}, qr/LOG:  the registry compares the clock of this server with others again/, '... which the log says');

# A commit that waits for a standby that is not there keeps nobody from reporting: what is reported is not logged.
reload_with($registry, 'synchronous_standby_names', 'nobody');
set_clock($member{two}, 3);
verdicts('one agrees, registry agrees, two off', 'a registry without its synchronous standby compares clocks');
set_clock($member{two}, 0);
reload_with($registry, 'synchronous_standby_names', '');
verdicts('one agrees, registry agrees, two agrees', '... on and on');

# A registry that says what cannot be: it is told, and nobody goes by it.
my $genuine = $registry->safe_psql('postgres', q(SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'snowflake_clock_report'));
for my $case (
    [ 'no time', 'NULL, now, NULL, NULL, 3, 4, true', qr/^its answer cannot be read$/ ],
    [ 'an end of time', '9223372036854775807, 9223372036854775807, NULL, NULL, 3, 4, true', qr/^the clock of the other server was changed meanwhile$/ ],
    [ 'an answer before the question', 'now, now - 5000000, NULL, NULL, 3, 4, true', qr/^the times of the other server contradict each other$/ ],
    [ 'half of a bound', 'now, now, 0, NULL, 3, 4, true', qr/^its answer cannot be read$/ ],
    [ 'a bound the wrong way round', 'now, now, 1, 0, 3, 4, true', qr/^its answer cannot be read$/ ],
    [ 'a bound beyond time', 'now, now, -9223372036854775808, 0, 3, 4, true', qr/^its answer cannot be read$/ ],
    [ 'more that agree than there are', 'now, now, 0, 0, 5, 4, true', qr/^its answer cannot be read$/ ],
    [ 'a minority that decides', 'now, now, 10000000, 10000000, 2, 4, true', qr/^its answer cannot be read$/ ],
    [ 'two that decide', 'now, now, 10000000, 10000000, 2, 2, true', qr/^its answer cannot be read$/ ],
    [ 'less than none', 'now, now, NULL, NULL, -1, 4, true', qr/^its answer cannot be read$/ ])
{
    my ($what, $row, $error) = @$case;
    $registry->safe_psql('postgres', $genuine =~ s/^ LANGUAGE.*//smr . <<"SQL");
 LANGUAGE sql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS \$\$SELECT received::bigint, sent::bigint, low::bigint, high::bigint, agreeing, clocks, accepted
FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) clock (now),
     LATERAL (SELECT $row) answer (received, sent, low, high, agreeing, clocks, accepted)\$\$
SQL
    my $failed = of_fleet('two', 'failures');
    ok(wait_until(sub { of_fleet('two', "failures > $failed AND last_error IS NOT NULL") eq 't' }), "a registry that says $what");
    like(of_fleet('two', 'last_error'), $error, '... is not heard');
    is(says($member{two}, 'state, decided_by'), 'right|ntp', '... nor does it decide');
    works($_, 'postgres', 'SELECT snowflake_next()', '... and IDs go on') for @member{qw(one two)};
}
$registry->safe_psql('postgres', $genuine);
verdicts('one agrees, registry agrees, two agrees', 'a registry that says what can be is heard again');

# Two servers can only disagree.
$one->stop;
verdicts('one stale, registry alone, two alone', 'two clocks have no majority');
becomes(sub { of_fleet('two', 'agreeing, clocks, fleet_low') }, '2|2|', '... and the fleet says nothing');
set_clock($member{two}, 3);
becomes(sub { fleet(q(offset_low < '-2 s', verdict)) }, 'one f|stale, registry f|alone, two t|alone', '... whatever they differ by');

# What the registry's server says of itself counts as the registry.
my $itself = $registry->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
is($registry->safe_psql('postgres', report($itself, 'itself', 0, 0)), '1|2|t', 'a registry that is its own member has one vote');
becomes(sub { fleet('verdict') =~ s/\Q$itself\E/itself/r }, 'itself alone, one stale, registry alone, two alone', '... and is seen');

# A standby has the identity of its primary, and leaves it to that.
my $failures = "SELECT clocks IS NULL, answers, failures, last_error FROM snowflake_clock_fleet";
$member{two}->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($member{two}, 'base', has_streaming => 1);
$standby->start;
my $polls_before = of_fleet('two', 'answers');
ok(wait_until(sub { of_fleet('two', 'answers') >= $polls_before + 4 }), 'its primary reports');
is($standby->safe_psql('postgres', $failures), 't|0|0|', '... and a standby does not');
is(of_fleet('two', 'last_error'), '', '... nor does it contend for the place');
$member{two}->stop('immediate');
$standby->promote;
ok($standby->poll_query_until('postgres', 'SELECT answers > 0 AND last_error IS NULL FROM snowflake_clock_fleet'), 'it does once it is promoted');

# A registry in etcd has no clock.
my $in_etcd = new_node('in_etcd', conf => "snowflake_pg.registry = 'etcd://127.0.0.1:1/nowhere'\n$polls");
$in_etcd->start;
$in_etcd->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
is($in_etcd->safe_psql('postgres', 'SELECT count(*) FROM snowflake_clock_fleet'), 0, 'a registry in etcd compares no clocks');
is($registry->safe_psql('postgres', 'SELECT verdict FROM snowflake_fleet_clocks LIMIT 1'), 'alone', 'and without members there is nothing to compare');

unlike(slurp_file($_->logfile), qr/terminated by signal|panicked/, 'no process crashed') for clocks(), $standby, $in_etcd;
$_->stop for $standby, $in_etcd, $registry;

done_testing();
