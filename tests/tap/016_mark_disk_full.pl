# The disk of the write-ahead log is full when the mark is raised: the server panics, no ID is given
# out for it, and after recovery IDs go on above all that were, also with the clock set back.
#
# The disk is a small tmpfs in a user and mount namespace of the test's own, which root and ordinary
# users have alike; it goes when the test ends.

use strict;
use warnings FATAL => 'all';

# The test begins again with the disk mounted: as root of one namespace, who may mount, and in it as
# the user of before in another, since PostgreSQL does not run as root. This comes before the modules
# that take hold of the output.
BEGIN
{
    unless (defined $ENV{SNOWFLAKE_DISK})
    {
        require File::Temp;
        my $disk = File::Temp::tempdir(TMPDIR => 1);
        my $group = $( + 0;
        my @on_disk = (
            'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
            'mount -t tmpfs -o size=24m,mode=0700 tmpfs "$0" && unshare --user "$@"; status=$?; umount "$0"; exit $status',
            $disk, "--map-user=$<", "--map-group=$group");
        open my $try, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @on_disk, 'true' or die "sh: $!";
        my $refusal = join ' ', map { s/\s+$//r } <$try>;
        unless (close $try)
        {
            rmdir $disk;
            require Test::More;
            Test::More::plan(skip_all => "no disk of the test's own in a user and mount namespace: $refusal");
        }
        $ENV{SNOWFLAKE_DISK} = $disk;
        system @on_disk, $^X, (map { "-I$_" } @INC), $0;
        rmdir $disk;
        exit($? >> 8 || $? & 127);
    }
}

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

use constant MEGABYTE => 1 << 20;

my $disk = $ENV{SNOWFLAKE_DISK};

# WAL in small segments, none made in advance, and nobody else who writes it.
my $node = new_node(
    'primary',
    extra => [ '--waldir', "$disk/wal", '--wal-segsize', 1 ],
    conf => <<'CONF');
min_wal_size = 2MB
max_wal_size = 1GB
wal_keep_size = 0
checkpoint_timeout = 1h
autovacuum = off
wal_writer_delay = 10s
wal_level = minimal
max_wal_senders = 0
CONF
fake_clock($node);
sub start { return with_clock($node, sub { $node->start }) }
start();
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# Takes the space that is left, and gives it back.
sub fill_disk
{
    open my $ballast, '>', "$disk/ballast" or die "$disk/ballast: $!";
    $ballast->autoflush;
    for my $bytes (65_536, 4_096)
    {
        1 while syswrite $ballast, "\0" x $bytes;
    }
    ok($!{ENOSPC}, 'the disk is full');
    return close $ballast;
}
sub empty_disk { return unlink "$disk/ballast" }

# Writes WAL up to the end of the last segment that there is a file for, but for a few bytes: fewer
# than the shortest record has.
sub fill_wal
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($last) = reverse sort grep { /^[0-9A-F]{24}$/ } slurp_dir("$disk/wal");
    my $segments = hex(substr $last, 16, 8) + 1 + hex(substr $last, 8, 8) * (1 << 12);
    my $session = session($node);
    my $left = sub {
        my ($position) = ask($session, q(SELECT pg_current_wal_insert_lsn() - '0/0'));
        return $segments * MEGABYTE - $position;
    };
    my $write = sub {
        my ($bytes) = @_;
        return ask($session, "SELECT FROM pg_logical_emit_message(false, '', repeat('x', $bytes))");
    };
    # what a record takes besides its contents, on one page, if nobody else writes meanwhile
    my $overhead;
    for (1 .. 5)
    {
        my $before = $left->();
        $write->(200);
        my $took = $before - $left->() - 200;
        $overhead = $took if !defined $overhead || $took < $overhead;
    }
    $write->(400_000) while $left->() > 500_000;
    $write->(4_000) while $left->() > 6_000;
    # records are aligned to 8 bytes: an odd number left is none
    $write->($left->() - $overhead - 16) if $left->() > $overhead + 300;
    my $rest = $left->();
    $session->quit;
    ok($rest > 0 && $rest < 40, "$name: $rest bytes of WAL are left");
    return;
}

# The server has panicked, and stopped. Answers what it says in its log from then on.
sub panicked
{
    my ($name, $log) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $pidfile = $node->data_dir . '/postmaster.pid';
    ok(wait_until(sub { !-e $pidfile }, 60), "$name: the server is down");
    # takes note of it
    $node->stop('immediate', fail_ok => 1);
    my ($panic) = log_since($node, $log) =~ /(PANIC: .*)/s;
    like($panic // '', qr/\APANIC:  [^\n]*: No space left on device\n/, "$name: PANIC for want of space");
    return $panic // '';
}

sub next_id { return $node->safe_psql('postgres', 'SELECT snowflake_next()') }

my @given;
my $clock = 0;

# The server comes back once there is space, with its clock behind.
sub recover
{
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    empty_disk();
    set_clock($node, $clock -= 100);
    start();
    push @given, next_id();
    is(join(' ', sort { $a <=> $b } @given), "@given", "$name: after recovery IDs go on above all that were given out");
    set_clock($node, $clock += 200);
    return;
}

# In the raise that an ID needs: for a server that has just started, and for one that runs.
for my $name ('first ID after a start', 'an ID when the mark is used up', 'an ID in a read-only transaction')
{
    push @given, next_id();
    with_clock($node, sub { $node->restart }) if $name =~ /start/;
    fill_wal($name);
    fill_disk();
    # past the mark
    set_clock($node, $clock += 10);
    my $log = log_size($node);
    my $sql = ($name =~ /read-only/ ? 'SET default_transaction_read_only = on; ' : '') . 'SELECT snowflake_next()';
    my ($status, $out, $err) = $node->psql('postgres', $sql);
    is($out, '', "$name: no ID");
    ok($status == 2 && $err =~ /server closed the connection|connection to server was lost/, "$name: the connection is lost")
      or diag("status $status\n$err");
    my $panic = panicked($name, $log);
    like($panic, qr/\A[^\n]*\n[^\n]*STATEMENT:  SELECT snowflake_next\(\)/, "$name: in the statement that asks for it");
    recover($name);
}

# Under load: clients that generate, and one that writes WAL until the disk is full.
for my $turn (1, 2)
{
    my $name = "under load, $turn";
    my $log = log_size($node);
    my @clients = map {
        start_recording($node, 'postgres',
            ('COPY (SELECT snowflake_next() FROM (SELECT generate_series(1, 20000)) AS n) TO STDOUT') x 5_000)
    } 1 .. 3;
    ok(wait_until(sub { !grep { $_ < 10_000 } recorded_bytes(@clients) }, 30), "$name: all clients record");
    fill_disk();
    my $writer = start_recording($node, 'postgres',
        (q(SELECT FROM pg_logical_emit_message(true, '', repeat('x', 50000)), pg_sleep(0.005))) x 20_000);
    finish_recording(@clients, $writer);
    panicked($name, $log);
    my (undef, $smallest, $last) = check_ids($name, \@clients);
    cmp_ok($smallest, '>', $given[-1], "$name: above all that went before");
    push @given, $last;
    recover($name);
}

$node->stop;
done_testing();
