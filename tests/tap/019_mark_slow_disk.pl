# Flushes that take longer than the mark is raised by: every caller that waited for one gets an ID,
# and after the first ones the mark is far enough ahead that callers do not wait. Then the disk is
# fast again, and all is as before.

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

# A disk whose flushes of the write-ahead log sleep for the milliseconds that a file says, and then
# leave a byte in another.
my $folder = PostgreSQL::Test::Utils::tempdir();
my ($library, $pause, $flushes) = map { "$folder/$_" } 'slow_disk.so', 'pause', 'flushes';
append_to_file("$folder/slow_disk.c", <<'C');
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void sleep_and_count(int file)
{
    char link[64], path[1024], digits[16] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    const char *folder = getenv("SLOW_DISK");
    if (folder == NULL || strstr(path, "/pg_wal/") == NULL)
        return;
    snprintf(path, sizeof path, "%s/pause", folder);
    int pause = open(path, O_RDONLY | O_CLOEXEC);
    if (pause < 0)
        return;
    long millis = read(pause, digits, sizeof digits - 1) > 0 ? atol(digits) : 0;
    close(pause);
    if (millis == 0)
        return;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    long nanos = end.tv_nsec + millis % 1000 * 1000000;
    end.tv_sec += millis / 1000 + nanos / 1000000000;
    end.tv_nsec = nanos % 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
        ;
    snprintf(path, sizeof path, "%s/flushes", folder);
    int count = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (count >= 0)
    {
        if (write(count, ".", 1) < 0)
            abort();
        close(count);
    }
}

int fsync(int file)
{
    sleep_and_count(file);
    return syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    sleep_and_count(file);
    return syscall(SYS_fdatasync, file);
}
C
system_or_bail('cc', '-shared', '-fPIC', '-o', $library, "$folder/slow_disk.c");

# Sets how long flushes take that begin from now on, in milliseconds.
sub set_disk
{
    my ($millis) = @_;
    append_to_file("$pause.new", $millis);
    rename "$pause.new", $pause or die "$pause: $!";
    return;
}

# Flushes that were slow, so far.
sub flushes { return -s $flushes // 0 }

sub with_disk
{
    my ($code) = @_;
    local %ENV = (%ENV, LD_PRELOAD => $library, SLOW_DISK => $folder);
    return $code->();
}

# Clients that draw an ID now and then, each for itself.
my $sessions = 4;
sub start_drawing
{
    my ($node, @databases) = @_;
    return map {
        start_recording($node, $databases[ $_ % @databases ], 'SET application_name = drawing',
            ("SELECT snowflake_next();\n\\! sleep 0.02") x 10_000)
    } 1 .. $sessions;
}

sub end_drawing
{
    my ($node, @clients) = @_;
    $node->safe_psql('postgres',
        q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'drawing'));
    finish_recording(@clients);
    return;
}

# Waits until each of the clients has another ID; what is asserted is how many flushes that took.
sub all_get_one
{
    my ($name, $most, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($before, @had) = (flushes(), recorded_bytes(@clients));
    my $got = wait_until(sub { my @has = recorded_bytes(@clients); !grep { $has[$_] <= $had[$_] } 0 .. $#had }, 60);
    my $took = flushes() - $before;
    ok($got, "$name: every session gets an ID")
      or diag(join "\n", "after $took flushes", map { slurp_file($_->{errors}) } @clients);
    cmp_ok($took, '<=', $most, "$name: after a flush or two");
    return $got;
}

sub status
{
    my ($node, $what, $database) = @_;
    return $node->safe_psql($database // 'postgres', "SELECT $what FROM snowflake_status");
}

# How far the stored mark is ahead of the clock, in seconds.
my $lead = 'max(extract(epoch FROM mark - clock_timestamp()))';
sub leads_by
{
    my ($node, $seconds) = @_;
    return wait_until(sub { status($node, $lead) > $seconds }, 60);
}

# what tests usually do without
my $flush = "fsync = on\n";
my $node = new_node('slow', conf => $flush);
with_disk(sub { $node->start });
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql($_, 'CREATE EXTENSION snowflake_pg') for qw(postgres other);

# From the first ID on. What the server flushes by itself may come in between.
set_disk(1500);
my @clients = start_drawing($node, 'postgres');
if (!all_get_one('slow from the first ID on', 6, @clients))
{
    set_disk(0);
    end_drawing($node, @clients);
    $node->stop('immediate');
    done_testing();
    exit;
}
cmp_ok(flushes(), '>', 0, 'flushes are slow');
ok(leads_by($node, 4), 'the mark leads by more than the window');
my $mark_waits = status($node, 'max(mark_waits)');
cmp_ok($mark_waits, '>', 0, 'callers have waited for flushes');
my %marks;
ok(wait_until(sub { $marks{ status($node, 'max(mark)') } = 1; return keys %marks > 3 }, 120),
    'the mark is raised three times more');
cmp_ok(status($node, 'max(mark_waits)') - $mark_waits, '<=', 1, 'they do not wait each time');
cmp_ok(status($node, $lead), '<', 31, 'the mark leads by 30 s at the most');
is($node->safe_psql('postgres', 'SELECT count(DISTINCT snowflake128_next()) FROM generate_series(1, 1000)'),
    1000, 'snowflake128 does not wait for the disk');

# Another database with the same worker ID, whose sessions begin now.
my @others = start_drawing($node, 'other');
all_get_one('another database', 8, @others);
all_get_one('beside another database', 8, @clients);
end_drawing($node, @others);

# The disk is fast again. Each ID has its time from the clock then.
set_disk(0);
ok(wait_until(sub { status($node, $lead) <= 1.6 }, 120), 'fast again: the mark leads by the window');
is(status($node, q(bool_and(regression = '0'))), 't', '... and IDs follow the clock');
end_drawing($node, @clients);
check_ids('slow, then fast', [ @clients, @others ]);
my @all = (@clients, @others);

# Slow once it is in use: the mark leads by a window when it begins.
@clients = start_drawing($node, 'postgres');
all_get_one('in use', 6, @clients);
set_disk(1500);
ok(leads_by($node, 4), 'slow again: the mark leads by more');
all_get_one('slow again', 6, @clients);

# A crash while the mark is far ahead: no false step of the clock, although no more is tolerated than slow
# flushes explain.
# further than the start after it takes, on a busy machine too
set_disk(3700);
ok(leads_by($node, 20), 'slower: the mark leads by more still');
my $position = $node->lsn('insert');
ok(wait_until(sub { $node->safe_psql('postgres', "SELECT pg_current_wal_flush_lsn() >= '$position'") eq 't' }), '... on the disk too');
$node->append_conf('postgresql.conf', 'snowflake_pg.clock_tolerance = 30');
my $behind = status($node, $lead);
$node->stop('immediate');
finish_recording(@clients);
push @all, @clients;
my (undef, undef, $largest) = check_ids('until the crash', \@all);
set_disk(0);
my $log = log_size($node);
with_disk(sub { $node->start });
my ($id, $ahead) = split /\|/,
  $node->safe_psql('postgres',
    'SELECT id, extract(epoch FROM snowflake_timestamp(id) - clock_timestamp()) FROM snowflake_next() AS id');
note("the mark was $behind s ahead of the clock, the first ID is $ahead s");
cmp_ok($id, '>', $largest, 'after the crash: above all');
cmp_ok($ahead, '>', 2, '... further ahead of the clock than max_lead and window');
cmp_ok($ahead, '<', 31, '... by 30 s at the most');
is(status($node, 'max(regressions), max(errors)'), '0|0', '... nothing is refused');
unlike(log_since($node, $log), qr/the clock went back/, '... nor is a step of the clock logged');
push @all, record($node, 'postgres', $sessions, ('SELECT snowflake_next()') x 100);
check_ids('over the crash', \@all);
$node->append_conf('postgresql.conf', "snowflake_pg.clock_tolerance = '1000s'");
$node->restart;

# The WAL writer does nothing for some seconds: callers flush for themselves.
my $writer = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'));
@clients = start_drawing($node, 'postgres');
all_get_one('before the WAL writer stops', 6, @clients);
kill 'STOP', $writer;
sleep 4;
all_get_one('the WAL writer is stopped', 6, @clients);
kill 'CONT', $writer;
all_get_one('the WAL writer goes on', 6, @clients);
end_drawing($node, @clients);
push @all, @clients;
check_ids('the WAL writer stopped meanwhile', \@all);
$node->stop;

# No lead, and the shortest window: the unit that a caller asks for is past before the flush is.
my $short = new_node('short', conf => "${flush}snowflake_pg.max_lead = 0\nsnowflake_pg.mark_window = '100ms'\n");
with_disk(sub { $short->start });
$short->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
set_disk(700);
@clients = start_drawing($short, 'postgres');
all_get_one('no lead', 6, @clients);
all_get_one('no lead, again', 6, @clients);
end_drawing($short, @clients);
check_ids('no lead', \@clients);
set_disk(0);
$short->stop;

# Under a lease, whose end bounds the mark.
my $registry = new_registry('registry');
my $member = new_member($registry, 'member', conf => "${flush}snowflake_pg.lease_length = '10s'\n");
with_disk(sub { start_member($member) });
held($member);
set_disk(1500);
@clients = start_drawing($member, 'postgres');
all_get_one('under a lease', 6, @clients);
ok(leads_by($member, 2), 'the mark leads by more than the window');
my $held = lease($member, 'extract(epoch FROM not_after)');
my $within = $member->safe_psql('postgres',
    'SELECT bool_and(mark <= not_after) FROM snowflake_status, snowflake_lease');
is($within, 't', 'but not beyond the lease');
ok(wait_until(sub { lease($member, 'extract(epoch FROM not_after)') > $held + 5 }), 'the lease is renewed');
all_get_one('beyond the end of the first interval', 6, @clients);
is($member->safe_psql('postgres', 'SELECT count(DISTINCT snowflake128_next()) FROM generate_series(1, 1000)'),
    1000, 'snowflake128 goes on too');
end_drawing($member, @clients);
my (undef, undef, $last) = check_ids('under a lease', \@clients);
# Its worker ID is handed back where the mark is: the next start begins there.
$log = log_size($member);
set_disk(0);
with_disk(sub { $member->restart });
held($member);
cmp_ok($member->safe_psql('postgres', 'SELECT snowflake_next()'), '>', $last, 'a restart under a lease goes on above');
unlike(log_since($member, $log), qr/the clock went back/, '... without a false step of the clock');
$_->stop for $member, $registry;

done_testing();
