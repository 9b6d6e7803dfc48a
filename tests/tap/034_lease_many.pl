# Ten million IDs of five servers that nobody numbered, in one table with a unique index.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $registry = new_registry('registry', conf => "max_wal_size = '4GB'\nmaintenance_work_mem = '512MB'\n");
my @members = map { start_member(new_member($registry, "member_$_")) } 1 .. 5;
my %workers = map { held($_) => 1 } @members;
is(scalar(keys %workers), 5, 'five worker IDs');

# two sessions of each server at once, each a million; over a release and a new lease
my @files;
for my $half (1, 2)
{
    my @copies;
    for my $node (@members)
    {
        my $file = $node->basedir . "/ids_$half";
        push @files, $file;
        push @copies, IPC::Run::start(
            [
                $node->installed_command('psql'), '-XAtq', '-d', $node->connstr('postgres'),
                '-c', "COPY (SELECT snowflake_next() FROM generate_series(1, 1000000)) TO '$file' (FORMAT binary)"
            ],
            '<', '/dev/null', '>', '/dev/null');
    }
    ok($_->finish, 'a million IDs') for @copies;
    $_->restart for $half == 1 ? @members : ();
    held($_) for @members;
}
$_->stop for @members;

# the table is empty and made in the same transaction: its rows need no WAL
my $copies = join ' ', map { "COPY ids FROM '$_' (FORMAT binary);" } @files;
$registry->safe_psql('postgres', "BEGIN; CREATE TABLE ids (id bigint); $copies COMMIT");
is($registry->safe_psql('postgres', 'SELECT count(*) FROM ids'), 10_000_000, 'ten million IDs');
my ($code, $out, $err) = $registry->psql('postgres', 'CREATE UNIQUE INDEX ON ids (id)');
is($code, 0, 'none twice') or diag($err);
is($registry->safe_psql('postgres', q(SELECT count(DISTINCT id >> 12 & 1023) FROM ids)), 5, 'of five worker IDs');
$registry->stop;
done_testing();
