# Whoever generates raises the mark: two databases with one worker ID, read-only transactions,
# parallel workers, and the transaction that creates the extension, also where it writes no WAL.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

# In a short window the mark is raised many times in every test.
my $node = new_node('primary', conf => "snowflake_pg.mark_window = '100ms'\nwal_level = minimal\nmax_wal_senders = 0");
fake_clock($node);
sub start { return with_clock($node, sub { $node->start }) }
start();
my $parallel_mode = major_version($node) >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

sub crash
{
    my ($clock) = @_;
    $node->stop('immediate');
    set_clock($node, $clock);
    return start();
}

$node->safe_psql('postgres', 'CREATE DATABASE unused');
$node->safe_psql('unused', 'CREATE EXTENSION snowflake_pg');

sub create_database
{
    my ($database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE unused");
    return;
}

sub next_id
{
    my ($database) = @_;
    return $node->safe_psql($database, 'SELECT snowflake_next()');
}

# Two databases

create_database($_) for qw(one two);
my @all;
my %largest = (one => 0, two => 0);

# Clients of both databases at once, as fast as they can; the server dies while they are at it.
sub load
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %clients;
    for my $turn (1 .. 2)
    {
        push @{ $clients{$_} },
          start_recording($node, $_,
            ('COPY (SELECT snowflake_next() FROM (SELECT generate_series(1, 1000000)) AS n) TO STDOUT') x 100)
          for qw(one two);
    }
    my @clients = map { @$_ } values %clients;
    ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@clients) }, 30), "$name: all clients record");
    sleep 0.3;
    $node->stop('immediate');
    finish_recording(@clients);
    for my $database (sort keys %clients)
    {
        my (undef, $smallest, $last) = check_ids("$name, database $database", $clients{$database});
        cmp_ok($smallest, '>', $largest{$database}, "$name, database $database: above all that went before in it");
        $largest{$database} = $last;
    }
    check_ids("$name, both databases together", \@clients);
    push @all, @clients;
    return @clients;
}

# While the clock is right, this holds for both databases together, over crashes too.
my @right;
for my $turn (1 .. 3)
{
    push @right, load("two databases, clock right, $turn");
    start();
}
check_ids('two databases, over all crashes with the clock right', \@right);
my ($highest) = sort { $b <=> $a } values %largest;
for my $database (qw(one two))
{
    my $id = next_id($database);
    cmp_ok($id, '>', $highest, "clock right: the next ID of database $database is above all of both");
    $largest{$database} = $highest = $id;
}

# With the clock set back each database keeps to its own mark. The one that ended earlier goes
# first, and has no help from the other.
crash(0);
my $early = next_id('one');
sleep 0.5;
$largest{two} = next_id('two');
$largest{one} = $early;
crash(-300);
for my $database (qw(one two))
{
    is_covered($node, $database, $largest{$database}, "clock set back, database $database");
    my $id = next_id($database);
    cmp_ok($id, '>', $largest{$database}, "clock set back: the next ID of database $database is above all of it");
    $largest{$database} = $id;
}
load('two databases, clock set back');
set_clock($node, -600);
start();
cmp_ok(next_id($_), '>', $largest{$_}, "clock set back further: database $_ goes on above all of it") for qw(one two);

# Read-only transactions and parallel workers. Each has a database whose first ID is theirs, and
# goes on until the mark was raised several times.

my $again = 'DO $$ BEGIN PERFORM pg_sleep(0.15); END $$';
# Workers alone read the table, and generate: their ID is what Gather collects.
my $in_workers = parallel_plan();
my $parallel = 'SELECT snowflake_next() FROM many';
my $forced = 'SELECT snowflake_next()';
my %case = (
    'BEGIN READ ONLY' => [ 'BEGIN READ ONLY', ($forced, $again) x 3, 'COMMIT' ],
    'BEGIN READ ONLY, rolled back' => [ 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY', ($forced, $again) x 3, 'ROLLBACK' ],
    'default_transaction_read_only' => [ 'SET default_transaction_read_only = on', ($forced, $again) x 3 ],
    'a statement in a worker' => [ "SET $parallel_mode = on", ($forced, $again) x 3 ],
    'a statement in a worker, BEGIN READ ONLY' =>
      [ "SET $parallel_mode = on", 'BEGIN READ ONLY', ($forced, $again) x 3, 'ROLLBACK' ],
    'a parallel plan' => [ $in_workers, ($parallel, $again) x 3 ],
    'a parallel plan, BEGIN READ ONLY' => [ $in_workers, 'BEGIN READ ONLY', ($parallel, $again) x 3, 'ROLLBACK' ]);
my %database;
my @after_crash;
for my $turn (1, 2)
{
    @after_crash = ();
    for my $name (sort keys %case)
    {
        my $first = !$database{$name};
        my $database = $database{$name} //= 'case_' . keys %database;
        if ($first)
        {
            create_database($database);
            $node->safe_psql($database,
                'CREATE TABLE many WITH (parallel_workers = 2) AS SELECT generate_series(1, 5000) AS n; ANALYZE many');
        }
        my $title = "$name, " . ($first ? 'from the first ID' : 'from the first ID after a crash');
        if ($name =~ /plan/)
        {
            my $plan = $node->safe_psql($database, "$in_workers EXPLAIN (VERBOSE, COSTS OFF) $parallel");
            like($plan, qr/^Gather\n.*\n\s+->\s+Parallel Seq Scan on public.many\n\s+Output: snowflake_next\(\)/s,
                "$title: workers generate");
        }
        my @clients = record($node, $database, 1, @{ $case{$name} });
        is(slurp_file($clients[0]{errors}), '', "$title: no error");
        # what Gather collects is not in order
        my @ids = sort { $a <=> $b } slurp_file($clients[0]{ids}) =~ /(\d+)/ag;
        my %distinct = map { $_ => 1 } @ids;
        is(scalar(keys %distinct), $name =~ /plan/ ? 15_000 : 3, "$title: IDs, none twice");
        cmp_ok($ids[0], '>', $largest{$database} // 0, "$title: above all that went before");
        $largest{$database} = $ids[-1];
        is_covered($node, $database, $ids[-1], $title);
        push @after_crash, [ $title, $database, $ids[-1] ];
    }
    crash(-600 - 100 * $turn);
    # in the order in which they ended, so that none has help from another
    for (@after_crash)
    {
        my ($title, $database, $last) = @$_;
        is_covered($node, $database, $last, "$title, after a crash");
        next if $turn == 1;
        cmp_ok(next_id($database), '>', $last, "$title, after a crash: the next ID is above");
    }
}

# The transaction that creates the extension writes no WAL for the sequence where wal_level is
# minimal. Committed, the mark is there after a crash; otherwise nothing is left behind.

is($node->safe_psql('postgres', 'SHOW wal_level'), 'minimal', 'wal_level is minimal');
my %body = (
    'at once' => "$forced; $again; $forced;",
    'in a parallel worker' => "SET LOCAL $parallel_mode = on; $forced; $again; $forced;",
    'in a parallel plan' => "CREATE TABLE many WITH (parallel_workers = 2) AS SELECT generate_series(1, 20) AS n;
        ANALYZE many; $in_workers $parallel; $again; $parallel;",
    'after savepoints' => "SAVEPOINT a; $forced; ROLLBACK TO a; $again; SAVEPOINT b; $forced; RELEASE b; $again;
        SAVEPOINT c; $forced; ROLLBACK TO c; $forced;");
my $number = 0;
my (@committed, @not_committed, @open);
for my $end ('COMMIT', 'ROLLBACK', 'crash')
{
    for my $place (sort keys %body)
    {
        for my $create ('CREATE EXTENSION snowflake_pg', 'SAVEPOINT x; CREATE EXTENSION snowflake_pg; RELEASE x')
        {
            my $database = 'fresh_' . ++$number;
            my $name = "$create, IDs $place, $end";
            $node->safe_psql('postgres', "CREATE DATABASE $database");
            my $session = session($node, $database);
            my ($out, $error) = ask($session, "BEGIN; $create; $body{$place}");
            $error =~ s/^background_psql.*\n//gm;
            is($error, '', "$name: no error");
            my @ids = sort { $a <=> $b } $out =~ /^(\d+)$/agm;
            my %distinct = map { $_ => 1 } @ids;
            ok(@ids >= 2 && keys %distinct == @ids, "$name: IDs, none twice");
            if ($end eq 'crash')
            {
                push @open, $session;
                push @not_committed, [ $name, $database, $ids[-1] ];
                next;
            }
            ask($session, $end);
            $session->quit;
            if ($end eq 'COMMIT')
            {
                is_covered($node, $database, $ids[-1], $name);
                push @committed, [ $name, $database, $ids[-1] ];
            }
            else
            {
                works($node, $database, 'CREATE EXTENSION snowflake_pg', "$name: the extension is created again");
                my $id = next_id($database);
                cmp_ok($id, '>', $ids[-1], "$name: and goes on above");
                push @committed, [ $name, $database, $id ];
            }
        }
    }
}
crash(-900);
$_->{run}->kill_kill for @open;
for (@committed)
{
    my ($name, $database, $last) = @$_;
    is_covered($node, $database, $last, "$name, after a crash");
    cmp_ok(next_id($database), '>', $last, "$name, after a crash: the next ID is above");
}
for (@not_committed)
{
    my ($name, $database, $last) = @$_;
    is($node->safe_psql($database, q(SELECT count(*) FROM pg_class WHERE relname LIKE 'snowflake%')), 0,
        "$name: nothing is left");
    works($node, $database, 'CREATE EXTENSION snowflake_pg', "$name: the extension is created again");
    ok(next_id($database) > 0, "$name: and generates");
}

$node->stop;
done_testing();
