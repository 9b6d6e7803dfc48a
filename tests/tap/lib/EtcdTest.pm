# etcd servers on loopback, for the tests of a registry in etcd.
package EtcdTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename qw(basename);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(_exit);
use SnowflakeTest;
use Test::More;

our @EXPORT = qw(etcd_missing new_cluster start_etcd stop_etcd pass_lead address etcdctl restore_cluster);

# All that were started, to be ended with the test however it ends.
my %running;
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

# Why there is no test, or nothing.
sub etcd_missing
{
    my $bin = $ENV{ETCD_BIN} // '';
    return if -x "$bin/etcd" && -x "$bin/etcdctl";
    return 'etcd and etcdctl 3.4 or newer are not there: run tools/etcd, which says what is missing';
}

# A cluster of so many members, not started.
sub new_cluster
{
    my ($name, $count) = @_;
    my $home = PostgreSQL::Test::Utils::tempdir($name);
    my @members = map { {
        name => "$name$_",
        home => "$home/$_",
        log => "$PostgreSQL::Test::Utils::log_path/" . basename($0, '.pl') . "_$name$_.log",
        client => 'http://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port(),
        peer => 'http://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port()
    } } 1 .. $count;
    $_->{all} = join ',', map { "$_->{name}=$_->{peer}" } @members for @members;
    return @members;
}

# Starts members, and waits until the first of them answers.
sub start_etcd
{
    my (@members) = @_;
    for my $member (@members)
    {
        my @command = (
            "$ENV{ETCD_BIN}/etcd",
            '--name' => $member->{name},
            '--data-dir' => $member->{home},
            '--listen-client-urls' => $member->{client},
            '--advertise-client-urls' => $member->{client},
            '--listen-peer-urls' => $member->{peer},
            '--initial-advertise-peer-urls' => $member->{peer},
            '--initial-cluster' => $member->{all},
            '--heartbeat-interval' => 50,
            '--election-timeout' => 500);
        my $pid = fork // die "fork: $!";
        if (!$pid)
        {
            open STDIN, '<', '/dev/null';
            open STDOUT, '>>', $member->{log} or _exit(1);
            open STDERR, '>&', \*STDOUT;
            { exec @command };
            _exit(1);
        }
        $member->{pid} = $pid;
        $running{$pid} = 1;
    }
    wait_until(sub { eval { etcdctl($members[0], 'get', 'nothing'); 1 } })
      or BAIL_OUT("etcd $members[0]{name} does not answer: see $members[0]{log}");
    return;
}

# Has another member lead than the first of these: a cluster that loses its leader refuses requests until it has elected
# another one, which takes as long as the machine is busy.
sub pass_lead
{
    my ($member, $next) = @_;
    my ($id) = etcdctl($member, 'member', 'list') =~ /^([0-9a-f]+), \w+, \Q$next->{name}\E,/m;
    # one that does not lead refuses
    eval { etcdctl($member, 'move-leader', $id) } or $@ =~ /not leader|no leader endpoint/ or die $@;
    return;
}

# Ends members at once.
sub stop_etcd
{
    for my $member (@_)
    {
        my $pid = delete $member->{pid} // next;
        kill 'KILL', $pid;
        waitpid $pid, 0;
        delete $running{$pid};
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

# The value of snowflake_pg.registry.
sub address
{
    my ($prefix, @members) = @_;
    return 'etcd://' . join(',', map { $_->{client} =~ s{^http://}{}r } @members) . $prefix;
}

# What etcdctl says.
sub etcdctl
{
    my ($member, @arguments) = @_;
    local $ENV{ETCDCTL_API} = 3;
    my ($out, $err) = ('', '');
    IPC::Run::run([ "$ENV{ETCD_BIN}/etcdctl", '--endpoints', $member->{client}, '--command-timeout', '3s', @arguments ],
        '<', '/dev/null', '>', \$out, '2>', \$err)
      or die "etcdctl @arguments: $err";
    chomp $out;
    return $out;
}

my $restored = 0;

# Puts a snapshot in the place of what members have that are not running. Options: token => what
# the new cluster differs by from the old one.
sub restore_cluster
{
    my ($snapshot, $members, %options) = @_;
    for my $member (@$members)
    {
        my $lost = "$member->{home}.lost" . ++$restored;
        rename $member->{home}, $lost or die "$member->{home}: $!";
        etcdctl($member, 'snapshot', 'restore', $snapshot,
            '--name' => $member->{name},
            '--data-dir' => $member->{home},
            '--initial-cluster' => $member->{all},
            '--initial-advertise-peer-urls' => $member->{peer},
            exists $options{token} ? ('--initial-cluster-token' => $options{token}) : ());
    }
    return;
}

1;
