# A resolver of host names that hangs.
package ResolverTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Utils;

our @EXPORT = qw(hanging_resolver noted forget_notes);

my $notes;

# The environment of a server whose resolver never gets an answer about hosts ending in ".hangs": it takes as long as it is
# told to wait for one, and notes who asked and what it is told.
sub hanging_resolver
{
    my $folder = PostgreSQL::Test::Utils::tempdir();
    (my $library, $notes) = map { "$folder/$_" } 'resolver.so', 'notes';
    append_to_file("$folder/resolver.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int resolve(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    const char *end = host == NULL ? NULL : strrchr(host, '.');
    if (end == NULL || strcmp(end, ".hangs") != 0)
        return ((resolve *) dlsym(RTLD_NEXT, "getaddrinfo"))(host, port, hints, found);
    char note[512];
    if ((_res.options & RES_INIT) == 0)
        res_init();
    int length = snprintf(note, sizeof note, "%d %s %d %d\n", (int) getpid(), host, _res.retrans, _res.retry);
    int file = open(getenv("RESOLVER_NOTES"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || write(file, note, length) != length)
        abort();
    close(file);
    time_t until = time(NULL) + _res.retrans * _res.retry;
    while (time(NULL) < until)
        usleep(20000);
    return EAI_AGAIN;
}
C
    system_or_bail('cc', '-shared', '-fPIC', '-o', $library, "$folder/resolver.c", '-ldl', '-lresolv');
    return (LD_PRELOAD => $library, RESOLVER_NOTES => $notes);
}

# What was noted about a host: process, host, seconds of an attempt, attempts.
sub noted
{
    my ($host) = @_;
    my @lines = -e $notes ? slurp_file($notes) =~ /^(\d+ \Q$host\E .*)$/mg : ();
    return @lines;
}

sub forget_notes
{
    unlink $notes;
    return;
}

1;
