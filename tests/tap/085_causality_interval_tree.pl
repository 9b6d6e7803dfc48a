# Interval tree clocks outside of a session: a stamp that many use at once, crash, standby and promotion, copies of the
# database, dump and restore, replication, binary copies, and binary input that is damaged.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use DocsTest qw(shows_examples);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# works without the library preloaded
my $node = new_node('causality', preload => 0, allows_streaming => 'logical', conf => "synchronous_commit = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# the page

$node->safe_psql('postgres', 'CREATE DATABASE docs');
$node->safe_psql('docs', 'CREATE EXTENSION snowflake_pg');
shows_examples($node, 'docs', 'causality', 'Interval tree clocks', 6);

sub sql { return $node->safe_psql('postgres', @_) }

sub stamps { return sql('SELECT name, stamp FROM itc_stamps ORDER BY name') }

# many at once: the events of a stamp are one after another

sql(q(SELECT itc_seed('shared')));
my @clients = record($node, 'postgres', 8, (q(SELECT itc_event('shared'))) x 100);
my @events = map { split /\n/, slurp_file($_->{ids}) } @clients;
is(join('', map { slurp_file($_->{errors}) } @clients), '', '8 clients record 100 events each');
is(join(' ', sort { $a <=> $b } @events), join(' ', 1 .. 800), 'each event is another one');
is(sql(q(SELECT itc_peek('shared'))), 800, 'and all are known at the end');

# one who waits for the row goes on with what is left of it

my $first = session($node);
my $second = session($node);
my $waiting = q(SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock');
$first->query_safe('BEGIN');
is($first->query_safe(q(SELECT itc_fork('shared'))), '((0,1),800)', 'a fork in a transaction');
$second->query_until(qr/asked/, q(\echo asked
SELECT itc_event('shared');
));
ok($node->poll_query_until('postgres', $waiting, '1'), 'an event of the same stamp waits');
$first->query_safe('COMMIT');
is($second->query_safe('SELECT 1'), "(800,1,0)\n1", 'and is one of the half that is kept');
$first->query_safe('BEGIN');
$first->query_safe(q(SELECT itc_fork('shared')));
$first->query_safe('ROLLBACK');
is(stamps(), 'shared|((1,0),(800,1,0))', 'a rollback takes the half back');

# two adopt the same stamp

$first->query_safe('BEGIN');
$first->query_safe(q(SELECT itc_adopt('one', '((0,1),800)')));
$second->query_until(qr/asked/, q(\echo asked
SELECT itc_adopt('two', '((0,1),800)');
));
ok($node->poll_query_until('postgres', $waiting, '1'), 'who adopts waits for another who does');
$first->query_safe('COMMIT');
my (undef, $refused) = ask($second, 'SELECT 1');
like($refused, qr/ERROR:  the identities of the stamps overlap\nDETAIL:  A stamp was copied: .*\nHINT:  .* that of stamp "one" here\./,
    'and is refused');
is(stamps(), "one|((0,1),800)\nshared|((1,0),(800,1,0))", 'one has it');
# a row that is taken out, but not yet
$first->query_safe('BEGIN');
$first->query_safe(q(SELECT itc_retire('one')));
fails($node, 'postgres', q(SELECT itc_adopt('two', '((0,1),800)')), 'what is not given up yet cannot be adopted', qr/ERROR:  22023: /);
$first->query_safe('ROLLBACK');
$_->quit for $first, $second;

# an immediate stop: what a client has seen is kept, though it does not wait for its commits

for my $round (1 .. 3)
{
    my @running = map { start_recording($node, 'postgres', (q(SELECT itc_event('shared'))) x 100_000) } 1 .. 3;
    ok(wait_until(sub { !grep { $_ < 2_000 } recorded_bytes(@running) }), "stop $round: clients record events");
    $node->stop('immediate');
    finish_recording(@running);
    $node->start;
    my @values = map { grep { /^\(800,\d+,0\)$/ } split /\n/, slurp_file($_->{ids}) } @running;
    my ($most) = sort { $b <=> $a } map { /,(\d+),/ ? $1 : () } @values;
    my %distinct = map { $_ => 1 } @values;
    is(keys %distinct, @values, "stop $round: no event was seen twice");
    my ($known) = sql(q(SELECT itc_peek('shared'))) =~ /,(\d+),/;
    cmp_ok($known, '>=', $most, "stop $round: all that were seen are known");
}

# a standby shows what is known, records nothing, and is another database once it is promoted

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my $peek = sql(q(SELECT itc_event('shared')));
$node->wait_for_catchup($standby, 'replay', $node->lsn('flush'));
is($standby->safe_psql('postgres', q(SELECT itc_peek('shared'))), $peek, 'a standby shows what is known');
fails($standby, 'postgres', q(SELECT itc_event('shared')), 'but records no event', qr/ERROR:  25006: /);
fails($standby, 'postgres', q(SELECT itc_seed('new')), 'nor has it a stamp of its own', qr/ERROR:  25006: /);
is($standby->safe_psql('postgres', 'SELECT pg_promote()'), 't', 'promoted');
for my $call (q(itc_event('shared')), q(itc_fork('shared')), q(itc_retire('shared')), q(itc_peek('shared')), q(itc_receive('shared', '0')), q(itc_join('shared', '(0,0)')))
{
    fails($standby, 'postgres', "SELECT $call", "a promoted standby: $call is refused",
        qr/ERROR:  55000: stamp "shared" is another database's\n/, qr/HINT:  Call itc_adopt\(\)/);
}
$standby->safe_psql('postgres', q(SELECT itc_adopt('shared', stamp) FROM itc_stamps WHERE name = 'shared'));
is($standby->safe_psql('postgres', qq(SELECT itc_event('shared') >> '$peek')), 't', 'adopted, it goes on');
is($standby->safe_psql('postgres', q(SELECT count(*) FROM itc_stamps WHERE name = 'shared')), 1, 'in the place of the old one');
$standby->stop;

# a copy of the database

sql('CREATE DATABASE copy TEMPLATE postgres');
fails($node, 'copy', q(SELECT itc_event('shared')), 'a copy of the database has no stamp',
    qr/ERROR:  55000: stamp "shared" is another database's\n/);
$node->safe_psql('copy', q(SELECT itc_seed('own'), itc_event('own')));
is($node->safe_psql('copy', q(SELECT itc_peek('own'))), 1, 'but may have others');

# dump and restore, by the owner of the database

sql('CREATE ROLE owner LOGIN; ALTER DATABASE postgres OWNER TO owner');
sql(q(CREATE TABLE kept (id int PRIMARY KEY, version itc_version, stamp itc_stamp); ALTER TABLE kept OWNER TO owner));
sql(q(INSERT INTO kept VALUES (1, '(2,0,(0,3,0))', '((0,1),(2,0,(0,3,0)))'), (2, NULL, NULL), (3, '4611686018427387903', '(0,0)')));
# one that is long, compressed and out of line
sql(<<'SQL');
INSERT INTO kept
    WITH RECURSIVE wide AS (SELECT 0 AS level, '(0,1,0)' AS tree UNION ALL SELECT level + 1, format('(0,%s,(1,%1$s,0))', tree) FROM wide WHERE level < 13)
    SELECT 4, tree::itc_version, format('(1,%s)', tree)::itc_stamp FROM wide WHERE level = 13;
SQL
my $all = 'SELECT id, md5(version::text), md5(version::bytea), md5(stamp::text), md5(stamp::bytea) FROM kept ORDER BY id';
my $kept = sql($all);
cmp_ok(sql('SELECT length(version::bytea) FROM kept WHERE id = 4'), '>', 10_000, 'a long version');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-U', 'owner', '-f', $dump, $node->connstr('postgres') ], 'pg_dump by the owner of the database');
my $dumped = slurp_file($dump);
unlike($dumped, qr/itc_stamps/, 'stamps are not dumped');
unlike($dumped, qr/CREATE TYPE|CREATE OPERATOR/, 'nor what is the extension\'s');
sql('CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restored');
is($node->safe_psql('restored', $all), $kept, 'with every version');
is($node->safe_psql('restored', 'SELECT count(*) FROM itc_stamps'), 0, 'and without an identity');
fails($node, 'restored', q(SELECT itc_event('shared')), 'until it is given one', qr/ERROR:  42704: stamp "shared" does not exist\n/, qr/HINT:  .*itc_adopt/);
my $given = sql(q(SELECT itc_fork('one')));
$node->safe_psql('restored', qq(SELECT itc_adopt('shared', '$given')));
my $there = $node->safe_psql('restored', q(SELECT itc_event('shared')));
is(sql(qq(SELECT itc_event('one') >< '$there')), 't', 'from there on they know different things');

# replication of all tables brings rows that are of no use, and in nobody's way

sql(q(CREATE PUBLICATION stamps FOR TABLE itc_stamps; SELECT pg_create_logical_replication_slot('stamps', 'pgoutput')));
my $connection = $node->connstr('postgres') =~ s/'/''/gr;
$node->safe_psql('restored', "CREATE SUBSCRIPTION stamps CONNECTION '$connection' PUBLICATION stamps WITH (create_slot = false, slot_name = 'stamps')");
ok($node->poll_query_until('restored', q(SELECT count(*) = 3 FROM itc_stamps)), 'rows of others arrive, of the same name, too');
is($node->safe_psql('restored', q(SELECT itc_event('shared') >> ') . $there . q(')), 't', 'the own stamp goes on');
fails($node, 'restored', q(SELECT itc_event('one')), 'those of others do not', qr/ERROR:  55000: stamp "one" is another database's\n/);
$node->safe_psql('restored', 'ALTER SUBSCRIPTION stamps DISABLE; ALTER SUBSCRIPTION stamps SET (slot_name = NONE); DROP SUBSCRIPTION stamps');
ok($node->poll_query_until('postgres', q(SELECT NOT active FROM pg_replication_slots)), 'the end of it');
sql(q(SELECT pg_drop_replication_slot('stamps')));

# who may see the table

sql('CREATE ROLE watcher; GRANT pg_monitor TO watcher');
is(sql('SET ROLE watcher; SELECT count(*) FROM itc_stamps'), 2, 'pg_monitor reads stamps');
fails($node, 'postgres', 'SET ROLE watcher; DELETE FROM itc_stamps', 'and writes none', qr/ERROR:  42501: /);

# binary copies

my $copy = $node->basedir . '/copy';
sql("COPY kept TO '$copy' (FORMAT binary)");
is(sql("CREATE TABLE copied (LIKE kept); COPY copied FROM '$copy' (FORMAT binary);"), '', 'copied in binary');
is(sql($all =~ s/kept/copied/r), $kept, 'with every value');

# The file of a binary copy with one column.
sub copy_of
{
    my ($bytes) = @_;
    my $file = $node->basedir . '/damaged';
    unlink $file;
    append_to_file($file, "PGCOPY\n\xff\r\n\0" . pack('NNn', 0, 0, 1) . pack('N/a*', $bytes) . pack('n', 0xffff));
    chmod 0644, $file or die $!;
    return $file;
}

sub copied
{
    my ($type, $bytes) = @_;
    my $file = copy_of($bytes);
    return $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN; COPY one_$type FROM '$file' (FORMAT binary); TABLE one_$type; ROLLBACK");
}

sql('CREATE TABLE one_version (value itc_version); CREATE TABLE one_stamp (value itc_stamp)');
my %good = (version => '(2,0,(0,3,0))', stamp => '((0,1),(2,0,(0,3,0)))');
for my $type (sort keys %good)
{
    my $good = pack 'H*', sql("SELECT encode(itc_$type '$good{$type}'::bytea, 'hex')");
    my (undef, $read) = copied($type, $good);
    is($read, $good{$type}, "$type: a copy made by hand");
    my %damaged = (
        'no bytes' => [ '', qr/22P03: invalid binary form of type itc_$type\nDETAIL:  It has no bytes/ ],
        'another version' => [ "\2" . substr($good, 1), qr/22P03: unknown version 2 of the binary form/ ],
        'bytes at the end' => [ "$good\0", qr/22P03: .*\nDETAIL:  It is not the one form/ ],
        'many levels' => [ "\1" . ($type eq 'stamp' ? "\xaa" : "\0") x 1_000, qr/54000: an interval tree clock has 512 levels at most/ ],
        'a number without end' => [ "\1" . ($type eq 'stamp' ? "\x3f" : "\xff") . "\xff" x 1_000, qr/22003: an interval tree clock counts/ ],
        'many bytes' => [ "\1" . "\0" x 65_536, qr/54000: an interval tree clock has 65536 bytes at most/ ],
        'very many bytes' => [ "\1" x 10_000_000, qr/54000: an interval tree clock has 65536 bytes at most/ ]);
    for my $name (sort keys %damaged)
    {
        my ($bytes, $pattern) = @{ $damaged{$name} };
        my ($code, undef, $err) = copied($type, $bytes);
        ok($code != 0 && $err =~ $pattern, "$type: binary input: $name is refused") or diag($err);
    }
    my @read = grep { (copied($type, substr($good, 0, $_)))[0] == 0 } 0 .. length($good) - 1;
    is("@read", '', "$type: binary input: cut off anywhere, it is refused");
    my $other = 0;
    for my $bit (0 .. 8 * length($good) - 1)
    {
        my $flipped = $good;
        vec($flipped, $bit, 1) ^= 1;
        my ($code, $out, $err) = copied($type, $flipped);
        $other++ if $code == 0 ? $out =~ /^[\d(),]+$/ && $out ne $good{$type} : $err =~ /ERROR:  (?:22P03|22003):/;
    }
    is($other, 8 * length($good), "$type: binary input: with a bit flipped, it is another value, or refused");
    # a length that the message does not have
    my $file = copy_of($good);
    my $lying = slurp_file($file);
    substr($lying, 21, 4) = pack('N', 0x7fffffff);
    unlink $file;
    append_to_file($file, $lying);
    chmod 0644, $file or die $!;
    my ($code, undef, $err) = $node->psql('postgres', "COPY one_$type FROM '$file' (FORMAT binary)");
    ok($code != 0 && $err =~ /ERROR/, "$type: binary input: a length that lies is refused") or diag($err);
}
is(sql('SELECT count(*) FROM kept'), 4, 'the server is still there');

$node->stop;
done_testing();
