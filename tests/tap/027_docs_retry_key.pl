# examples/retry_key for real: answers are lost, the sender is killed, the database is restored from an
# old dump, and every message arrives once. With keys that are not made from the ID messages arrive twice.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Encode qw(encode_utf8);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $python = $ENV{RETRY_KEY_PYTHON} // '';
if (!$python || system($python, '-c', 'import psycopg') != 0)
{
    fail("RETRY_KEY_PYTHON ('$python') names a Python that has examples/retry_key/requirements.txt");
    done_testing();
    exit 1;
}

my $example = "$FindBin::RealBin/../../examples/retry_key";
my $messages = 200;
my $limit = 60;

# Whatever is started here is killed at the end, however the end comes.
my %running;
$SIG{$_} = sub { die "ended by a signal\n" } foreach qw(HUP INT TERM);

END
{
    my $status = $?;
    end_process($_) for values %running;
    $? = $status;
}

my $node = new_node('retry_key');
$node->start;
my $files = $node->basedir;

sub start_process
{
    my ($name, @command) = @_;
    my $process = { out => "$files/$name.out", err => "$files/$name.err" };
    # an old output must not be taken for this process's
    unlink $process->{out};
    $process->{run} = IPC::Run::start([ $python, @command ],
        '<', '/dev/null', '>', $process->{out}, '2>', $process->{err});
    return $running{ $process->{run} } = $process;
}

# Waits for the end of a process, with a limit, and answers its wait status.
sub wait_process
{
    my ($process) = @_;
    wait_until(sub { !$process->{run}->pumpable }, $limit) or die "$process->{out}: it does not end\n";
    $process->{run}->finish;
    delete $running{ $process->{run} };
    return $process->{run}->full_result(0);
}

sub end_process
{
    my ($process) = @_;
    $process->{run}->signal('KILL');
    return wait_process($process);
}

# Three answers in ten do not come: most connections are cut, a few are left open in silence.
sub start_endpoint
{
    my ($name) = @_;
    my $endpoint = start_process("endpoint_$name", "$example/endpoint.py",
        '--journal', "$files/$name.journal", '--cut', 0.29, '--stall', 0.01, '--delay', 0.005);
    $endpoint->{journal} = "$files/$name.journal";
    wait_until(sub { slurp_file($endpoint->{out}) =~ /\n/ }, $limit) or die 'the endpoint does not start';
    ($endpoint->{url}) = slurp_file($endpoint->{out}) =~ m{^(http://127\.0\.0\.1:\d+/)$}m;
    return $endpoint;
}

# The requests that reached an endpoint. The last line may be half written.
sub requests
{
    my ($endpoint) = @_;
    return map { decode_json($_) } slurp_file($endpoint->{journal}) =~ /^(.+)\n/mg;
}

# One line for each message that an endpoint accepted.
sub accepted
{
    my ($endpoint) = @_;
    return sort map {
        my ($to, $text) = ($_->{payload}{to}, $_->{payload}{messages}[0]{text});
        encode_utf8("$_->{key}|$to|$text|$_->{request_id}");
    } grep { $_->{status} == 200 } requests($endpoint);
}

# How many different messages are among the requests for which a field has a value.
sub different_messages
{
    my ($endpoint, $field, $value) = @_;
    my %texts = map { $_->{payload}{messages}[0]{text} => 1 } grep { $_->{$field} eq $value } requests($endpoint);
    return scalar keys %texts;
}

# The same lines, from the table.
sub marked
{
    my ($database, $key) = @_;
    return sort split /\n/,
      $node->safe_psql($database,
        "SELECT $key, recipient, body, request_id FROM outgoing WHERE status IN (200, 409)");
}

sub start_sender
{
    my ($database, $key, $endpoint) = @_;
    return start_process("sender_$database", "$example/sender.py",
        '--database', $node->connstr($database), '--key', $key, '--drain',
        '--timeout', 0.3, '--backoff', 0.05, $endpoint->{url});
}

# Kills a sender between an answer and its mark, when so many messages have arrived.
sub crash
{
    my ($database, $endpoint, $sender, $arrived) = @_;
    my $unmarked = 0;
    wait_until(
        sub {
            die slurp_file($sender->{err}) unless $sender->{run}->pumpable;
            return 0 if different_messages($endpoint, 'status', 200) < $arrived;
            # nothing changes while we look
            $sender->{run}->signal('STOP');
            $unmarked = different_messages($endpoint, 'answer', 'sent')
              - $node->safe_psql($database, 'SELECT count(*) FROM outgoing WHERE status IS NOT NULL');
            return 1 if $unmarked > 0;
            $sender->{run}->signal('CONT');
            return 0;
        },
        $limit);
    my $status = end_process($sender);
    ok($unmarked > 0 && ($status & 127) == 9,
        "$database: killed with $unmarked messages answered and not marked")
      or diag("wait status $status");
    return;
}

# Sends the messages of a database with three crashes, and a dump after the second if there is a name for it.
sub send_all
{
    my ($database, $key, $endpoint, $dump) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    foreach my $arrived (30, 90, 150)
    {
        crash($database, $endpoint, start_sender($database, $key, $endpoint), $arrived);
        $node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr($database) ], 'a dump in between')
          if $dump && $arrived == 90;
    }
    finish_sending($database, $key, $endpoint);
    return;
}

sub finish_sending
{
    my ($database, $key, $endpoint) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $sender = start_sender($database, $key, $endpoint);
    is(wait_process($sender), 0, "$database: a sender gets through") or diag(slurp_file($sender->{err}));
    note slurp_file($sender->{out});
    is($node->safe_psql($database, 'SELECT count(*) FROM outgoing WHERE status IN (200, 409)'),
        $messages, "$database: all rows are marked sent");
    return;
}

sub create_messages
{
    my ($database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0");
    $node->command_ok(
        [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', "$example/schema.sql" ],
        "$database: schema.sql runs");
    $node->safe_psql($database, <<"SQL");
INSERT INTO outgoing (recipient, body)
SELECT 'user ' || n % 7, 'message ' || n || ' ' || chr(12354) FROM generate_series(1, $messages) AS n
SQL
    return;
}

# How many requests got a status, and of how many the answer was lost in a way.
sub tally
{
    my ($endpoint) = @_;
    my %tally = map { $_ => 0 } qw(200 409 cut stalled sent);
    foreach my $request (requests($endpoint))
    {
        $tally{ $request->{status} }++;
        $tally{ $request->{answer} }++;
    }
    note join ', ', map { "$_: $tally{$_}" } sort keys %tally;
    return %tally;
}

sub arrived_once
{
    my ($database, $key, $endpoint) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @accepted = accepted($endpoint);
    is(@accepted, $messages, "$database: the endpoint accepted $messages messages");
    is(different_messages($endpoint, 'status', 200), $messages, "$database: no two of them the same");
    is(join("\n", @accepted),
        join("\n", marked($database, $key)),
        "$database: keys, recipients, texts and request IDs are those of the table");
    my %tally = tally($endpoint);
    cmp_ok($tally{409}, '>', 0, "$database: $tally{409} repetitions were answered 409");
    cmp_ok($tally{cut}, '>', $messages / 10, "$database: $tally{cut} answers were lost to a cut connection");
    cmp_ok($tally{stalled}, '>', 0, "$database: $tally{stalled} answers never came");
    return;
}

my $computed = 'uuid_v5(shop_namespace(), id::text)';

# a stored key
create_messages('stored');
my $endpoint = start_endpoint('stored');
send_all('stored', 'stored', $endpoint, "$files/stored.dump");
arrived_once('stored', 'retry_key', $endpoint);

# the database of some time ago, which does not know what was sent since
$node->safe_psql('postgres', "CREATE DATABASE restored ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0");
$node->command_ok(
    [ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1',
        '-d', $node->connstr('restored'), '-f', "$files/stored.dump" ],
    'the dump is restored');
my $keys = 'SELECT id, retry_key FROM outgoing ORDER BY id';
is($node->safe_psql('restored', $keys), $node->safe_psql('stored', $keys), 'restored: every key is as it was');
is($node->safe_psql('restored', "SELECT count(*) FROM outgoing WHERE retry_key = $computed"),
    $messages, 'restored: and as computed from the ID');
cmp_ok($node->safe_psql('restored', 'SELECT count(*) FROM outgoing WHERE status IS NULL'),
    '>=', 50, 'restored: messages that were sent since the dump are not marked');
# the endpoint too may start again
end_process($endpoint);
$endpoint = start_endpoint('stored');
my %before = tally($endpoint);
finish_sending('restored', 'stored', $endpoint);
my %after = tally($endpoint);
cmp_ok($after{409}, '>=', $before{409} + 50, 'restored: they were sent again and answered 409');
arrived_once('restored', 'retry_key', $endpoint);
end_process($endpoint);

# no key in the table
create_messages('computed');
$node->safe_psql('computed', 'ALTER TABLE outgoing DROP COLUMN retry_key');
$endpoint = start_endpoint('computed');
send_all('computed', 'computed', $endpoint);
arrived_once('computed', $computed, $endpoint);
end_process($endpoint);

# the mistake that the key is against: the same, but every attempt has a key of its own
create_messages('random');
$endpoint = start_endpoint('random');
send_all('random', 'random', $endpoint);
is(different_messages($endpoint, 'status', 200), $messages, 'random: every message arrived');
my %tally = tally($endpoint);
cmp_ok($tally{200}, '>', $messages, 'random: ' . ($tally{200} - $messages) . ' of them came as duplicates');
is($tally{409}, 0, 'random: the endpoint could not tell');
end_process($endpoint);

$node->stop;
done_testing();
