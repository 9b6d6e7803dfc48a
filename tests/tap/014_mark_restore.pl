# Restores to a point in time, restores of dumps, and copies of databases, on servers whose clock is
# behind: IDs go on above everything restored.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

use constant {
    CLIENTS => 3,
    # within the tolerance, which is 1000 s
    BEHIND => 900,
};

# Waits until clients have recorded so much more, one and all.
sub load_goes_on
{
    my @clients = @_;
    my @before = recorded_bytes(@clients);
    wait_until(
        sub {
            my @now = recorded_bytes(@clients);
            return !grep { $now[$_] < $before[$_] + 20_000 } 0 .. $#clients;
        }) or die 'the load does not go on';
    return;
}

# To a point in time, in the middle of a load.
{
    my $origin = new_node('origin', allows_streaming => 1, has_archiving => 1);
    $origin->start;
    create_event($origin, 'postgres');
    $origin->backup('base');
    my @clients = start_inserting($origin, 'postgres', CLIENTS);
    load_goes_on(@clients);
    $origin->safe_psql('postgres', q(SELECT pg_create_restore_point('middle')));
    load_goes_on(@clients);
    my $moment = $origin->safe_psql('postgres', 'SELECT clock_timestamp()');
    load_goes_on(@clients);
    end_inserting($origin, @clients);
    my (undef, undef, $last) = check_ids('the load to be restored', \@clients);
    my $file = $origin->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
    ok($origin->poll_query_until('postgres', "SELECT last_archived_wal >= '$file' FROM pg_stat_archiver"),
        'the load is archived');

    my $newest = 0;
    for my $target ('recovery_target_name = middle', "recovery_target_time = '$moment'")
    {
        my ($name) = $target =~ /(\w+) = /;
        my $restored = PostgreSQL::Test::Cluster->new($name);
        $restored->init_from_backup($origin, 'base', has_restoring => 1, standby => 0);
        $restored->append_conf('postgresql.conf', <<"CONF");
archive_mode = off
$target
recovery_target_action = promote
CONF
        start_behind($restored, BEHIND);
        ok($restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), "$name: restored");
        my $before = $newest;
        $newest = newest_event($restored, 'postgres');
        ok($newest > $before && $newest < $last, "$name: to the middle of the load")
          or diag("not between $before and $last: $newest");
        my $next = goes_on_above($restored, 'postgres', $newest, $name);
        is($restored->safe_psql('postgres', "SELECT errors, regression > '800 s' FROM snowflake_status"),
            '0|t', "$name: without errors, and the status tells how far the clock is behind");
        set_clock($restored, 0);
        goes_on_above($restored, 'postgres', $next, "$name, clock corrected");
        $restored->stop;
    }
    $origin->stop;
}

# Dumps, into a server with the same layout, which is not the default one.
my $layout = q(snowflake_pg.layout = 'instagram');
my $source = new_node('source', conf => $layout);
$source->start;
$source->safe_psql('postgres', 'CREATE DATABASE app');
create_event($source, 'app');

my $target = new_node('target', conf => $layout);
start_behind($target, BEHIND);

sub stored_mark
{
    my ($node, $database) = @_;
    return $node->safe_psql($database, 'SELECT last_value FROM snowflake_mark');
}

# Other databases have raised the words of the target: without that, the mark alone counts.
sub forget_others
{
    $target->stop;
    with_clock($target, sub { $target->start });
    return;
}

# What is dumped of a database under load. Answers the mark before and after.
sub dump_under_load
{
    my ($name, @command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients = start_inserting($source, 'app', CLIENTS, pause => 0.02);
    my $before = stored_mark($source, 'app');
    $source->command_ok(\@command, "$name: dump under load");
    my $after = stored_mark($source, 'app');
    end_inserting($source, @clients);
    return ($before, $after);
}

# Holds a restored database against the marks of its source at the time of the dump.
sub check_restored
{
    my ($name, $database, $before, $after) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $newest = newest_event($target, $database);
    my $mark = stored_mark($target, $database);
    ok($mark >= $before && $mark <= $after, "$name: the mark came along")
      or diag("not from $before to $after: $mark");
    is(
        $target->safe_psql($database,
            "SELECT layout, snowflake_timestamp($newest) = snowflake_timestamp($newest, 'instagram'),
                snowflake_timestamp($newest) < to_timestamp($mark / 1000.0)
             FROM snowflake_recorded_layout"),
        'instagram|t|t',
        "$name: so did the layout, and all is below the mark");
    forget_others();
    goes_on_above($target, $database, $newest, $name);
    return;
}

my $base = $target->basedir;
my %format = (
    plain => [ [], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f' ] ],
    custom => [ ['--format=custom'], [ 'pg_restore', '--exit-on-error' ] ],
    directory => [ [ '--format=directory', '-j', 2 ], [ 'pg_restore', '--exit-on-error', '-j', 2 ] ]);
for my $format (sort keys %format)
{
    my ($options, $restore) = @{ $format{$format} };
    my $file = "$base/$format";
    my ($before, $after) = dump_under_load($format, 'pg_dump', @$options, '-f', $file, 'app');
    $target->safe_psql('postgres', "CREATE DATABASE $format");
    my @restore = ($restore->[0], '-d', $format, @$restore[ 1 .. $#$restore ], $file);
    $target->command_ok(\@restore, "$format: restore");
    check_restored($format, $format, $before, $after);
}

# The whole cluster
{
    my $file = "$base/all";
    my ($before, $after) = dump_under_load('pg_dumpall', 'pg_dumpall', '-f', $file);
    my (undef, $errors) = run_command(
        [ 'psql', '-X', '-q', '-o', '/dev/null', '-f', $file, '-d', $target->connstr('postgres') ]);
    my @errors = grep { !/ERROR:  role "\w+" already exists/ } split /\n/, $errors;
    is("@errors", '', 'pg_dumpall: restore');
    check_restored('pg_dumpall', 'app', $before, $after);
}

# A target with another layout refuses.
{
    $target->adjust_conf('postgresql.conf', 'snowflake_pg.layout', "'twitter'");
    forget_others();
    my $newest = newest_event($target, 'custom');
    fails($target, 'custom', 'INSERT INTO event (n) VALUES (1)', 'another layout: refused',
        qr/ERROR:  55000: the server runs with layout "twitter", this database records "instagram"/,
        qr/HINT:  Set snowflake_pg\.layout to the recorded layout and restart the server\./);
    is(newest_event($target, 'custom'), $newest, 'another layout: no ID');
    $target->adjust_conf('postgresql.conf', 'snowflake_pg.layout', "'instagram'");
    forget_others();
}

# A schema or a table without the rest: the mark does not come along, and IDs begin at the clock.
sub at_the_clock
{
    my ($name, $database) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(stored_mark($target, $database), 0, "$name: no mark");
    forget_others();
    my ($id, $near) = split /\|/,
      $target->safe_psql($database, <<'SQL');
SELECT id, snowflake_timestamp(id) - clock_timestamp() BETWEEN '-10 s' AND '10 s' FROM snowflake_next() AS id
SQL
    is($near, 't', "$name: IDs begin at the clock");
    cmp_ok($id, '<', newest_event($source, 'app'), "$name: which is below the IDs of the source");
    return;
}
{
    my $file = "$base/schema_only";
    $source->command_ok([ 'pg_dump', '--schema-only', '-f', $file, 'app' ], '--schema-only: dump');
    $target->safe_psql('postgres', 'CREATE DATABASE schema_only');
    $target->command_ok([ qw(psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -d schema_only -f), $file ],
        '--schema-only: restore');
    at_the_clock('--schema-only', 'schema_only');
}
for my $database ('only_table', 'only_table_mark')
{
    my $name = $database eq 'only_table' ? '-t' : '-t, mark set by hand';
    my $file = "$base/$database";
    $source->command_ok([ 'pg_dump', '-t', 'event', '-f', $file, 'app' ], "$name: dump");
    $target->safe_psql('postgres', "CREATE DATABASE $database");
    $target->safe_psql($database, 'CREATE EXTENSION snowflake_pg');
    $target->command_ok([ qw(psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -d), $database, '-f', $file ],
        "$name: restore");
    my $newest = newest_event($target, $database);
    is($newest, newest_event($source, 'app'), "$name: the rows came along");
    if ($database eq 'only_table')
    {
        at_the_clock($name, $database);
        next;
    }
    # the way out, from docs/durability.md
    $target->safe_psql($database,
        q(SELECT setval('snowflake_mark', (extract(epoch FROM snowflake_timestamp(max(id)) + '1 s') * 1000)::bigint) FROM event));
    forget_others();
    goes_on_above($target, $database, $newest, $name);
}

$target->stop;

# A copy of a database has its mark.
{
    fake_clock($source);
    my @copies = ('wal_log', 'file_copy');
    my %newest;
    for my $strategy (@copies)
    {
        record($source, 'app', 1, 'INSERT INTO event (n) SELECT generate_series(1, 1000)');
        $newest{$strategy} = newest_event($source, 'app');
        $source->safe_psql('postgres', "CREATE DATABASE $strategy TEMPLATE app STRATEGY $strategy");
        is(stored_mark($source, $strategy), stored_mark($source, 'app'), "TEMPLATE, $strategy: the mark is copied");
    }
    set_clock($source, -(BEHIND));
    for my $strategy (@copies)
    {
        # nothing else than the copy is left to tell
        $source->stop('immediate');
        with_clock($source, sub { $source->start });
        goes_on_above($source, $strategy, $newest{$strategy}, "TEMPLATE, $strategy");
    }
    $source->stop;
}

done_testing();
