# Synchronous standbys: a number that no commit waits for does not get to a client before they have
# what keeps it from being given out again. With the standby cut off, the primary killed and the
# standby promoted in its place, its clock far behind, nothing comes twice.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# within the tolerance, which is 1000 s
use constant BEHIND => 900;

my $primary = new_node('primary', allows_streaming => 1, conf => 'max_connections = 50');
$primary->start;
create_event($primary, 'postgres');
$primary->safe_psql('postgres', <<'SQL');
SELECT ticket_create('cached', 1, 50);
-- the blocks of those with a cache have all the room that there is
SELECT ticket_create('filler ' || n, 1, 50) FROM generate_series(1, 255) n;
SELECT count(ticket_next('filler ' || n)) FROM generate_series(1, 255) n;
SELECT ticket_next('cached');
SELECT ticket_create('single', 1, 50);
SQL
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
start_behind($standby, BEHIND);

reload_with($primary, 'synchronous_standby_names', '*');
ok( $primary->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync')),
    'the standby is a synchronous one');

# What runs without a transaction that has anything to commit.
my %calls = (
    'snowflake_next()' => 'an ID',
    'snowflake_next_batch(1)' => 'a batch',
    'ticket_next($$cached$$)' => 'a ticket from a block',
    'ticket_next($$single$$)' => 'a ticket by itself');

sub waiting
{
    my ($node) = @_;
    return $node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'));
}

# Callers that go on until they have come to the end of what the standbys have, and wait there, with
# each of these settings. They are cancelled then.
sub hang
{
    my ($node, $name, @settings) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $others = waiting($node);
    my @callers;
    for my $call (sort keys %calls)
    {
        for my $setting (@settings)
        {
            my $client = start_recording($node, 'postgres', 'SET application_name = caller', $setting,
                "DO 'BEGIN LOOP PERFORM $call; END LOOP; END' LANGUAGE plpgsql");
            push @callers, { name => "$calls{$call} waits, after $setting", client => $client };
        }
    }
    my $expected = $others + @callers;
    ok(wait_until(sub { waiting($node) == $expected }), "$name: all callers wait as a commit does");
    $node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'));
    for my $caller (@callers)
    {
        finish_recording($caller->{client});
        my $errors = slurp_file($caller->{client}->{errors});
        ok($errors =~ /ERROR:  57014: canceling statement that waits for synchronous standbys/
              && $errors =~ /DETAIL:  They do not have what would keep the number from being given out again\./,
            "$name: $caller->{name}") or diag($errors);
    }
    return;
}

sub level { return map { "SET synchronous_commit = $_" } @_ }

for my $level ('on', 'remote_write', 'remote_apply', 'local', 'off')
{
    for my $call (sort keys %calls)
    {
        works($primary, 'postgres', "SET synchronous_commit = $level; SELECT $call",
            "with the standby: $calls{$call}, with synchronous_commit = $level");
    }
}

# Clients that record what they get until there is no more, from before the standby is gone.
my @ids = (
    start_recording($primary, 'postgres', 'COPY (SELECT snowflake_next_batch(300000000)) TO STDOUT'),
    start_recording($primary, 'postgres', ('SELECT snowflake_next()') x 100_000),
    start_recording($primary, 'postgres', ('INSERT INTO event (n) VALUES (1) RETURNING id') x 20_000));
my @tickets = map {
    {
        cached => start_recording($primary, 'postgres', (q(SELECT ticket_next('cached'))) x 100_000),
        single => start_recording($primary, 'postgres', (q(SELECT ticket_next('single'))) x 100_000)
    }
} 1 .. 2;
my @clients = (@ids, map { values %$_ } @tickets);
ok(wait_until(sub { !grep { $_ < 4096 } recorded_bytes(@clients) }), 'clients get IDs and tickets');
$standby->stop('immediate');
ok(wait_until(sub { waiting($primary) == @clients }), 'with the standby cut off, all of them wait as a commit does');

hang($primary, 'cut off', level('on', 'remote_write', 'remote_apply'));

# The word of the operator. What such a session gets is not recorded: it may come again.
for my $level ('local', 'off')
{
    for my $call (sort keys %calls)
    {
        works($primary, 'postgres', "SET synchronous_commit = $level; SELECT $call FROM generate_series(1, 2000)",
            "cut off: $calls{$call} does not wait with synchronous_commit = $level");
    }
}
hang($primary, 'after callers that did not wait',
    level('on'), join('; ', level('local'), 'SELECT snowflake_next()', level('on')));
is(waiting($primary), scalar @clients, 'the clients wait all the while');

$primary->stop('immediate');
finish_recording(@clients);
my (undef, undef, $newest) = check_ids('old primary', \@ids);
my %newest;
for my $name ('cached', 'single')
{
    (undef, undef, $newest{$name}) = check_ids("old primary, tickets: $name", [ map { $_->{$name} } @tickets ]);
}

start_behind($standby, BEHIND);
is($standby->safe_psql('postgres', 'SELECT pg_promote()'), 't', 'promoted');
goes_on_above($standby, 'postgres', $newest, 'promoted');
for my $name ('cached', 'single')
{
    cmp_ok($standby->safe_psql('postgres', "SELECT ticket_next('$name')"), '>', $newest{$name},
        "promoted: a ticket above all that were there: $name");
}

# Without any standby, until the setting is emptied.
reload_with($standby, 'synchronous_standby_names', 'nobody');
hang($standby, 'nobody there', level('on'));
my $waiting = start_recording($standby, 'postgres',
    q(DO 'BEGIN LOOP PERFORM snowflake_next(); END LOOP; END' LANGUAGE plpgsql));
ok(wait_until(sub { waiting($standby) == 1 }), 'a session waits');
reload_with($standby, 'synchronous_standby_names', '');
ok(wait_until(sub { waiting($standby) == 0 }), 'and no longer when no standby is to be waited for');
$standby->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %' AND pid <> pg_backend_pid()));
finish_recording($waiting);
my $errors = slurp_file($waiting->{errors});
ok($errors =~ /ERROR:  57014: canceling statement due to user request/ && $errors !~ /WARNING/, 'it went on') or diag($errors);
goes_on_above($standby, 'postgres', $newest, 'without standbys');
$standby->stop;

done_testing();
