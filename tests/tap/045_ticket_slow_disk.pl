# A disk that takes long to read the sequence of a ticket: callers that wait for it can be cancelled,
# and the numbers are those that they would have been.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# Reads of the file that `held` names begin once it is gone; whoever waits for that says so in
# `holding`.
my $folder = PostgreSQL::Test::Utils::tempdir();
my ($library, $held, $holding) = map { "$folder/$_" } 'slow_disk.so', 'held', 'holding';
append_to_file("$folder/slow_disk.c", <<'C');
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_held(const char *path)
{
    char name[1024], held[256] = "";
    snprintf(name, sizeof name, "%s/held", getenv("SLOW_DISK"));
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, held, sizeof held - 1);
    close(file);
    size_t end = strlen(path);
    return length > 0 && end >= (size_t) length && strcmp(path + end - length, held) == 0;
}

static void wait_for(int file)
{
    char link[64], path[1024], name[1024];
    if (getenv("SLOW_DISK") == NULL)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    while (is_held(path))
    {
        snprintf(name, sizeof name, "%s/holding", getenv("SLOW_DISK"));
        close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        usleep(10000);
    }
}

ssize_t pread(int file, void *buffer, size_t size, off_t offset)
{
    wait_for(file);
    return syscall(SYS_pread64, file, buffer, size, offset);
}

ssize_t pread64(int file, void *buffer, size_t size, off_t offset)
{
    return pread(file, buffer, size, offset);
}

ssize_t preadv(int file, const struct iovec *parts, int count, off_t offset)
{
    wait_for(file);
    return syscall(SYS_preadv, file, parts, count, offset, 0);
}

ssize_t preadv64(int file, const struct iovec *parts, int count, off_t offset)
{
    return preadv(file, parts, count, offset);
}
C
system_or_bail('cc', '-shared', '-fPIC', '-o', $library, "$folder/slow_disk.c");

my $node = new_node('primary');
{
    local %ENV = (%ENV, LD_PRELOAD => $library, SLOW_DISK => $folder);
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    $node->safe_psql('postgres', "SELECT ticket_create('slow', 1, 10)");
    # memory has neither the page nor numbers after that
    $node->restart;
}
my $sequence =
  $node->safe_psql('postgres', "SELECT pg_relation_filepath(sequence) FROM snowflake_ticket WHERE name = 'slow'");

sub start_drawing
{
    my ($name) = @_;
    return start_recording($node, 'postgres', "SET application_name = '$name'", "SELECT ticket_next('slow')");
}

sub activity
{
    my ($name, $what) = @_;
    return $node->safe_psql('postgres', "SELECT $what FROM pg_stat_activity WHERE application_name = '$name'");
}

append_to_file($held, $sequence);
my $first = start_drawing('first');
ok(wait_until(sub { -e $holding }, 180), 'the first caller waits for the disk');
my $second = start_drawing('second');
ok(wait_until(sub { activity('second', "state = 'active' AND wait_event IS NOT NULL") eq 't' }, 180),
    'the second waits as well');
activity('second', 'pg_cancel_backend(pid)');
ok(wait_until(sub { activity('second', 'count(*)') == 0 }, 30), '... and can be cancelled meanwhile');
ok(-e $held, '... while the disk is as slow as before');
unlink $held or die "$held: $!";
finish_recording($first, $second);
is(slurp_file($first->{ids}), "1\n", 'the first caller gets the first number');
like(slurp_file($second->{errors}), qr/57014/, 'the second none');
is($node->safe_psql('postgres', "SELECT ticket_next('slow') FROM generate_series(1, 11)"),
    join("\n", 2 .. 12), 'no number is lost');
is($node->safe_psql('postgres', "SELECT blocks FROM snowflake_tickets WHERE name = 'slow'"),
    2, 'no block was claimed for the one that was cancelled');
$node->stop;

done_testing();
