# A resolver of host names that hangs: it blocks, whatever the process is told, so it is told to give up soon, in the
# registrar and in the sessions that create tickets in a registry; there is no further host after a cancel.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ResolverTest;
use SnowflakeTest;
use Test::More;

my %resolver = hanging_resolver();

my $node = new_node('member', conf => <<'CONF');
snowflake_pg.worker_id = 'lease'
snowflake_pg.registry = 'host=registry.hangs dbname=fleet'
snowflake_pg.ticket_registry = 'host=one.hangs,two.hangs dbname=fleet'
CONF
{
    local %ENV = (%ENV, %resolver);
    delete $ENV{RES_OPTIONS};
    # the postmaster has a resolver of its own that has begun, with the usual limits
    $node->start;
}

ok(wait_until(sub { noted('registry.hangs') }), 'the registrar asks for the registry');
is_deeply([ grep { !/ 1 2$/ } noted('registry.hangs') ], [], '... and waits for a second, twice');
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
fails($node, 'postgres', "SELECT ticket_create('first', 1, 10)", 'so does a session',
    qr/08000: cannot create ticket "first" in the registry/, qr/one\.hangs/, qr/two\.hangs/);
is_deeply([ map { / (\S+ \d+ \d+)$/ } noted('one.hangs'), noted('two.hangs') ],
    [ 'one.hangs 1 2', 'two.hangs 1 2' ], '... for each of the hosts');

my $client = start_recording($node, 'postgres', "SET application_name = 'creating'", "SELECT ticket_create('second', 1, 10)");
ok(wait_until(sub { noted('one.hangs') == 2 }, 60), 'another session asks');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'creating'");
finish_recording($client);
like(slurp_file($client->{errors}), qr/57014/, '... is cancelled');
is(scalar(noted('two.hangs')), 1, '... and asks for no further host');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal/, 'the server ends as usual');

# what the environment says counts
forget_notes();
{
    local %ENV = (%ENV, %resolver, RES_OPTIONS => 'timeout:3 attempts:1');
    $node->start;
}
ok(wait_until(sub { noted('registry.hangs') }), 'with other limits in the environment');
like((noted('registry.hangs'))[0], qr/ 3 1$/, '... those count');
$node->stop;

done_testing();
