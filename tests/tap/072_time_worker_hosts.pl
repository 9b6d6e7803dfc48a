# The background worker on a standby, with servers whose names do not resolve, and with real ones.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use ClockWorkerTest;
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ResolverTest;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(time);

my @names = qw(a b c);
my %address = start_obedient(@names);
my @all = @address{@names};

# It works on a standby, and goes on when that is promoted.
my $primary = asking_node('primary', \@all, allows_streaming => 1);
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
states($standby, 'a agrees, b agrees, c agrees', 'a standby asks, too');
becomes(sub { says($standby, 'state, decided_by, pg_is_in_recovery()') }, 'right|ntp|t', '... and knows its clock');
$primary->wait_for_catchup($standby);
$primary->stop;
my $worker = clock_worker($standby);
$standby->promote;
ok($standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'it is promoted');
my $polls = $standby->safe_psql('postgres', 'SELECT min(polls) FROM snowflake_clock_sources');
ok(wait_until(sub { $standby->safe_psql('postgres', "SELECT min(polls) > $polls FROM snowflake_clock_sources") eq 't' }), '... and goes on asking');
is(clock_worker($standby), $worker, '... without another worker');
works($standby, 'postgres', 'SELECT snowflake_next()', '... and gives out IDs');
$standby->stop;

# Names that do not resolve: those with an address are asked all the same.
my %resolver = hanging_resolver();
my $node = asking_node('names', [ @all[ 0, 1 ], 'one.hangs', 'two.hangs' ]);
{
    local %ENV = (%ENV, %resolver);
    delete $ENV{RES_OPTIONS};
    $node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
states($node, 'a good, b good, one.hangs no answer, two.hangs no answer', 'names that hang');
like($node->safe_psql('postgres', q(SELECT address IS NULL, last_error FROM snowflake_clock_sources WHERE server = 'one.hangs')),
    qr/^t\|\w.*\.$/, '... have no address, and say why');
my %limits = map { /^\d+ (\S+ \d+ \d+)$/ ? ($1 => 1) : ($_ => 1) } map { noted($_) } 'one.hangs', 'two.hangs';
is_deeply([ sort keys %limits ], [ 'one.hangs 1 2', 'two.hangs 1 2' ], '... they are looked up for a second, twice');
my $lookups = () = noted('two.hangs');
ok(wait_until(sub { (my $now = () = noted('two.hangs')) > $lookups }), '... again and again');
my $begin = time;
$node->stop;
cmp_ok(time - $begin, '<', 5, 'it stops while it looks up a name');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal/, '... as usual');

# A start with a gate: no ID before all were asked, those that have to be looked up too, or 5 s have passed.
$node->append_conf('postgresql.conf', "snowflake_pg.ntp_servers = '$address{a}, one.hangs'\nsnowflake_pg.clock_gate = 'wrong'");
my $started = time;
{
    local %ENV = (%ENV, %resolver);
    delete $ENV{RES_OPTIONS};
    $node->start;
}
works($node, 'postgres', 'SELECT snowflake_next()', 'an ID');
ok($node->safe_psql('postgres', 'SELECT min(polls) FROM snowflake_clock_sources') > 0 || time - $started > 5, '... after all were asked');
$node->stop;
$node->append_conf('postgresql.conf', "snowflake_pg.clock_gate = 'off'");
my ($port) = $address{a} =~ /:(\d+)/;
$node->append_conf('postgresql.conf', "snowflake_pg.ntp_servers = 'localhost:$port, no-such-host.invalid, $address{b}'");
$node->start;
ok(wait_until(sub { of_servers($node, 'state') =~ /^localhost:$port (?:agrees|no answer), no-such-host\.invalid no answer, b (?:agrees|good)$/ }),
    'one that resolves, and one that does not');
$node->stop;

# Real servers, and a liar.
SKIP: {
    my $missing = chronyd_missing();
    skip $missing, 1 if $missing;
    my @honest = map { start_chronyd('local stratum 2') } 1 .. 3;
    my ($host, $its_port) = split /:/, $honest[0];
    my $liar = start_chronyd("server $host port $its_port iburst minpoll 0 maxpoll 0 offset 0.25");
    my $real = asking_node('real', [ @honest, $liar ]);
    $real->start;
    $real->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    states($real, "$honest[0] agrees, $honest[1] agrees, $honest[2] agrees, $liar falseticker", 'three chronyd and a liar');
    logged($real, qr/LOG:  NTP server \Q$liar\E is a falseticker\n.*DETAIL:  It says \+0\.2[45]\d{4} s; 3 others agree on /, '... as the log says', 1);
    becomes(sub { says($real, q(state, decided_by, offset_low <= '0' AND offset_high >= '0', offset_high < '200 ms')) }, 'right|ntp|t|t',
        '... and the clock is right');
    ok(wait_until(sub { says($real, 'abs(drift_ppm) < 1000') eq 't' }), '... and its crystal drifts as little as one does');
    $real->stop;
}

done_testing();
