# pg_dump by the owner of a database, who is no superuser: all of the extension's state comes along,
# and nobody can present what is stored of the nonces as a nonce.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $length = 600_000;
my $nonce = '7a3f0c52-91b4-4d0e-8c27-1f5e6a9b3d42';

# What a server asks by: its nonce, and the lease that it holds.
sub take
{
    my ($node, $database, $server, $with, $held) = @_;
    my $last = join ', ', $held ? @$held{qw(worker not_before not_after)} : ('NULL') x 3;
    my %answer;
    @answer{qw(outcome worker not_before not_after contested_by detail)} = split /\|/, $node->safe_psql($database, <<"SQL"), -1;
SELECT * FROM snowflake_lease_take('javascript', '$server', '$with', '$server',
    floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, 500, $length, NULL, $last)
SQL
    return \%answer;
}

my $node = new_node('dumped');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner LOGIN;
CREATE ROLE other LOGIN;
CREATE DATABASE registry OWNER owner;
SQL
$node->safe_psql('registry', <<'SQL');
CREATE EXTENSION snowflake_pg;
SELECT snowflake_set_layout('discord');
UPDATE snowflake_registry SET clock_tolerance = '10 s';
SQL
$node->append_conf('postgresql.conf', "snowflake_pg.layout = 'discord'");
$node->restart;
my $id = $node->safe_psql('registry', 'SELECT snowflake_next()');
my $lease = take($node, 'registry', 'a', $nonce);
is($lease->{outcome}, 'granted', 'a lease');

# The dumps of owner and superuser hold the same rows.

my $file = $node->basedir . '/owner.sql';
$node->command_ok([ 'pg_dump', '--username', 'owner', '--file', $file, 'registry' ], 'the owner dumps');
my $by_superuser = $node->basedir . '/superuser.sql';
$node->command_ok([ 'pg_dump', '--file', $by_superuser, 'registry' ], 'a superuser dumps');
my @dumps = map { slurp_file($_) =~ s/^\\(un)?restrict .*//gmr } $file, $by_superuser;
is($dumps[0], $dumps[1], 'both dumps are the same');
unlike($dumps[0], qr/$nonce/, 'and do not have the nonce');
$node->command_fails_like([ 'pg_dump', '--username', 'other', 'registry' ], qr/permission denied for table snowflake_registry/,
    'somebody else cannot dump the registry');

# What the owner reads is no nonce.

my $stored = $node->safe_psql('registry', 'SET ROLE owner; SELECT nonce FROM snowflake_registry_lease');
isnt($stored, $nonce, 'the owner of the database does not learn it');
is($node->safe_psql('registry', "SELECT snowflake_lease_release('javascript', $lease->{worker}, '$stored', 0)"),
    'f', 'what is stored does not release the lease');
isnt(take($node, 'registry', 'b', $stored, $lease)->{worker}, $lease->{worker}, 'nor renews it');
fails($node, 'registry', "SET ROLE owner; $_", "the owner: $_", qr/ERROR:  42501: permission denied/)
  for 'DELETE FROM snowflake_registry_lease', "UPDATE snowflake_registry SET hold_until = 0",
  "INSERT INTO snowflake_registry DEFAULT VALUES";

# Restored elsewhere: mark and layout, and the promises of a registry.

my $restored = new_node('restored', conf => "snowflake_pg.layout = 'discord'\n");
$restored->start;
$restored->safe_psql('postgres', 'CREATE ROLE owner; CREATE DATABASE registry OWNER owner');
$restored->command_ok(
    [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $restored->connstr('registry'), '-f', $file ], 'restored');
is($restored->safe_psql('registry', 'SELECT layout FROM snowflake_recorded_layout'), 'discord', 'the layout comes along');
my $mark = 'SELECT last_value FROM snowflake_mark';
cmp_ok($restored->safe_psql('registry', $mark), '>=', ($id >> 22) + 1_420_070_400_000, 'and the mark');
cmp_ok($restored->safe_psql('registry', 'SELECT snowflake_next()'), '>', $id, 'IDs go on above');
is($restored->safe_psql('registry', 'SELECT clock_tolerance, longest FROM snowflake_registry'), "00:00:10|$length",
    'what the registry knew comes along');
is(take($restored, 'registry', 'c', 'c0000000-0000-4000-8000-000000000000')->{outcome}, 'held back', 'it grants nothing anew');
my $forged = take($restored, 'registry', 'a', $stored, $lease);
is($forged->{outcome}, 'held back', 'what the dump shows proves nothing');
my $renewed = take($restored, 'registry', 'a', $nonce, $lease);
is_deeply([ @$renewed{qw(outcome worker not_before)} ], [ 'granted', @$lease{qw(worker not_before)} ],
    'the nonce proves the lease, which goes on');
is($restored->safe_psql('registry', "SELECT snowflake_lease_release('javascript', $lease->{worker}, '$nonce', 0)"),
    't', 'and releases it');
$restored->stop;

# Nonces that version 0.2.0 stored as they were: of the upgrade, of a dump.

my $row = sub {
    my ($worker, $value) = @_;
    return "INSERT INTO snowflake_registry_lease SELECT 'javascript', $worker, 'h$worker', '$value', 'h$worker', "
      . "floor(extract(epoch FROM clock_timestamp()) * 1000), floor(extract(epoch FROM clock_timestamp()) * 1000) + $length, now(), false, false;";
};
my $old = 'd1a5c3f0-7788-0b11-22aa-9c4e5f607182';
$node->safe_psql('postgres', 'CREATE DATABASE upgraded OWNER owner');
$node->safe_psql('upgraded', q(CREATE EXTENSION snowflake_pg VERSION '0.2.0';) . $row->(3, $old));
$node->safe_psql('upgraded', 'ALTER EXTENSION snowflake_pg UPDATE');
$node->command_ok([ 'pg_dump', '--username', 'owner', '--file', "$file.upgraded", 'upgraded' ], 'the owner dumps after the upgrade');
unlike(slurp_file("$file.upgraded"), qr/$old/, 'which shows no nonce from before it');
is(take($node, 'upgraded', 'h3', $old)->{worker}, 3, 'whose lease goes on');
$node->safe_psql('upgraded', $row->(4, $old =~ s/d/e/r));
is(take($node, 'upgraded', 'h4', $old =~ s/d/e/r)->{worker}, 4, 'as does that of a nonce from an old dump');
is($node->safe_psql('upgraded', "SELECT count(*) FROM snowflake_registry_lease WHERE nonce::text LIKE '%a5c3f0-7788%'"), 0,
    'and none is left as it was');

$node->stop;
done_testing();
