# A registry of worker IDs: servers that ask at once, grants that survive what the registry's server
# does not, a standby that takes over without the newest of them, a cluster restored from a dump.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $length = 60_000;

# The statement by which a server asks for a lease. Options: held (an answer that it got before), layout, fixed.
sub asking
{
    my ($server, %options) = @_;
    my $layout = $options{layout} // 'javascript';
    my $held = $options{held};
    my @last = map { $_ // 'NULL' } $options{fixed}, $held ? @$held{qw(worker not_before not_after)} : (undef) x 3;
    return "SELECT * FROM snowflake_lease_take('$layout', 'data of $server', md5('$server')::uuid, 'db-$server', "
      . "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, 500, $length, "
      . join(', ', @last) . ')';
}

sub answer
{
    my ($line) = @_;
    my %answer;
    @answer{qw(outcome worker not_before not_after contested_by detail)} = split /\|/, $line, -1;
    return \%answer;
}

sub take
{
    my ($node, $server, %options) = @_;
    my $database = $options{database} // 'postgres';
    return answer($node->safe_psql($database, asking($server, %options)));
}

# A registry needs no place in shared_preload_libraries.
my $primary = new_node('registry', preload => 0, allows_streaming => 1, conf => <<'CONF');
synchronous_commit = off
wal_writer_delay = 10s
CONF
$primary->start;

# databases that get the extension, and with it the role, at the same time

$primary->safe_psql('postgres', 'CREATE DATABASE beside');
my $one = session($primary);
ask($one, 'BEGIN; CREATE EXTENSION snowflake_pg');
my $beside = start_recording($primary, 'beside', 'CREATE EXTENSION snowflake_pg', q(SELECT 1));
my $waiting = q(SELECT count(*) FROM pg_locks WHERE NOT granted);
ok($primary->poll_query_until('postgres', $waiting, 1), 'the second CREATE EXTENSION waits for the first');
ask($one, 'COMMIT');
$one->quit;
finish_recording($beside);
is(slurp_file($beside->{ids}), "1\n", 'and then finds the role') or diag(slurp_file($beside->{errors}));
$primary->safe_psql('postgres', 'DROP DATABASE beside');

# servers that ask at once

my $holder = session($primary);
ask($holder, 'BEGIN; SELECT FROM snowflake_registry FOR UPDATE');
my @clients = map { start_recording($primary, 'postgres', asking($_, layout => 'discord')) } 1 .. 8;
ok($primary->poll_query_until('postgres', $waiting, scalar @clients), 'eight servers wait for their turn');
my ($code, undef, $error) = $primary->psql('postgres', "SET lock_timeout = '10ms'; " . asking(9));
like($error, qr/canceling statement due to lock timeout/, 'one does not wait as long');
ask($holder, 'COMMIT');
$holder->quit;
finish_recording(@clients);
my @answers = map { answer(slurp_file($_->{ids}) =~ s/\n//r) } @clients;
is(join(' ', sort map { $_->{outcome} . $_->{worker} } @answers), join(' ', map { "granted$_" } 0 .. 7),
    'each gets a worker ID of its own')
  or diag(map { slurp_file($_->{errors}) } @clients);
is($primary->safe_psql('postgres', q(SELECT count(*) FROM snowflake_leases WHERE host_name = 'db-9')),
    0, 'who did not wait got nothing');

# a grant is on disk before the server learns of it, whatever the settings

my $said;
for my $attempt (1 .. 5)
{
    $said = $primary->safe_psql('postgres',
        'SHOW synchronous_commit; ' . asking(1) . '; SELECT pg_current_wal_flush_lsn() = pg_current_wal_insert_lsn(); SHOW synchronous_commit');
    $said =~ s/granted.*/granted/;
    # unless another process has written to the log meanwhile
    last if $said !~ /^f$/m;
}
is($said, "off\ngranted\nt\noff", 'the log is flushed, and the setting is the caller\'s again');
my $granted = take($primary, 1);
is($granted->{outcome}, 'granted', 'a lease is granted');
$primary->stop('immediate');
$primary->start;
my $again = take($primary, 1, held => $granted);
is_deeply([ @$again{qw(outcome worker not_before)} ], [ 'granted', @$granted{qw(worker not_before)} ],
    'it goes on after the registry crashed');
is($primary->safe_psql('postgres', 'SELECT hold_until FROM snowflake_registry'), 0, 'which lost nothing');

# a standby takes over without the newest grants

$primary->safe_psql('postgres', "UPDATE snowflake_registry SET clock_tolerance = '1 s', longest = $length");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
fake_clock($standby);
with_clock($standby, sub { $standby->start });
$primary->wait_for_catchup($standby);
fails($standby, 'postgres', asking(1), 'a standby grants nothing',
    qr/ERROR:  25006: cannot execute snowflake_lease_take\(\) during recovery/);
fails($standby, 'postgres', q(SELECT snowflake_lease_release('javascript', 0, md5('1')::uuid, 0)),
    'and takes nothing back', qr/ERROR:  25006: cannot execute snowflake_lease_release\(\) during recovery/);
is($standby->safe_psql('postgres', q(SELECT host_name FROM snowflake_leases WHERE layout = 'javascript')),
    'db-1', 'but shows the leases');
$standby->stop;
my $lost = take($primary, 2);
is_deeply([ @$lost{qw(outcome worker)} ], [ 'granted', 1 ], 'a grant that the standby does not get');
$primary->stop('immediate');
with_clock($standby, sub { $standby->start });
$standby->promote;
is($standby->safe_psql('postgres', q(SELECT string_agg(host_name, ' ') FROM snowflake_leases WHERE layout = 'javascript')),
    'db-1', 'the promoted standby does not know it');

my $refused = take($standby, 3);
is($refused->{outcome}, 'held back', 'it grants nothing anew');
like($refused->{detail}, qr/^The registry may have lost its newest grants: it grants nothing anew until \d{4}-.*Z\.$/,
    'and says until when');
my $renewed = take($standby, 1, held => $again);
is_deeply([ @$renewed{qw(outcome worker not_before)} ], [ 'granted', @$granted{qw(worker not_before)} ],
    'a lease that it knows goes on');
cmp_ok($renewed->{not_after}, '>', $again->{not_after}, 'for longer');
my $found = take($standby, 2, held => $lost);
is_deeply([ @$found{qw(outcome worker not_before)} ], [ 'granted', @$lost{qw(worker not_before)} ],
    'and one that it lost');
is(take($standby, 3)->{outcome}, 'held back', 'it still grants nothing anew');
is(take($standby, 4, fixed => 5)->{outcome}, 'held back', 'also not by number');
with_clock($standby, sub { $standby->restart });
is(take($standby, 3)->{outcome}, 'held back', 'nor after a restart');

# the longest lease and three times the tolerance later
set_clock($standby, 64);
my $hold_until = $standby->safe_psql('postgres', 'SELECT hold_until FROM snowflake_registry');
my $new = take($standby, 3);
is_deeply([ @$new{qw(outcome worker)} ], [ 'granted', 2 ], 'then it does');
cmp_ok($new->{not_before}, '>=', $hold_until, 'from there on');
my $next = take($standby, 4, fixed => 1);
is($next->{outcome}, 'granted', 'a worker ID whose lease is over is granted to another');
cmp_ok($next->{not_before}, '>=', $found->{not_after}, 'where that ended');
is($standby->safe_psql('postgres', 'SELECT hold_until FROM snowflake_registry'), $hold_until,
    'nothing was lost since');

# a dump restored into another cluster

my $dump = $standby->basedir . '/dump.sql';
$standby->command_ok([ 'pg_dump', '--file', $dump, 'postgres' ], 'pg_dump');
my $late = take($standby, 5);
my $before = $standby->safe_psql('postgres', 'TABLE snowflake_leases ORDER BY 1, 2');
my $restored = new_node('restored');
fake_clock($restored);
set_clock($restored, 64);
with_clock($restored, sub { $restored->start });
$restored->safe_psql('postgres', 'CREATE DATABASE registry');
$restored->command_ok(
    [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $restored->connstr('registry'), '-f', $dump ],
    'restored');
isnt($restored->safe_psql('registry', 'TABLE snowflake_leases ORDER BY 1, 2'), $before, 'without the newest lease');
is($restored->safe_psql('registry', 'SELECT clock_tolerance, longest, hold_until FROM snowflake_registry'),
    "00:00:01|$length|$hold_until", 'what the registry knew comes along');
is(take($restored, 6, database => 'registry')->{outcome}, 'held back', 'it grants nothing anew');
my $kept = take($restored, 5, database => 'registry', held => $late);
is_deeply([ @$kept{qw(outcome worker not_before)} ], [ @$late{qw(outcome worker not_before)} ],
    'and a lease that it lost goes on');
is($restored->safe_psql('registry', 'SELECT count(*) FROM pg_roles WHERE rolname = $$snowflake_member$$'),
    1, 'the role is there');

$restored->stop;
$standby->stop;
done_testing();
