# Relays of datagrams on loopback, which lose, delay, double and reorder them as told.
package RelayTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use POSIX qw(_exit);
use Time::HiRes qw(time);

our @EXPORT = qw(start_relays);

my %running;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

# Starts relays; returns the address of each. Each is the address of a server and two functions, of the datagrams to it and of
# those back. They get which one it is, counted from 1 of the relay and the direction, and return after how many seconds it
# goes on: one number for each copy, none if it is lost.
sub start_relays
{
    my (%relays) = @_;
    my (%addresses, @relays);
    for my $name (sort keys %relays)
    {
        my ($server, @ways) = @{ $relays{$name} };
        my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "socket: $@";
        $addresses{$name} = '127.0.0.1:' . $socket->sockport;
        push @relays, { socket => $socket, server => $server, ways => \@ways, counts => [ 0, 0 ] };
    }
    my $pid = fork // die "fork: $!";
    if (!$pid)
    {
        $SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'DEFAULT';
        eval { relay(@relays); 1 } or print STDERR "relays: $@";
        _exit(1);
    }
    $running{$pid} = 1;
    return %addresses;
}

sub relay
{
    my %listening = map { fileno $_->{socket} => $_ } @_;
    my $select = IO::Select->new(map { $_->{socket} } @_);
    # by the other end of a relay: a socket of its own to the server for each client, kept to the end
    my (%clients, %towards);
    # what is on its way: when it goes on, and how
    my @due;
    while (1)
    {
        @due = sort { $a->[0] <=> $b->[0] } @due;
        my $wait = @due ? $due[0][0] - time : undef;
        for my $socket ($select->can_read(defined $wait && $wait < 0 ? 0 : $wait))
        {
            my $from = $socket->recv(my $datagram, 1 << 16) // next;
            my ($relay, $way, $send);
            if ($relay = $listening{ fileno $socket })
            {
                my $towards = $towards{$from} //= IO::Socket::INET->new(Proto => 'udp', PeerAddr => $relay->{server}) // die "socket: $@";
                $clients{ fileno $towards } = [ $relay, $from ];
                $select->add($towards);
                ($way, $send) = (0, sub { send $towards, $datagram, 0 });
            }
            else
            {
                ($relay, my $client) = @{ $clients{ fileno $socket } };
                ($way, $send) = (1, sub { send $relay->{socket}, $datagram, 0, $client });
            }
            push @due, map { [ time + $_, $send ] } $relay->{ways}[$way]->(++$relay->{counts}[$way]);
        }
        (shift @due)->[1]->() while @due && $due[0][0] <= time;
    }
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
