# A registry that grants what no registry can: the server refuses it and names the registry in its
# log, IDs go on while it has a lease, and a grant that can be ends the trouble.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $registry = new_registry('registry');
my $genuine = $registry->safe_psql('postgres', q(SELECT pg_get_functiondef('snowflake_lease_take'::regproc)));

# Makes the registry grant a row of worker ID, begin and end, as SQL; ends are seconds from now.
sub grants
{
    my ($row) = @_;
    $registry->safe_psql('postgres', $genuine =~ s/^ LANGUAGE.*//smr . <<"SQL");
 LANGUAGE sql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS \$\$SELECT 'granted', worker, begins, ends, NULL::text, NULL::text
FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) c (now),
     LATERAL ($row) g (worker, begins, ends)\$\$
SQL
    return;
}

my $member = new_member($registry, 'member', conf => "snowflake_pg.lease_length = '10s'\n");
$member->start;
$member->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
is(held($member), 0, 'the member has a lease');

for my $case (
    [ 'a worker ID outside of the layout', 'SELECT 5000, now, now + 10000', qr/grants worker ID 5000\b/ ],
    [ 'an end in the year 292,000,000', 'SELECT 0, now, 9223372036854775807', qr/grants worker ID 0 for IDs from / ],
    [ 'a begin a year ahead', 'SELECT 1, now + 31536000000, now + 31536010000', qr/grants worker ID 1 for IDs from / ],
    [ 'an end before its begin', 'SELECT 1, now + 2000, now + 1000', qr/grants worker ID 1 for IDs from / ],
    [ 'a begin before 1970', 'SELECT 1, -9223372036854775808, now + 10000', qr/grants worker ID 1 for IDs from / ])
{
    my ($name, $row, $text) = @$case;
    my $before = log_size($member);
    grants($row);
    $member->reload;
    ok(wait_until(sub { log_since($member, $before) =~ /the registry of worker IDs grants what cannot be/ }),
        "$name: the log tells");
    my ($detail) = log_since($member, $before) =~ /DETAIL:  (The registry at .*)/;
    like($detail // '', $text, "$name: what it is");
    like($detail // '', qr/^The registry at host "\S+", port "\d+", database "postgres" /, "$name: and where");
    like(lease($member, 'last_error'), $text, "$name: the view shows it");
    my $ahead = $member->safe_psql('postgres', 'SELECT last_value > extract(epoch FROM clock_timestamp()) * 1000 + 3600000 FROM snowflake_mark');
    is($ahead, 'f', "$name: the mark stays near the clock");
    $registry->safe_psql('postgres', $genuine);
    ok(wait_until(sub { lease($member, q(last_error IS NULL AND remaining > '0')) eq 't' }), "$name: a grant ends the trouble");
    is(worker_of($member), $member->safe_psql('postgres', 'SELECT worker_id FROM snowflake_lease'), "$name: IDs go on");
}

# A registry that sends without end: no more of it is read than an answer can have.
{
    # others of them end meanwhile
    my ($registrar) = grep { qx(ps -o args= -p $_) =~ /snowflake_pg registrar/ } processes($member);

    # The most memory that it has had, in kilobytes, and what it has now as that.
    my $peak = sub { return slurp_file("/proc/$registrar/status") =~ /^VmHWM:\s+(\d+)/m ? $1 : die };
    my $forget = sub { return append_to_file("/proc/$registrar/clear_refs", '5') };

    # Makes the registry return what it likes, from a function with another kind of result, too.
    my $says = sub {
        my ($set, $body) = @_;
        my ($arguments) = $genuine =~ /^CREATE OR REPLACE FUNCTION [^(]*\((.*)\)$/m;
        $registry->safe_psql('postgres', <<"SQL");
ALTER EXTENSION snowflake_pg DROP FUNCTION snowflake_lease_take;
ALTER FUNCTION snowflake_lease_take RENAME TO genuine_lease_take;
CREATE FUNCTION snowflake_lease_take($arguments) RETURNS ${set}record LANGUAGE plpgsql AS \$\$$body\$\$;
GRANT EXECUTE ON FUNCTION snowflake_lease_take TO snowflake_member;
SQL
        return;
    };
    # more than fits, and made in time on a machine that is busy
    my $long = "repeat('x', 20000000)";
    for my $case (
        [ 'a long text', '', "BEGIN outcome := 'taken'; detail := $long; END" ],
        [ 'a text a bit too long', '', "BEGIN outcome := 'taken'; detail := repeat('x', 10000); END" ],
        [ 'many rows', 'SETOF ', 'BEGIN FOR i IN 1 .. 2000000 LOOP RETURN NEXT; END LOOP; END' ],
        [ 'a long error', '', "BEGIN RAISE '%', $long; END" ],
        [ 'long notices', '', "BEGIN FOR i IN 1 .. 2000 LOOP RAISE NOTICE '%', repeat('x', 100000); END LOOP; END" ])
    {
        my ($name, $set, $body) = @$case;
        $says->($set, $body);
        $member->reload;
        ok(wait_until(sub { (lease($member, 'last_error') // '') =~ /is too long$/ }, 60), "$name: is refused")
          or diag(lease($member, 'last_error'));
        like(lease($member, 'last_error'), qr/the answer of host "\S+", port "\d+" is too long$/, "$name: by whom it was");
        # libpq reads what comes while it reads, from a sender that is as fast: seldom much
        my $growth;
        for my $attempt (1 .. 10)
        {
            $forget->();
            my $before = $peak->();
            $member->reload;
            sleep 1;
            $growth = $peak->() - $before;
            last if $growth < 16 << 10;
            note("$name, attempt $attempt: $growth kB");
        }
        cmp_ok($growth, '<', 16 << 10, "$name: most of it is not read");
        $registry->safe_psql('postgres', <<'SQL');
DROP FUNCTION snowflake_lease_take;
ALTER FUNCTION genuine_lease_take RENAME TO snowflake_lease_take;
ALTER EXTENSION snowflake_pg ADD FUNCTION snowflake_lease_take;
SQL
        ok(wait_until(sub { lease($member, q(last_error IS NULL AND remaining > '0')) eq 't' }), "$name: a grant ends the trouble");
    }
}

$member->stop;
$registry->stop;
done_testing();
