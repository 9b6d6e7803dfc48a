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
use Time::HiRes qw(sleep time);

# A server that only draws tickets: worker IDs are set by hand.
sub new_drawer
{
    my ($name, $worker, @registries) = @_;
    my $where = line_up(@registries);
    # names are told in UTF-8, whatever the locale of who runs this
    my $node = new_node($name, extra => [ '--locale=C', '--encoding=UTF8' ], conf => <<"CONF");
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

# The background worker of a server.
sub registrar
{
    my ($node) = @_;
    my ($registrar) = grep { qx(ps -o args= -p $_) =~ /snowflake_pg registrar/ } processes($node);
    return $registrar;
}

my $registry = new_registry('registry', allows_streaming => 1, extra => [ '--locale=C', '--encoding=UTF8' ]);
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
    like($notice, qr/NOTICE:  ticket "order" already exists in the registry; its start and step stay as they are/, 'known in the registry');
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
    kill 'TERM', registrar($two);
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

# A registry whose synchronous standby is gone: a claim is not answered, and its statement waits on
# after the client is gone. Attempts do not pile up there.
{
    $registry->safe_psql('postgres', q(ALTER SYSTEM SET synchronous_standby_names = 'nobody'));
    $registry->reload;
    for my $attempt (1 .. 4)
    {
        my (undef, $error) = use_up($one, 'small', 1_000_000);
        # or the registry has ended the statement before the member gives up
        like($error, qr/DETAIL:  (it takes too long|ERROR:  canceling statement that waits for synchronous standbys)/,
            "no synchronous standby: an error, attempt $attempt");
        sleep 0.6;
    }
    cmp_ok($registry->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep')),
        '<=', 2, 'no synchronous standby: statements do not pile up in the registry');
    $registry->safe_psql('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
    $registry->reload;
    ok($one->poll_query_until('postgres', q(SELECT ticket_next('small') > 0)), 'and it goes on');
}

# The counter is dropped or closed to us in the registry.
{
    $one->safe_psql('postgres', q(SELECT ticket_create('fleeting', 1, 1)));
    is(next_ticket($one, 'fleeting'), 1, 'a counter in the registry');
    $registry->safe_psql('postgres', q(SELECT ticket_drop('fleeting')));
    my (undef, $error) = use_up($one, 'fleeting', 100_000);
    like($error, qr/DETAIL:  ERROR:  ticket "fleeting" does not exist/, 'dropped in the registry: the error says so');
    my $session = session($one);
    (undef, $error) = ask($session, q(SELECT ticket_next('fleeting')));
    like($error, qr/no block of ticket "fleeting"/, 'a session that knows the counter');
    $one->safe_psql('postgres', q(SELECT ticket_drop('fleeting')));
    (undef, $error) = ask($session, q(SELECT ticket_next('fleeting')));
    like($error, qr/ERROR:  ticket "fleeting" does not exist/, 'dropped here: it is told');
    $session->quit;
    fails($one, 'postgres', q(SELECT ticket_next('fleeting')), 'dropped here', qr/ticket "fleeting" does not exist/);

    # only its sequence was dropped: the error says so, and the name is free
    $one->safe_psql('postgres', q(SELECT ticket_create('dangling', 1, 1)));
    $registry->safe_psql('postgres', 'DROP SEQUENCE dangling_ticket');
    fails($one, 'postgres', q(SELECT ticket_next('dangling')), 'its sequence was dropped in the registry',
        qr/DETAIL:  ERROR:  cannot draw ticket "dangling" DETAIL:  Its sequence was dropped/);
    $one->safe_psql('postgres', q(SELECT ticket_drop('dangling'); SELECT ticket_create('dangling', 5, 1)));
    is(next_ticket($one, 'dangling'), 5, 'and is created again from a member');
}

# Names are those of the registry, each character of them.
{
    $registry->safe_psql('postgres', q(SELECT ticket_create('a b', 1, 10); GRANT USAGE ON SEQUENCE "a b_ticket" TO member));
    $one->safe_psql('postgres', q(SELECT ticket_create(E'a\tb', 100, 10)));
    is(next_ticket($one, "a\tb"), 100, 'a name with a tab is not that with a blank');
    is($registry->safe_psql('postgres', q(SELECT next FROM snowflake_tickets WHERE name = 'a b')), 1, 'whose counter is as it was');
    my $long = 'x' x 56;
    $one->safe_psql('postgres', qq(SELECT ticket_create('$long', 7, 10)));
    is(next_ticket($one, $long), 7, 'the longest name');

    $one->safe_psql('postgres', qq(CREATE DATABASE $_->[0] ENCODING '$_->[1]' TEMPLATE template0 LOCALE 'C'))
      for [ 'latin', 'LATIN1' ], [ 'ascii', 'SQL_ASCII' ];
    $one->safe_psql($_, 'CREATE EXTENSION snowflake_pg') for 'latin', 'ascii';
    $one->safe_psql('latin', q(SET client_encoding = 'LATIN1'; SELECT ticket_create(E'caf\xe9', 300, 10)));
    is($one->safe_psql('latin', q(SET client_encoding = 'LATIN1'; SELECT ticket_next(E'caf\xe9'))), 300, 'a name in LATIN1');
    is($registry->safe_psql('postgres', q(SELECT next FROM snowflake_tickets WHERE name = E'caf\u00e9')), 310, 'is that in UTF-8');
    fails($one, 'ascii', q(SELECT ticket_create(E'caf\xe9', 1, 10)), 'a name that is not valid in UTF-8',
        qr/ERROR:  22023: invalid name of a ticket/, qr/DETAIL:  In a registry it must be valid in UTF-8/);
    $one->safe_psql('ascii', q(SELECT ticket_create(E'caf\xc3\xa9', 1, 10)));
    is($one->safe_psql('ascii', q(SELECT ticket_next(E'caf\xc3\xa9'))), 310, 'one that is, without an encoding');
}

# Nothing is left in the registry by a transaction that can create nothing here.
{
    fails($one, 'postgres', q(BEGIN READ ONLY; SELECT ticket_create('readonly', 1, 10)), 'read-only: no ticket is created',
        qr/ERROR:  25006: cannot execute ticket_create\(\) in a read-only transaction/);
    is($registry->safe_psql('postgres', q(SELECT count(*) FROM snowflake_ticket WHERE name = 'readonly')), 0, 'read-only: nor in the registry');
}

# A session that altered the counter here keeps nobody from what is cached.
{
    $one->safe_psql('postgres', q(SELECT ticket_create('renamed', 1, 100)));
    my ($knows, $alters) = map { session($one) } 1 .. 2;
    ask($knows, q(SELECT ticket_next('renamed')));
    ask($alters, 'BEGIN; ALTER SEQUENCE renamed_ticket RENAME TO other');
    my ($number, $error) = ask($knows, q(SET lock_timeout = '5s'; SELECT max(ticket_next('renamed')) FROM generate_series(1, 99)));
    is("$number$error", 100, 'all that is cached, while the sequence is locked');
    ask($alters, 'ROLLBACK');
    $_->quit for $knows, $alters;
}

# A server that draws as many tickets of registries as it can; dropping one makes room.
{
    my $full = new_drawer('full', 6, $registry);
    $full->safe_psql('postgres', q(SELECT ticket_create('many ' || i, 1, 10) FROM generate_series(1, 65) AS i));
    is($full->safe_psql('postgres', q(SELECT sum(ticket_next('many ' || i)) FROM generate_series(1, 64) AS i)), 64, '64 tickets');
    fails($full, 'postgres', q(SELECT ticket_next('many 65')), 'no room for one more',
        qr/ERROR:  53400: cannot draw ticket "many 65"/,
        qr/DETAIL:  This server can draw 64 tickets of registries, and draws as many already/);
    $full->safe_psql('postgres', q(SELECT ticket_drop('many 1')));
    is(next_ticket($full, 'many 65'), 1, 'dropping one makes room');
    $full->safe_psql('postgres', q(SELECT count(ticket_drop('many ' || i)) FROM generate_series(2, 65) AS i));

    # DROP that is rolled back: a session that knows the counter finds its new place. Another ticket
    # has the old place by then, but the entry of the blocks, of which a local ticket left one free,
    # is the counter's own again.
    $full->safe_psql('postgres', q(SELECT ticket_create('back', 1, 4); SELECT ticket_create('taker', 1, 4)));
    $full->safe_psql('postgres', q(SELECT snowflake_ticket_define('here', 1, 10, 1); SELECT ticket_next('here')));
    next_ticket($full, 'back');
    $full->safe_psql('postgres', q(SELECT ticket_drop('here')));
    my $session = session($full);
    ask($session, q(SELECT ticket_next('back')));
    $full->safe_psql('postgres', q(BEGIN; SELECT ticket_drop('back'); ROLLBACK));
    next_ticket($full, $_) for 'taker', 'back';
    my ($count, $error) = ask($session, q(SET statement_timeout = '30s'; SELECT count(ticket_next('back')) FROM generate_series(1, 50)));
    is("$count$error", 50, 'DROP that was rolled back: sessions go on');
    $session->quit;
    $full->stop;
}

# A registry that hangs is told of once for all tickets; one that hangs in one ticket, or a background
# worker that is busy, keeps nobody for long.
{
    my @names = map { "hung_$_" } 1 .. 6;
    my @draw = map { qq(SELECT ticket_next('$_') FROM generate_series(1, 100)) } @names;
    my $draw_all = sub {
        my @clients = map { start_recording($one, 'postgres', q(SET statement_timeout = '12s'), $_) } @draw;
        finish_recording(@clients);
        return map { slurp_file($_->{errors}) } @clients;
    };
    $one->safe_psql('postgres', qq(SELECT ticket_create('$_', 1, 1); SELECT ticket_next('$_'))) for @names;
    my @processes = freeze($registry);
    my @errors = $draw_all->();
    thaw(@processes);
    is((grep { /ERROR:  08000: .*\nDETAIL:  (it takes too long|.*timeout)/ } @errors), 6, 'a registry that hangs: every caller is told at once')
      or diag(@errors);
    ok($one->poll_query_until('postgres', q(SELECT ticket_next('hung_1') > 0)), 'a registry that hangs: it goes on afterwards');

    my $session = session($registry);
    ask($session, join ';', 'BEGIN', map { "ALTER SEQUENCE ${_}_ticket NO CYCLE" } @names);
    @errors = $draw_all->();
    ask($session, 'ROLLBACK');
    is((grep { /ERROR:  08000: / } @errors), 6, 'counters that are locked in the registry: every caller is told') or diag(@errors);
    isnt((grep { /DETAIL:  the registrar of this server has not come to it/ } @errors), 0, 'counters that are locked in the registry: also those whose turn does not come');

    # tickets take turns: two that are asked for all the time, in vain, leave one to the others
    ask($session, join ';', 'BEGIN', map { "ALTER SEQUENCE ${_}_ticket NO CYCLE" } @names[ 0, 1 ]);
    my $again = q(DO $$BEGIN LOOP BEGIN PERFORM ticket_next('%s'); EXCEPTION WHEN connection_exception THEN PERFORM pg_sleep(0.1); END; END LOOP; END$$);
    my @vain = map { start_recording($one, 'postgres', q(SET application_name = vain), sprintf $again, $_) } @names[ 0, 1 ];
    my $asked = q(SELECT count(*) FROM snowflake_tickets WHERE name IN ('hung_1', 'hung_2') AND last_error IS NOT NULL);
    ok($one->poll_query_until('postgres', $asked, '2'), 'two counters that are locked in the registry');
    my $drawn = sub { !($one->psql('postgres', q(SELECT ticket_next('hung_3') FROM generate_series(1, 8))))[0] };
    ok(wait_until($drawn, 60), 'another one has its turn');
    $one->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vain'));
    finish_recording(@vain);
    ask($session, 'ROLLBACK');
    $session->quit;

    # the background worker ends in the middle of it: the next one does it
    $one->safe_psql('postgres', q(SELECT ticket_create('handed', 1, 1); SELECT ticket_next('handed')));
    my ($client, $errors);
    my $waits = q(SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%handed%generate_series%' AND wait_event_type = 'Extension' AND pid <> pg_backend_pid());
    for my $attempt (1 .. 10)
    {
        @processes = freeze($registry);
        my $begin = time;
        $client = start_recording($one, 'postgres', q(SELECT ticket_next('handed') FROM generate_series(1, 100)));
        $one->poll_query_until('postgres', $waits) or fail('no caller waits');
        my $waited = time - $begin;
        kill 'TERM', registrar($one);
        thaw(@processes);
        finish_recording($client);
        $errors = slurp_file($client->{errors});
        # A busy machine leaves too little of the 3 s that the fetching may take, or of the 6 s that a caller waits
        # for the next worker: that is no answer.
        last if $errors eq '' || $waited < 2 && time - $begin < 5;
        note("attempt $attempt: after $waited s: $errors");
    }
    is($errors, '', 'the background worker ends meanwhile: the caller is not told');
    is((check_ids('handed over', [$client]))[0], 100, 'the next one fetches the block');
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

    # one that hangs while a connection to it is open
    my @processes = freeze($registry);
    my ($numbers, $error) = use_up($first, 'pair', 100);
    thaw(@processes);
    is(scalar(@$numbers) . $error, 100, 'one registry hangs: the caller gets a block of the other one');
    is($numbers->[-1] % 2, 0, 'one registry hangs: even numbers');
    $first->restart;
    is(next_ticket($first, 'pair') % 2, 1, 'one registry hangs no more: odd numbers again');

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
    # no error has a part of a password in it that was written wrongly
    for my $setting ('host=a password=very secret', 'host=a password=very secret=1', 'postgresql://u:very@secret@a/b',
        'postgresql://u:secret/very@a/b', 'postgresql://u:p@[::1secret/b')
    {
        fails($one, 'postgres', "ALTER SYSTEM SET snowflake_pg.ticket_registry = '$setting'", "refused: $setting",
            qr/ERROR:  22023: invalid value for parameter/, qr/DETAIL:  (?!.*secret)/);
    }
    $one->append_conf('postgresql.conf', 'max_worker_processes = 0');
    $one->restart;
    fails($one, 'postgres', q(SELECT ticket_next('load')), 'no room for the background worker',
        qr/DETAIL:  the registrar of this server does not run/);
    $one->append_conf('postgresql.conf', "max_worker_processes = 8\nsnowflake_pg.ticket_registry = local");
    $one->restart;
    fails($one, 'postgres', q(SELECT ticket_next('load')), 'a ticket of a registry, with none set',
        qr/DETAIL:  no registry is set/);
    is($one->safe_psql('postgres', q(SELECT ticket_create('here', 5, 10); SELECT ticket_next('here'))), "\n5", 'local tickets');
    is($one->safe_psql('postgres', q(SELECT registry FROM snowflake_tickets WHERE name = 'here')), 'f', 'and they are so for ever');
}

$_->stop for $one, $two, $registry;
done_testing();
