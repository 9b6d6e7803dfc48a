# Tickets from a registry: never the same one twice on several servers; what is cached is given out
# while the registry is down, then a clear error, and it goes on by itself; a registry that lost its
# newest claims; two registries that share the load.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use LeaseTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

# A server that only draws tickets: worker IDs are set by hand.
sub new_drawer
{
    my ($name, $worker, @registries) = @_;
    my $where = line_up(@registries);
    my $node = new_node($name, conf => <<"CONF");
max_connections = 20
restart_after_crash = on
snowflake_pg.worker_id = $worker
snowflake_pg.ticket_registry = '$where connect_timeout=2'
CONF
    return start_member($node);
}

sub next_ticket
{
    my ($node, $name) = @_;
    return $node->safe_psql('postgres', "SELECT ticket_next('$name')");
}

# Draws all that is cached, one by one, until the error.
sub use_up
{
    my ($node, $name, $limit) = @_;
    my ($status, $numbers, $error) = $node->psql('postgres',
        "COPY (SELECT ticket_next('$name') FROM (SELECT generate_series(1, $limit)) AS n) TO STDOUT");
    return ([ split /\n/, $numbers ], $error);
}

my $registry = new_registry('registry', allows_streaming => 1);
my $one = new_drawer('one', 1, $registry);
my $two = new_drawer('two', 2, $registry);

# Who may create a counter in the registry: at first nobody but its superusers.
fails($one, 'postgres', q(SELECT ticket_create('order', 1, 10)), 'a member may not create counters',
    qr/ERROR:  08000: cannot create ticket "order" in the registry/,
    qr/DETAIL:  ERROR:  permission denied for function snowflake_ticket_define/,
    qr/HINT:  If it is a matter of privileges: create the ticket in the database of the registry/);
is($one->safe_psql('postgres', 'SELECT count(*) FROM snowflake_ticket'), 0, 'nothing was created here');
$registry->safe_psql('postgres', q(SELECT ticket_create('order', 1000, 10)));
fails($one, 'postgres', q(SELECT ticket_create('order', 1, 10)), 'nor draw from any',
    qr/DETAIL:  permission denied for its sequence/);
$registry->safe_psql('postgres', 'GRANT USAGE ON SEQUENCE order_ticket TO member');
for my $node ($one, $two)
{
    my (undef, undef, $notice) = $node->psql('postgres', q(SELECT ticket_create('order', 1, 10)));
    like($notice, qr/NOTICE:  ticket "order" exists in the registry, which goes on counting as it does/, 'known in the registry');
}
is(next_ticket($one, 'order'), 1000, 'the first block');
is(next_ticket($two, 'order'), 1010, 'the next one, on another server');
is(next_ticket($one, 'order'), 1001, 'cached');

# With the privilege, one call anywhere creates it, two servers at once included.
$registry->safe_psql('postgres', <<'SQL');
GRANT EXECUTE ON FUNCTION snowflake_ticket_define TO snowflake_member;
GRANT CREATE ON SCHEMA public TO snowflake_member;
SQL
{
    my @both = map { session($_) } $one, $two;
    my @answers = map { [ ask($_, q(SELECT ticket_create('load', 1, 100))) ] } @both;
    $_->quit for @both;
    is($registry->safe_psql('postgres', q(SELECT registry, sequence FROM snowflake_ticket WHERE name = 'load')), 'f|load_ticket',
        'a counter created from a member');
    is($one->safe_psql('postgres', q(SELECT registry, sequence, next IS NULL, step IS NULL, block FROM snowflake_tickets WHERE name = 'load')),
        't|load_ticket|t|t|100', 'and how the member sees it');
    fails($one, 'postgres', q(SELECT nextval('load_ticket')), 'its sequence has no numbers', qr/reached maximum value/);
}

# Two servers at full speed, one per transaction and many per statement: each number once, and none
# left out but those that are cached.
my @all;
{
    my @statements = (q(SELECT ticket_next('load') FROM generate_series(1, 100000)), (q(SELECT ticket_next('load'))) x 300);
    my @clients = map { start_recording($_, 'postgres', @statements) } $one, $two, $one, $two;
    finish_recording(@clients);
    my ($count, $smallest, $largest) = check_ids('two servers', \@clients);
    is($count, 4 * 100_300, 'two servers: everybody got what was asked for');
    is($smallest, 1, 'two servers: from the first on');
    my $cached = 0;
    $cached += $_->safe_psql('postgres', q(SELECT cached FROM snowflake_tickets WHERE name = 'load')) for $one, $two;
    my $next = $registry->safe_psql('postgres', q(SELECT next FROM snowflake_tickets WHERE name = 'load'));
    is($next - 1 - $cached, $count, 'two servers: all others are cached');
    push @all, @clients;
}

# A crash of a server, a backend or the registrar loses what was cached, and repeats nothing.
{
    my @clients = map {
        start_recording($_, 'postgres',
            (q(COPY (SELECT ticket_next('load') FROM (SELECT generate_series(1, 1000000)) AS n) TO STDOUT)) x 3)
    } $one, $two;
    ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@clients) }, 60), 'crash: all clients record');
    $one->stop('immediate');
    my ($registrar) = grep { qx(ps -o args= -p $_) =~ /snowflake_pg registrar/ } processes($two);
    kill 'TERM', $registrar;
    finish_recording(@clients);
    $one->start;
    my @further = map { record($_, 'postgres', 1, q(SELECT ticket_next('load') FROM generate_series(1, 10000))) } $one, $two;
    push @all, @clients, @further;
    my ($count) = check_ids('crash of one, end of the registrar of the other', \@all);
    cmp_ok($count, '>', 4 * 100_300 + 3_000_000, 'the other server got all that it asked for');
}

# Registry down: what is cached is given out, then an error that says why; it goes on by itself. A
# registry that does not answer is as bad as one that is gone.
{
    $_->safe_psql('postgres', q(SELECT ticket_create('small', 1, 40))) for $one, $two;
    # far enough for a second block to be fetched behind the first
    my @drawn = map { next_ticket($one, 'small') } 1 .. 25;
    is("@drawn", "@{[ 1 .. 25 ]}", 'before: in order');
    my $cached = q(SELECT cached >= 20 FROM snowflake_tickets WHERE name = 'small');
    ok($one->poll_query_until('postgres', $cached), 'before: the next block is there');
    my $expected = $one->safe_psql('postgres', q(SELECT cached FROM snowflake_tickets WHERE name = 'small'));
    $registry->stop('immediate');
    my ($numbers, $error) = use_up($one, 'small', 1000);
    is(scalar @$numbers, $expected, 'registry down: all that was cached');
    like($error, qr/ERROR:  no block of ticket "small" can be had/, 'registry down: then an error');
    like($error, qr/DETAIL:  connection to server .* failed/, 'registry down: why');
    like($error, qr/HINT:  It comes from the registry that snowflake_pg.ticket_registry/, 'registry down: what to do');
    like($one->safe_psql('postgres', q(SELECT last_error FROM snowflake_tickets WHERE name = 'small')),
        qr/connection to server/, 'registry down: the view has the reason');
    ok($two->safe_psql('postgres', 'SELECT snowflake_next()') > 0, 'registry down: IDs of a static worker go on');
    $registry->start;
    ok($one->poll_query_until('postgres', q(SELECT ticket_next('small') > 0)), 'registry back: it goes on without a restart');
    my $further = next_ticket($one, 'small');
    my %before = map { $_ => 1 } @drawn, @$numbers;
    ok(!$before{$further}, 'registry back: with other numbers');

    use_up($two, 'small', 1);
    my @processes = freeze($registry);
    my (undef, $slow) = use_up($two, 'small', 100_000);
    thaw(@processes);
    like($slow, qr/DETAIL:  (it takes too long|.*timeout)/, 'a registry that does not answer: an error, too');
    ok($two->poll_query_until('postgres', q(SELECT ticket_next('small') > 0)), 'and it goes on afterwards');
    # a caller that waits can be cancelled
    my $session = session($one);
    ask($session, q(SELECT ticket_next('small') FROM generate_series(1, 100)));
    @processes = freeze($registry);
    my (undef, $cancelled) = ask($session, q(SET statement_timeout = '300ms'; SELECT count(ticket_next('small')) FROM generate_series(1, 100000)));
    thaw(@processes);
    like($cancelled, qr/canceling statement due to statement timeout/, 'a caller that waits for a block can be cancelled');
    $session->quit;
}

# The counter is dropped or closed to us in the registry.
{
    $one->safe_psql('postgres', q(SELECT ticket_create('fleeting', 1, 1)));
    is(next_ticket($one, 'fleeting'), 1, 'a counter in the registry');
    $registry->safe_psql('postgres', q(SELECT ticket_drop('fleeting')));
    my (undef, $error) = use_up($one, 'fleeting', 100_000);
    like($error, qr/DETAIL:  ERROR:  ticket "fleeting" does not exist/, 'dropped in the registry: the error says so');
    my $session = session($two);
    $one->safe_psql('postgres', q(SELECT ticket_drop('fleeting')));
    fails($one, 'postgres', q(SELECT ticket_next('fleeting')), 'dropped here', qr/ticket "fleeting" does not exist/);
    $session->quit;
}

# Privileges here are those of the sequence here.
{
    $one->safe_psql('postgres', 'CREATE ROLE clerk LOGIN');
    fails($one, 'postgres', q(SET ROLE clerk; SELECT ticket_next('load')), 'not for everybody', qr/permission denied for ticket "load"/);
    $one->safe_psql('postgres', 'GRANT USAGE ON SEQUENCE load_ticket TO clerk');
    cmp_ok($one->safe_psql('postgres', q(SET ROLE clerk; SELECT ticket_next('load'))), '>', 0, 'for those who may use its sequence');
}

# A registry that lost its newest claims, such as a standby that had not got them: its numbers are
# refused as long as they were given out here before.
{
    $registry->backup('behind');
    my $behind = PostgreSQL::Test::Cluster->new('behind');
    $behind->init_from_backup($registry, 'behind', has_streaming => 1);
    $behind->start;
    my $third = new_drawer('third', 3, $registry, $behind);
    $third->safe_psql('postgres', q(SELECT ticket_create('lost', 1, 10)));
    $registry->wait_for_catchup($behind);
    $behind->append_conf('postgresql.conf', "primary_conninfo = ''");
    $behind->reload;
    ok($registry->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_replication'), 'a standby that gets no more');
    my @before = map { next_ticket($third, 'lost') } 1 .. 100;
    $registry->stop('immediate');
    $behind->promote;
    my (@after, @other);
    # what the promoted standby gives out at first is known here, and skipped
    for my $turn (1 .. 200)
    {
        my ($numbers, $error) = use_up($third, 'lost', 100);
        push @after, @$numbers;
        last if @after > 300;
        push @other, $error if $error !~ /\A\z|it lost its newest state|connection to server|server closed/;
        sleep 0.1;
    }
    is(join('', @other), '', 'refused while the numbers are old');
    cmp_ok(scalar @after, '>', 300, 'it goes on');
    my %seen;
    is((grep { $seen{$_}++ } @before, @after), 0, 'a registry that lost claims: no number twice');
    like(slurp_file($third->logfile), qr/gave out before: it lost its newest state/, 'and the error said why');
    $behind->stop;
    $third->stop;
    $registry->start;
}

# Two registries with odd and even numbers: one of them is killed, and clients notice nothing.
{
    my $other = new_registry('other');
    for ([ $registry, 1 ], [ $other, 2 ])
    {
        my ($node, $start) = @$_;
        $node->safe_psql('postgres', "SELECT ticket_create('pair', $start, 10, 2); GRANT USAGE ON SEQUENCE pair_ticket TO member");
    }
    my $first = new_drawer('first', 4, $registry, $other);
    my $second = new_drawer('second', 5, $other, $registry);
    $_->safe_psql('postgres', q(SELECT ticket_create('pair', 1, 10, 2))) for $first, $second;
    is(next_ticket($first, 'pair') % 2, 1, 'odd and even: one server draws odd numbers');
    is(next_ticket($second, 'pair') % 2, 0, 'odd and even: the other one even numbers');

    my @many = (q(SELECT ticket_next('pair') FROM generate_series(1, 5000))) x 300;
    my @clients = map { start_recording($_, 'postgres', @many) } $first, $second, $first, $second;
    ok(wait_until(sub { !grep { $_ < 100_000 } recorded_bytes(@clients) }, 60), 'odd and even: clients record');
    $registry->stop('immediate');
    finish_recording(@clients);
    is(join('', map { slurp_file($_->{errors}) } @clients), '', 'one registry killed: no client had an error');
    my ($count) = check_ids('one registry killed', \@clients, any_order => 1);
    is($count, 4 * 300 * 5000, 'one registry killed: all got what they asked for');
    is(next_ticket($first, 'pair') % 2, 0, 'one registry killed: its server draws from the other one');
    $registry->start;
    $first->restart;
    my @again = map { record($_, 'postgres', 1, $many[0]) } $first, $second;
    check_ids('both registries again', [ @clients, @again ], any_order => 1);
    is(next_ticket($first, 'pair') % 2, 1, 'both registries again: odd numbers again');
    $_->stop for $first, $second, $other;
}

# A server whose own database is the registry.
{
    my $self = new_node('self', conf => "max_connections = 20\n");
    my $where = line_up($self) =~ s/user=member//r;
    $self->append_conf('postgresql.conf', "snowflake_pg.ticket_registry = '$where'");
    $self->start;
    $self->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    $self->safe_psql('postgres', q(SELECT ticket_create('own', 7, 10)));
    is(next_ticket($self, 'own'), 7, 'a database that is its own registry');
    is($self->safe_psql('postgres', 'SELECT registry FROM snowflake_ticket'), 'f', 'has a counter, not a reference to itself');
    $self->safe_psql('postgres', 'CREATE DATABASE tenant');
    $self->safe_psql('tenant', 'CREATE EXTENSION snowflake_pg');
    $self->safe_psql('tenant', q(SELECT ticket_create('own', 7, 10)));
    is($self->safe_psql('tenant', q(SELECT ticket_next('own'))), 17, 'other databases of the server draw from it');
    $self->stop;
}

# What is set, and what it takes.
{
    my $wrong = new_node('wrong', conf => "snowflake_pg.ticket_registry = 'nowhere password=secret'\n");
    ok(!$wrong->start(fail_ok => 1), 'no connection string: the server does not start');
    my $log = slurp_file($wrong->logfile);
    like($log, qr/FATAL:  invalid value for parameter "snowflake_pg.ticket_registry": "..."/, 'and says why');
    unlike($log, qr/secret/, 'but no password');
    $one->append_conf('postgresql.conf', 'snowflake_pg.ticket_registry = local');
    $one->restart;
    fails($one, 'postgres', q(SELECT ticket_next('load')), 'a ticket of a registry, with none set',
        qr/DETAIL:  no registry is set/);
    is($one->safe_psql('postgres', q(SELECT ticket_create('here', 5, 10); SELECT ticket_next('here'))), "\n5", 'local tickets');
    is($one->safe_psql('postgres', q(SELECT registry FROM snowflake_tickets WHERE name = 'here')), 'f', 'and they are so for ever');
}

$_->stop for $one, $two, $registry;
done_testing();
