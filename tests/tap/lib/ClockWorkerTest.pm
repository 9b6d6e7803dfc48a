# What the tests of the background worker share: NTP servers that do as they are told from one request to the next, a server
# that asks them, and what it says of them.
package ClockWorkerTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(order start_obedient asking_node says of_servers becomes states clock_worker logged);

my $orders = PostgreSQL::Test::Utils::tempdir('orders');

# Tells a server what to do from the next request on.
sub order
{
    my ($name, $what) = @_;
    open my $out, '>', "$orders/$name.new" or die "$name: $!";
    print $out $what;
    close $out or die "$name: $!";
    rename "$orders/$name.new", "$orders/$name" or die "$name: $!";
    return;
}

my %does = (
    right => sub { answer($_[0]) },
    liar => sub { answer($_[0], ahead => 0.25) },
    ahead => sub { answer($_[0], ahead => 20) },
    behind => sub { answer($_[0], ahead => -3) },
    leap => sub { answer($_[0], leap => 1) },
    unsynchronised => sub { answer($_[0], leap => 3) },
    broken => sub { answer($_[0], transmit => ntp_time(time - 3)) },
    deny => sub { answer($_[0], stratum => 0, reference_id => 'DENY') },
    rate => sub { answer($_[0], stratum => 0, reference_id => 'RATE') },
    other_kiss => sub { answer($_[0], stratum => 0, reference_id => 'STEP') },
    silent => sub { });

# Starts servers, which are right until they are told otherwise; returns the address of each.
my %name;

sub start_obedient
{
    my @names = @_;
    order($_, 'right') for @names;
    my %address = start_servers(
        map {
            my $name = $_;
            ($name => sub { my ($request, $send) = @_; $send->($_) for $does{ slurp_file("$orders/$name") }->($request) })
        } @names);
    %name = (%name, reverse %address);
    return %address;
}

# A server that asks NTP servers every second, and goes by nothing else; not started.
sub asking_node
{
    my ($name, $servers, %options) = @_;
    my $conf = delete $options{conf} // '';
    my $list = join ', ', @$servers;
    return new_node($name, %options, conf => <<"CONF" . $conf);
snowflake_pg.clock_worker = on
snowflake_pg.clock_sources = 'ntp'
snowflake_pg.ntp_servers = '$list'
snowflake_pg.ntp_poll = '1s'
intervalstyle = 'postgres'
timezone = 'UTC'
CONF
}

# What a server says of its clock.
sub says
{
    my ($node, $columns) = @_;
    return $node->safe_psql('postgres', "SELECT $columns FROM snowflake_clock");
}

# Columns of each NTP server, by the names that they have here.
sub of_servers
{
    my ($node, $columns) = @_;
    my @rows = split /\n/, $node->safe_psql('postgres', "SELECT server, $columns FROM snowflake_clock_sources");
    return join ', ', map { my ($server, $value) = split /\|/, $_, 2; ($name{$server} // $server) . " $value" } @rows;
}

# Waits until something is as expected.
sub becomes
{
    my ($ask, $expected, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said;
    wait_until(sub { ($said = $ask->()) eq $expected });
    return is($said, $expected, $what);
}

sub states
{
    my ($node, $expected, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return becomes(sub { of_servers($node, 'state') }, $expected, $what);
}

# The process that asks.
sub clock_worker
{
    my ($node) = @_;
    my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
    my ($pid) = grep { qx(ps -o args= -p $_) =~ /snowflake_pg clock/ } split ' ', qx(ps -o pid= --ppid $postmaster);
    return $pid;
}

# Waits until the log has something, as often as it should.
sub logged
{
    my ($node, $pattern, $what, $count) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(wait_until(sub { slurp_file($node->logfile) =~ $pattern }), $what);
    is(scalar(() = slurp_file($node->logfile) =~ /$pattern/g), $count, '... ' . ($count == 1 ? 'once' : "$count times")) if $count;
    return;
}

1;
