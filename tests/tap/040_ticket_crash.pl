# Tickets: never the same one twice, whatever happens to backends and servers; no gap unless
# something does; what a full table, a standby and a dump do to them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

use constant CLIENTS => 4;
# how much of a counter a crash can leave unused: the current block and the queued one
use constant LARGEST_GAP => 2 * 10 * 1024;

my $node = new_node('primary',
    allows_streaming => 1,
    conf => "restart_after_crash = on\nwal_consistency_checking = 'all'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
$node->safe_psql('postgres', "SELECT ticket_create('load', 1, 10)");

sub next_ticket
{
    my ($name, $server) = @_;
    return ($server // $node)->safe_psql('postgres', "SELECT ticket_next('$name')");
}

# Nothing happens: all numbers from the first to the last were given out, to many callers at once,
# one per transaction and many per statement.
{
    my @clients = record($node, 'postgres', CLIENTS,
        q(SELECT ticket_next('load') FROM generate_series(1, 50000)),
        (q(SELECT ticket_next('load'))) x 500);
    my ($count, $smallest, $largest) = check_ids('undisturbed', \@clients);
    is($count, CLIENTS * 50_500, 'undisturbed: everybody got what was asked for');
    is("$smallest $largest", "1 $count", 'undisturbed: no gap');
    my ($all, $waits, $blocks) = split /\|/, $node->safe_psql('postgres',
        "SELECT next - 1 - cached, waits, blocks FROM snowflake_tickets WHERE name = 'load'");
    is($all, $count, 'undisturbed: the view accounts for all numbers');
    cmp_ok($blocks, '>', 10, 'undisturbed: in many blocks');
    cmp_ok($waits, '<', $count / 1000, "undisturbed: $waits callers waited for $blocks blocks");
}

my @all;
my $largest = next_ticket('load');

# Clients under load; `strike` is called when all of them have recorded, and ends them.
sub round
{
    my ($name, $strike) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients = map {
        start_recording(
            $node, 'postgres',
            'SET application_name = recording',
            (q(COPY (SELECT ticket_next('load') FROM (SELECT generate_series(1, 10000000)) AS n) TO STDOUT)) x 10)
    } 1 .. CLIENTS;
    ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@clients) }, 60), "$name: all clients record");
    sleep 0.2 + rand 0.5;
    $strike->();
    finish_recording(@clients);
    my $lost = grep { slurp_file($_->{errors}) =~ /connection to server was lost|server closed the connection/ } @clients;
    is($lost, CLIENTS, "$name: all clients lost the server in the middle of a statement");
    my (undef, $smallest, $last) = check_ids($name, \@clients);
    cmp_ok($smallest, '>', $largest, "$name: above all that went before");
    $largest = $last;
    push @all, @clients;
    return;
}

sub goes_on
{
    my ($name, $server) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $number = next_ticket('load', $server);
    cmp_ok($number, '>', $largest, "$name: above all that went before");
    cmp_ok($number - $largest, '<=', LARGEST_GAP, "$name: the gap is no more than two blocks");
    $largest = $number;
    return;
}

sub kill_backend
{
    my $pid = $node->safe_psql('postgres',
        q(SELECT pid FROM pg_stat_activity WHERE application_name = 'recording' AND state = 'active' LIMIT 1));
    kill 9, $pid or die "no backend to kill: '$pid'";
    return;
}

# A backend killed at any moment leaves nothing half done: the server starts over.
for my $turn (1 .. 2)
{
    my $log = log_size($node);
    round("SIGKILL of a backend, $turn", \&kill_backend);
    ok($node->poll_query_until('postgres', 'SELECT true'), 'the server comes back');
    like(log_since($node, $log), qr/was terminated by signal 9/, 'it was a crash');
    goes_on("after SIGKILL $turn");
}

for my $turn (1 .. 4)
{
    round("immediate stop, $turn", sub { $node->stop('immediate') });
    $node->start;
    goes_on("after immediate stop $turn");
}

# Backends that are terminated one after the other, in whatever they are at: the others go on.
{
    my @clients = map {
        start_recording($node, 'postgres', "SET application_name = 'terminated_$_'",
            (q(COPY (SELECT ticket_next('load') FROM (SELECT generate_series(1, 10000000)) AS n) TO STDOUT)) x 10)
    } 1 .. CLIENTS;
    ok(wait_until(sub { !grep { $_ < 20_000 } recorded_bytes(@clients) }, 60), 'terminated: all clients record');
    for my $turn (1 .. CLIENTS)
    {
        is($node->safe_psql('postgres',
                "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE application_name = 'terminated_$turn'"),
            1, "terminated: client $turn");
    }
    finish_recording(@clients);
    my (undef, $smallest, $last) = check_ids('terminated', \@clients);
    cmp_ok($smallest, '>', $largest, 'terminated: above all that went before');
    $largest = $last;
    push @all, @clients;
    goes_on('after terminated backends');
}

# A clean restart forgets what was cached, too.
$node->restart;
goes_on('clean restart');
check_ids('over all crashes', \@all);

# After nextval() replay has another row than was in memory: here they differ in such a way that the
# bytes that a claim changes would make no sense in it.
$node->safe_psql('postgres', q(SELECT ticket_create('mixed', 241, 256)));
is($node->safe_psql('postgres', q(SELECT nextval('mixed_ticket'))), 241, 'nextval() of a counter');
is($node->safe_psql('postgres', q(SELECT max(n) FROM (SELECT ticket_next('mixed') AS n FROM generate_series(1, 100)) AS drawn)),
    596, 'and tickets after it');
$node->stop('immediate');
$node->start;
cmp_ok(next_ticket('mixed'), '>', 596, 'after a crash, above all of both');

# A standby refuses, and goes on above all once it is promoted.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
fails($standby, 'postgres', q(SELECT ticket_next('load')), 'a standby refuses',
    qr/ERROR:  25006: cannot draw tickets during recovery/, qr/HINT:  Draw them on the primary/);
{
    my @clients = record($node, 'postgres', CLIENTS,
        q(SELECT ticket_next('load') FROM generate_series(1, 30000)), q(SELECT nextval('load_ticket')));
    my ($count, $smallest, $last) = check_ids('before the promotion', \@clients);
    cmp_ok($smallest, '>', $largest, 'before the promotion: above all that went before');
    $largest = $last;
    push @all, @clients;
    $node->wait_for_catchup($standby);
    $node->stop('immediate');
    $standby->promote;
    cmp_ok(next_ticket('load', $standby), '>', $largest, 'the promoted standby: above all that went before');
    my @further = record($standby, 'postgres', CLIENTS, q(SELECT ticket_next('load') FROM generate_series(1, 30000)));
    check_ids('over crashes and promotion', [ @all, @further ]);
}
$standby->stop;

# A backup that is restored to its end: above all that is in it.
{
    $node->start;
    $largest = next_ticket('load');
    $node->backup('later');
    my $restored = PostgreSQL::Test::Cluster->new('restored');
    $restored->init_from_backup($node, 'later');
    $restored->start;
    cmp_ok(next_ticket('load', $restored), '>', $largest, 'a restored backup: above all that went before');
    $restored->stop;
}

# A dump takes names, settings and numbers along.
{
    $node->safe_psql('postgres', <<'SQL');
CREATE DATABASE source;
\c source
CREATE EXTENSION snowflake_pg;
CREATE SCHEMA "Odd Place";
SET search_path = "Odd Place", public;
SELECT ticket_create('in "quotes"', 5, 20, 3);
RESET search_path;
CREATE ROLE drawer;
GRANT USAGE ON SCHEMA "Odd Place" TO drawer;
GRANT USAGE ON SEQUENCE "Odd Place"."in ""quotes""_ticket" TO drawer;
SELECT ticket_next('in "quotes"') FROM generate_series(1, 7);
CREATE DATABASE target;
SQL
    my $dump = $node->basedir . '/dump.sql';
    $node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('source') ], 'pg_dump');
    $node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('target') ], 'restored');
    my $next = $node->safe_psql('target', q(SET ROLE drawer; SELECT ticket_next('in "quotes"')));
    cmp_ok($next, '>', 5 + 6 * 3, 'restored: above all that went before');
    is(($next - 5) % 3, 0, 'restored: in the same steps');
    is($node->safe_psql('target', 'SELECT name, sequence, step, block FROM snowflake_tickets'),
        q(in "quotes"|"Odd Place"."in ""quotes""_ticket"|3|20), 'restored: the counter');
}

# More counters than shared memory has room for: those that find none go on without a cache, one
# that is dropped makes room.
{
    $node->safe_psql('postgres', 'CREATE DATABASE many');
    $node->safe_psql('many', <<'SQL');
CREATE EXTENSION snowflake_pg;
SELECT ticket_create('t' || i, 1, 100) FROM generate_series(1, 300) AS i;
SQL
    is($node->safe_psql('many', q(SELECT count(*), min(n), max(n) FROM (SELECT ticket_next('t' || i) AS n FROM generate_series(1, 300) AS i) AS drawn)),
        '300|1|1', 'many counters: each begins at its first number');
    my ($cached, $uncached) = map {
        $node->safe_psql('many', "SELECT name FROM snowflake_tickets WHERE cached $_ 0 LIMIT 1")
    } qw(> =);
    my @clients = record($node, 'many', CLIENTS, "SELECT ticket_next('$uncached') FROM generate_series(1, 200)");
    my ($count, $smallest, $last) = check_ids('a counter without a cache', \@clients);
    is("$count $smallest $last", '800 2 801', 'a counter without a cache: no gap');
    $node->stop('immediate');
    $node->start;
    is($node->safe_psql('many', "SELECT ticket_next('$uncached')"), 802, 'a counter without a cache: nor after a crash');

    # all places are taken again
    $node->safe_psql('many', q(SELECT sum(ticket_next('t' || i)) FROM generate_series(1, 300) AS i));
    $cached = $node->safe_psql('many', 'SELECT name FROM snowflake_tickets WHERE cached > 0 LIMIT 1');
    my $session = session($node, 'many');
    my ($before) = ask($session, "SELECT ticket_next('$cached')");
    $node->safe_psql('many', "SELECT ticket_drop('$cached')");
    $node->safe_psql('many', q(SELECT ticket_create('late', 1, 100)));
    is($node->safe_psql('many', q(SELECT ticket_next('late'))), 1, 'a new counter takes the place of a dropped one');
    is($node->safe_psql('many', q(SELECT cached FROM snowflake_tickets WHERE name = 'late')), 99, 'and is cached');
    my (undef, $error) = ask($session, "SELECT ticket_next('$cached')");
    like($error, qr/ticket "$cached" does not exist/, 'a session that drew from the dropped one draws no number of the new one');
    $session->quit;
    # the places of counters that were not dropped are free again
    $node->safe_psql('postgres', 'DROP DATABASE many');
    $node->restart;
}

# A session that alters a counter keeps others from the next block, not from what is cached.
{
    $node->safe_psql('postgres', q(SELECT ticket_create('locked', 1, 1000)));
    next_ticket('locked');
    my $session = session($node);
    ask($session, q(BEGIN; ALTER SEQUENCE locked_ticket RESTART WITH 5000));
    is($node->safe_psql('postgres', q(SELECT max(n) FROM (SELECT ticket_next('locked') AS n FROM generate_series(1, 900)) AS drawn)),
        901, 'a counter that another session alters: cached numbers');
    my (undef, undef, $error) = $node->psql('postgres',
        q(SET lock_timeout = '100ms'; SELECT ticket_next('locked') FROM generate_series(1, 100)));
    like($error, qr/lock timeout/, 'the next block waits for the other session');
    ask($session, 'COMMIT');
    is(next_ticket('locked'), 5000, 'once it has committed, numbers begin as it says');
    $session->quit;
}

# Two sources that share the load with odd and even numbers: with one of them killed the other goes
# on, and no number comes twice.
{
    my $other = new_node('other');
    $other->start;
    $other->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    $node->safe_psql('postgres', q(SELECT ticket_create('pair', 1, 10, 2)));
    $other->safe_psql('postgres', q(SELECT ticket_create('pair', 2, 10, 2)));
    my $many = q(COPY (SELECT ticket_next('pair') FROM (SELECT generate_series(1, 1000000)) AS n) TO STDOUT);
    my @killed = map { start_recording($other, 'postgres', ($many) x 10) } 1 .. 2;
    ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@killed) }, 60), 'odd and even: clients of one server record');
    my @others = map { start_recording($node, 'postgres', $many) } 1 .. 2;
    $other->stop('immediate');
    finish_recording(@killed, @others);
    my $parity = sub { my ($client, $number) = @_; return $number % 2 == ((grep { $_ == $client } @others) ? 1 : 0) };
    my ($count) = check_ids('odd and even', [ @killed, @others ], each => $parity);
    cmp_ok($count, '>', 2_000_000, 'odd and even: the other server has given out all its numbers');
    $other->start;
    my @again = record($other, 'postgres', 2, q(SELECT ticket_next('pair') FROM generate_series(1, 1000)));
    check_ids('odd and even, both again', [ @killed, @others, @again ], each => $parity);
    $other->stop;
}

$node->stop;
done_testing();
