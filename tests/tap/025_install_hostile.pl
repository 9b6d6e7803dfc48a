# Functions and operators that somebody else made, in the schema of the extension or ahead of
# pg_catalog in the caller's search path: neither the scripts nor what they leave behind, nor the
# statements that functions run, resolve to them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use LeaseTest qw(held line_up new_member new_registry);
use SnowflakeTest;
use Test::More;

# Makes, in a schema, functions and operators that look like those of pg_catalog and raise an error. `inexact`: for types
# that pg_catalog has none for, so that they win where the types do not match exactly. Otherwise: for the very types,
# so that they win where the search path names the schema first.
sub trap
{
    my ($schema, $inexact) = @_;
    my $which = $inexact ? 'NOT' : '';
    return <<"SQL";
SET ROLE mallory;
SET check_function_bodies = off;
DO \$do\$
DECLARE
    body text := \$\$LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile code ran as %'', current_user; END'\$\$;
    types oid[] := '{int2,int4,int8,numeric,float4,float8,text,name,oid,regclass,bool,interval,timestamptz,timestamp,uuid}'::regtype[];
    signature record;
BEGIN
    FOR signature IN
        WITH offered AS (
            SELECT DISTINCT ON (proname, arguments) proname, arguments, result
            FROM (
                SELECT proname, proargtypes::oid[] AS arguments, prorettype AS result, 0 AS rank
                FROM pg_proc
                WHERE pronamespace = 'pg_catalog'::regnamespace AND '$which' = ''
                UNION ALL
                SELECT proname, ARRAY[t], prorettype, 1
                FROM pg_proc, unnest(types) t
                WHERE pronamespace = 'pg_catalog'::regnamespace AND '$which' <> ''
                  AND pronargs = 1 AND proargtypes[0] = ANY (types) AND NOT proretset
            ) AS f
            ORDER BY proname, arguments, rank, result
        )
        SELECT format('%I.%I(%s)', '$schema', proname, (SELECT string_agg(format_type(a, NULL), ', ') FROM unnest(arguments) a)) AS call,
               format_type(result, NULL) AS result
        FROM offered o
        WHERE NOT EXISTS (SELECT FROM pg_type WHERE oid = ANY (arguments || result) AND typtype = 'p')
          AND $which EXISTS (SELECT FROM pg_proc p WHERE p.proname = o.proname AND proargtypes::oid[] = arguments
                             AND pronamespace = 'pg_catalog'::regnamespace)
    LOOP
        EXECUTE format('CREATE FUNCTION %s RETURNS %s %s', signature.call, signature.result, body);
    END LOOP;
    FOR signature IN
        WITH offered AS (
            SELECT DISTINCT ON (oprname, l, r) oprname, l, r, result
            FROM (
                SELECT oprname, oprleft AS l, oprright AS r, oprresult AS result
                FROM pg_operator
                WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND '$which' = ''
                UNION ALL
                SELECT name, l, r, CASE WHEN name = '||' THEN 'text'::regtype WHEN name IN ('+', '-', '*', '/', '%') THEN 'numeric'::regtype
                                        ELSE 'bool'::regtype END
                FROM unnest('{=,<>,<,<=,>,>=,~,+,-,*,/,%,||}'::text[]) name, unnest(types) l, unnest(types) r
                WHERE '$which' <> ''
            ) AS f
            ORDER BY oprname, l, r, result
        )
        SELECT oprname, format_type(l, NULL) AS l, format_type(r, NULL) AS r, format_type(result, NULL) AS result
        FROM offered o
        WHERE NOT EXISTS (SELECT FROM pg_type WHERE oid IN (l, r, result) AND typtype = 'p')
          AND $which EXISTS (SELECT FROM pg_operator p WHERE p.oprname = o.oprname AND oprleft = l AND oprright = r
                             AND oprnamespace = 'pg_catalog'::regnamespace)
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s, %s) RETURNS %s %s', '$schema', 'operator returning ' || signature.result,
                       signature.l, signature.r, signature.result, body);
        EXECUTE format('CREATE OPERATOR %I.%s (FUNCTION = %I.%I, LEFTARG = %s, RIGHTARG = %s)', '$schema', signature.oprname,
                       '$schema', 'operator returning ' || signature.result, signature.l, signature.r);
    END LOOP;
END
\$do\$;
RESET ROLE;
SELECT count(*) > 1000 FROM pg_proc WHERE pronamespace = '$schema'::regnamespace AND proowner = 'mallory'::regrole;
SQL
}

# What the extension's objects refer to that is neither PostgreSQL's own nor the extension's, as the
# catalogs have it for views, rules, SQL bodies, defaults, constraints, triggers, index expressions
# and policies; and bodies that the catalogs do not look into, and functions that run with the
# owner's rights and the caller's search path.
my $foreign = <<'SQL';
WITH RECURSIVE own AS (
    SELECT classid, objid
    FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
      AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'snowflake_pg')
    UNION
    SELECT d.classid, d.objid
    FROM own JOIN pg_depend d ON (d.refclassid, d.refobjid) = (own.classid, own.objid) AND d.deptype IN ('a', 'i')
), findings AS (
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid) || ' refers to '
           || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS finding
    FROM own JOIN pg_depend d USING (classid, objid)
    WHERE d.refclassid NOT IN ('pg_namespace'::regclass, 'pg_extension'::regclass)
      AND (d.refclassid, d.refobjid) NOT IN (SELECT classid, objid FROM own)
      AND d.refobjid >= 12000
    UNION ALL
    SELECT pg_describe_object(classid, objid, 0) || ' has a body in ' || lanname
    FROM own JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_language l ON l.oid = prolang
    -- an aggregate has none: what it calls is what it refers to; internal ones are PostgreSQL's own
    WHERE lanname NOT IN ('c', 'internal') AND prosqlbody IS NULL AND prokind <> 'a'
    UNION ALL
    SELECT pg_describe_object(classid, objid, 0) || ' has the search path of its caller'
    FROM own JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
    WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)
)
SELECT finding FROM findings ORDER BY finding
SQL

# The views of the extension, read by a superuser.
my $views = <<'SQL';
SELECT format('TABLE %s', objid::regclass)
FROM pg_depend JOIN pg_class c ON c.oid = objid
WHERE classid = 'pg_class'::regclass AND relkind = 'v' AND deptype = 'e'
ORDER BY 1
\gexec
SQL

# A row that the views have to show.
sub insert_lease
{
    my ($schema) = @_;
    return "INSERT INTO $schema.snowflake_registry_lease VALUES ('discord', 1, 'a', md5('1')::uuid, 'h', 1500, 2000, now(), false, false)";
}

my $node = new_node('hostile');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE mallory');
my @released = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT version FROM pg_available_extension_versions v JOIN pg_available_extensions e USING (name)
WHERE name = 'snowflake_pg' AND version <> default_version ORDER BY version
SQL

sub hostile_database
{
    my ($database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, 'CREATE SCHEMA open; GRANT CREATE, USAGE ON SCHEMA open TO mallory');
    is($node->safe_psql($database, trap('open', 1)), 't', "$database: the schema has traps");
    return $database;
}

# A fresh install.
my $fresh = hostile_database('fresh');
works($node, $fresh, 'CREATE EXTENSION snowflake_pg SCHEMA open', 'fresh: the install script runs none of them');
is($node->safe_psql($fresh, $foreign), '', 'fresh: all that it makes is of PostgreSQL and the extension');
$node->safe_psql($fresh, insert_lease('open'));
like(works($node, $fresh, $views, 'fresh: the views run none of them'), qr/^discord\|1\|a\|h\|/m, 'fresh: and show a row');
is($node->safe_psql($fresh, q(SET timezone = 'UTC'; SELECT not_before, not_after FROM open.snowflake_leases)),
    '1970-01-01 00:00:01.5+00|1970-01-01 00:00:02+00', 'fresh: the times are right');

# Released versions, whose views ran them, are mended by the upgrade: traps before the install, and before the upgrade.
my $blind = 1;
for my $version (@released)
{
    my $database = hostile_database('from_' . $version =~ tr/./_/r);
    works($node, $database, "CREATE EXTENSION snowflake_pg SCHEMA open VERSION '$version'", "$version: installed");
    $blind = 0 if $node->safe_psql($database, $foreign) =~ /^rule _RETURN on view open\.snowflake_leases refers to operator/m;
    works($node, $database, 'ALTER EXTENSION snowflake_pg UPDATE', "$version: the upgrade scripts run none of them");
    is($node->safe_psql($database, $foreign), '', "$version: what they leave is of PostgreSQL and the extension");
    $node->safe_psql($database, insert_lease('open'));
    works($node, $database, $views, "$version: nor do the views");
}
ok(!$blind, 'the check sees what a view of 0.2.0 referred to');

# The caller's search path: what the library runs does not go by it.
$node->safe_psql('postgres', 'CREATE DATABASE path');
$node->safe_psql('path', <<'SQL');
CREATE SCHEMA ahead;
GRANT CREATE, USAGE ON SCHEMA ahead TO mallory;
CREATE EXTENSION snowflake_pg;
CREATE TABLE numbered (id serial PRIMARY KEY, CHECK (id > 0));
CREATE TABLE keyed (id int PRIMARY KEY CHECK (id > 0), parent int REFERENCES numbered);
INSERT INTO numbered DEFAULT VALUES;
INSERT INTO keyed VALUES (1, 1);
SQL
$node->safe_psql('path', insert_lease('public'));
is($node->safe_psql('path', trap('ahead', 0)), 't', 'path: a schema of traps');
fails($node, 'path', 'SET search_path = ahead, pg_catalog; SELECT 1 + 1', 'path: they catch',
    qr/hostile code ran as/);
my $tables = $node->safe_psql('path', $views =~ s/\\gexec//r);
for my $call (
    (map { s/TABLE /TABLE public./r } split /\n/, $tables),
    q(SELECT public.stride_sequence('public.numbered_id_seq', 1, 2)),
    q(SELECT public.stride_check()),
    q(SELECT public.snowflake_adopt('public.keyed', 'id')),
    q(SELECT public.ticket_create('t', 1, 10)),
    q(SELECT public.ticket_next('t')),
    q(SELECT public.snowflake_ticket_claim('t', 10)),
    q(SELECT public.snowflake_ticket_define('u', 1, 10, 1)),
    q(SELECT public.ticket_drop('t')),
    q(SELECT public.snowflake_next()),
    q(SELECT public.itc_seed('s')),
    q(SELECT public.itc_event('s')),
    q(SELECT public.itc_receive('s', '1')),
    q(SELECT public.itc_peek('s')),
    q(SELECT public.itc_adopt('r', public.itc_fork('s'))),
    q(SELECT public.itc_join('s', public.itc_retire('r'))),
    q(SELECT public.snowflake_timestamp(1)),
    q(SELECT public.snowflake_range('2026-01-01', '2026-01-02')),
    q(SELECT public.snowflake_between(1, '2026-01-01', '2026-01-02')),
    q(SELECT public.snowflake_lease_release('discord', 1, '00000000-0000-0000-0000-000000000000', 5)),
    q(SELECT public.snowflake_lease_take('javascript', 'a', '00000000-0000-0000-0000-000000000000', 'h', 0, 500, 60000, NULL, NULL, NULL, NULL)),
    q(SELECT public.lamport_next(), public.lamport_witness(5), public.lamport_now()),
    q(SELECT public.crdt_new_node(), public.crdt_node_id(), public.version_vector_increment('{}')),
    q(INSERT INTO public.snowflake_registry DEFAULT VALUES),
    q(INSERT INTO public.snowflake_recorded_layout VALUES ('twitter')))
{
    my ($code, undef, $error) = $node->psql('path', "SET search_path = ahead, pg_catalog; $call");
    ok($code == 0 && $error !~ /hostile/, "path: $call") or diag($error);
}
$node->safe_psql('postgres', 'CREATE DATABASE unused');
$node->safe_psql('unused', 'CREATE SCHEMA ahead; GRANT CREATE, USAGE ON SCHEMA ahead TO mallory; CREATE EXTENSION snowflake_pg');
$node->safe_psql('unused', trap('ahead', 0));
works($node, 'unused', q(SET search_path = ahead, pg_catalog; SELECT public.snowflake_set_layout('discord')),
    'path: setting the layout');

# A registry whose database sets such a path, and has namesakes of the functions that members call.
my $registry = new_registry('registry');
$registry->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory;
CREATE SCHEMA ahead;
GRANT CREATE, USAGE ON SCHEMA ahead TO mallory;
GRANT CREATE ON SCHEMA public TO mallory;
GRANT USAGE ON SCHEMA ahead TO member;
SELECT ticket_create('t', 1, 10);
GRANT USAGE ON SEQUENCE t_ticket TO member;
SQL
$registry->safe_psql('postgres', trap('ahead', 0));
$registry->safe_psql('postgres', <<'SQL');
SET ROLE mallory;
DO $do$
DECLARE name text; count int;
BEGIN
    FOR name, count IN VALUES ('snowflake_lease_take', 11), ('snowflake_lease_release', 4), ('snowflake_ticket_define', 4), ('snowflake_ticket_claim', 2)
    LOOP
        EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION ''hostile code ran as %%'', current_user; END$$',
                       name, array_to_string(array_fill('text'::text, ARRAY[count]), ', '));
    END LOOP;
END
$do$;
RESET ROLE;
ALTER DATABASE postgres SET search_path = ahead, pg_catalog, public;
SQL
my $member = new_member($registry, 'member', conf => 'snowflake_pg.ticket_registry = ' . "'" . line_up($registry) . "'\n");
$member->start;
$member->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
is(held($member), 0, 'registry: a member gets its lease');
# the registry has the ticket
$member->safe_psql('postgres', q(SELECT ticket_create('t', 1, 10)));
is($member->safe_psql('postgres', q(SELECT ticket_next('t'))), 1, 'registry: and tickets');
$member->stop;
unlike(slurp_file($registry->logfile), qr/hostile code ran/, 'registry: and ran nothing of others');
is($registry->safe_psql('postgres', 'SET search_path = public; SELECT released FROM snowflake_registry_lease'), 't',
    'registry: it gave the lease back');
$registry->stop;

$node->stop;
done_testing();
