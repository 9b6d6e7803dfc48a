# Servers that speak as much of PostgreSQL's protocol as it takes to answer one statement, and answer it as told.
package FakePostgres;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use POSIX qw(_exit);

our @EXPORT = qw(start_fakes message ready rows times microseconds);

use Time::HiRes qw(time);

my %running;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

# A message of the protocol.
sub message
{
    my ($type, $body) = @_;
    return $type . pack('N', 4 + length $body) . $body;
}

# Ready for a statement; or not, in the middle of a transaction.
sub ready { return message('Z', $_[0] // 'I') }

# A result of rows of text, undefined is NULL.
sub rows
{
    my @rows = @_;
    my $columns = @rows ? @{ $rows[0] } : 2;
    return join '', message('T', pack('n', $columns) . join '', map { "column$_\0" . pack 'NnNnNn', 0, 0, 20, 8, 0xffffffff, 0 } 1 .. $columns),
      (map { message('D', pack('n', scalar @$_) . join '', map { defined ? pack('N/a*', $_) : pack 'N', 0xffffffff } @$_) } @rows),
      message('C', 'SELECT ' . @rows . "\0");
}

# The time in microseconds since 1970, so many seconds ahead.
sub microseconds
{
    my ($ahead) = @_;
    return sprintf '%.0f', (time + ($ahead // 0)) * 1e6;
}

# The answer of a server whose clock is so many seconds ahead.
sub times
{
    my ($ahead) = @_;
    return rows([ (microseconds($ahead)) x 2 ]) . ready();
}

# Starts servers; returns a connection string of each. Each is a function that gets the connection and how many statements
# have come over it, 0 before the first, and returns what it sends.
sub start_fakes
{
    my (%fakes) = @_;
    my $directory = PostgreSQL::Test::Utils::tempdir_short();
    my (%conninfos, %behaviours);
    my $port = 1;
    for my $name (sort keys %fakes)
    {
        my $socket = IO::Socket::UNIX->new(Local => "$directory/.s.PGSQL.$port", Listen => 5) or die "socket: $!";
        $behaviours{ fileno $socket } = [ $socket, $fakes{$name} ];
        $conninfos{$name} = "host=$directory port=$port dbname=postgres user=somebody";
        $port++;
    }
    my $pid = fork // die "fork: $!";
    if (!$pid)
    {
        $SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'DEFAULT';
        eval { accept_all(\%behaviours); 1 } or print STDERR "fake servers: $@";
        _exit(1);
    }
    $running{$pid} = 1;
    return %conninfos;
}

sub accept_all
{
    my ($behaviours) = @_;
    # each connection is a process
    $SIG{CHLD} = 'IGNORE';
    my $select = IO::Select->new(map { $_->[0] } values %$behaviours);
    while (1)
    {
        for my $socket ($select->can_read)
        {
            my $connection = $socket->accept or next;
            my $pid = fork // die "fork: $!";
            next if $pid;
            # who has gone is no fault
            $SIG{PIPE} = sub { _exit(0) };
            eval { serve($connection, $behaviours->{ fileno $socket }[1]); 1 } or print STDERR "fake server: $@";
            _exit(0);
        }
    }
    return;
}

sub serve
{
    my ($connection, $behaviour) = @_;
    defined read_message($connection, 0) or return;
    $connection->syswrite($behaviour->($connection, 0));
    for (my $statements = 1; defined read_message($connection, 1); $statements++)
    {
        $connection->syswrite($behaviour->($connection, $statements));
    }
    return;
}

# Reads a message, with or without its type, to its end.
sub read_message
{
    my ($connection, $head) = @_;
    my $length = read_bytes($connection, $head + 4) // return;
    return read_bytes($connection, unpack('N', substr $length, $head) - 4);
}

sub read_bytes
{
    my ($connection, $count) = @_;
    my $bytes = '';
    while (length $bytes < $count)
    {
        $connection->sysread($bytes, $count - length $bytes, length $bytes) or return;
    }
    return $bytes;
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
