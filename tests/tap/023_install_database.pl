# The extension as a guest of a database: schemas, neighbours, DROP, dump and restore, the layout
# that a database records, who may call what.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('primary');
$node->start;

sub create_database
{
    my ($name, $statements) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    $node->safe_psql($name, $statements // 'CREATE EXTENSION snowflake_pg');
    return;
}

# schemas

create_database('elsewhere', 'CREATE SCHEMA "Ex t"; CREATE EXTENSION snowflake_pg SCHEMA "Ex t"');
my $first = works($node, 'elsewhere', 'SELECT "Ex t".snowflake_next()', 'installed into another schema');
my $moving = session($node, 'elsewhere');
ask($moving, 'SET search_path = "Ex t", moved; PREPARE next AS SELECT snowflake_next()');
my ($before) = ask($moving, 'EXECUTE next');
cmp_ok($before || 0, '>', $first, 'a session generates there');
works($node, 'elsewhere', 'CREATE SCHEMA moved; ALTER EXTENSION snowflake_pg SET SCHEMA moved',
    'ALTER EXTENSION ... SET SCHEMA');
my ($after, $error) = ask($moving, 'EXECUTE next');
cmp_ok($after || 0, '>', $before, 'the session goes on after it') or diag($error);
$moving->quit;
is(
    works($node, 'elsewhere', <<'SQL', 'everything works in the new schema'),
SELECT id > 0, d.worker_id, moved.snowflake_between(id, now() - interval '1 day', 'infinity')
FROM moved.snowflake_next() AS id, moved.snowflake_decode(id) AS d;
SELECT count(*) FROM moved.snowflake_layouts;
SELECT worker_id FROM moved.snowflake_status;
SQL
    "t|1|t\n8\n1",
    'and answers right');
fails($node, 'elsewhere', q(SELECT moved.snowflake_set_layout('discord')),
    'the database still knows that it has given out IDs',
    qr/ERROR:  55000: cannot change the layout to "discord"/,
    qr/DETAIL:  This database has given out IDs of layout "twitter"\./, qr/HINT:  /);

$node->safe_psql('postgres', q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
is(
    works($node, 'latin', <<"SQL", 'a schema with other letters, in LATIN1'),
SET client_encoding = 'UTF8';
CREATE SCHEMA "caf\xc3\xa9";
CREATE EXTENSION snowflake_pg SCHEMA "caf\xc3\xa9";
SET search_path = "caf\xc3\xa9";
SELECT snowflake_set_layout('discord');
SELECT layout FROM snowflake_recorded_layout;
SELECT outcome FROM snowflake_lease_take('twitter', 'a', uuid_v4(), 'a', extract(epoch FROM now())::bigint * 1000, 0, 60000, NULL, NULL, NULL, NULL);
SQL
    "\ndiscord\ngranted",
    'the tables in it are found');

# neighbours

SKIP:
{
    my $known = $node->safe_psql('postgres',
        q(SELECT count(*) FROM pg_available_extensions WHERE name = 'uuid-ossp'));
    # only the packaged PostgreSQL 15 must have it
    skip 'this PostgreSQL comes without uuid-ossp', 4 if !$known && major_version($node) != 15;
    for my $order ('"uuid-ossp", snowflake_pg', 'snowflake_pg, "uuid-ossp"')
    {
        my $create = join '; ', map { "CREATE EXTENSION $_ SCHEMA ext" } split /, /, $order;
        is(
            works($node, 'postgres', <<SQL, "beside uuid-ossp in one schema: $order"),
SET client_min_messages = warning;
CREATE SCHEMA ext;
$create;
SELECT ext.snowflake_next() > 0, ext.uuid_nil();
DROP SCHEMA ext CASCADE;
SQL
            't|00000000-0000-0000-0000-000000000000',
            'both work');
    }
}

# DROP and CREATE while other sessions hold state

create_database('dropped');
my $holder = session($node, 'dropped');
ask($holder, 'PREPARE next AS SELECT snowflake_next()');
my $largest = 0;
for my $turn (1 .. 3)
{
    my ($id, $message) = ask($holder, 'EXECUTE next');
    cmp_ok($id || 0, '>', $largest, "turn $turn: a session generates") or diag($message);
    $largest = $id;
    works($node, 'dropped', 'DROP EXTENSION snowflake_pg', 'DROP EXTENSION beside it');
    ($id, $message) = ask($holder, 'EXECUTE next');
    like($message, qr/ERROR:  function snowflake_next\(\) does not exist/, 'the session gets a clean error');
    works($node, 'dropped', 'CREATE EXTENSION snowflake_pg', 'CREATE EXTENSION again');
    my $other = works($node, 'dropped', 'SELECT snowflake_next()', 'another session generates');
    cmp_ok($other, '>', $largest, 'above all that went before');
    $largest = $other;
}
my ($last) = ask($holder, 'EXECUTE next');
cmp_ok($last || 0, '>', $largest, 'and the session that saw it all goes on above it');
$holder->quit;

# in the middle of a statement
my $client = start_recording($node, 'dropped', q(SET application_name = 'busy'),
    'COPY (SELECT snowflake_next() FROM (SELECT generate_series(1, 100000000)) AS n) TO STDOUT');
ok(wait_until(sub { (recorded_bytes($client))[0] > 100_000 }, 10), 'a session is busy generating');
works($node, 'dropped', 'DROP EXTENSION snowflake_pg', 'DROP EXTENSION meanwhile');
finish_recording($client);
like(slurp_file($client->{errors}), qr/ERROR:  (?:42P01|42704): .*(?:was dropped|is missing|is not installed)/,
    'its statement ends with a clean error');
my (undef, undef, $ended) = check_ids('its IDs until then', [$client]);
works($node, 'dropped', 'CREATE EXTENSION snowflake_pg', 'CREATE EXTENSION again');
cmp_ok($node->safe_psql('dropped', 'SELECT snowflake_next()'), '>', $ended, 'and IDs go on above them');

# copies

my $template_mark = $node->safe_psql('dropped', 'SELECT last_value FROM snowflake_mark');
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE dropped');
is($node->safe_psql('copied', 'SELECT last_value FROM snowflake_mark'), $template_mark,
    'a database made from a template has its mark');
cmp_ok($node->safe_psql('copied', 'SELECT snowflake_next()'), '>', $ended, 'and IDs above those of the template');

# the recorded layout

create_database('layout');
# the same ID means another time in another layout
my $id = 5 << 22;
my ($twitter, $pgedge) = ('2010-11-04 01:42:54.662+00', '2023-01-01 00:00:00.005+00');
my $watcher = session($node, 'layout');
ask($watcher, q(SET TimeZone = 'UTC'));
my $time = "SELECT snowflake_timestamp($id)";
is((ask($watcher, $time))[0], $twitter, 'decoding goes by the record');
is(
    works($node, 'layout', <<SQL, 'snowflake_set_layout in a transaction that is rolled back'),
SET TimeZone = 'UTC';
BEGIN;
SELECT snowflake_set_layout('pgedge');
$time;
ROLLBACK;
$time;
SQL
    "\n$pgedge\n$twitter",
    'decoding follows');
works($node, 'layout', q(SELECT snowflake_set_layout('pgedge')), 'snowflake_set_layout before the first ID');
is((ask($watcher, $time))[0], $pgedge, 'decoding goes by the new record, in a session from before');
my @mismatch = (
    qr/ERROR:  55000: the server runs with layout "twitter", this database records "pgedge"/,
    qr/DETAIL:  IDs of two layouts in one database would collide and not sort\./,
    qr/HINT:  Set snowflake_pg\.layout to the recorded layout and restart the server\./);
fails($node, 'layout', 'SELECT snowflake_next()', 'generation is refused', @mismatch);
(undef, $error) = ask($watcher, 'SELECT snowflake_next_batch(2)');
like($error, qr/the server runs with layout "twitter", this database records "pgedge"/,
    'generation is refused in a session from before');
fails($node, 'layout', q(SELECT snowflake_set_layout('twiter')), 'an unknown layout is refused',
    qr/ERROR:  22023: unknown layout "twiter"/);
works($node, 'layout', q(SELECT snowflake_set_layout('twitter')), 'back again, as there was no ID');
my ($next, $message) = ask($watcher, 'SELECT snowflake_next()');
ok(($next || 0) > 0, 'generation works, in a session from before') or diag($message);
fails($node, 'layout', q(SELECT snowflake_set_layout('pgedge')), 'no change after the first ID',
    qr/ERROR:  55000: cannot change the layout to "pgedge"/,
    qr/DETAIL:  This database has given out IDs of layout "twitter"\./,
    qr/HINT:  IDs of two layouts in one database would collide and not sort\./);
$watcher->quit;

# A change that is not yet committed keeps first IDs waiting.
for my $end ('COMMIT', 'ROLLBACK')
{
    my $database = lc "race_$end";
    create_database($database);
    my $changer = session($node, $database);
    ask($changer, q(BEGIN; SELECT snowflake_set_layout('pgedge')));
    my $first_id = start_recording($node, $database, q(SET application_name = 'first'), 'SELECT snowflake_next()');
    ok(
        $node->poll_query_until('postgres',
            q(SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'first' AND wait_event_type = 'Lock')),
        "before $end the first ID waits");
    ask($changer, $end);
    finish_recording($first_id);
    my ($ids, $errors) = (slurp_file($first_id->{ids}), slurp_file($first_id->{errors}));
    if ($end eq 'COMMIT')
    {
        is($ids, '', 'after COMMIT no ID');
        like($errors, $_, 'but the error') for @mismatch;
    }
    else
    {
        like($ids, qr/^\d+\n$/a, 'after ROLLBACK it comes') or diag($errors);
    }
    $changer->quit;
}

# An ID settles the layout at once, whatever becomes of its transaction.
create_database('settled');
my $open = session($node, 'settled');
ask($open, 'BEGIN; SELECT snowflake_next()');
fails($node, 'settled', q(SET lock_timeout = '5s'; SELECT snowflake_set_layout('pgedge')),
    'no change once an open transaction has an ID', qr/ERROR:  55000: cannot change the layout/);
ask($open, 'ROLLBACK');
$open->quit;
fails($node, 'settled', q(SELECT snowflake_set_layout('pgedge')),
    'nor when it is rolled back', qr/ERROR:  55000: cannot change the layout/);

# Both at once, from sessions that are waiting for it: either all get IDs or the layout changes.
create_database('contended', 'SELECT');
my @contenders = map { session($node, 'contended') } 1 .. 4;
my %seen;
my @wrong;
for my $turn (1 .. 25)
{
    $node->safe_psql('contended', 'DROP EXTENSION IF EXISTS snowflake_pg; CREATE EXTENSION snowflake_pg');
    for my $number (0 .. $#contenders)
    {
        my $contender = $contenders[ ($number + $turn) % @contenders ];
        @$contender{ 'stdout', 'stderr' } = ('', '');
        my $call = $contender == $contenders[0] ? q(snowflake_set_layout('pgedge')) : 'snowflake_next()';
        $contender->{stdin} .= "SELECT $call;\n\\echo done\n\\warn done\n";
        $contender->{run}->pump_nb;
    }
    for my $contender (@contenders)
    {
        $contender->{run}->pump until $contender->{stdout} =~ /done/ && $contender->{stderr} =~ /done/;
    }
    my ($changed, @got) = map { $_->{stderr} !~ /ERROR/ ? 1 : 0 } @contenders;
    my @messages = map { /ERROR:  (.*)/ ? $1 : () } map { $_->{stderr} } @contenders;
    my $ids = grep { $_ } @got;
    $seen{$changed}++;
    push @wrong, "turn $turn: changed $changed, $ids IDs"
      if $changed == ($ids > 0 ? 1 : 0)
      || grep { !/cannot change the layout|the server runs with layout/ } @messages;
}
is(join("\n", @wrong), '', 'a change and first IDs at once: one or the other');
note("changed: $_ in $seen{$_} turns") for sort keys %seen;
$_->quit for @contenders;

# who may call what

create_database('roles', <<'SQL');
CREATE SCHEMA hidden;
CREATE EXTENSION snowflake_pg SCHEMA hidden;
CREATE TABLE item (id bigint PRIMARY KEY DEFAULT hidden.snowflake_next(), n int);
CREATE ROLE plain;
CREATE ROLE watcher IN ROLE pg_monitor;
GRANT INSERT, SELECT ON item TO plain;
SQL
is(works($node, 'roles', 'SET ROLE plain; INSERT INTO item (n) VALUES (1) RETURNING id > 0', 'an ID by DEFAULT'),
    't', 'for a role that may not even see the schema');
$node->safe_psql('roles', 'GRANT USAGE ON SCHEMA hidden TO plain, watcher');
$node->safe_psql('roles', 'ALTER DATABASE roles SET search_path = hidden, public');
is(
    works($node, 'roles', <<'SQL', 'everybody generates and decodes'),
SET ROLE plain;
SELECT count(id) FROM snowflake_next_batch(3) AS id;
SELECT snowflake_next(1) < snowflake_next();
SELECT worker_id FROM snowflake_decode(snowflake_next());
SELECT count(*) FROM snowflake_layouts;
SELECT layout FROM snowflake_recorded_layout;
SELECT last_value > 0 FROM snowflake_mark;
SQL
    "3\nt\n1\n8\ntwitter\nt",
    'and reads what is public');
for my $statement (
    q(SELECT snowflake_set_layout('discord')),
    'SELECT * FROM snowflake_status',
    'SELECT * FROM snowflake_pg_status()',
    q(UPDATE snowflake_recorded_layout SET layout = 'discord'),
    q(INSERT INTO snowflake_recorded_layout (layout) VALUES ('discord')),
    'DELETE FROM snowflake_recorded_layout',
    q(SELECT nextval('snowflake_mark')),
    q(SELECT setval('snowflake_mark', 1)))
{
    fails($node, 'roles', "SET ROLE plain; $statement", "a plain role may not: $statement",
        qr/ERROR:  42501: permission denied/);
}
is(
    works($node, 'roles', <<'SQL', 'a member of pg_monitor reads the status'),
SET ROLE watcher;
SELECT worker_id FROM snowflake_status;
SELECT worker_id FROM snowflake_pg_status();
SQL
    "1\n1",
    'by view and function');
fails($node, 'roles', q(SET ROLE watcher; SELECT snowflake_set_layout('discord')),
    'but may not change the layout', qr/ERROR:  42501: permission denied/);

# dump and restore

$node->append_conf('postgresql.conf', "snowflake_pg.layout = 'pgedge'");
$node->restart;
fails($node, 'layout', 'SELECT snowflake_next()', 'a database of the layout that the server had before',
    qr/ERROR:  55000: the server runs with layout "pgedge", this database records "twitter"/,
    qr/HINT:  Set snowflake_pg\.layout to the recorded layout/);
create_database('source', <<'SQL');
CREATE SCHEMA ext;
CREATE EXTENSION snowflake_pg SCHEMA ext;
CREATE TABLE item (
    id bigint PRIMARY KEY DEFAULT ext.snowflake_next(),
    made timestamptz GENERATED ALWAYS AS (ext.snowflake_timestamp(id, 'pgedge')) STORED,
    made_of_twitter timestamptz GENERATED ALWAYS AS (ext.snowflake_timestamp(id, 'twitter')) STORED,
    n int
);
CREATE INDEX ON item (ext.snowflake_worker_id(id, 'pgedge'));
CREATE VIEW recent AS
    SELECT id FROM item WHERE ext.snowflake_between(id, '2024-01-01 00:00+00', 'infinity');
INSERT INTO item (n) SELECT generate_series(1, 1000);
SQL
is($node->safe_psql('source', 'SELECT layout FROM ext.snowflake_recorded_layout'), 'pgedge',
    'CREATE EXTENSION records the layout of the server');
my $contents = q(SELECT md5(string_agg(item::text, ',' ORDER BY id)) FROM item);
my $digest = $node->safe_psql('source', "SET TimeZone = 'UTC'; $contents");
my $mark = $node->safe_psql('source', 'SELECT last_value FROM ext.snowflake_mark');
my $source_last = $node->safe_psql('source', 'SELECT max(id) FROM item');
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '--file', "$dump.sql", 'source' ], 'pg_dump as text');
$node->command_ok([ 'pg_dump', '--format', 'custom', '--file', "$dump.custom", 'source' ], 'pg_dump as archive');

# What must have travelled, in a restored database of a server.
sub restored
{
    my ($server, $database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($server->safe_psql($database, 'SELECT layout FROM ext.snowflake_recorded_layout'), 'pgedge',
        "$name: the record travels, and is one row");
    cmp_ok($server->safe_psql($database, 'SELECT last_value FROM ext.snowflake_mark'), '>=', $mark,
        "$name: the mark travels");
    is($server->safe_psql($database, "SET TimeZone = 'UTC'; $contents"), $digest, "$name: and the rows");
    is($server->safe_psql($database, 'SELECT count(*) FROM recent'), 1000, "$name: and the view");
    fails($server, $database, q(SELECT ext.snowflake_set_layout('twitter')), "$name: the layout is settled",
        qr/ERROR:  55000: cannot change the layout to "twitter"/,
        qr/DETAIL:  This database has given out IDs of layout "pgedge"\./);
    return;
}

# On a new server, whose clock is behind, and which runs with another layout at first.
my $target = new_node('target');
fake_clock($target);
set_clock($target, -600);
with_clock($target, sub { $target->start });
for my $database ('plain', 'archive')
{
    $target->safe_psql('postgres', "CREATE DATABASE $database");
}
$target->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", 'plain' ], 'restore of text');
$target->command_ok([ 'pg_restore', '--exit-on-error', '--jobs', 2, '-d', 'archive', "$dump.custom" ],
    'restore of the archive');
for my $database ('plain', 'archive')
{
    restored($target, $database, $database);
    fails($target, $database, 'INSERT INTO item (n) VALUES (0)', "$database: the server runs with another layout",
        qr/ERROR:  55000: the server runs with layout "twitter", this database records "pgedge"/,
        qr/HINT:  Set snowflake_pg\.layout/);
}
$target->append_conf('postgresql.conf', "snowflake_pg.layout = 'pgedge'");
with_clock($target, sub { $target->restart });
for my $database ('plain', 'archive')
{
    my $new = works($target, $database, 'INSERT INTO item (n) VALUES (0) RETURNING id',
        "$database: with the right layout");
    cmp_ok($new, '>', $source_last, "$database: IDs go on above the restored ones, with a clock behind");
}
$target->stop;

# Back on the server of origin, which is running.
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", 'again' ],
    'restore beside the original');
restored($node, 'again', 'again');
cmp_ok($node->safe_psql('again', 'INSERT INTO item (n) VALUES (0) RETURNING id'), '>', $source_last,
    'again: IDs go on above the restored ones');
$node->stop;

done_testing();
