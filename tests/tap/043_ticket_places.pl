# Places in shared memory are those of the database and the sequence that took them: none that comes
# with their OIDs finds them, and what is gone leaves them to others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

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

$node->stop;
done_testing();
