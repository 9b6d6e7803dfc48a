# Where the worker ID comes from, and which values are refused when.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Sys::Hostname;
use Test::More;

my $node = new_node('primary');
$node->adjust_conf('postgresql.conf', 'snowflake_pg.worker_id', undef);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

my $sessions_own = session($node);

# Writes the setting into postgresql.conf.
sub set_worker
{
    my ($value) = @_;
    $node->adjust_conf('postgresql.conf', 'snowflake_pg.worker_id', undef);
    $node->append_conf('postgresql.conf', "snowflake_pg.worker_id = '$value'");
    return;
}

# Does so and reloads; answers what the server logged about it.
sub reload
{
    my ($value) = @_;
    my $log = log_size($node);
    set_worker($value);
    $node->reload;
    # the postmaster logs what has changed or why nothing has
    wait_until(sub { log_since($node, $log) =~ /snowflake_pg\.worker_id/ }, 10)
      or diag("reload to '$value' is not in the log");
    return log_since($node, $log);
}

sub worker
{
    return $node->safe_psql('postgres', 'SELECT snowflake_worker_id(snowflake_next())');
}

# unset

fails($node, 'postgres', 'SELECT snowflake_next()', 'unset: no ID',
    qr/ERROR:  55000: snowflake_pg\.worker_id is not set/,
    qr/DETAIL:  Two servers with one worker ID would give out the same IDs\./,
    qr/HINT:  Set snowflake_pg\.worker_id to a number that no other server has/);
fails($node, 'postgres', 'SELECT snowflake_next(0)', 'unset: no ID of a named worker',
    qr/ERROR:  55000: snowflake_pg\.worker_id is not set/);
fails($node, 'postgres', 'SELECT snowflake_next_batch(1)', 'unset: no batch',
    qr/ERROR:  55000: snowflake_pg\.worker_id is not set/);
my ($out, $error) = ask($sessions_own, 'SELECT snowflake_next()');
like($error, qr/snowflake_pg\.worker_id is not set/, 'unset: also in a session');

# numbers, and sessions that are connected all the time

for my $number (0, 1, 1023)
{
    reload($number);
    is(worker(), $number, "number $number");
    ($out, $error) = ask($sessions_own, 'SELECT snowflake_worker_id(snowflake_next())');
    is($out, $number, "number $number, in a session from before") or diag($error);
}

# ranges

reload('8-15');
is(join(' ', sort { $a <=> $b } map { worker() } 1 .. 8), '8 9 10 11 12 13 14 15', 'a range');
($out) = ask($sessions_own, 'SELECT snowflake_worker_id(snowflake_next())');
my $dealt = $out;
ok($dealt =~ /^\d+$/ && $dealt >= 8 && $dealt <= 15, 'a range, in a session from before') or diag($dealt);
($out) = ask($sessions_own,
    'SELECT count(DISTINCT snowflake_worker_id(snowflake_next())) FROM generate_series(1, 100)');
is($out, 1, 'a session keeps the worker that it was dealt');
reload('8 - 11');
is(join(' ', sort { $a <=> $b } map { worker() } 1 .. 4), '8 9 10 11', 'a range with blanks');
reload('');
fails($node, 'postgres', 'SELECT snowflake_next()', 'empty again: no ID', qr/is not set/);
($out, $error) = ask($sessions_own, 'SELECT snowflake_next()');
like($error, qr/snowflake_pg\.worker_id is not set/, 'empty again: also in a session');

# addresses

my $log = reload('ip:lo');
my $offset = log_size($node);
is(worker(), 1, 'ip:lo is 127.0.0.1');
is(worker(), 1, 'ip:lo again');
my @chosen = grep { /LOG:  snowflake_pg takes worker ID 1 from address 127\.0\.0\.1/ } split /\n/,
  log_since($node, $offset);
is(scalar @chosen, 1, 'the choice is logged once');

reload('ip:nowhere0');
fails($node, 'postgres', 'SELECT snowflake_next()', 'an interface that does not exist',
    qr/ERROR:  55000: no address of interface "nowhere0" to take the worker ID from/,
    qr/HINT:  Name an interface that has an address, such as "ip:eth0", or set snowflake_pg\.worker_id/);
($out, $error) = ask($sessions_own, 'SELECT snowflake_next()');
like($error, qr/no address of interface "nowhere0"/, 'also in a session that had an ID before');

reload('ip');
my ($code, $worker, $message) = $node->psql('postgres', 'SELECT snowflake_worker_id(snowflake_next())');
my $routes = slurp_file('/proc/net/route');
if ($routes =~ /^(\S+)\s+00000000\s/m)
{
    my $interface = $1;
    reload("ip:$interface");
    is($worker, worker(), "ip is the address of the default route's interface, $interface") or diag($message);
}
else
{
    ok($code == 0 || $message =~ /no address to take the worker ID from/,
        'ip without a default route: works by IPv6 or fails clearly')
      or diag($message);
}

# host name

reload('hostname');
my $host = hostname();
my ($label) = split /\./, $host;
my ($ordinal) = $label =~ /(\d+)$/;
if (defined $ordinal && $ordinal <= 1023)
{
    is(worker(), $ordinal + 0, "hostname: $host");
}
else
{
    fails($node, 'postgres', 'SELECT snowflake_next()', "hostname: $host gives no worker ID",
        qr/ERROR:  55000: host name "\Q$host\E" gives no worker ID/,
        defined $ordinal ? qr/out of range/ : qr/does not end in a number/,
        qr/HINT:  Name the host so that its first label ends in its number, such as "db-3"/);
}

# refusals while the server runs

reload('7');
($out, $error) = ask($sessions_own, 'SELECT snowflake_worker_id(snowflake_next())');
is($out, 7, 'a session from before follows all of this') or diag($error);
my %refused = (
    '1024' => qr/1024 is out of range\. Layout "twitter" has worker IDs from 0 to 1023\./,
    '-1' => qr/worker IDs from 0 to 1023/,
    '99999999999999999999' => qr/out of range/,
    '8-' => qr/worker IDs from 0 to 1023/,
    '15-8' => qr/The range ends before it starts/,
    '1000-1024' => qr/1024 is out of range/,
    '1,2' => qr/worker IDs from 0 to 1023/,
    'eth0' => qr/worker IDs from 0 to 1023/,
    'IP' => qr/worker IDs from 0 to 1023/,
    'ip:' => qr/The name of the interface is missing/,
    'hostname-1' => qr/worker IDs from 0 to 1023/,
    '0x7' => qr/worker IDs from 0 to 1023/);
for my $value (sort keys %refused)
{
    fails($node, 'postgres', "ALTER SYSTEM SET snowflake_pg.worker_id = '$value'",
        "ALTER SYSTEM to '$value' is refused",
        qr/ERROR:  22023: invalid value for parameter "snowflake_pg\.worker_id": "\Q$value\E"/,
        $refused{$value}, qr/HINT:  Give a number, a range such as "8-15"/);
    my $logged = reload($value);
    like($logged, qr/invalid value for parameter "snowflake_pg\.worker_id": "\Q$value\E"/,
        "reload to '$value' is refused in the log");
    like($logged, $refused{$value}, 'which says why');
}
is(worker(), 7, 'the old value stays in force');
($out, $error) = ask($sessions_own, 'SELECT snowflake_worker_id(snowflake_next())');
is($out, 7, 'also in a session') or diag($error);
fails($node, 'postgres', 'SET snowflake_pg.worker_id = 3', 'nobody sets it for a session',
    qr/ERROR:  55P02: /);
$sessions_own->quit;

# refusals at start

# A server with these settings does not start, and its log says why.
sub no_start
{
    my ($name, $settings, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $node->stop;
    my $original = slurp_file($node->data_dir . '/postgresql.conf');
    my $begin = log_size($node);
    $node->append_conf('postgresql.conf', $settings);
    ok(!$node->start(fail_ok => 1), "$name: the server does not start");
    my $logged = log_since($node, $begin);
    my @missing = grep { $logged !~ $_ } @patterns;
    ok(!@missing, "$name: the log says why") or diag("not matched: @missing\n$logged");
    open my $conf, '>', $node->data_dir . '/postgresql.conf' or die $!;
    print $conf $original;
    close $conf or die $!;
    $node->start;
    return;
}

set_worker('7');
no_start('worker ID out of range', "snowflake_pg.worker_id = '1024'",
    qr/FATAL:  invalid value for parameter "snowflake_pg\.worker_id": "1024"/,
    qr/DETAIL:  1024 is out of range\. Layout "twitter" has worker IDs from 0 to 1023\./,
    qr/HINT:  Give a number, a range such as "8-15"/);
no_start('worker ID that is none', "snowflake_pg.worker_id = 'db-3'",
    qr/FATAL:  invalid value for parameter "snowflake_pg\.worker_id": "db-3"/,
    qr/DETAIL:  .*worker IDs from 0 to 1023/);
no_start('worker ID out of range of another layout',
    "snowflake_pg.layout = 'javascript'\nsnowflake_pg.worker_id = '16'",
    qr/FATAL:  .*"snowflake_pg\.worker_id": "16"/,
    qr/DETAIL:  16 is out of range\. Layout "javascript" has worker IDs from 0 to 15\./);
no_start('unknown layout', "snowflake_pg.layout = 'twiter'",
    qr/FATAL:  invalid value for parameter "snowflake_pg\.layout": "twiter"/,
    qr/DETAIL:  The presets are twitter, .*javascript/, qr/HINT:  Name a preset or list the fields/);
no_start('layout with too many bits', "snowflake_pg.layout = 'ts=41,worker=10,seq=20'",
    qr/FATAL:  invalid value for parameter "snowflake_pg\.layout"/, qr/DETAIL:  Field "\w+" /);
no_start('layout with a unit that is none', "snowflake_pg.layout = 'ts=41,worker=10,seq=12,unit=1parsec'",
    qr/FATAL:  invalid value for parameter "snowflake_pg\.layout"/, qr/DETAIL:  Field "unit" /);
no_start('layout with an epoch in the future',
    "snowflake_pg.layout = 'ts=41,worker=10,seq=12,epoch=2999-01-01T00:00:00Z'",
    qr/FATAL:  invalid value for parameter "snowflake_pg\.layout"/, qr/DETAIL:  Field "epoch" /);
is(worker(), 7, 'and starts again with the settings from before');

# a layout without worker field

$node->append_conf('postgresql.conf', "snowflake_pg.layout = 'mastodon'");
set_worker('0');
$node->restart;
$node->safe_psql('postgres', 'CREATE DATABASE mastodon');
$node->safe_psql('mastodon', 'CREATE EXTENSION snowflake_pg');
is($node->safe_psql('mastodon',
        'SELECT snowflake_worker_id(id) IS NULL AND id > 0 FROM snowflake_next() AS id'),
    't', 'mastodon: worker ID 0 generates, and is decoded as NULL');
works($node, 'mastodon', 'SELECT snowflake_next(0)', 'mastodon: naming worker 0');
for my $value ('1', '0-0', '0-3', 'ip', 'ip:lo', 'hostname')
{
    fails($node, 'mastodon', "ALTER SYSTEM SET snowflake_pg.worker_id = '$value'",
        "mastodon: '$value' is refused", qr/ERROR:  22023: /,
        qr/DETAIL:  .*Layout "mastodon" has no worker field: the only worker ID is 0\./,
        qr/HINT:  Set it to 0\./);
}
no_start('mastodon with worker ID 1', "snowflake_pg.worker_id = '1'",
    qr/FATAL:  .*"snowflake_pg\.worker_id": "1"/, qr/DETAIL:  .*the only worker ID is 0/);
$node->stop;

done_testing();
