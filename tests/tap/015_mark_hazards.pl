# What an owner or a superuser can do to the mark and to the extension while others generate: it is
# survived, healed from shared memory, or refused with a clear error. No ID comes twice or below one
# given out before, also after a crash with the clock set back.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

# In a short window the mark is raised many times in every test.
my $node = new_node('primary', conf => "snowflake_pg.mark_window = '100ms'\nwal_level = replica\ndeadlock_timeout = '50ms'");
fake_clock($node);
sub start { return with_clock($node, sub { $node->start }) }
start();
my $parallel_mode = major_version($node) >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

# The extension before its first ID.
$node->safe_psql('postgres', 'CREATE DATABASE unused');
$node->safe_psql('unused', 'CREATE EXTENSION snowflake_pg');
my $databases = 0;

sub new_database
{
    my $database = 'database_' . ++$databases;
    $node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE unused");
    return $database;
}

sub next_id
{
    my ($database) = @_;
    return $node->safe_psql($database, 'SELECT snowflake_next()');
}

# Clients that generate in small statements until they are stopped, and go on after errors.
sub start_clients
{
    my ($database, $statement, $count) = @_;
    $statement //= 'SELECT snowflake_next() FROM generate_series(1, 20)';
    return map {
        start_recording(
            $node, $database,
            q(SET application_name = 'recording'),
            ($statement, q(DO 'BEGIN PERFORM pg_sleep(0.002); END')) x 20_000)
    } 1 .. ($count // 2);
}

# Whether all clients receive more IDs, for longer than the mark lasts that is now in memory.
sub clients_go_on
{
    my (@clients) = @_;
    for (1 .. 2)
    {
        sleep 0.12;
        my @before = recorded_bytes(@clients);
        return 0 unless wait_until(
            sub {
                my @now = recorded_bytes(@clients);
                return !grep { $now[$_] <= $before[$_] } 0 .. $#now;
            },
            30);
    }
    return 1;
}

sub stop_clients
{
    my ($database, @clients) = @_;
    $node->safe_psql('postgres',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '$database' AND application_name = 'recording'");
    return finish_recording(@clients);
}

sub errors_of
{
    my (@clients) = @_;
    my %seen;
    $seen{$_}++ for grep { !/57P01/ } map { slurp_file($_->{errors}) =~ /(?:ERROR|PANIC|FATAL):  (.*)/g } @clients;
    return sort keys %seen;
}

my @after_crash;

# Does something to the mark of a database while clients generate in it.
#   sql       what is done, by one session that goes on after errors, or a sub that does it
#   says      what that must say on stderr; nothing unless given
#   prepare   what is done before
#   client    the clients' statement
#   clients   how many there are, 2 unless given
#   errors    what the clients may be told; nothing unless given
#   refused   what generation is refused with afterwards, until `remedy`
sub hazard
{
    my ($name, %hazard) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $database = new_database();
    my $prepare = $hazard{prepare} // 'SELECT';
    $prepare = $prepare->($database) if ref $prepare;
    $node->safe_psql($database, $prepare);
    my @clients = start_clients($database, $hazard{client}, $hazard{clients});
    ok(wait_until(sub { !grep { $_ == 0 } recorded_bytes(@clients) }, 30), "$name: clients record")
      or diag(errors_of(@clients));

    my $sql = $hazard{sql};
    my (undef, $out, $err) =
      ref $sql
      ? (0, '', $sql->($database) // '')
      : $node->psql($database, "\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
    my $says = $hazard{says} // qr/\A\z/;
    like($err, $says, "$name: " . ($hazard{says} ? 'it says what it should' : 'it is done'));

    if ($hazard{refused})
    {
        # what the mark in memory still covers may be given out
        ok(wait_until(sub { @clients == grep { slurp_file($_->{errors}) =~ $hazard{refused} } @clients }, 30),
            "$name: clients are refused")
          or diag(errors_of(@clients));
        fails($node, $database, 'SELECT snowflake_next()', "$name: refused", $hazard{refused});
        works($node, $database, $hazard{remedy}, "$name: the remedy");
    }
    ok(clients_go_on(@clients), "$name: clients go on") or diag(errors_of(@clients));
    stop_clients($database, @clients);
    my $allowed = $hazard{errors} // $hazard{refused} // qr/(?!)/;
    my @wrong = grep { $_ !~ $allowed } errors_of(@clients);
    is(join("\n", @wrong), '', "$name: clients see no " . ($allowed eq qr/(?!)/ ? 'error' : 'other error'));
    my (undef, undef, $largest) = check_ids($name, \@clients);
    is_covered($node, $database, $largest, $name);
    my $id = next_id($database);
    cmp_ok($id, '>', $largest, "$name: the next ID is above all");
    push @after_crash, [ $name, $database, $id ];
    return;
}

# Settings of the sequence, in a transaction that waits and is rolled back, and committed. Raising
# the mark waits for it, and nothing that was raised before is lost.
my @alter = map { "ALTER SEQUENCE snowflake_mark $_" } (
    'RESTART', 'INCREMENT 1000 CACHE 50 START 5', 'AS integer RESTART 0',
    'OWNED BY event.id', 'OWNER TO pg_monitor');
hazard(
    'ALTER SEQUENCE, rolled back',
    prepare => 'CREATE TABLE event (id bigint)',
    sql => join('', map { "BEGIN; $_; DO 'BEGIN PERFORM pg_sleep(0.15); END'; ROLLBACK;\n" }
          @alter, 'ALTER SEQUENCE snowflake_mark SET UNLOGGED'));
hazard(
    "$_, committed",
    prepare => 'CREATE TABLE event (id bigint)',
    sql => $_) for @alter;
hazard(
    'ALTER SEQUENCE ... AS integer',
    sql => 'ALTER SEQUENCE snowflake_mark AS integer',
    says => qr/ERROR:  22023: RESTART value \(\d+\) cannot be greater than MAXVALUE/);
hazard(
    'DROP TABLE of the table that owns it',
    prepare => 'CREATE TABLE event (id bigint); ALTER SEQUENCE snowflake_mark OWNED BY event.id',
    sql => 'DROP TABLE event',
    says => qr/ERROR:  2BP01: cannot drop table event because other objects depend on it/);
hazard(
    'ALTER SEQUENCE ... SET UNLOGGED',
    sql => 'ALTER SEQUENCE snowflake_mark SET UNLOGGED',
    refused => qr/55000: cannot raise the mark/,
    remedy => 'ALTER SEQUENCE snowflake_mark SET LOGGED');
hazard(
    'ALTER SEQUENCE ... RENAME',
    sql => 'ALTER SEQUENCE snowflake_mark RENAME TO other',
    refused => qr/42P01: relation "snowflake_mark" of extension snowflake_pg is missing/,
    remedy => 'ALTER SEQUENCE other RENAME TO snowflake_mark');
hazard(
    'ALTER SEQUENCE ... SET SCHEMA',
    prepare => 'CREATE SCHEMA other',
    sql => 'ALTER SEQUENCE snowflake_mark SET SCHEMA other',
    refused => qr/42P01: relation "snowflake_mark" of extension snowflake_pg is missing/,
    remedy => 'ALTER SEQUENCE other.snowflake_mark SET SCHEMA public');
hazard(
    'ALTER EXTENSION ... SET SCHEMA, there and back',
    prepare => 'CREATE SCHEMA other',
    client => 'SET search_path = public, other; SELECT snowflake_next() FROM generate_series(1, 20)',
    sql => "ALTER EXTENSION snowflake_pg SET SCHEMA other; DO 'BEGIN PERFORM pg_sleep(0.3); END';
            ALTER EXTENSION snowflake_pg SET SCHEMA public",
    # between two look-ups of a statement
    errors => qr/42883: function snowflake_next\(\) does not exist/);

# Privileges and comments in an open transaction block nobody.
for my $statement (
    'GRANT ALL ON snowflake_mark TO pg_monitor',
    'REVOKE SELECT ON snowflake_mark FROM PUBLIC',
    q(COMMENT ON SEQUENCE snowflake_mark IS 'mine'))
{
    hazard(
        "$statement, open",
        sql => sub {
            my ($database) = @_;
            my $session = session($node, $database);
            my (undef, $error) = ask($session, "BEGIN; $statement; SELECT snowflake_next()");
            my @sessions = start_clients($database);
            my $went_on = clients_go_on(@sessions);
            ask($session, 'ROLLBACK');
            $session->quit;
            $node->safe_psql($database, "BEGIN; $statement; COMMIT");
            $_->{run}->kill_kill for @sessions;
            ok($went_on, "$statement: sessions that begin meanwhile generate");
            $error =~ s/^background_psql.*\n//gm;
            return $error;
        });
}

# Values put in by hand. A lower one is healed from shared memory at the next raise, a higher one
# within the tolerance is adopted, one beyond it refused.
my $now = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
hazard('setval to 0', sql => "DO \$\$ BEGIN PERFORM setval('snowflake_mark', 0); END \$\$");
hazard('setval lower', sql => "DO \$\$ BEGIN PERFORM setval('snowflake_mark', $now - 600000); END \$\$");
hazard('setval far lower', sql => "DO \$\$ BEGIN PERFORM setval('snowflake_mark', $now - 86400000); END \$\$");
hazard('setval lower, many times',
    sql => "DO \$\$ BEGIN FOR n IN 1 .. 100 LOOP PERFORM setval('snowflake_mark', n), pg_sleep(0.005); END LOOP; END \$\$");
hazard('nextval, many times',
    sql => "DO \$\$ BEGIN FOR n IN 1 .. 100 LOOP PERFORM nextval('snowflake_mark'), pg_sleep(0.005); END LOOP; END \$\$");
hazard('setval below the minimum',
    sql => q(SELECT setval('snowflake_mark', -1)),
    says => qr/ERROR:  22003: setval: value -1 is out of bounds/);
for my $value ("$now + 3600000", '9223372036854775807')
{
    hazard(
        "setval beyond the tolerance: $value",
        sql => "DO \$\$ BEGIN PERFORM setval('snowflake_mark', $value); END \$\$",
        refused => qr/55000: the clock went back by \d{4,}\.\d\d\d s/,
        remedy => "DO \$\$ BEGIN PERFORM setval('snowflake_mark', $now); END \$\$");
}

# What cannot be done to a sequence, or to a part of an extension.
my %refused = (
    'TRUNCATE snowflake_mark' => 'ERROR:  42809',
    'VACUUM FULL snowflake_mark' => 'WARNING:  01000: skipping "snowflake_mark"',
    'CLUSTER snowflake_mark' => 'ERROR:  42809',
    'REINDEX TABLE snowflake_mark' => 'ERROR:  42809',
    'BEGIN; LOCK snowflake_mark; COMMIT' => 'ERROR:  42809',
    'DELETE FROM snowflake_mark' => 'ERROR:  42809',
    'UPDATE snowflake_mark SET last_value = 1' => 'ERROR:  42809',
    'DROP SEQUENCE snowflake_mark CASCADE' => 'ERROR:  2BP01',
    'DROP TABLE snowflake_recorded_layout' => 'ERROR:  2BP01');
my @refused = sort keys %refused;
my $says = join '.*', map { quotemeta $refused{$_} } @refused;
hazard(
    'what sequences and members of extensions refuse',
    sql => join(";\n", @refused),
    says => qr/$says/s);

# The recorded layout.
my $empty = qr/55000: table "snowflake_recorded_layout" is empty/;
my $insert = q(INSERT INTO snowflake_recorded_layout VALUES ('twitter'));
hazard(
    'rewrites of the recorded layout',
    sql => <<'SQL');
VACUUM FULL snowflake_recorded_layout;
CLUSTER snowflake_recorded_layout USING snowflake_recorded_layout_pkey;
REINDEX TABLE snowflake_recorded_layout;
REINDEX TABLE CONCURRENTLY snowflake_recorded_layout;
ALTER TABLE snowflake_recorded_layout SET UNLOGGED;
ALTER TABLE snowflake_recorded_layout SET LOGGED;
UPDATE snowflake_recorded_layout SET layout = 'twitter';
SQL
hazard(
    'the recorded layout locked, changed and rolled back',
    sql => <<'SQL');
BEGIN;
LOCK snowflake_recorded_layout;
TRUNCATE snowflake_recorded_layout;
DO 'BEGIN PERFORM pg_sleep(0.2); END';
ROLLBACK;
BEGIN;
UPDATE snowflake_recorded_layout SET layout = 'pgedge';
DELETE FROM snowflake_recorded_layout;
DO 'BEGIN PERFORM pg_sleep(0.2); END';
ROLLBACK;
SQL
hazard(
    'DELETE of the recorded layout',
    sql => 'DELETE FROM snowflake_recorded_layout',
    refused => $empty,
    remedy => $insert);
hazard(
    'TRUNCATE of the recorded layout',
    sql => 'TRUNCATE snowflake_recorded_layout',
    refused => $empty,
    remedy => $insert);
hazard(
    'UPDATE of the recorded layout',
    sql => q(UPDATE snowflake_recorded_layout SET layout = 'pgedge'),
    refused => qr/55000: the server runs with layout "twitter", this database records "pgedge"/,
    remedy => q(UPDATE snowflake_recorded_layout SET layout = 'twitter'));

# The extension goes and comes back while clients generate. Its mark is lost, shared memory is not.
my $gone = join '|',
  '42883: function snowflake_next\(\) does not exist',
  '42P01: .*(?:was dropped|is missing)',
  '42704: extension "snowflake_pg" is not installed',
  # of PostgreSQL, whose functions are not locked while they are called
  'XX000: cache lookup failed for function \d+';
# The clients look everything up anew all the time, also in the middle of what they have just learnt.
hazard(
    "DROP EXTENSION and CREATE EXTENSION, $_",
    clients => 4,
    sql => "DROP EXTENSION snowflake_pg;\nDO 'BEGIN PERFORM pg_sleep(0.02); END';\nCREATE EXTENSION snowflake_pg;\n" x 10,
    errors => qr/^(?:$gone)/) for 1 .. 3;
# A client that has its table locked waits for the mark, and DROP, which has the mark, for the table.
# It is the client that looks for a deadlock soon, and gets the error.
hazard(
    'DROP EXTENSION ... CASCADE and CREATE EXTENSION',
    prepare => 'CREATE TABLE event (id bigint PRIMARY KEY DEFAULT snowflake_next())',
    client => 'INSERT INTO event SELECT FROM generate_series(1, 20) RETURNING id',
    sql => <<'SQL',
SET client_min_messages = warning;
SET deadlock_timeout = '5min';
DROP EXTENSION snowflake_pg CASCADE;
DO 'BEGIN PERFORM pg_sleep(0.1); END';
CREATE EXTENSION snowflake_pg;
ALTER TABLE event ALTER id SET DEFAULT snowflake_next();
SQL
    errors => qr/^(?:$gone|40P01: deadlock detected|23502: null value in column "id")/);

# A restore of the mark into a database that generates: the one of an earlier time, and one that is
# ahead.
for my $ahead (0, 20_000)
{
    my $dump = $node->basedir . "/mark_$ahead";
    hazard(
        "pg_restore of a mark $ahead ms ahead",
        prepare => sub {
            my ($database) = @_;
            next_id($database);
            $node->safe_psql($database, "SELECT setval('snowflake_mark', last_value + $ahead) FROM snowflake_mark");
            $node->command_ok([ 'pg_dump', '--format', 'custom', '--file', $dump, $database ], 'pg_dump');
            return "SELECT setval('snowflake_mark', last_value - $ahead) FROM snowflake_mark";
        },
        sql => sub {
            my ($database) = @_;
            $node->command_ok([ 'pg_restore', '--data-only', '--exit-on-error', '-d', $database, $dump ], 'pg_restore');
            return;
        });
}

# The mark is in the file of a sequence. In a transaction that puts another file in its place no
# raise may get lost, and no ID with it, when the transaction is rolled back. Its one raise covers
# all that follows, so that no other helps out.
reload_with($node, 'snowflake_pg.mark_window', '1min');
my $alter = 'ALTER SEQUENCE snowflake_mark RESTART';
my $in_worker = "SET LOCAL $parallel_mode = on";
my %case = (
    'altered in the leader' => "BEGIN; $alter; SELECT snowflake_next(); ROLLBACK",
    'altered in a parallel worker' => "BEGIN; $alter; $in_worker; SELECT snowflake_next(); ROLLBACK",
    'altered after the first ID, in a parallel worker' =>
      "BEGIN; SELECT snowflake_next(); $alter; $in_worker; SELECT snowflake_next(); ROLLBACK",
    'altered in a subtransaction' => "BEGIN; SAVEPOINT s; $alter; SELECT snowflake_next(); ROLLBACK TO s; COMMIT",
    'altered after a subtransaction' => "BEGIN; SAVEPOINT s; $alter; ROLLBACK TO s; SELECT snowflake_next(); COMMIT",
    'altered in a subtransaction of the one that creates the extension' =>
      "BEGIN; DROP EXTENSION snowflake_pg; CREATE EXTENSION snowflake_pg;
       SAVEPOINT s; $alter; SELECT snowflake_next(); ROLLBACK TO s; COMMIT",
    'unlogged and logged again' =>
      'BEGIN; ALTER SEQUENCE snowflake_mark SET UNLOGGED; ALTER SEQUENCE snowflake_mark SET LOGGED;
       SELECT snowflake_next(); ROLLBACK',
    'granted in a parallel worker' =>
      "BEGIN; GRANT ALL ON snowflake_mark TO pg_monitor; $in_worker; SELECT snowflake_next(); ROLLBACK");
for my $name (sort keys %case)
{
    my $database = new_database();
    # whether it is refused or not, what was given out counts
    my (undef, $ids, $errors) = $node->psql($database, $case{$name}, on_error_stop => 0);
    ok($ids =~ /^\d+$/am || $errors =~ /cannot raise the mark/, "$name: an ID, or refused")
      or diag("$ids\n$errors");
    my $id = next_id($database);
    my @before = grep { $_ >= $id } $ids =~ /(\d+)/ag;
    is("@before", '', "$name: the next ID is above");
    is_covered($node, $database, $id, $name);
    push @after_crash, [ $name, $database, $id ];
}

# Unlogged at the time of the crash, and altered in a transaction that the crash ends.
my $unlogged = new_database();
my @clients = start_clients($unlogged);
ok(wait_until(sub { !grep { $_ == 0 } recorded_bytes(@clients) }, 30), 'unlogged at a crash: clients record');
$node->safe_psql($unlogged, 'ALTER SEQUENCE snowflake_mark SET UNLOGGED');
stop_clients($unlogged, @clients);
my (undef, undef, $unlogged_last) = check_ids('unlogged at a crash', \@clients);
my $altering = new_database();
my @altering_clients = start_clients($altering);
ok(wait_until(sub { !grep { $_ == 0 } recorded_bytes(@altering_clients) }, 30), 'altered at a crash: clients record');
my $altering_session = session($node, $altering);
ask($altering_session, "BEGIN; $alter");

$node->stop('immediate');
finish_recording(@altering_clients);
$altering_session->{run}->kill_kill;
my (undef, undef, $altering_last) = check_ids('altered at a crash', \@altering_clients);
push @after_crash, [ 'altered at a crash', $altering, $altering_last ];
set_clock($node, -300);
start();
for (@after_crash)
{
    my ($name, $database, $last) = @$_;
    is_covered($node, $database, $last, "$name, after a crash");
    cmp_ok(next_id($database), '>', $last, "$name, after a crash: the next ID is above all");
}
fails($node, $unlogged, 'SELECT snowflake_next()', 'unlogged at a crash: refused after it',
    qr/ERROR:  55000: cannot raise the mark "snowflake_mark"/, qr/DETAIL:  It is unlogged/);
works($node, $unlogged, 'ALTER SEQUENCE snowflake_mark SET LOGGED', 'unlogged at a crash: logged again');
is_covered($node, $unlogged, $unlogged_last, 'unlogged at a crash');
cmp_ok(next_id($unlogged), '>', $unlogged_last, 'unlogged at a crash: the next ID is above all');

$node->stop;
# Whoever reads the mark keeps ALTER SEQUENCE from taking the file away meanwhile.
{
    my $altered = new_node('altered');
    $altered->start;
    $altered->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg; SELECT snowflake_next()');
    my @clients = (
        start_recording($altered, 'postgres', ('ALTER SEQUENCE snowflake_mark INCREMENT BY 1') x 500),
        map { start_recording($altered, 'postgres', ('SELECT count(*) FROM snowflake_status') x 1000) } 1 .. 2);
    finish_recording(@clients);
    is(join('', map { slurp_file($_->{errors}) } @clients), '', 'snowflake_status beside ALTER SEQUENCE');
    $altered->stop;
}

done_testing();
