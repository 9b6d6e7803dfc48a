# Which node a database is: the same after crashes and for all sessions, and another one for whatever may have
# forgotten something: a promoted standby, a restored backup, a dump, a copy.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# the library is not preloaded
my $node = new_node('primary', preload => 0, allows_streaming => 1, has_archiving => 1, conf => "fsync = on\n");
$node->start;

sub node_of
{
    my ($server, $database) = @_;
    return $server->safe_psql($database, 'SELECT crdt_node_id()');
}

sub new_database
{
    my ($database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, 'CREATE EXTENSION snowflake_pg');
    return $database;
}

my %seen;

# A node that none was before.
sub is_new
{
    my ($id, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($id =~ /^\d+$/ && $id > 0 && $id < 2**62 && !$seen{$id}++, "$name: a node of its own") or diag($id);
    return $id;
}

# the first users

for my $round (1 .. 5)
{
    my $database = new_database("first_$round");
    my @clients = map { start_recording($node, $database, 'SELECT crdt_node_id()') } 1 .. 6;
    finish_recording(@clients);
    my @ids = map { slurp_file($_->{ids}) =~ /^(\d+)$/ } @clients;
    is(scalar @ids, 6, "$database: all first users get a node") or diag(map { slurp_file($_->{errors}) } @clients);
    is(scalar(keys %{ { map { $_ => 1 } @ids } }), 1, "$database: the same");
    # nothing else has flushed the log since
    $node->stop('immediate');
    $node->start;
    is(node_of($node, $database), $ids[0], "$database: a crash right after that keeps it");
    is_new($ids[0], $database);
}

# sessions of all kinds

my $app = new_database('app');
my $id = $node->safe_psql($app, 'BEGIN READ ONLY; SELECT crdt_node_id(); ROLLBACK');
is_new($id, 'drawn in a read-only transaction');
is(node_of($node, $app), $id, 'which its end does not take back');
is($node->safe_psql($app, 'SELECT version_vector_increment(version_vector_increment($${1:1}$$))'), "{1:1,$id:2}",
    'version_vector_increment() counts its events');
my $force = major_version($node) >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
is($node->safe_psql($app, "SET $force = on; SELECT crdt_node_id()"), $id, 'in a parallel worker');
like($node->safe_psql($app, <<'SQL'), qr/Index Only Scan/, 'an index can be asked for it');
CREATE TABLE event (node bigint PRIMARY KEY);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT FROM event WHERE node = crdt_node_id();
SQL
$node->safe_psql('postgres', 'CREATE ROLE somebody');
is($node->safe_psql($app, 'SET ROLE somebody; SELECT crdt_node_id()'), $id, 'for everybody');
fails($node, $app, 'SET ROLE somebody; SELECT crdt_new_node()', 'others may not make it another',
    qr/ERROR:  42501: permission denied for function crdt_new_node/);
my $session = session($node, $app);
is((ask($session, 'SELECT crdt_node_id()'))[0], $id, 'a session that goes on');
my $new = $node->safe_psql($app, 'BEGIN; SELECT crdt_new_node(); ROLLBACK');
is_new($new, 'crdt_new_node()');
is((ask($session, 'SELECT crdt_node_id()'))[0], $new, 'which counts for the session at once');
$node->stop('immediate');
$session->{run}->kill_kill;
$node->start;
is(node_of($node, $app), $new, 'and after a crash');
$id = $new;

# what somebody does to the sequence

for my $change (q(SELECT setval('crdt_node', 5)), q(SELECT nextval('crdt_node')), 'ALTER SEQUENCE crdt_node RESTART WITH 7')
{
    $node->safe_psql($app, $change);
    $id = is_new(node_of($node, $app), $change);
    is(node_of($node, $app), $id, "$change: which stays");
}
fails($node, $app, 'BEGIN; ALTER SEQUENCE crdt_node RESTART; SELECT crdt_node_id()', 'altered in an open transaction',
    qr/ERROR:  55000: cannot keep a node in "crdt_node"/, qr/DETAIL:  It was altered in this transaction/);
is(node_of($node, $app), $id, 'which is rolled back');

# copies and dumps

for my $strategy ('wal_log', 'file_copy')
{
    $node->safe_psql('postgres', "CREATE DATABASE $strategy TEMPLATE $app STRATEGY $strategy");
    my $copy = is_new(node_of($node, $strategy), "TEMPLATE, $strategy");
    is(node_of($node, $strategy), $copy, "TEMPLATE, $strategy: which stays");
}
$node->safe_psql('postgres', "ALTER DATABASE $app RENAME TO renamed; ALTER DATABASE renamed RENAME TO $app");
is(node_of($node, $app), $id, 'the original is the same node, whatever it is called');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr($app) ], 'pg_dump');
unlike(slurp_file($dump), qr/crdt_node/, 'the node is not dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $node->connstr('restored') ], 'restored');
is_new(node_of($node, 'restored'), 'a dump that was restored');
is(node_of($node, $app), $id, 'the original is the same node');

# backups and standbys

$node->backup('base');
my $never = new_database('never');
$node->safe_psql('postgres', q(SELECT pg_create_restore_point('point')));
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($node, 'base');
$clone->start;
is(node_of($clone, $app), $id, 'a clone on the same timeline cannot be told from its original');
is_new($clone->safe_psql($app, 'SELECT crdt_new_node()'), 'which is what crdt_new_node() is for');
$clone->stop;

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(node_of($standby, $app), $id, 'a standby has the node of its primary');
my $before = node_of($node, 'wal_log');
$node->wait_for_catchup($standby);
is(node_of($standby, 'wal_log'), $before, 'of each database');
for my $call ('crdt_node_id()', q(version_vector_increment('{}')))
{
    fails($standby, $never, "SELECT $call", "$call on a standby of a database that has no node yet",
        qr/ERROR:  25006: cannot make this database a node during recovery/,
        qr/HINT:  Call crdt_node_id\(\) on the primary first/);
}
fails($standby, $app, 'SELECT crdt_new_node()', 'crdt_new_node() on a standby', qr/ERROR:  25006: /);
my $drawn = is_new(node_of($node, $never), 'drawn on the primary');
$node->wait_for_catchup($standby);
is(node_of($standby, $never), $drawn, 'then a standby has it');
my $changed = is_new($node->safe_psql($never, 'SELECT crdt_new_node()'), 'drawn anew');
$node->wait_for_catchup($standby);
is(node_of($standby, $never), $changed, 'then a standby has that');

# a standby of the standby, which stays one
$standby->backup('of_standby');
my $second = PostgreSQL::Test::Cluster->new('second');
$second->init_from_backup($standby, 'of_standby', has_streaming => 1);
$second->start;
is(node_of($second, $app), $id, 'so does the standby of a standby');

$session = session($standby, $app);
is((ask($session, 'SELECT crdt_node_id()'))[0], $id, 'a session on the standby');
is($standby->safe_psql('postgres', 'SELECT pg_promote()'), 't', 'promoted');
my ($promoted) = ask($session, 'SELECT crdt_node_id()');
is_new($promoted, 'promoted, for a session from before');
$session->quit;
is(node_of($standby, $app), $promoted, 'and for all others');
is(node_of($node, $app), $id, 'the old primary is the same node');
$standby->wait_for_catchup($second);
is(node_of($second, $app), $promoted, 'a standby that followed has the node of its new primary');
fails($second, $never, 'SELECT crdt_node_id()', 'and none where that has not drawn one, though the old one had',
    qr/ERROR:  25006: cannot make this database a node during recovery/);
$second->stop;
$standby->stop('immediate');
$standby->start;
is(node_of($standby, $app), $promoted, 'after a crash, on the new timeline');
$standby->stop;

my $file = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
ok($node->poll_query_until('postgres', "SELECT last_archived_wal >= '$file' FROM pg_stat_archiver"), 'archived');
my $point = PostgreSQL::Test::Cluster->new('point');
$point->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$point->append_conf('postgresql.conf', <<'CONF');
archive_mode = off
recovery_target_name = point
recovery_target_action = promote
CONF
$point->start;
ok($point->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'restored to a point in time');
is_new(node_of($point, $app), 'restored to a point in time');
$point->stop;

is(node_of($node, $app), $id, 'the original is the same node in the end');
$node->stop;
done_testing();
