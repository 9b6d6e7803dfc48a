# Every released version, upgraded, is what the current version installs; and the current library
# serves the objects of an older version until they are upgraded.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('upgrade');
$node->start;
my $current = $node->safe_psql('postgres',
    q(SELECT default_version FROM pg_available_extensions WHERE name = 'snowflake_pg'));
my @released = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT version FROM pg_available_extension_versions v JOIN pg_available_extensions e USING (name)
WHERE name = 'snowflake_pg' AND version <> default_version ORDER BY version
SQL
cmp_ok(scalar @released, '>=', 1, 'there are released versions') or BAIL_OUT('no install script of a released version');

# All there is to say about the extension's objects, none of it an OID.
my $objects = <<'SQL';
CREATE TEMP VIEW member AS
    SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name
    FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
      AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'snowflake_pg');
SELECT name, pg_get_userbyid(proowner), CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) END, proacl, obj_description(p.oid, 'pg_proc')
    FROM member JOIN pg_proc p ON objid = p.oid AND classid = 'pg_proc'::regclass ORDER BY name;
SELECT name, relkind, relpersistence, pg_get_userbyid(relowner), relacl, reloptions, relrowsecurity, obj_description(c.oid, 'pg_class')
    FROM member JOIN pg_class c ON objid = c.oid AND classid = 'pg_class'::regclass ORDER BY name;
SELECT name, row_number() OVER (PARTITION BY name ORDER BY attnum), attname, format_type(atttypid, atttypmod),
       attnotnull, attidentity, attgenerated, attacl, pg_get_expr(adbin, adrelid)
    FROM member JOIN pg_attribute ON objid = attrelid AND classid = 'pg_class'::regclass
         LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
    WHERE attnum > 0 AND NOT attisdropped ORDER BY name, attnum;
SELECT name, pg_get_viewdef(objid) FROM member JOIN pg_class c ON objid = c.oid AND relkind = 'v' ORDER BY name;
SELECT name, pg_get_constraintdef(c.oid) FROM member JOIN pg_constraint c ON objid = conrelid ORDER BY 1, 2;
SELECT name, pg_get_indexdef(indexrelid) FROM member JOIN pg_index ON objid = indrelid ORDER BY 1, 2;
SELECT name, pg_get_triggerdef(t.oid), tgenabled FROM member JOIN pg_trigger t ON objid = tgrelid ORDER BY 1, 2;
SELECT name, seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle
    FROM member JOIN pg_sequence ON objid = seqrelid ORDER BY name;
SELECT name, privtype, initprivs FROM member m JOIN pg_init_privs p ON (p.classoid, p.objoid) = (m.classid, m.objid) ORDER BY name;
SELECT name, prokind, provolatile, proparallel, proisstrict, aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype, agginitval
    FROM member JOIN pg_proc p ON objid = p.oid AND classid = 'pg_proc'::regclass JOIN pg_aggregate ON aggfnoid = p.oid ORDER BY name;
SELECT name, pg_get_userbyid(typowner), typlen, typbyval, typtype, typcategory, typinput, typoutput, typreceive, typsend, typalign, typstorage, typacl
    FROM member JOIN pg_type t ON objid = t.oid AND classid = 'pg_type'::regclass WHERE typrelid = 0 ORDER BY name;
SELECT name, oprcode, oprcom::regoperator, oprnegate::regoperator, oprcanmerge, oprcanhash, oprrest, oprjoin
    FROM member JOIN pg_operator o ON objid = o.oid AND classid = 'pg_operator'::regclass ORDER BY name;
SELECT name, opcintype::regtype, opcdefault, opckeytype::regtype
    FROM member JOIN pg_opclass o ON objid = o.oid AND classid = 'pg_opclass'::regclass ORDER BY name;
SELECT name, amopstrategy, amopopr::regoperator FROM member JOIN pg_amop ON objid = amopfamily AND classid = 'pg_opfamily'::regclass ORDER BY 1, 2;
SELECT name, amprocnum, amproc::regprocedure FROM member JOIN pg_amproc ON objid = amprocfamily AND classid = 'pg_opfamily'::regclass ORDER BY 1, 2;
SELECT name, castfunc::regprocedure, castcontext, castmethod FROM member JOIN pg_cast c ON objid = c.oid AND classid = 'pg_cast'::regclass ORDER BY name;
SELECT name FROM member ORDER BY name;
SELECT extversion, extrelocatable, configuration.name, configuration.condition
    FROM pg_extension, unnest(extconfig::regclass[]::text[], extcondition) AS configuration (name, condition)
    WHERE extname = 'snowflake_pg' ORDER BY configuration.name;
SQL

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION snowflake_pg');
my $fresh = $node->safe_psql('fresh', $objects);
cmp_ok(scalar(split /\n/, $fresh), '>', 100, 'a fresh install has objects');

for my $version (@released)
{
    (my $database = "from_$version") =~ tr/./_/;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, "CREATE EXTENSION snowflake_pg VERSION '$version'");
    my $id = works($node, $database, <<'SQL', "$version with the library of $current: IDs");
CREATE TABLE event (id bigint PRIMARY KEY DEFAULT snowflake_next(), at timestamptz DEFAULT now());
INSERT INTO event DEFAULT VALUES RETURNING id;
SQL
    works($node, $database, 'SELECT * FROM snowflake_status', "$version with the library of $current: status");
    works($node, $database, 'SELECT * FROM snowflake_layouts', "$version with the library of $current: layouts");
    isnt($node->safe_psql($database, $objects), $fresh, "$version differs from $current");
    # with a label as the library of that version records it
    my $strides = $node->safe_psql($database, q(SELECT to_regproc('stride_check') IS NOT NULL)) eq 't';
    works($node, $database, <<'SQL', "$version with the library of $current: strides") if $strides;
CREATE SEQUENCE strided;
SELECT stride_sequence('strided', 2, 3);
CREATE SEQUENCE labelled START WITH 3 INCREMENT BY 3;
SECURITY LABEL FOR snowflake_pg ON SEQUENCE labelled IS 'node=3,nodes=3';
SQL
    my $mark = $node->safe_psql($database, 'SELECT last_value FROM snowflake_mark');

    works($node, $database, 'ALTER EXTENSION snowflake_pg UPDATE', "$version: upgraded to $current");
    my $upgraded = $node->safe_psql($database, $objects);
    my $same = $upgraded eq $fresh;
    ok($same, "$version upgraded is $current installed");
    if (!$same)
    {
        my %expected = map { $_ => 1 } split /\n/, $fresh;
        my %got = map { $_ => 1 } split /\n/, $upgraded;
        diag('missing: ', $_) for grep { !$got{$_} } sort keys %expected;
        diag('too much: ', $_) for grep { !$expected{$_} } sort keys %got;
    }
    cmp_ok($node->safe_psql($database, 'SELECT last_value FROM snowflake_mark'), '>=', $mark, "$version: the mark stays");
    my $next = works($node, $database, 'INSERT INTO event DEFAULT VALUES RETURNING id', "$version: IDs after the upgrade");
    cmp_ok($next, '>', $id, "$version: and they go on");
    works($node, $database, 'SELECT * FROM snowflake_status', "$version: status after the upgrade");
    next unless $strides;
    is( $node->safe_psql($database, 'SELECT sequence, node, nodes, problems FROM stride_check() ORDER BY 1'),
        "strided|2|3|{}\nlabelled|3|3|{}", "$version: strides after the upgrade");
}

$node->stop;
done_testing();
