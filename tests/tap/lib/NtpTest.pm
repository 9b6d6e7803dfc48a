# NTP servers on loopback, ones that misbehave as told and chronyd; and a kernel that says what it is told.
package NtpTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use IO::Socket::IP;
use Socket qw(sockaddr_in);
use PostgreSQL::Test::Utils;
use POSIX qw(_exit);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(answer ntp_time start_servers requests chronyd_missing start_chronyd start_chronyd_at fake_kernel kernel_says);

# Seconds from 1900 to 1970.
use constant UNIX_EPOCH => 2_208_988_800;

# All that were started, to be ended with the test however it ends.
my %running;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

# The 8 bytes of a time in seconds since 1970, of whatever era.
sub ntp_time
{
    my ($time) = @_;
    my $seconds = int $time;
    return pack 'NN', ($seconds + UNIX_EPOCH) & 0xffffffff, int(($time - $seconds) * 2**32);
}

# The answer of a server that is right to a request, which comes at a time. Fields that differ: leap, version, mode,
# stratum, root_dispersion (in seconds), reference_id, origin, receive, transmit (all of the latter bytes), ahead (what its
# clock is ahead by, in seconds).
sub answer
{
    my ($request, %fields) = @_;
    my $now = time + ($fields{ahead} // 0);
    return pack 'CCcc NN a4 a8 a8 a8 a8',
      ($fields{leap} // 0) << 6 | ($fields{version} // 4) << 3 | ($fields{mode} // 4),
      $fields{stratum} // 2, 6, -20, 0, int(($fields{root_dispersion} // 0.001) * 65536),
      $fields{reference_id} // pack('C4', 192, 0, 2, 7), ntp_time($now - 60), $fields{origin} // substr($request, 40, 8),
      $fields{receive} // ntp_time($now), $fields{transmit} // ntp_time(time + ($fields{ahead} // 0));
}

# Starts servers, each of which does with a request what a function does that gets it, a function that sends something back,
# one that sends it from another port, and the port of who asks. Returns the address of each. What comes is written to a file.
my $log;

sub start_servers
{
    my (%servers) = @_;
    $log //= PostgreSQL::Test::Utils::tempdir('ntp') . '/requests';
    my (%addresses, %behaviours);
    # their addresses are in the order of their names
    my @sockets = sort { $a->sockport <=> $b->sockport }
      map { IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "socket: $@" } keys %servers;
    my @free = @sockets;
    for my $name (sort keys %servers)
    {
        my $socket = shift @free;
        $addresses{$name} = '127.0.0.1:' . $socket->sockport;
        $behaviours{ fileno $socket } = [ $name, $servers{$name} ];
    }
    my $pid = fork // die "fork: $!";
    if (!$pid)
    {
        $SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'DEFAULT';
        eval { serve(\@sockets, \%behaviours); 1 } or print STDERR "fake NTP servers: $@";
        _exit(1);
    }
    $running{$pid} = 1;
    return %addresses;
}

sub serve
{
    my ($sockets, $behaviours) = @_;
    my $other = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "socket: $@";
    my $select = IO::Select->new(@$sockets);
    while (1)
    {
        for my $socket ($select->can_read)
        {
            # what is reported of an earlier answer, to somebody who has gone
            my $from = $socket->recv(my $request, 1 << 16) // next;
            my ($name, $behaviour) = @{ $behaviours->{ fileno $socket } };
            append_to_file($log, sprintf "%s %.6f %s\n", $name, time, unpack 'H*', $request);
            my @send = map { my $socket = $_; sub { send $socket, $_[0], 0, $from } } $socket, $other;
            $behaviour->($request, @send, (sockaddr_in($from))[0]);
        }
    }
    return;
}

# The requests that came to a server: time, and the packet.
sub requests
{
    my ($name) = @_;
    return map { [ (split)[ 1, 2 ] ] } grep { /^\Q$name\E / } split /\n/, -e $log ? slurp_file($log) : '';
}

# Why there is no chronyd, or nothing.
sub chronyd_missing
{
    return if -x ($ENV{CHRONYD} // '');
    return 'chronyd is not there: run tools/chrony, which says what is missing';
}

# Starts a chronyd that leaves the clock alone, on a port of an address of loopback of its own, with the given lines of
# configuration; returns host and port.
my $last = 0;

sub start_chronyd
{
    my (@lines) = @_;
    return start_chronyd_at('127.0.0.' . (11 + $last++), @lines);
}

# The same on an address; undefined if the machine does not have it.
sub start_chronyd_at
{
    my ($address, @lines) = @_;
    my $probe = IO::Socket::IP->new(Type => SOCK_DGRAM, LocalHost => $address) or return;
    my $port = $probe->sockport;
    close $probe;
    my $home = PostgreSQL::Test::Utils::tempdir('chronyd');
    chmod 0750, $home;
    append_to_file("$home/chrony.conf", join "\n", "port $port", "bindaddress $address", 'cmdport 0', 'bindcmdaddress /',
        "pidfile $home/pid", 'allow', @lines, '');
    my $pid = fork // die "fork: $!";
    if (!$pid)
    {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$PostgreSQL::Test::Utils::log_path/chronyd_$address.log" or _exit(1);
        open STDERR, '>&', \*STDOUT;
        { exec $ENV{CHRONYD}, '-x', '-U', '-d', '-u', scalar getpwuid($>), '-f', "$home/chrony.conf" };
        _exit(1);
    }
    $running{$pid} = 1;
    return $address =~ /:/ ? "[$address]:$port" : "$address:$port";
}

# The environment of a server to which kernel_says() says what adjtimex(2) would; nothing if there is no C compiler.
my $says;

sub fake_kernel
{
    my ($compiler) = grep { -x } map { my $path = $_; map { "$path/$_" } qw(cc gcc clang) } split /:/, $ENV{PATH};
    return unless $compiler;
    my $place = PostgreSQL::Test::Utils::tempdir('adjtimex');
    $says = "$place/says";
    append_to_file("$place/adjtimex.c", <<'C');
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>

int adjtimex(struct timex *t)
{
    int result = -1, error = EIO;
    FILE *file = fopen(getenv("ADJTIMEX_SAYS"), "r");
    if (t->modes != 0)
        abort();
    if (file == NULL || fscanf(file, "%d %d %d %ld %ld %ld %d", &result, &error, &t->status, &t->maxerror, &t->esterror,
                               &t->freq, &t->tai) != 7)
        abort();
    fclose(file);
    errno = error;
    return result;
}
C
    system_or_bail($compiler, '-shared', '-fPIC', '-o', "$place/adjtimex.so", "$place/adjtimex.c");
    return (LD_PRELOAD => "$place/adjtimex.so", ADJTIMEX_SAYS => $says);
}

# What the kernel says from now on: result, errno, status, maxerror, esterror, freq, tai.
sub kernel_says
{
    open my $out, '>', "$says.new" or die "$says.new: $!";
    print $out "@_\n";
    close $out or die "$says.new: $!";
    rename "$says.new", $says or die "$says: $!";
    return;
}

END
{
    my $status = $?;
    for my $pid (keys %running)
    {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    $? = $status;
}

1;
