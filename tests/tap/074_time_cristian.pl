# cristian_sync(): the clock of another server is measured over a connection of libpq's, whatever becomes of our own meanwhile; and a
# server that does not answer as it should is refused.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use FakePostgres;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $other = new_node('other', preload => 0, conf => "intervalstyle = 'postgres'\n");
$other->start;
$other->safe_psql('postgres', 'CREATE ROLE somebody LOGIN');
# ours is 3 s ahead
my $node = new_node('ours', preload => 0, conf => "intervalstyle = 'postgres'\n");
fake_clock($node);
set_clock($node, 3);
with_clock($node, sub { $node->start });
$_->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg') for $node, $other;

sub conninfo
{
    my ($to, $more) = @_;
    return "host=" . $to->host . ' port=' . $to->port . ' dbname=postgres ' . ($more // '');
}

sub sync
{
    my ($from, $conninfo, $columns, $rounds) = @_;
    $rounds = defined $rounds ? ", $rounds" : '';
    return $from->safe_psql('postgres', "SELECT $columns FROM cristian_sync('$conninfo'$rounds)");
}

# Whether a difference is within the bounds, and the offset as far off as it may be.
sub has
{
    my ($seconds) = @_;
    return qq('$seconds s' BETWEEN low AND high, '$seconds s' BETWEEN clock_offset - error AND clock_offset + error);
}

# The sign is that of true time less ours, as everywhere: the other is 3 s behind this one.
my $there = conninfo($other);
is(sync($node, $there, has(-3) . q(, rounds, min_rtt BETWEEN '0' AND high - low + 2 * error, error <= min_rtt)), 't|t|8|t|t', 'the other is 3 s behind');
is(sync($other, conninfo($node), has(3)), 't|t', '... and this one is 3 s ahead of it');
is(sync($node, $there, has(-3) . ', rounds', 1), 't|t|1', 'a single round');
is(sync($node, $there, has(-3) . ', rounds', 1000), 't|t|1000', 'a thousand rounds');
is(sync($node, conninfo($node), has(0)), 't|t', 'itself');
for my $rounds (1, 8)
{
    my ($within, $near, $width) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT count(*) FILTER (WHERE '-3 s' BETWEEN low AND high), count(*) FILTER (WHERE '-3 s' BETWEEN clock_offset - error AND clock_offset + error),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY high - low)
FROM generate_series(1, 300) AS n, cristian_sync('$there', $rounds + 0 * n)
SQL
    is("$within $near", '300 300', "the truth is within in each of 300 times $rounds rounds");
    note "half of them are no wider than $width";
}
is($node->safe_psql('postgres', "SELECT cristian_sync(NULL), cristian_sync('$there', NULL)"), '|', 'of nothing');

# What is set for the role over there, and what its search path finds, change nothing.
$other->safe_psql('postgres', <<'SQL');
CREATE ROLE misled LOGIN;
CREATE SCHEMA misleading;
CREATE FUNCTION misleading.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT timestamptz '2000-01-01Z'$$;
CREATE FUNCTION misleading.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT timestamptz '2000-01-01Z'$$;
CREATE FUNCTION misleading.date_part(text, timestamptz) RETURNS float8 LANGUAGE sql AS 'SELECT float8 ''1''';
CREATE FUNCTION misleading.product(float8, int) RETURNS float8 LANGUAGE sql AS 'SELECT float8 ''2''';
CREATE OPERATOR misleading.* (FUNCTION = misleading.product, LEFTARG = float8, RIGHTARG = int);
GRANT USAGE ON SCHEMA misleading TO misled;
ALTER ROLE misled SET search_path = misleading, pg_catalog;
ALTER ROLE misled SET extra_float_digits = -15;
ALTER ROLE misled SET TimeZone = 'Asia/Kathmandu';
ALTER ROLE misled SET DateStyle = 'German';
ALTER ROLE misled SET default_transaction_read_only = on;
ALTER ROLE misled SET client_encoding = 'LATIN1';
SQL
is(sync($node, conninfo($other, 'user=misled'), has(-3)), 't|t', 'a search path and settings that mislead');

# Who may: its connections have what the server's user has.
$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN; CREATE ROLE trusted LOGIN; GRANT EXECUTE ON FUNCTION cristian_sync TO trusted');
fails($node, 'postgres', "SET ROLE somebody; SELECT cristian_sync('$there')", 'it is not for everybody',
    qr/ERROR:  42501: permission denied for function cristian_sync/);
fails($node, 'postgres', "SET ROLE trusted; SELECT cristian_sync('$there')", '... nor for who was granted it',
    qr/ERROR:  42501: permission denied to measure the clock of another server/, qr/DETAIL:  Only superusers may call cristian_sync\(\)\./);
fails($node, 'postgres', "SET ROLE pg_monitor; SELECT cristian_sync('$there')", '... nor for pg_monitor', qr/ERROR:  42501: /);

# Arguments.
for my $rounds (0, -1, 1001, 2**31 - 1)
{
    fails($node, 'postgres', "SELECT cristian_sync('$there', $rounds)", "$rounds rounds",
        qr/ERROR:  22023: number of rounds $rounds is out of range/, qr/DETAIL:  It is 1 to 1000\./);
}
my %invalid = (
    'host' => qr/DETAIL:  missing "\.\.\." after "\.\.\." in connection info string\./,
    'secret=password' => qr/DETAIL:  invalid connection option "\.\.\."\.$/m,
    'postgres://me:pass@word@host/' => qr/DETAIL:  Its host has an \@, or its port is not a number\./,
    'host=a,b' => qr/DETAIL:  It names several servers; the clock of one is measured\./,
    'hostaddr=127.0.0.1,127.0.0.2' => qr/DETAIL:  It names several servers/);
for my $conninfo (sort keys %invalid)
{
    fails($node, 'postgres', "SELECT cristian_sync('$conninfo')", "connection string $conninfo",
        qr/ERROR:  22023: invalid connection string/, $invalid{$conninfo});
}

# Servers that are not there, or do not let it in.
my $hba = $other->data_dir . '/pg_hba.conf';
my $lines = slurp_file($hba);
unlink $hba;
append_to_file($hba, "local all secretive scram-sha-256\n$lines");
$other->safe_psql('postgres', q(SET password_encryption = 'scram-sha-256'; CREATE ROLE secretive LOGIN PASSWORD 'right'; CREATE DATABASE closed CONNECTION LIMIT 0));
$other->reload;
my %unreachable = (
    'host=/nowhere port=1' => qr{DETAIL:  connection to server on socket "/nowhere/\.s\.PGSQL\.1" failed: No such file or directory},
    'host=127.0.0.1 port=1' => qr/DETAIL:  connection to server at "127\.0\.0\.1", port 1 failed: Connection refused/,
    'host=no-such-host.invalid' => qr/DETAIL:  could not translate host name "no-such-host\.invalid"/,
    conninfo($other, 'user=secretive password=wrong') => qr/DETAIL:  .*password authentication failed for user "secretive"/,
    conninfo($other, 'user=nobody_of_the_name') => qr/DETAIL:  .*role "nobody_of_the_name" does not exist/,
    conninfo($other, 'dbname=nowhere') => qr/DETAIL:  .*database "nowhere" does not exist/,
    conninfo($other, 'dbname=closed user=somebody') => qr/DETAIL:  .*too many connections for database "closed"/);
for my $conninfo (sort keys %unreachable)
{
    fails($node, 'postgres', "SELECT cristian_sync('$conninfo')", "cannot be reached: $conninfo",
        qr/ERROR:  08001: could not connect to the other server/, $unreachable{$conninfo});
}
is(sync($node, conninfo($other, 'user=secretive password=right'), has(-3)), 't|t', 'by password');

# Servers that are none. The first answer of each is to the connection.
my $welcome = message('R', pack 'N', 0) . message('S', "client_encoding\0UTF8\0") . ready();
my $sends = sub { my ($answer) = @_; return sub { $_[1] ? ref $answer ? $answer->() : $answer : $welcome } };
my $endless = sub {
    my ($part) = @_;
    return sub { my ($connection, $count) = @_; return $welcome unless $count; 1 while $connection->syswrite($part x 1000); return '' };
};
my $now = microseconds();
my $error = message('E', "SERROR\0C42501\0Mthat is not for you\0\0") . ready();
my %fake = (
    ahead => $sends->(sub { times(8) }),
    # it sets our clock after the third answer, to be of use no longer after the fourth
    setting => sub {
        my (undef, $count) = @_;
        return $welcome unless $count;
        set_clock($node, 100) if $count == 3;
        return times(0);
    },
    set => sub { my (undef, $count) = @_; return $count ? times($count > 3 ? 1 : 0) : $welcome },
    set_back => sub { my (undef, $count) = @_; return $count ? times($count > 3 ? -1 : 0) : $welcome },
    no_row => $sends->(rows() . ready()),
    two_rows => $sends->(rows([ $now, $now ], [ $now, $now ]) . ready()),
    many_rows => $sends->(rows(([ $now, $now ]) x 17) . ready()),
    two_results => $sends->(rows([ $now, $now ]) x 2 . ready()),
    one_column => $sends->(rows([$now]) . ready()),
    three_columns => $sends->(rows([ $now, $now, $now ]) . ready()),
    many_columns => $sends->(rows([ ($now) x 1600 ]) . ready()),
    null => $sends->(rows([ $now, undef ]) . ready()),
    text => $sends->(rows([ $now, "now \xff\0\n" ]) . ready()),
    long => $sends->(rows([ '9' x 8000, $now ]) . ready()),
    longer => $sends->(rows([ '9' x 100_000, $now ]) . ready()),
    far => $sends->(rows([ ('9223372036854775') x 2 ]) . ready()),
    farther => $sends->(rows([ ('9223372036854775807') x 2 ]) . ready()),
    before => $sends->(sub { rows([ microseconds(1), microseconds() ]) . ready() }),
    held => $sends->(sub { rows([ microseconds(), microseconds(3600) ]) . ready() }),
    error => $sends->($error),
    nothing => $sends->(message('C', "SELECT 0\0") . ready()),
    empty => $sends->(message('I', '') . ready()),
    copy => $sends->(message('H', pack 'Cn', 0, 0)),
    copy_in => $sends->(message('G', pack 'Cn', 0, 0)),
    transaction => $sends->(rows([ $now, $now ]) . ready('T')),
    failed => $sends->(rows([ $now, $now ]) . message('E', "SERROR\0C40001\0Mnot now\0\0") . ready()),
    garbage => $sends->("\xff" x 10_000),
    huge => $sends->('T' . pack 'N', 0x7fffffff),
    closes => sub { my ($connection, $count) = @_; return $welcome unless $count; close $connection; POSIX::_exit(0) },
    refuses => sub { my ($connection) = @_; close $connection; POSIX::_exit(0) },
    wants_password => sub { return message('R', pack 'N', 3) },
    wants_anything => sub { return message('R', pack 'N', 99) },
    greets_garbage => sub { return "\xff" x 10_000 },
    endless_notices => $endless->(message('N', "SNOTICE\0C00000\0M" . 'x' x 1000 . "\0\0")),
    endless_rows => $endless->(rows([ $now, $now ])),
    endless_greeting => sub { my ($connection) = @_; 1 while $connection->syswrite(message('S', "a\0b\0") x 1000); return '' },
    silent => $sends->(''),
    silent_at_first => sub { return '' });
my %at = start_fakes(%fake);

is(sync($node, $at{ahead}, q('5 s' BETWEEN low AND high)), 't', 'one that is no server, and 5 s ahead of ours');

# Our clock is set in the middle of it: what is measured is what the others are ahead of it at the end.
is(sync($node, $at{setting}, q('-100 s' BETWEEN low AND high, rounds), 5), 't|5', 'our clock is set meanwhile');
is(sync($node, $there, has(-100)), 't|t', '... and has the time since');
set_clock($node, 3);

my $rejected = qr/ERROR:  08P01: the other server does not tell the time/;
my $contradiction = qr/ERROR:  55000: the times of the other server contradict each other/;
my $failed = qr/ERROR:  08006: could not ask the other server for its time/;
my $too_long = qr/DETAIL:  the answer of host "\S+", port "\d+" is too long\./;
my %refused = (
    set => [ qr/ERROR:  55000: the clock of the other server was changed meanwhile/, qr/by [01]\.\d{6} s\./, qr/HINT:  Somebody may be setting its clock; try again\./ ],
    set_back => [qr/ERROR:  55000: the clock of the other server was changed meanwhile/],
    no_row => [ $rejected, qr/DETAIL:  The number of rows in its answer is 0\./ ],
    two_rows => [ $rejected, qr/DETAIL:  The number of rows in its answer is 2\./ ],
    two_results => [ $rejected, qr/DETAIL:  The number of rows in its answer is 2\./ ],
    one_column => [ $rejected, qr/DETAIL:  The number of columns in its answer is 1\./ ],
    three_columns => [ $rejected, qr/DETAIL:  The number of columns in its answer is 3\./ ],
    null => [ $rejected, qr/DETAIL:  It says NULL\./ ],
    text => [ $rejected, qr/DETAIL:  It says "now / ],
    long => [ $rejected, qr/DETAIL:  It says "9{100}\.\.\."\./ ],
    farther => [ $rejected, qr/DETAIL:  It says "9223372036854775807"\./ ],
    before => [ $contradiction, qr/DETAIL:  It had the statement for -(?:1\.0|0\.9)\d+ s by its clock, of a round trip that took \d+\.\d{6} s\./ ],
    held => [ $contradiction, qr/DETAIL:  It had the statement for 36\d\d\.\d+ s/, qr/HINT:  Somebody may/ ],
    error => [ $failed, qr/DETAIL:  ERROR:  that is not for you\./ ],
    failed => [ $failed, qr/DETAIL:  ERROR:  not now\./ ],
    (map { $_ => [ $failed, qr/DETAIL:  its answer has no rows\./ ] } qw(nothing empty copy copy_in)),
    (map { $_ => [ $failed, $too_long ] } qw(many_rows many_columns longer endless_notices endless_rows)),
    transaction => [ $failed, qr/DETAIL:  the statement was not completed\./ ],
    garbage => [ $failed, qr/DETAIL:  \w/ ],
    huge => [ $failed, qr/DETAIL:  \w/ ],
    closes => [ $failed, qr/DETAIL:  server closed the connection unexpectedly/ ],
    (map { $_ => [ qr/ERROR:  08001: could not connect to the other server/, qr/DETAIL:  / ] }
          qw(refuses wants_password wants_anything greets_garbage endless_greeting)));
is(join(' ', grep { !exists $refused{$_} } sort keys %fake), 'ahead far setting silent silent_at_first', 'all of them are tried');
my $session = session($node);
my ($backend) = ask($session, 'SELECT pg_backend_pid()');
my $open = sub { opendir my $directory, "/proc/$backend/fd" or die "/proc/$backend/fd: $!"; return scalar(() = readdir $directory) };
ask($session, '\set VERBOSITY verbose');
ask($session, "SELECT cristian_sync('$there')");
my $before = $open->();
for my $name (sort keys %refused)
{
    my ($out, $message) = ask($session, "SELECT cristian_sync('$at{$name}', 6)");
    my @missing = grep { $message !~ $_ } @{ $refused{$name} };
    ok($out eq '' && !@missing && length($message) < 3_000, "a server that is: $name")
      or diag("$out\n" . substr($message, 0, 3_000) . "\nnot matched: @missing");
}
is((ask($session, 'SELECT pg_backend_pid()'))[0], $backend, 'this server goes on');
like(sync($node, $at{far}, 'clock_offset', 1), qr/^\d{7}:/, 'a clock in the year 2262');

# cancelled, terminated, out of time: at once, and nothing is left open
for my $name (qw(silent silent_at_first endless_rows))
{
    ask($session, q(SET statement_timeout = '100ms'));
    my (undef, $message) = ask($session, "SELECT cristian_sync('$at{$name}')");
    like($message, $name eq 'endless_rows' ? qr/57014: canceling|is too long/ : qr/57014: canceling statement due to statement timeout/, "statement_timeout: $name");
}
is($open->(), $before, 'no connection is left open');
$session->quit;

for my $ends ([ 'pg_cancel_backend', qr/57014: canceling statement due to user request/ ], [ 'pg_terminate_backend', qr/57P01: terminating connection/ ])
{
    my ($function, $message) = @$ends;
    for my $name (qw(silent silent_at_first))
    {
        my $client = start_recording($node, 'postgres', "SET application_name = 'measuring'", "SELECT cristian_sync('$at{$name}')");
        my $pid;
        ok(
            wait_until(
                sub {
                    $pid = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE application_name = 'measuring' ) .
                        q(AND state = 'active' AND wait_event_type = 'Extension' AND wait_event IN ('SnowflakeCristian', 'Extension')));
                    return $pid ne '';
                }),
            "$function, $name: it is seen waiting");
        my $begin = time;
        $node->safe_psql('postgres', "SELECT $function($pid)");
        finish_recording($client);
        my $taken = time - $begin;
        note sprintf '%s took %.3f s', $function, $taken;
        cmp_ok($taken, '<', 5, "$function, $name: it ends at once");
        like(slurp_file($client->{errors}), $message, "$function, $name: with the right message");
    }
}
ok($other->poll_query_until('postgres', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'snowflake_pg')),
    'no session is left over there');

# The library in shared_preload_libraries makes no difference.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'snowflake_pg'\nsnowflake_pg.worker_id = '1'\n");
with_clock($node, sub { $node->restart });
is(sync($node, $there, has(-3)), 't|t', 'with the library preloaded');

unlike(slurp_file($_->logfile), qr/terminated by signal|panicked/, 'no process crashed') for $node, $other;
$_->stop for $node, $other;

done_testing();
