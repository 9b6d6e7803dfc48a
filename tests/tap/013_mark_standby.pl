# Standbys that are promoted after their primary was killed under load, with a clock behind its: no
# new ID is at or below any in the rows that arrived. Standbys without the library replay as well, and
# what they replay is what the primary wrote.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

use constant {
    CLIENTS => 3,
    # within the tolerance, which is 1000 s
    BEHIND => 900,
};

# A standby from a backup of its primary, not started. Options: conf, in front of the settings that
# it has from its primary.
sub new_standby
{
    my ($name, $primary, $backup, %options) = @_;
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($primary, $backup, has_streaming => 1);
    $standby->append_conf('postgresql.conf', $options{conf}) if $options{conf};
    return $standby;
}

# Lines of a server's log that complain, other than about clients that come too early.
sub complaints
{
    my ($node) = @_;
    my @lines = grep { /WARNING|ERROR|FATAL|PANIC|inconsistent/ && !/the database system is/ }
      split /\n/, slurp_file($node->logfile);
    return join "\n", @lines;
}

# Kills a primary while clients insert, and a standby has some of it. Answers the clients.
sub kill_under_load
{
    my ($name, $primary, @standbys) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @before = map { newest_event($_, 'postgres') || 0 } @standbys;
    my @clients = start_inserting($primary, 'postgres', CLIENTS);
    for my $number (0 .. $#standbys)
    {
        my $standby = $standbys[$number];
        wait_until(sub { (newest_event($standby, 'postgres') || 0) > $before[$number] })
          or die "$name: no row arrives at " . $standby->name;
    }
    # another phase of the window each time
    sleep 0.2 + rand 0.8;
    $primary->stop('immediate');
    finish_recording(@clients);
    my $message = qr/connection to server was lost|server closed the connection/;
    my $lost = grep { slurp_file($_->{errors}) =~ $message } @clients;
    is($lost, CLIENTS, "$name: all clients lost the primary");
    check_ids("$name, old primary", \@clients);
    return @clients;
}

sub promote
{
    my ($name, $standby) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($standby->safe_psql('postgres', 'SELECT pg_promote()'), 't', "$name: promoted");
    return;
}

# Says how many of the IDs that clients received have not arrived.
sub note_losses
{
    my ($name, $standby, @clients) = @_;
    my %received = map { $_ => 1 } map { split /\n/, slurp_file($_->{ids}) } @clients;
    my $count = keys %received;
    delete @received{ split /\n/, $standby->safe_psql('postgres', 'SELECT id FROM event') };
    note("$name: $count IDs were received, rows of " . keys(%received) . ' of them did not arrive');
    return;
}

# A stopped server becomes the standby of the one that was promoted in its place.
sub rewind
{
    my ($node, $primary) = @_;
    # pg_rewind takes the source's timeline from the last checkpoint
    $primary->safe_psql('postgres', 'CHECKPOINT');
    my $file = $node->data_dir . '/postgresql.conf';
    my $conf = slurp_file($file);
    run_log(
        [
            'pg_rewind', '--no-sync',
            '--source-server' => $primary->connstr('postgres'),
            '--target-pgdata' => $node->data_dir
        ]) or die 'pg_rewind failed';
    unlink $file or die "$file: $!";
    append_to_file($file, $conf);
    chmod 0600, $file or die "$file: $!";
    $node->enable_streaming($primary);
    return;
}

my $preload = q(shared_preload_libraries = 'snowflake_pg');

# A failover pair: both have the same worker ID.
{
    # pg_rewind reads what a crash recovery would recycle
    my $primary = new_node('left', allows_streaming => 1, conf => q(wal_keep_size = '1GB'));
    fake_clock($primary);
    with_clock($primary, sub { $primary->start });
    create_event($primary, 'postgres');
    $primary->backup('base');
    my $standby = new_standby('right', $primary, 'base');
    start_behind($standby, BEHIND);
    my $late = new_standby('late', $primary, 'base');
    start_behind($late, 7200);

    my ($all, @largest);
    for my $round (1 .. 3)
    {
        my $name = "round $round";
        my $session = session($standby);
        my (undef, $error) = ask($session, 'SELECT snowflake_next()');
        like($error, qr/ERROR:  cannot generate snowflake IDs during recovery/, "$name: no ID before the promotion");

        my @clients = kill_under_load($name, $primary, $standby, $round == 1 ? $late : ());

        my $newest = newest_event($standby, 'postgres');
        fails($standby, 'postgres', 'SELECT snowflake_next()', "$name: refused while a standby",
            qr/ERROR:  25006: cannot generate snowflake IDs during recovery/,
            qr/HINT:  Generate them on the primary; decoding works here\./);
        is(
            works($standby, 'postgres', <<"SQL", "$name: decoding and status on the standby"),
SELECT worker_id, ts = snowflake_timestamp($newest), snowflake_min_id(ts) <= $newest FROM snowflake_decode($newest);
SELECT count(*) FROM snowflake_status WHERE last_id IS NOT NULL;
SELECT snowflake_timestamp($newest) < to_timestamp(last_value / 1000.0) FROM snowflake_mark;
SQL
            "1|t|t\n0\nt",
            "$name: it decodes, has given out no ID, and has a mark above the rows that arrived");

        promote($name, $standby);
        $newest = newest_event($standby, 'postgres');
        note_losses($name, $standby, @clients);
        (my $id, $error) = ask($session, 'SELECT snowflake_next()');
        cmp_ok($id || 0, '>', $newest, "$name: a session from before the promotion goes on") or diag($error);
        $session->quit;
        goes_on_above($standby, 'postgres', $newest, "$name, promoted");
        is($standby->safe_psql('postgres', "SELECT errors, regression > '800 s' FROM snowflake_status"),
            '0|t', "$name: without errors, and the status tells how far the clock is behind");

        if ($round == 1)
        {
            my $name = '2 h behind';
            promote($name, $late);
            my $newest = newest_event($late, 'postgres');
            for my $call ('snowflake_next()', 'snowflake_next_batch(3)', 'snowflake_next(1)')
            {
                fails($late, 'postgres', "SELECT $call", "$name: $call",
                    qr/ERROR:  55000: the clock went back by 7\d\d\d\.\d\d\d s/,
                    qr/HINT:  Correct the clock, or raise snowflake_pg\.clock_tolerance/);
            }
            fails($late, 'postgres', 'INSERT INTO event (n) VALUES (1)', "$name: no row",
                qr/ERROR:  55000: the clock went back/);
            is(newest_event($late, 'postgres'), $newest, "$name: no ID");
            set_clock($late, 0);
            goes_on_above($late, 'postgres', $newest, "$name, corrected");
            $late->stop;
        }

        # The clock is corrected, and the old primary comes back as the standby, its clock behind.
        last if $round == 3;
        set_clock($standby, 0);
        rewind($primary, $standby);
        ($primary, $standby) = ($standby, $primary);
        start_behind($standby, BEHIND);
    }
    $standby->stop;
}

# A primary with checksums whose every change is compared on its standbys: one has the library, the
# other has not.
{
    my $primary = new_node(
        'compared',
        allows_streaming => 1,
        extra => ['--data-checksums'],
        conf => <<'CONF');
wal_consistency_checking = all
wal_keep_size = '4GB'
# many raises
snowflake_pg.mark_window = '100ms'
CONF
    $primary->start;
    create_event($primary, 'postgres');
    $primary->backup('base');
    my $with = new_standby('with', $primary, 'base');
    my $without = new_standby('without', $primary, 'base', conf => "shared_preload_libraries = ''\n");
    $_->start for $with, $without;
    my $start = $primary->lsn('insert');

    # Every raise is an image of the page, with and without full_page_writes.
    my @clients = start_inserting($primary, 'postgres', CLIENTS, rows => 10, pause => 0.02);
    my %marks;
    for my $full_page_writes ('on', 'off', 'on')
    {
        reload_with($primary, 'full_page_writes', $full_page_writes);
        for (1 .. 2)
        {
            $primary->safe_psql('postgres', 'CHECKPOINT');
            # logs another page than it leaves in memory
            $primary->safe_psql('postgres', q(SELECT nextval('snowflake_mark')));
            my $enough = keys(%marks) + 4;
            ok(
                wait_until(
                    sub {
                        my $mark = $without->safe_psql('postgres', 'SELECT last_value FROM snowflake_mark');
                        $marks{$mark} = 1 if $mark > 0;
                        return keys %marks >= $enough;
                    }),
                'the standby without the library replays raises');
        }
    }
    end_inserting($primary, @clients);
    check_ids('under comparison', \@clients);

    my $end = $primary->lsn('insert');
    my $state = 'SELECT last_value, count(*), min(id), max(id) FROM snowflake_mark, event GROUP BY 1';
    my $expected = $primary->safe_psql('postgres', $state);
    for my $standby ($with, $without)
    {
        my $name = $standby->name;
        $primary->wait_for_catchup($standby, 'replay', $end);
        is($standby->safe_psql('postgres', $state), $expected, "standby $name the library: has the same");
        is(complaints($standby), '', "standby $name the library: replays without complaint");
    }
    my $file = $primary->safe_psql('postgres', q(SELECT pg_relation_filenode('snowflake_mark')));
    # the segments by name: in a folder pg_waldump may hit upon one that is just being made
    my @segments = map { $primary->data_dir . "/pg_wal/$_" } split /\|/,
      $primary->safe_psql('postgres', "SELECT pg_walfile_name('$start'::pg_lsn + 1), pg_walfile_name('$end')");
    my ($records, $problems) = run_command(
        [
            'pg_waldump',
            '--rmgr' => 'Generic',
            '--start' => $start,
            '--end' => $end,
            @segments
        ]);
    my @raises = grep { m{rel \d+/\d+/$file } } split /\n/, $records;
    cmp_ok(scalar @raises, '>=', scalar keys %marks, 'the raises are in the write-ahead log')
      or diag($records, $problems);
    is(scalar(grep { !/FPW/ || /for WAL verification/ } @raises), 0, 'each with an image of the page');
    is($without->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'one has no library');
    is($with->safe_psql('postgres', 'SHOW shared_preload_libraries'), 'snowflake_pg', 'the other has');
    $with->stop;

    # The one without is promoted. It has no IDs until it gets the library.
    $primary->append_conf('postgresql.conf', 'wal_consistency_checking = generic');
    $primary->reload;
    kill_under_load('without the library', $primary, $without);
    promote('without the library', $without);
    my $newest = newest_event($without, 'postgres');
    for my $call ('SELECT snowflake_next()', 'INSERT INTO event (n) VALUES (1)')
    {
        fails($without, 'postgres', $call, "without the library: $call",
            qr/ERROR:  55000: snowflake_pg must be loaded via "shared_preload_libraries"/,
            qr/HINT:  Add snowflake_pg to shared_preload_libraries/);
    }
    is(newest_event($without, 'postgres'), $newest, 'without the library: no ID');
    is($without->safe_psql('postgres', "SELECT worker_id FROM snowflake_decode($newest)"),
        1, 'without the library: decoding works');
    $without->stop;
    $without->append_conf('postgresql.conf', $preload);
    start_behind($without, BEHIND);
    goes_on_above($without, 'postgres', $newest, 'with the library again');
    $without->stop;

    # its recovery writes the pages that the crash left
    $primary->start;
    $primary->stop;
    for my $node ($primary, $with, $without)
    {
        command_like([ 'pg_checksums', '--check', '-D', $node->data_dir ],
            qr/Bad checksums: +0\n/, 'the checksums of ' . $node->name . ' are right');
    }
}

done_testing();
