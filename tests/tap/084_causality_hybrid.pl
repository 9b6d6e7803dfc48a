# Hybrid times on servers that crash, whose clocks are stepped, that are promoted, and that receive times from each other:
# each one is above all that were given out or received before. And IDs that follow those of other servers.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use DocsTest qw(shows_examples);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { CLIENTS => 8, TIMES => 500_000 };

my $next = 'SELECT hlc_next()::bigint';

# The next time of a database is above a bound; answers it.
sub above
{
    my ($node, $database, $bound, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $node->safe_psql($database, $next);
    cmp_ok($got, '>', $bound, "$name: above all before");
    return $got;
}

# A time that many seconds ahead of the server's clock.
sub ahead
{
    my ($node, $seconds) = @_;
    return $node->safe_psql('postgres', "SELECT hlc(clock_timestamp() + '$seconds s')::bigint");
}

# Seconds that a time is ahead of the true clock.
sub lead { return ($_[0] >> 10) / 1e6 + 946684800 - time }

my $node = new_node('primary', allows_streaming => 'logical');
fake_clock($node);
with_clock($node, sub { $node->start });
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
# the page

$node->safe_psql('postgres', 'CREATE DATABASE docs');
$node->safe_psql('docs', 'CREATE EXTENSION snowflake_pg');
shows_examples($node, 'docs', 'causality', 'Hybrid logical clock', 4);

# many at once

my @clients = record($node, 'postgres', CLIENTS,
    sprintf 'COPY (SELECT hlc_next()::bigint FROM generate_series(1, %d)) TO STDOUT', TIMES);
my ($count, $smallest, $largest) = check_ids('eight clients', \@clients);
is($count, CLIENTS * TIMES, 'eight clients: every one got as many as it asked for');
is(join('', map { slurp_file($_->{errors}) } @clients), '', 'eight clients: nothing failed');
unlink $_->{ids} for @clients;
$largest = above($node, 'postgres', $largest, 'eight clients');
cmp_ok($node->safe_psql('postgres', 'SELECT last_value FROM hlc_mark'),
    '>', ($largest >> 10) / 1000 + 946684800_000, 'the stored mark is above the last one');

# crashes

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION snowflake_pg');
for my $round (1 .. 3)
{
    my @busy = map {
        start_recording($node, $_, ('COPY (SELECT hlc_next()::bigint FROM generate_series(1, 1000)) TO STDOUT') x 5_000)
    } qw(postgres other);
    wait_until(sub { !grep { $_ < 50_000 } recorded_bytes(@busy) }) or die 'not all clients receive times';
    sleep rand 0.7;
    $node->stop('immediate');
    finish_recording(@busy);
    (undef, undef, my $last) = check_ids("crash $round", \@busy);
    with_clock($node, sub { $node->start });
    my @first = map { $node->safe_psql($_, $next) } qw(other postgres);
    cmp_ok($first[0], '>', $last, "crash $round: above all that both databases gave out");
    cmp_ok($first[1], '>', $first[0], "crash $round: one word for both");
    cmp_ok(lead($first[0]), '<', 3, "crash $round: and not too far ahead for others");
}

# What was received is remembered as what was given out, also in a database that is asked first after the crash.
my $received = ahead($node, 1.9);
$node->safe_psql('other', "SELECT hlc_witness($received\::bigint::hlc)");
$node->stop('immediate');
with_clock($node, sub { $node->start });
above($node, 'postgres', $received, 'received in another database before a crash');
above($node, 'other', $received, 'received before a crash');

# Shared memory is cleared, and the clock goes back meanwhile.
$received = ahead($node, 1.9);
$node->safe_psql('postgres', "SELECT hlc_witness($received\::bigint::hlc)");
$node->stop('immediate');
set_clock($node, -600);
with_clock($node, sub { $node->start });
$largest = above($node, 'postgres', $received, 'a crash, and the clock 600 s back');
fails($node, 'postgres', 'SELECT hlc_witness(hlc(clock_timestamp() + interval \'1000 s\'))', 'what is far ahead of that clock is refused',
    qr/ERROR:  55000: the hybrid time \S+ \S+ is (?:999\.9|1000\.0)\d\d s ahead of the clock/,
    qr/DETAIL:  The clock of this server reads \S+; snowflake_pg\.max_clock_offset is 2\.000 s\./,
    qr/HINT:  Compare both clocks with the right time/);
above($node, 'postgres', $largest, 'after what was refused');
set_clock($node, 0);
sleep 3;
cmp_ok(lead(above($node, 'postgres', $largest, 'corrected')), '<', 1, 'corrected: times follow the clock');

# steps of the clock

$largest = $node->safe_psql('postgres', $next);
set_clock($node, -300);
$largest = above($node, 'postgres', $largest, '300 s back');
cmp_ok(abs(lead($largest)), '<', 10, '300 s back: goes on from the last one');
set_clock($node, -7200);
sleep 0.1;
fails($node, 'postgres', 'SELECT hlc_next()', '7200 s back: refused', qr/ERROR:  55000: the clock went back by (?:7199|7200|7201)\.\d\d\d s/);
fails($node, 'postgres', 'SELECT hlc_witness(hlc_now())', '7200 s back: receiving is refused', qr/ERROR:  55000: the clock went back/);
reload_with($node, 'snowflake_pg.clock_tolerance', '3h');
$largest = above($node, 'postgres', $largest, '7200 s back and tolerated');
set_clock($node, 0);
sleep 1;
$largest = above($node, 'postgres', $largest, 'corrected again');

# the mark is one that somebody changed

$node->safe_psql('postgres', q(SELECT setval('hlc_mark', 1)));
above($node, 'postgres', $largest, 'the mark set lower');
$node->stop('immediate');
with_clock($node, sub { $node->start });
$largest = above($node, 'postgres', $largest, 'the mark set lower, and a crash');
fails($node, 'postgres', 'BEGIN; ALTER SEQUENCE hlc_mark RESTART; SELECT hlc_next(), pg_sleep(0.1) FROM generate_series(1, 50)',
    'altered in an open transaction', qr/ERROR:  55000: cannot raise the mark "hlc_mark"/);
for my $sql ('BEGIN READ ONLY; SELECT hlc_next()::bigint; ROLLBACK', 'BEGIN; SELECT hlc_next()::bigint; ROLLBACK')
{
    my $got = $node->safe_psql('postgres', $sql);
    cmp_ok($got, '>', $largest, $sql);
    $largest = $got;
}

# dump and restore

my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
like(slurp_file($dump), qr/setval\('public\.hlc_mark'/, 'the mark is dumped');

# a standby, promoted with its clock behind

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', 'CREATE TABLE event (at hlc PRIMARY KEY DEFAULT hlc_next())');
$node->safe_psql('postgres', 'INSERT INTO event SELECT FROM generate_series(1, 1000)');
$received = ahead($node, 1.9);
$largest = $node->safe_psql('postgres', "INSERT INTO event VALUES (hlc_witness($received\::bigint::hlc)) RETURNING at::bigint");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
fails($standby, 'postgres', "SELECT $_", "a standby refuses: $_", qr/ERROR:  25006: cannot generate hybrid times during recovery/)
  for 'hlc_next()', 'hlc_now()', 'hlc_transaction()', 'hlc_witness(hlc \'2020-01-01 00:00:00+00\')';
is($standby->safe_psql('postgres', 'SELECT max(at)::bigint FROM event'), $largest, 'and reads them');
$node->stop('immediate');
$standby->stop;
start_behind($standby, 900);
$standby->safe_psql('postgres', 'SELECT pg_promote()');
above($standby, 'postgres', $largest, 'promoted, the clock 900 s behind');
$standby->stop;

# two servers, by logical replication

my $conf = "wal_retrieve_retry_interval = '500ms'\n";
my ($sender, $receiver) =
  (new_node('sender', allows_streaming => 'logical', conf => $conf), new_node('receiver', allows_streaming => 'logical', conf => "${conf}snowflake_pg.worker_id = '2'\n"));
fake_clock($sender);
with_clock($sender, sub { $sender->start });
$receiver->start;
$_->safe_psql('postgres', <<'SQL') for $sender, $receiver;
CREATE EXTENSION snowflake_pg;
CREATE TABLE message (id bigint PRIMARY KEY DEFAULT snowflake_next(), at hlc NOT NULL DEFAULT hlc_next(), body text);
SQL
$receiver->safe_psql('postgres', <<'SQL');
CREATE TRIGGER receive BEFORE INSERT OR UPDATE ON message FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('at');
CREATE TRIGGER follow BEFORE INSERT OR UPDATE ON message FOR EACH ROW EXECUTE FUNCTION snowflake_witness_row('id');
ALTER TABLE message ENABLE REPLICA TRIGGER receive;
ALTER TABLE message ENABLE REPLICA TRIGGER follow;
SQL
$sender->safe_psql('postgres', 'CREATE PUBLICATION message FOR TABLE message');
my $connection = $sender->connstr('postgres') =~ s/'/''/gr;
$receiver->safe_psql('postgres', "CREATE SUBSCRIPTION message CONNECTION '$connection' PUBLICATION message WITH (copy_data = false)");

# Whether the receiver has a row by now.
sub arrives
{
    my ($id) = @_;
    return $receiver->poll_query_until('postgres', "SELECT count(*) = 1 FROM message WHERE id = $id");
}

# Answers the row and what the receiver makes after it.
sub exchange
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $sent = $sender->safe_psql('postgres', q(INSERT INTO message (body) VALUES ('question') RETURNING id || '|' || at::bigint));
    my ($id, $at) = split /\|/, $sent;
    ok(arrives($id), "$name: the row arrives");
    my ($own_id, $own_at) = split /\|/, $receiver->safe_psql('postgres',
        q(INSERT INTO message (body) VALUES ('answer') RETURNING id || '|' || at::bigint));
    cmp_ok($own_at, '>', $at, "$name: the answer's time is above the question's");
    return ($id, $own_id);
}

set_clock($sender, 0);
my ($id, $own_id) = exchange('clocks agree');
cmp_ok($own_id, '>', $id, 'clocks agree: the answer\'s ID is above, too');
# within the offset, and for IDs within the lead
set_clock($sender, 0.4);
sleep 0.1;
($id, $own_id) = exchange('the sender is 0.4 s ahead');
cmp_ok($own_id, '>', $id, 'the sender is 0.4 s ahead: the answer\'s ID is above, too');
# An ID that is too far ahead stops nothing, and the log says so once.
my $log = log_size($receiver);
set_clock($sender, 1.5);
sleep 0.1;
($id) = exchange('the sender is 1.5 s ahead');
exchange('the sender is still 1.5 s ahead');
my @lines = grep { /LOG: .*ID \d+ is .* ahead of the clock/ } split /\n/, log_since($receiver, $log);
is(scalar @lines, 1, 'the sender is 1.5 s ahead: the log says once that IDs cannot follow') or diag(@lines);
like($lines[0] // '', qr/LOG:  ID $id is 1\.\d\d\d s ahead of the clock/, 'the sender is 1.5 s ahead: and which one');

# Beyond the offset: the subscription stops, loudly, and goes on by itself once the clock here has caught up.
$log = log_size($receiver);
set_clock($sender, 6);
my ($far) = split /\|/, $sender->safe_psql('postgres', q(INSERT INTO message (body) VALUES ('far') RETURNING id || '|' || at::bigint));
ok(wait_until(sub { log_since($receiver, $log) =~ /ERROR:  the hybrid time \S+ \S+ is \d\.\d\d\d s ahead of the clock/ }),
    'the sender is 6 s ahead: refused');
my $now = $receiver->safe_psql('postgres', 'SELECT hlc_next()::bigint');
cmp_ok(lead($now), '<', 3, 'the sender is 6 s ahead: nothing is moved by it');
ok(arrives($far), 'the sender is 6 s ahead: the row arrives when the clock has caught up');
set_clock($sender, 0);

my $odd = $sender->safe_psql('postgres',
    q(INSERT INTO message (id, body) VALUES (snowflake_encode(clock_timestamp() + '1 h', 1, 0), 'odd') RETURNING id));
ok(arrives($odd), 'an ID that is 1 h ahead arrives');
my $bounded = $receiver->safe_psql('postgres', 'SELECT extract(epoch FROM snowflake_timestamp(snowflake_next()) - clock_timestamp())');
cmp_ok($bounded, '<', 1, 'IDs here stay near the clock');

# All workers follow, and those that are taken later.
my $peer = $receiver->safe_psql('postgres', q(SELECT snowflake_encode(clock_timestamp() + '0.4 s', 1023, 4095)));
$receiver->safe_psql('postgres', "SELECT snowflake_witness($peer)");
reload_with($receiver, 'snowflake_pg.worker_id', '3-5');
my $smallest_of_all = $receiver->safe_psql('postgres', 'SELECT min(snowflake_next(worker)) FROM generate_series(3, 5) AS worker');
cmp_ok($smallest_of_all, '>', $peer, 'the words of all workers follow');

$receiver->safe_psql('postgres', 'DROP SUBSCRIPTION message');
$_->stop for $sender, $receiver;
done_testing();
