# What the TAP tests share: servers with the extension, clients that record IDs as they receive
# them, a clock that can be moved.
package SnowflakeTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use Fcntl qw(O_CREAT O_WRONLY);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  new_node major_version reload_with fails works session ask
  start_recording finish_recording record recorded_bytes check_ids wait_until
  create_event start_inserting end_inserting newest_event goes_on_above is_covered parallel_plan
  fake_clock set_clock stop_clock with_clock start_behind log_since log_size
);

# A server with the library preloaded and worker ID 1, not started. Options: conf (settings, the
# last ones count), preload => 0, install_path (of another PostgreSQL), and those of
# PostgreSQL::Test::Cluster's init.
sub new_node
{
    my ($name, %options) = @_;
    my $preload = delete $options{preload} // 1;
    my $conf = delete $options{conf} // '';
    my @installation = map { exists $options{$_} ? ($_ => delete $options{$_}) : () } 'install_path';
    my $node = PostgreSQL::Test::Cluster->new($name, @installation);
    $node->init(%options);
    $node->append_conf('postgresql.conf',
        "shared_preload_libraries = 'snowflake_pg'\nsnowflake_pg.worker_id = '1'\n")
      if $preload;
    # a write of every statement to the log costs more than the statement
    $node->append_conf('postgresql.conf', "log_statement = none\n$conf");
    return $node;
}

sub major_version
{
    my ($node) = @_;
    return int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
}

# Changes a parameter of a running server; the value as SHOW writes it.
sub reload_with
{
    my ($node, $parameter, $value) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $node->append_conf('postgresql.conf', "$parameter = '$value'");
    $node->reload;
    return ok($node->poll_query_until('postgres', "SELECT current_setting('$parameter') = '$value'"),
        "$parameter is $value");
}

# Runs SQL that must fail, and holds what psql says against patterns. SQLSTATE, DETAIL and HINT
# are there to be matched.
sub fails
{
    my ($node, $database, $sql, $name, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$sql");
    my @missing = grep { $err !~ $_ } @patterns;
    ok($code == 3 && !@missing, $name)
      or diag("exit code $code\nstdout: $out\nstderr: $err\nnot matched: @missing");
    return;
}

# Runs SQL that must work and say nothing on stderr; answers its output.
sub works
{
    my ($node, $database, $sql, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = $node->psql($database, $sql);
    ok($code == 0 && $err eq '', $name) or diag("exit code $code\nstdout: $out\nstderr: $err");
    return $out;
}

# A psql that stays connected and goes on after errors.
sub session
{
    my ($node, $database) = @_;
    return $node->background_psql($database // 'postgres', on_error_stop => 0);
}

# Asks a session: the output, and what it wrote on stderr.
sub ask
{
    my ($session, $sql) = @_;
    $session->{stderr} = '';
    my $out = $session->query($sql);
    return ($out, $session->{stderr});
}

my $recordings = 0;

# Starts a client that runs statements and records what it receives, as it receives it.
sub start_recording
{
    my ($node, $database, @statements) = @_;
    my $base = $node->basedir . '/recording_' . ++$recordings;
    append_to_file("$base.sql", join('', map { "$_;\n" } @statements));
    # the clients have the true clock
    local $ENV{LD_PRELOAD};
    delete $ENV{LD_PRELOAD};
    my $client = { ids => "$base.ids", errors => "$base.errors" };
    $client->{run} = IPC::Run::start(
        [
            $node->installed_command('psql'), '-XAtq',
            '-v', 'VERBOSITY=verbose',
            '-d', $node->connstr($database),
            '-f', "$base.sql"
        ],
        '<', '/dev/null', '>', $client->{ids}, '2>', $client->{errors},
        IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
    return $client;
}

# Waits until clients are through with their statements or have lost their server.
sub finish_recording
{
    $_->{run}->finish for @_;
    return;
}

# Starts several clients with the same statements, and waits for them.
sub record
{
    my ($node, $database, $count, @statements) = @_;
    my @clients = map { start_recording($node, $database, @statements) } 1 .. $count;
    finish_recording(@clients);
    return @clients;
}

# How much each client has recorded so far.
sub recorded_bytes
{
    return map { -s $_->{ids} // 0 } @_;
}

# Holds recordings against the promise: each client got its IDs in ascending order, and no ID
# came twice, also not to different clients. Answers how many there are, the smallest and the
# largest; those of each client are put into its `first` and `last`. The check of each ID is for the
# caller: it is passed to `each` and answers true if good. With `any_order` they need not ascend.
sub check_ids
{
    my ($name, $clients, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($each, $any_order) = @options{qw(each any_order)};
    my ($count, $smallest, $largest) = (0, undef, undef);
    my @problems;
    for my $client (@$clients)
    {
        open my $ids, '<', $client->{ids} or die "$client->{ids}: $!";
        my $last = -1;
        while (my $id = <$ids>)
        {
            if ($id !~ /^\d+\n/a || (!$any_order && $id <= $last) || ($each && !$each->($client, $id + 0)))
            {
                chomp $id;
                push @problems, "$client->{ids} line $.: $id, after $last";
                last;
            }
            $last = $id + 0;
            next if $. > 1;
            $client->{first} = $last;
            $smallest = $last if !defined $smallest || $last < $smallest;
        }
        $count += $.;
        $client->{last} = $last if $last >= 0;
        $largest = $last if $last >= 0 && (!defined $largest || $last > $largest);
        close $ids;
    }
    # every file that is in order by now needs only be merged
    my $merge = $any_order ? '' : '-m';
    my $files = join ' ', map { "'$_->{ids}'" } @$clients;
    my $distinct = @problems ? 'unknown' : qx(LC_ALL=C sort $merge -n -u $files | wc -l) + 0;
    ok($count > 0 && !@problems && $distinct == $count,
        "$name: $count IDs, none twice" . ($any_order ? '' : ', in order for every client'))
      or diag(join "\n", "$distinct are distinct", @problems, map { slurp_file($_->{errors}) } @$clients);
    return ($count, $smallest, $largest);
}

# Clients that insert into a table `event` and receive the IDs while their transaction is open.
my $insert = 'COPY (INSERT INTO event (n) SELECT generate_series(1, %d) RETURNING id) TO STDOUT';

sub create_event
{
    my ($node, $database) = @_;
    $node->safe_psql($database, <<'SQL');
CREATE EXTENSION snowflake_pg;
CREATE TABLE event (id bigint PRIMARY KEY DEFAULT snowflake_next(), n int);
SQL
    return;
}

# Starts clients that go on inserting until they are ended, and waits until all of them record.
# Options: rows (in a transaction), pause (seconds between transactions).
sub start_inserting
{
    my ($node, $database, $count, %options) = @_;
    my @transaction = ('BEGIN', sprintf($insert, $options{rows} // 100), 'COMMIT');
    # a client's own pause: pg_sleep() would go by the server's clock
    $transaction[2] .= ";\n\\! sleep $options{pause}" if $options{pause};
    my @clients =
      map { start_recording($node, $database, 'SET application_name = inserting', (@transaction) x 20_000) }
      1 .. $count;
    wait_until(sub { !grep { $_ < 2_000 } recorded_bytes(@clients) })
      or die join "\n", 'not all clients insert', map { slurp_file($_->{errors}) } @clients;
    return @clients;
}

# Ends them, and waits for them.
sub end_inserting
{
    my ($node, @clients) = @_;
    $node->safe_psql('postgres',
        q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'inserting'));
    finish_recording(@clients);
    return;
}

# The largest ID in the table.
sub newest_event
{
    my ($node, $database) = @_;
    return $node->safe_psql($database, 'SELECT max(id) FROM event');
}

# Inserts by several clients: every ID is above a bound. Answers the largest one.
sub goes_on_above
{
    my ($node, $database, $bound, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @clients = record($node, $database, 3, (sprintf $insert, 1_000) x 3);
    my ($count, $smallest, $largest) = check_ids($name, \@clients);
    is($count, 9_000, "$name: all inserts worked");
    cmp_ok($smallest // 0, '>', $bound, "$name: above all that were there");
    return $largest;
}

# Whether the stored mark is above an ID of the default layout. Other databases cannot help out
# with it, as they can with the next ID after a crash.
sub is_covered
{
    my ($node, $database, $id, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $mark = $node->safe_psql($database, 'SELECT last_value FROM snowflake_mark');
    return cmp_ok($mark, '>', ($id >> 22) + 1288834974657, "$name: the stored mark is above the last ID");
}

# Settings in which workers alone read a table, and generate: their ID is what Gather collects.
sub parallel_plan
{
    return <<'SQL';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SQL
}

# Polls until a condition holds; false after the time limit.
sub wait_until
{
    my ($condition, $limit) = @_;
    my $end = time + ($limit // $PostgreSQL::Test::Utils::timeout_default);
    until ($condition->())
    {
        return 0 if time > $end;
        sleep 0.02;
    }
    return 1;
}

# Makes with_clock() run a server by a clock of its own, which set_clock() moves while it runs.
sub fake_clock
{
    my ($node) = @_;
    die "FAKED_CLOCK_LIBRARY names no library\n" unless -r ($ENV{FAKED_CLOCK_LIBRARY} // '');
    set_clock($node, 0);
    return;
}

sub clock_file
{
    my ($node) = @_;
    return $node->basedir . '/clock';
}

# Sets the clock that many seconds ahead of the true one.
sub set_clock
{
    my ($node, $seconds) = @_;
    return write_clock($node, $seconds, 0);
}

# Stops the clock at a time in seconds since 1970, until it is set.
sub stop_clock
{
    my ($node, $time) = @_;
    return write_clock($node, 0, $time);
}

sub write_clock
{
    my ($node, @seconds) = @_;
    sysopen my $clock, clock_file($node), O_WRONLY | O_CREAT or die clock_file($node) . ": $!";
    # in one piece: it is read meanwhile
    syswrite($clock, pack 'q2', map { sprintf '%.0f', $_ * 1e9 } @seconds) == 16 or die clock_file($node) . ": $!";
    close $clock or die clock_file($node) . ": $!";
    return;
}

# Gives a server that is not running a clock that many seconds behind, and starts it.
sub start_behind
{
    my ($node, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    fake_clock($node);
    set_clock($node, -$seconds);
    with_clock($node, sub { $node->start });
    my $behind = time - $node->safe_psql('postgres', 'SELECT extract(epoch FROM clock_timestamp())');
    my $name = $node->name;
    cmp_ok(abs($behind - $seconds), '<', 30, "the clock of $name is $seconds s behind");
    return;
}

# Starts or restarts a server under its own clock: whatever the code starts has it.
sub with_clock
{
    my ($node, $code) = @_;
    local %ENV = (
        %ENV,
        LD_PRELOAD => $ENV{FAKED_CLOCK_LIBRARY},
        FAKED_CLOCK => clock_file($node));
    return $code->();
}

sub log_size
{
    my ($node) = @_;
    return -s $node->logfile // 0;
}

# The server's log from a place on that log_size() gave.
sub log_since
{
    my ($node, $offset) = @_;
    return slurp_file($node->logfile, $offset);
}

1;
