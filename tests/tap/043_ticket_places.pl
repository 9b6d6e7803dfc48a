# Places in shared memory are those of the database and the sequence that took them: none that comes
# with their OIDs finds them, and what is gone leaves them to others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('places');
$node->start;

# A database that is dropped and created again with its OID, as a copy of the same template: tickets
# and IDs are those of the new one.
{
    $node->safe_psql('postgres', 'CREATE DATABASE origin');
    $node->safe_psql('origin', q(CREATE EXTENSION snowflake_pg; SELECT ticket_create('invoice', 1, 10)));
    $node->safe_psql('origin', q(SELECT ticket_next('invoice')));
    my $layout = $node->safe_psql('postgres', 'SHOW snowflake_pg.layout');
    $node->safe_psql('origin', q(SELECT snowflake_set_layout('ts=41,worker=8,seq=14,unit=1ms,epoch=2020-01-01T00:00:00Z')));
    my $record = "SELECT snowflake_set_layout('$layout')";

    for my $strategy ('wal_log', 'file_copy')
    {
        my $create = "CREATE DATABASE app OID 60000 TEMPLATE origin STRATEGY $strategy";
        $node->safe_psql('postgres', $create);
        my $drawn = $node->safe_psql('app', q(SELECT array_agg(ticket_next('invoice')) FROM generate_series(1, 3)));
        is($drawn, '{11,12,13}', "$strategy: tickets of a database");
        $node->safe_psql('app', $record);
        my $id = $node->safe_psql('app', 'SELECT snowflake_next()');
        $node->safe_psql('postgres', 'DROP DATABASE app');

        $node->safe_psql('postgres', $create);
        # also beside nextval(), which takes the sequence past what was cached for the old one
        $drawn = $node->safe_psql('app', <<'SQL');
SELECT nextval('invoice_ticket') FROM generate_series(1, 15);
SELECT ticket_next('invoice') FROM generate_series(1, 30);
SQL
        my @drawn = split /\n/, $drawn;
        is($drawn[0], 11, "$strategy: with the same OID it goes on where the template was");
        my %seen;
        is((grep { $seen{$_}++ } @drawn), 0, "$strategy: no number twice") or diag("@drawn");
        fails($node, 'app', "BEGIN; $record; SELECT snowflake_next()", "$strategy: its first ID is its first one",
            qr/ERROR:  55000: the layout of the database was changed in this transaction/);
        is($node->safe_psql('app', 'SELECT last_value FROM snowflake_mark'),
            $node->safe_psql('origin', 'SELECT last_value FROM snowflake_mark'), "$strategy: without a mark of the old one");
        $node->safe_psql('app', $record);
        my $next = $node->safe_psql('app', 'SELECT snowflake_next()');
        cmp_ok($next, '>', $id, "$strategy: IDs go on");
        is_covered($node, 'app', $next, $strategy);
        $node->safe_psql('postgres', 'DROP DATABASE app');
    }
}

# The counters of a server that has room for 256: whether one has a place shows in its blocks.
sub has_place
{
    my ($database, $name) = @_;
    $node->safe_psql($database, "SELECT ticket_create('$name', 1, 10); SELECT ticket_next('$name')");
    return $node->safe_psql($database, "SELECT blocks FROM snowflake_tickets WHERE name = '$name'") == 1;
}

# Runs statements as often, each for a ticket of its own.
sub fill
{
    my ($server, $database, $count, $statements) = @_;
    my $columns = join ', ', map { "format(\$f\$$_\$f\$, 'many_' || i)" } split /; /, $statements;
    $server->safe_psql($database, <<"SQL");
SET client_min_messages = warning;
SELECT $columns FROM generate_series(1, $count) AS i \\gexec
SQL
    return;
}
my $create = q(SELECT ticket_create('%1$s', 1, 10); SELECT ticket_next('%1$s'));

{
    $node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    $node->safe_psql('postgres', q(SELECT ticket_create('lasting', 1, 10); SELECT ticket_next('lasting')));
    # one that is being created keeps its place, too
    my $open = session($node);
    ask($open, q(BEGIN; SELECT ticket_create('open', 1, 10); SELECT ticket_next('open')));
    fill($node, 'postgres', 256, $create);
    ok(!has_place('postgres', 'further'), '256 counters take all places');

    $node->safe_psql('postgres', q(SELECT format('DROP SEQUENCE %I', sequence) FROM snowflake_ticket WHERE name LIKE 'many%' \gexec));
    ok(has_place('postgres', 'after_drop'), 'DROP SEQUENCE makes room');
    $node->safe_psql('postgres', q(SELECT ticket_drop(name) FROM snowflake_ticket WHERE name LIKE 'many%'));

    $node->safe_psql('postgres', 'CREATE DATABASE tenant');
    $node->safe_psql('tenant', 'CREATE EXTENSION snowflake_pg');
    fill($node, 'tenant', 256, $create);
    ok(!has_place('postgres', 'none'), 'a database takes all places');
    $node->safe_psql('postgres', 'DROP DATABASE tenant');
    ok(has_place('postgres', 'after_database'), 'DROP DATABASE makes room');

    is((ask($open, q(SELECT ticket_next('open'); COMMIT)))[0], 2, 'a counter that is being created went on meanwhile');
    $open->quit;
    is($node->safe_psql('postgres', q(SELECT ticket_next('open'), ticket_next('lasting'))), '3|2', 'and so did others');
}

$node->stop;

# Tickets of a registry, of which a server draws 64.
my $registry = new_registry('registry');
$registry->safe_psql('postgres', <<'SQL');
GRANT EXECUTE ON FUNCTION snowflake_ticket_define TO snowflake_member;
GRANT CREATE ON SCHEMA public TO snowflake_member;
SQL
my $where = line_up($registry);
my $member = new_node('member', conf => "snowflake_pg.ticket_registry = '$where'\nmax_prepared_transactions = 1\n");
start_member($member);
$member->safe_psql('postgres', 'CREATE DATABASE other');
$member->safe_psql('other', 'CREATE EXTENSION snowflake_pg');
$member->safe_psql('other', q(SELECT ticket_create('lasting', 1, 100); SELECT ticket_next('lasting')));

# Whether a ticket that is new to a database can be drawn.
my $news = 0;
sub can_draw
{
    my ($database, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ticket = 'new_' . ++$news;
    my ($status, $number, $error) =
      $member->psql($database, "SELECT ticket_create('$ticket', 1, 10); SELECT ticket_next('$ticket'); SELECT ticket_drop('$ticket')");
    is("$number|$error", "\n1\n|", $name);
    return;
}

my @gone = (
    [ 'ROLLBACK', "BEGIN; $create; ROLLBACK" ],
    [ 'ROLLBACK TO SAVEPOINT', "BEGIN; SAVEPOINT s; $create; ROLLBACK TO s; COMMIT" ],
    [ 'DROP SEQUENCE', "$create; DROP SEQUENCE %1\$s_ticket; SELECT ticket_drop('%1\$s')" ],
    [ 'DROP SCHEMA', "CREATE SCHEMA s; SET search_path = s, public; $create; DROP SCHEMA s CASCADE; SELECT ticket_drop('%1\$s')" ],
    [ 'DROP EXTENSION', "CREATE SCHEMA s; SET search_path = s, public; $create; DROP EXTENSION snowflake_pg; CREATE EXTENSION snowflake_pg SCHEMA public; DROP SCHEMA s CASCADE" ],
);
for (@gone)
{
    my ($name, $statement) = @$_;
    fill($member, 'postgres', 70, $statement);
    can_draw($_, "70 times $name: a new ticket in database $_") for 'other', 'postgres';
}

$member->safe_psql('postgres', 'CREATE DATABASE tenant');
$member->safe_psql('tenant', 'CREATE EXTENSION snowflake_pg');
fill($member, 'tenant', 63, $create);
fails($member, 'other', q(SELECT ticket_create('none', 1, 10); SELECT ticket_next('none')), 'a database takes all places',
    qr/DETAIL:  This server can draw 64 tickets of registries/);
$member->safe_psql('postgres', 'DROP DATABASE tenant');
can_draw('other', 'DROP DATABASE: a new ticket');

# What its session cannot know the end of is found when there is no room.
fill($member, 'postgres', 70, "BEGIN; $create; PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'");
can_draw('postgres', '70 times ROLLBACK PREPARED: a new ticket');
is($member->safe_psql('other', q(SELECT ticket_next('lasting'))), 2, 'a ticket that is there kept its place');

$_->stop for $member, $registry;
done_testing();
