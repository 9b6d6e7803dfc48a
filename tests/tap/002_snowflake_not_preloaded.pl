# Without shared_preload_libraries nothing is generated, and everything else works.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# A setting of a library that is not loaded is a mere placeholder.
my $node = new_node('bare', preload => 0, conf => q(snowflake_pg.layout = 'pgedge'));
$node->start;

works($node, 'postgres', 'CREATE EXTENSION snowflake_pg', 'CREATE EXTENSION');
is($node->safe_psql('postgres', 'SELECT layout FROM snowflake_recorded_layout'),
    'twitter', 'it records the default layout');

for my $call (
    'SELECT snowflake_next()',
    'SELECT snowflake_next(1)',
    'SELECT snowflake_next_batch(2)',
    'SELECT * FROM snowflake_status',
    (map { "SELECT $_" } 'hlc_next()', 'hlc_now()', 'hlc_transaction()', q(hlc_witness('2026-11-24 16:05:34+00')), 'snowflake_witness(1)'),
    q(SELECT ntp_query('127.0.0.1:9')),
    'SELECT lamport_next()',
    'SELECT lamport_witness(1)',
    'SELECT lamport_now()',
    "LOAD 'snowflake_pg'; SELECT snowflake_next()")
{
    fails($node, 'postgres', $call, "$call is refused",
        qr/ERROR:  55000: snowflake_pg must be loaded via "shared_preload_libraries"/,
        qr/HINT:  Add snowflake_pg to shared_preload_libraries/);
}

# An ID of Twitter's, worker 378 = datacenter 11, machine 26.
my $id = '1541815603606036480';
my $ts = '2022-06-28 16:07:40.105+00';
$node->safe_psql('postgres', q(ALTER DATABASE postgres SET TimeZone = 'UTC'));
my %expected = (
    "SELECT * FROM snowflake_decode($id)" => "$ts|378|11|26|0|",
    "SELECT * FROM snowflake_decode($id, 'twitter')" => "$ts|378|11|26|0|",
    "SELECT snowflake_timestamp($id)" => $ts,
    "SELECT snowflake_timestamp($id, 'twitter')" => $ts,
    "SELECT snowflake_worker_id($id), snowflake_worker_id($id, 'twitter')" => '378|378',
    "SELECT snowflake_sequence($id), snowflake_sequence($id, 'twitter')" => '0|0',
    "SELECT snowflake_encode('$ts', 378, 0), snowflake_encode('$ts', 378, 0, 'twitter')" => "$id|$id",
    "SELECT snowflake_min_id('$ts') <= $id, snowflake_max_id('$ts') >= $id" => 't|t',
    "SELECT snowflake_min_id('$ts', 'twitter') <= $id, snowflake_max_id('$ts', 'twitter') >= $id" => 't|t',
    "SELECT snowflake_range('$ts', 'infinity') @> $id\::bigint" => 't',
    "SELECT snowflake_range('$ts', 'infinity', 'twitter') @> $id\::bigint" => 't',
    "SELECT snowflake_between($id, '$ts', 'infinity'), snowflake_between($id, '$ts', 'infinity', 'twitter')" => 't|t',
    "SELECT snowflake_to_text(42)" => '0000000000000000042',
    "SELECT snowflake_from_base32(snowflake_to_base32($id))" => $id,
    "SELECT count(*) FROM snowflake_layouts" => 8,
    'SELECT ntp_offset(950, 1010, 1015, 975), ntp_delay(950, 1010, 1015, 975), ntp_bounds(950, 1010, 1015, 975)' => '50|20|(40,60)',
    q(SELECT truechimers FROM ntp_select('{0, 1 ms, 1 s}', '{1 ms, 1 ms, 1 ms}')) => '{t,t,f}',
    q(SELECT clock_offset FROM cristian_offset('2026-11-24Z', '2026-11-24Z', '2026-11-24Z')) => '00:00:00',
    q(SELECT kiss FROM ntp_decode(decode(repeat('00', 12) || '52415445' || repeat('00', 32), 'hex'), '2026-11-24')) => 'RATE',
    'SELECT count(*) FROM kernel_clock()' => 1,
    'SELECT crdt_node_id() = crdt_node_id()' => 't',
    q(SELECT hlc_counter('2026-11-24 16:05:34.5+00/17'), max(at) FROM (VALUES (hlc '2026-11-24 16:05:34+00'), ('1999-12-31 23:59:59+00/1')) AS v (at)) =>
      '17|2026-11-24 16:05:34.000000+00/0',
    q(SELECT version_vector '{1:5}' || '{2:7}', version_vector '{1:5}' >< '{2:7}') => '{1:5,2:7}|t',
    q(SELECT crdt_context '{1.1:1}' || '{1.1:0+3}') => '{1.1:1+3}',
    q(SELECT itc_event(itc_seed()), itc_version '(0,1,0)' >< '(0,0,1)') => '(1,1)|t',
);
for my $query (sort keys %expected)
{
    is(works($node, 'postgres', $query, $query), $expected{$query}, 'and answers right');
}

# The record can be changed as long as there is no ID.
works($node, 'postgres', q(SELECT snowflake_set_layout('discord')), 'snowflake_set_layout');
is($node->safe_psql('postgres', 'SELECT layout FROM snowflake_recorded_layout'), 'discord',
    'it changes the record');

$node->append_conf('postgresql.conf',
    "shared_preload_libraries = 'snowflake_pg'\nsnowflake_pg.layout = 'discord'\nsnowflake_pg.worker_id = '3'");
$node->restart;
is($node->safe_psql('postgres', 'SELECT snowflake_worker_id(snowflake_next())'), 3,
    'once preloaded, the extension created before generates');
$node->stop;

done_testing();
