# Tickets whose sequence was dropped, and dumps: the OID that is left is another sequence's where the
# dump is restored, and that sequence is left alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $source = new_node('source');
$source->start;
my $target = new_node('target');
$target->start;
$target->safe_psql('postgres', "CREATE DATABASE $_") for 'released', 'current';

# The released version dumps such a row; a dump names no version.
$source->safe_psql('postgres', <<'SQL');
CREATE EXTENSION snowflake_pg VERSION '0.2.0';
SELECT ticket_create('old', 1, 10), ticket_create('invoice', 1, 10), ticket_create('moved', 1, 10);
SELECT ticket_next('old'), ticket_next('invoice'), ticket_next('moved');
ALTER SEQUENCE moved_ticket RENAME TO moved_counter;
SQL
my $oid = $source->safe_psql('postgres', q(SELECT 'old_ticket'::regclass::oid));
$source->safe_psql('postgres', 'DROP SEQUENCE old_ticket');

my $base = $source->basedir;
$source->command_ok([ 'pg_dump', '-f', "$base/released.sql", 'postgres' ], 'dump by the released version');
like(slurp_file("$base/released.sql"), qr/^old\t$oid\t/m, 'has an OID in it');
$source->safe_psql('postgres', 'ALTER EXTENSION snowflake_pg UPDATE');
is($source->safe_psql('postgres', q(SELECT ticket_next('invoice'), ticket_next('moved'))), '2|2', 'upgraded: tickets go on');
fails($source, 'postgres', q(SELECT ticket_next('old')), 'upgraded: a ticket whose sequence was dropped',
    qr/DETAIL:  Its sequence was dropped\./);
$source->command_ok([ 'pg_dump', '-f', "$base/current.sql", 'postgres' ], 'dump after the upgrade');
unlike(slurp_file("$base/current.sql"), qr/^old\t/m, 'has no such row');

# Where they are restored, somebody else's sequence has the OID.
for my $dump ('released', 'current')
{
    $target->stop;
    $target->command_ok([ 'pg_resetwal', '-o', $oid, '-D', $target->data_dir ], "$dump: OIDs come again");
    $target->start;
    $target->safe_psql($dump, join ';', map { "CREATE SEQUENCE others_$_" } 1 .. 5);
    my $others = $target->safe_psql($dump, "SELECT relname FROM pg_class WHERE oid = $oid AND relkind = 'S'");
    like($others, qr/^others_/, "$dump: a sequence has the OID");
    $target->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr($dump), '-f', "$base/$dump.sql" ],
        "$dump: restore");
    is($target->safe_psql($dump, q(SELECT ticket_next('invoice'))), 11, "$dump: a ticket goes on");

    if ($dump eq 'released')
    {
        my @foreign = (
            qr/ERROR:  55000: cannot draw ticket "old"/,
            qr/DETAIL:  Its sequence was dropped before it was dumped, and relation "$others" has the OID now/,
            qr/HINT:  Drop the ticket by ticket_drop\(\), which leaves that one alone/);
        fails($target, $dump, q(SELECT ticket_next('old')), "$dump: it is not drawn from", @foreign);
        fails($target, $dump, q(SELECT snowflake_ticket_claim('old', 1)), "$dump: nor claimed for another server", @foreign);
        fails($target, $dump, q(SELECT ticket_create('old', 1, 1)), "$dump: nor replaced", qr/ticket "old" already exists/);
        $target->safe_psql($dump, q(SELECT ticket_drop('old')));
        # what cannot be told from it needs a word
        fails($target, $dump, q(SELECT ticket_next('moved')), "$dump: nor is one that was renamed",
            qr/relation "moved_counter" has the OID now/, qr/HINT: .* set "confirmed" of the ticket's row/);
        $target->safe_psql($dump, q(UPDATE snowflake_ticket SET confirmed = true WHERE name = 'moved'));
    }
    fails($target, $dump, q(SELECT ticket_next('old')), "$dump: no such ticket", qr/ticket "old" does not exist/);
    is($target->safe_psql($dump, q(SELECT ticket_next('moved'))), 11, "$dump: one that was renamed goes on");
    is($target->safe_psql($dump, "SELECT last_value, is_called FROM $others"), '1|f', "$dump: somebody else's sequence is as it was");
    is($target->safe_psql($dump, q(SELECT ticket_create('old', 5, 1); SELECT ticket_next('old'))), "\n5", "$dump: the name is free");
}

# A dump of what was restored has it all again.
$target->command_ok([ 'pg_dump', '-f', "$base/again.sql", 'released' ], 'dump of what was restored');
$target->safe_psql('postgres', 'CREATE DATABASE again');
$target->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr('again'), '-f', "$base/again.sql" ],
    'restored again');
is($target->safe_psql('again', q(SELECT count(ticket_next(name)) FROM snowflake_ticket)), 3, 'and all tickets go on');

$_->stop for $source, $target;
done_testing();
