# The Lamport clock: numbers are distinct and rise for every session, and after crashes, promotion and restores they are
# above all that were given out or heard of before. Replicated rows move the clock of the server that gets them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use DocsTest qw(shows_examples);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

use constant {
    AHEAD => 2**20,
    STEP => 2**40,
};

my $conf = "fsync = on\nwal_retrieve_retry_interval = '200ms'\n";
my $node = new_node('here', allows_streaming => 'logical', conf => "restart_after_crash = on\n$conf");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

sub next_number
{
    my ($server, $database) = @_;
    return $server->safe_psql($database // 'postgres', 'SELECT lamport_next()');
}

sub stored_mark
{
    my ($server, $database) = @_;
    return $server->safe_psql($database // 'postgres', 'SELECT last_value FROM lamport_mark');
}

# the page

$node->safe_psql('postgres', 'CREATE DATABASE docs');
$node->safe_psql('docs', 'CREATE EXTENSION snowflake_pg');
shows_examples($node, 'docs', 'causality', "Lamport's clock", 2);

# many sessions

is($node->safe_psql('postgres', 'SELECT lamport_now(), last_value FROM lamport_mark'), '0|0', 'nothing was given out');
is(next_number($node), 1, 'the first number');
is(stored_mark($node), AHEAD, 'the mark is a block ahead');
my $long = 'COPY (SELECT lamport_next() FROM (SELECT generate_series(1, 500000)) AS n) TO STDOUT';
my $start = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
my @clients = record($node, 'postgres', 8, $long);
my $wal = $node->safe_psql('postgres', "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$start')");
my ($count, $smallest, $largest) = check_ids('eight sessions', \@clients);
is("$count $smallest $largest", '4000000 2 4000001', 'which leave out none');
is($node->safe_psql('postgres', 'SELECT lamport_now()'), 4_000_001, 'lamport_now() is the last one');
is(stored_mark($node), 4 * AHEAD, 'one raise for each 2^20 numbers');
# nextval() writes more than a hundred times as much
cmp_ok($wal, '<', 100_000, "$wal bytes of the log");

# transactions of all kinds

my $last = $largest;

sub goes_on
{
    my ($sql, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($number) = works($node, 'postgres', $sql, $name) =~ /(\d+)/a;
    cmp_ok($number, '>', $last, "$name: above all before");
    $last = $number;
    return;
}
goes_on('BEGIN READ ONLY; SELECT lamport_next(); COMMIT', 'read-only');
goes_on('BEGIN; SELECT lamport_next(); ROLLBACK', 'rolled back');
# beyond the mark: with a raise
goes_on('BEGIN READ ONLY; SELECT lamport_witness(lamport_now() + 2000000); ROLLBACK', 'a raise in a read-only transaction');
my $force = major_version($node) >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
goes_on("SET $force = on; SELECT lamport_witness(lamport_now() + 2000000)", 'a raise in a parallel worker');
$node->safe_psql('postgres', 'CREATE DATABASE other');
is($node->safe_psql('other', 'BEGIN; CREATE EXTENSION snowflake_pg; SELECT lamport_next(); COMMIT'), 1,
    'in the transaction that creates the extension; another database has a clock of its own');

# what is heard of

goes_on('SELECT lamport_witness(lamport_now() + 1000)', 'witnessed');
goes_on('SELECT lamport_witness(1)', 'an old number');
fails($node, 'postgres', "SELECT lamport_witness($last + 2 + " . STEP . ')', 'a number too far ahead',
    qr/ERROR:  22003: Lamport number \d+ is too far ahead/, qr/DETAIL:  The clock stands at $last, and a step is 1099511627776 at most\./,
    qr/HINT:  If the number is right/);
fails($node, 'postgres', "SELECT lamport_witness($_)", "no number: $_", qr/ERROR:  22003: Lamport number $_ is out of range/)
  for -1, '4611686018427387905';
$node->safe_psql('postgres', 'CREATE ROLE somebody; CREATE ROLE peer IN ROLE snowflake_clock');
fails($node, 'postgres', 'SET ROLE somebody; SELECT lamport_witness(1)', 'not for everybody', qr/ERROR:  42501: permission denied/);
goes_on('SET ROLE peer; SELECT lamport_witness(1)', 'for members of snowflake_clock');
goes_on('SET ROLE somebody; SELECT lamport_next()', 'lamport_next() is for everybody');
is($node->safe_psql('postgres', 'SELECT lamport_now()'), $last, 'where the clock is');

# crashes

# One statement that never ends, short ones, and hearing of numbers ahead.
my @loads = (
    ['COPY (SELECT lamport_next() FROM (SELECT generate_series(1, 1000000000)) AS n) TO STDOUT'],
    ['COPY (SELECT lamport_witness(lamport_now() + 100) FROM (SELECT generate_series(1, 1000000000)) AS n) TO STDOUT'],
    [ ('BEGIN; SELECT lamport_next() FROM generate_series(1, 100); ROLLBACK') x 20_000 ]);

for my $round (1 .. 6)
{
    my $name = $round % 2 ? "immediate stop, $round" : "SIGKILL of a backend, $round";
    my @running = map { start_recording($node, 'postgres', 'SET application_name = recording', @$_) } @loads;
    ok(wait_until(sub { !grep { $_ < 20_000 } recorded_bytes(@running) }), "$name: all clients record");
    sleep rand;
    if ($round % 2)
    {
        $node->stop('immediate');
        finish_recording(@running);
        $node->start;
    }
    else
    {
        my $pid = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE application_name = 'recording' LIMIT 1));
        kill 9, $pid or die "no backend to kill: '$pid'";
        finish_recording(@running);
        my @is_ready = ($node->installed_command('pg_isready'), '-q', '-d', $node->connstr('postgres'));
        ok(wait_until(sub { run_log(\@is_ready) }), "$name: the server comes back");
    }
    (undef, $smallest, $largest) = check_ids($name, \@running);
    cmp_ok($smallest, '>', $last, "$name: above all before");
    my ($now, $mark) = split /\|/, $node->safe_psql('postgres', 'SELECT lamport_now(), last_value FROM lamport_mark');
    is($now, $mark, "$name: after it the clock stands at its mark");
    cmp_ok($mark, '>=', $largest, "$name: which is above all that clients got");
    cmp_ok($mark - $largest, '<', 2 * AHEAD, "$name: by no more than a block");
    $last = $largest;
    goes_on('SELECT lamport_next()', "$name, afterwards");
}
$node->restart;
goes_on('SELECT lamport_next()', 'after a clean restart');

# what somebody does to the mark

my $session = session($node);
ask($session, 'SELECT lamport_next()');
$node->safe_psql('postgres', q(SELECT setval('lamport_mark', 5)));
goes_on('SELECT lamport_now() + 1', 'set lower: nothing is forgotten');
is(stored_mark($node) > 5, 1, 'and by a session that begins the mark is stored again');
$node->stop('immediate');
$session->{run}->kill_kill;
$node->start;
goes_on('SELECT lamport_next()', 'so a crash does no harm');
$node->safe_psql('postgres', q(SELECT setval('lamport_mark', last_value + 5000000) FROM lamport_mark));
my $raised = stored_mark($node);
goes_on('SELECT lamport_next()', 'set higher');
cmp_ok($last, '>', $raised, 'numbers go on above it');
fails($node, 'postgres', 'BEGIN; ALTER SEQUENCE lamport_mark RESTART; SELECT lamport_next()', 'altered in an open transaction',
    qr/ERROR:  55000: cannot raise the mark "lamport_mark"/, qr/DETAIL:  It was altered in this transaction/);
goes_on('SELECT lamport_next()', 'which was rolled back');

# dumps and copies

$node->safe_psql('other', 'CREATE TABLE event (t bigint DEFAULT lamport_next()); INSERT INTO event SELECT FROM generate_series(1, 100)');
my $newest = $node->safe_psql('other', 'SELECT max(t) FROM event');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('other') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0; CREATE DATABASE copied TEMPLATE other');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, $node->connstr('restored') ], 'restored');
for my $database ('restored', 'copied')
{
    is(stored_mark($node, $database), stored_mark($node, 'other'), "$database: the mark came along");
    cmp_ok(next_number($node, $database), '>', $newest, "$database: numbers go on above the rows");
}
is(next_number($node, 'other'), $newest + 1, 'the original goes on where it was');

# databases without room in shared memory: every sequence of a mark that is created anew takes a place

$node->safe_psql('postgres', 'CREATE DATABASE filler');
$node->safe_psql('filler', 'CREATE EXTENSION snowflake_pg; ALTER EXTENSION snowflake_pg DROP SEQUENCE snowflake_mark');
$node->safe_psql('filler', <<'SQL');
SELECT 'BEGIN; DROP SEQUENCE snowflake_mark; CREATE SEQUENCE snowflake_mark; SELECT snowflake_next(); COMMIT'
    FROM generate_series(1, 1030) \gexec
SQL
$node->safe_psql('postgres', 'CREATE DATABASE crowded');
$node->safe_psql('crowded', 'CREATE EXTENSION snowflake_pg');
is($node->safe_psql('crowded', 'SELECT lamport_next(); SELECT last_value FROM lamport_mark'), "1\n1", 'no room: each number is stored');
is($node->safe_psql('crowded', 'SELECT lamport_witness(41), lamport_now()'), '42|42', 'no room: witnessed');
my @crowded = record($node, 'crowded', 4, ('SELECT lamport_next()') x 200);
($count, $smallest, $largest) = check_ids('no room', \@crowded);
is("$count $smallest $largest", '800 43 842', 'no room: numbers leave out none');
# sessions that go on meanwhile, without room and then with it
$session = session($node, 'crowded');
is((ask($session, 'SELECT lamport_next()'))[0], 843, 'no room: a session that goes on');
$node->safe_psql('postgres', 'DROP DATABASE filler');
is(next_number($node, 'crowded'), 844, 'room: numbers go on');
is((ask($session, 'SELECT lamport_next()'))[0], 845, 'also those of the session from before');
is(next_number($node, 'crowded'), 846, 'and of others');
is(stored_mark($node, 'crowded'), 843 + AHEAD, 'and the mark is a block ahead');
$session->quit;

# a standby

$node->safe_psql('postgres', 'CREATE TABLE kept (t bigint DEFAULT lamport_next())');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
for my $call ('lamport_next()', 'lamport_now()', 'lamport_witness(5)')
{
    fails($standby, 'postgres', "SELECT $call", "$call on a standby",
        qr/ERROR:  25006: cannot use the Lamport clock during recovery/, qr/HINT:  It is the primary's/);
}

# synchronous: what is above the last mark that the standby has waits for it
reload_with($node, 'synchronous_standby_names', 'nobody');
goes_on('SELECT lamport_next()', 'below the mark nothing waits for a standby');
my $beyond = 'SELECT lamport_witness(lamport_now() + 3000000)';
my $waiting = start_recording($node, 'postgres', 'SET application_name = caller', $beyond);
my $waits = q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'caller' AND wait_event = 'SyncRep');
ok($node->poll_query_until('postgres', $waits, '1'), 'beyond it a session waits as a commit does');
works($node, 'postgres', "SET synchronous_commit = local; $beyond", 'which one that does without standbys does not');
my $other = start_recording($node, 'postgres', 'SET application_name = caller', 'SELECT lamport_next()');
ok($node->poll_query_until('postgres', $waits, '2'), 'nor does that count for others');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'));
finish_recording($waiting, $other);
for my $client ($waiting, $other)
{
    like(slurp_file($client->{errors}), qr/ERROR:  57014: canceling statement that waits for synchronous standbys/,
        'one that was cancelled gets no number');
    is(slurp_file($client->{ids}), '', 'none at all');
}
reload_with($node, 'synchronous_standby_names', '');
goes_on('SELECT lamport_next()', 'without the setting numbers go on');

# promotion, after a crash of the primary under load
my @inserting = start_inserting_numbers(3);
sleep rand;
$node->stop('immediate');
finish_recording(@inserting);
check_ids('old primary', \@inserting);
$newest = $standby->safe_psql('postgres', 'SELECT max(t) FROM kept');
is($standby->safe_psql('postgres', "SELECT last_value >= $newest FROM lamport_mark"), 't', 'the standby has a mark above its rows');
is($standby->safe_psql('postgres', 'SELECT pg_promote()'), 't', 'promoted');
$newest = $standby->safe_psql('postgres', 'SELECT max(t) FROM kept');
cmp_ok(next_number($standby), '>', $newest, 'promoted: above all rows that arrived');
$standby->stop;
$node->start;

sub start_inserting_numbers
{
    my ($sessions) = @_;
    my @started = map {
        start_recording($node, 'postgres', ('COPY (INSERT INTO kept SELECT FROM generate_series(1, 100) RETURNING t) TO STDOUT') x 20_000)
    } 1 .. $sessions;
    ok(wait_until(sub { !grep { $_ < 20_000 } recorded_bytes(@started) }), 'clients insert');
    my $arrived = q(SELECT count(*) > 1000 FROM kept);
    ok($standby->poll_query_until('postgres', $arrived), 'rows arrive at the standby');
    return @started;
}

# two servers, each with the rows of the other by logical replication

my $there = new_node('there', allows_streaming => 'logical', conf => $conf);
$there->start;
my %servers = (here => $node, there => $there);
for my $name (sort keys %servers)
{
    $servers{$name}->safe_psql('postgres', 'CREATE DATABASE shared');
    $servers{$name}->safe_psql('shared', <<"SQL");
CREATE EXTENSION snowflake_pg;
CREATE TABLE of_here (id int PRIMARY KEY, t bigint DEFAULT lamport_next());
CREATE TABLE of_there (id int PRIMARY KEY, t bigint DEFAULT lamport_next());
CREATE PUBLICATION own FOR TABLE of_$name;
SQL
}
# rows from before the subscription, which are copied
$node->safe_psql('shared', 'INSERT INTO of_here SELECT n FROM generate_series(1, 1000) AS n');
for my $name ('here', 'there')
{
    my ($peer) = grep { $_ ne $name } keys %servers;
    my $connection = $servers{$peer}->connstr('shared') =~ s/'/''/gr;
    $servers{$name}->safe_psql('shared', <<"SQL");
CREATE TRIGGER witness BEFORE INSERT OR UPDATE ON of_$peer FOR EACH ROW EXECUTE FUNCTION lamport_witness_row(t);
ALTER TABLE of_$peer ENABLE REPLICA TRIGGER witness;
CREATE SUBSCRIPTION from_$peer CONNECTION '$connection' PUBLICATION own WITH (slot_name = 'to_$name');
SQL
}

# Waits until a server has what the other one has written, and returns its number.
sub arrived
{
    my ($server, $table, $condition) = @_;
    $server->poll_query_until('shared', "SELECT count(*) > 0 FROM $table WHERE $condition") or die "no row with $condition";
    return $server->safe_psql('shared', "SELECT max(t) FROM $table WHERE $condition");
}
is(arrived($there, 'of_here', 'id = 1000'), 1000, 'rows that are copied arrive');
cmp_ok(next_number($there, 'shared'), '>', 1000, 'and move the clock');
# back and forth, one far busier than the other
my $id = 1000;
for my $round (1 .. 5)
{
    $id++;
    $node->safe_psql('shared', 'SELECT count(lamport_next()) FROM generate_series(1, 100000)') if $round % 2;
    my $cause = $node->safe_psql('shared', "INSERT INTO of_here VALUES ($id) RETURNING t");
    is(arrived($there, 'of_here', "id = $id"), $cause, "round $round: a row arrives as it was");
    my $effect = $there->safe_psql('shared', "INSERT INTO of_there VALUES ($id) RETURNING t");
    cmp_ok($effect, '>', $cause, "round $round: what is written after it has a larger number");
    arrived($node, 'of_there', "id = $id");
    my $answer = $node->safe_psql('shared', "UPDATE of_here SET t = lamport_next() WHERE id = $id RETURNING t");
    cmp_ok($answer, '>', $effect, "round $round: and what is written after that");
    arrived($there, 'of_here', "id = $id AND t = $answer");
    cmp_ok($there->safe_psql('shared', 'SELECT lamport_now()'), '>', $answer, "round $round: an UPDATE moves the clock, too");
}
$node->safe_psql('shared', 'INSERT INTO of_here VALUES (0, NULL)');
ok($there->poll_query_until('shared', 'SELECT count(*) = 1 FROM of_here WHERE id = 0'), 'a row without a number arrives');

# a number that is out of all reason stops the subscription, until somebody says that it is right
my $far = $node->safe_psql('shared', 'SELECT lamport_now() + ' . 3 * STEP);
my $log = log_size($there);
$node->safe_psql('shared', "INSERT INTO of_here VALUES (-1, $far)");
ok(wait_until(sub { log_since($there, $log) =~ /ERROR:  Lamport number $far is too far ahead/ }), 'too far ahead: the apply worker says so');
is($there->safe_psql('shared', 'SELECT count(*) FROM of_here WHERE id = -1'), 0, 'and does not write the row');
$there->safe_psql('shared', "SELECT lamport_witness($far - $_ * " . STEP . ')') for 2, 1;
is(arrived($there, 'of_here', 'id = -1'), $far, 'with numbers in between it goes on by itself');
cmp_ok(next_number($there, 'shared'), '>', $far, 'above it');

# what is no trigger for replicated rows
$there->safe_psql('shared', <<'SQL');
CREATE TABLE misused (t bigint, name text);
CREATE TRIGGER witness BEFORE INSERT OR UPDATE OR DELETE ON misused FOR EACH ROW EXECUTE FUNCTION lamport_witness_row(t);
SQL
fails($there, 'shared', 'INSERT INTO misused VALUES (1)', 'a trigger that runs for local rows',
    qr/ERROR:  39P01: lamport_witness_row\(\) is for rows that are replicated/, qr/HINT:  ALTER TABLE \.\.\. ENABLE REPLICA TRIGGER/);
my $replica = 'SET session_replication_role = replica';
works($there, 'shared', "$replica; INSERT INTO misused VALUES (1, 'a')", 'which it does not do as a replica');
$there->safe_psql('shared', 'ALTER TABLE misused ENABLE ALWAYS TRIGGER witness');
fails($there, 'shared', "$replica; DELETE FROM misused", 'a trigger for DELETE',
    qr/ERROR:  39P01: lamport_witness_row\(\) belongs before an INSERT or UPDATE of a row/);
my %wrong = (
    'BEFORE INSERT ON misused FOR EACH ROW EXECUTE FUNCTION lamport_witness_row(missing)' =>
      qr/ERROR:  42703: column missing of misused does not exist/,
    'BEFORE INSERT ON misused FOR EACH ROW EXECUTE FUNCTION lamport_witness_row(name)' =>
      qr/ERROR:  42804: column name of misused has another type than lamport_witness_row\(\) is for/,
    'BEFORE INSERT ON misused FOR EACH ROW EXECUTE FUNCTION lamport_witness_row()' =>
      qr/ERROR:  39P01: lamport_witness_row\(\) takes one argument, the name of a column/,
    'BEFORE INSERT ON misused FOR EACH ROW EXECUTE FUNCTION lamport_witness_row(t, name)' => qr/ERROR:  39P01: .* takes one argument/,
    'AFTER INSERT ON misused FOR EACH ROW EXECUTE FUNCTION lamport_witness_row(t)' => qr/ERROR:  39P01: .* belongs before an INSERT/,
    'BEFORE INSERT ON misused FOR EACH STATEMENT EXECUTE FUNCTION lamport_witness_row(t)' => qr/ERROR:  39P01: .* belongs before an INSERT/);
for my $trigger (sort keys %wrong)
{
    fails($there, 'shared', <<"SQL", $trigger, $wrong{$trigger});
BEGIN;
DROP TRIGGER witness ON misused;
CREATE TRIGGER witness $trigger;
ALTER TABLE misused ENABLE ALWAYS TRIGGER witness;
$replica;
INSERT INTO misused VALUES (1, 'b');
SQL
}
fails($there, 'shared', 'SELECT lamport_witness_row()', 'no trigger at all', qr/ERROR:  39P01: lamport_witness_row\(\) must be called as a trigger/);

# subscriptions that wait for each other would hold up the shutdown
$servers{$_}->safe_psql('shared', 'ALTER SUBSCRIPTION from_' . ($_ eq 'here' ? 'there' : 'here') . ' DISABLE') for sort keys %servers;
$node->stop;
$there->stop;
done_testing();
