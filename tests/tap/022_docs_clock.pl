# The examples of docs/clock.md that need other servers and a kernel that is kept right: they print what the page shows, but
# for the digits. 026_docs_examples.pl runs the others.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/lib";

use DocsTest;
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my %faked = fake_kernel() or plan skip_all => 'there is no C compiler';
kernel_says(0, 0, 0x2001, 12_345, 678, -98_304, 37);

my $right = sub { my ($request, $send) = @_; $send->(answer($request)) };
my %address = start_servers('ntp1.example.net' => $right, 'ntp2.example.net' => $right,
    'ntp3.example.net' => sub { my ($request, $send) = @_; $send->(answer($request, ahead => 0.25)) });
my $names = join '|', map { quotemeta } keys %address;

# Where an offset is about 0 it may be on either side.
sub without_signs
{
    my ($text) = @_;
    return shape($text) =~ s/-#/#/gr;
}

my $page = slurp_file(dirname(__FILE__) . '/../../docs/clock.md');
my ($list) = $page =~ /^snowflake_pg\.ntp_servers = '(.*)'$/m;
$list =~ s/($names)/$address{$1}/g;
my ($worker) = $page =~ /^(snowflake_pg\.clock_worker = on)$/m;
my $node = new_node('clock', conf => "snowflake_pg.ntp_servers = '$list'\n$worker\n");
{
    local %ENV = (%ENV, %faked);
    $node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg; CREATE ROLE watcher LOGIN IN ROLE pg_monitor');

# a fleet of which nobody is there
my @clocks = ([ 102, 391 ], [ -477, -213 ], [ -3_000_181, -2_999_904 ]);
for my $index (0 .. $#clocks)
{
    my ($member, ($low, $high)) = ('731234567890123456' . ($index + 1), @{ $clocks[$index] });
    $node->safe_psql('postgres', "SELECT snowflake_clock_report('$member', md5('$member')::uuid, 'db@{[ $index + 1 ]}', 3600000000, $low, $high, NULL, NULL, NULL, NULL, 'right', 'off')");
}

my $itself = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
my $number = 0;
while ($page =~ /^```psql\n(.*?)^```\n\n```text\n(.*?)^```\n/msg)
{
    my ($sql, $expected) = ($1, $2);
    $number++;
    $sql =~ s/($names)/$address{$1}/g;
    # what only superusers may do; another server is this one
    my @user = $sql =~ s/host=db2\.example\.net dbname=postgres user=monitor/$itself/ ? () : ('-U', 'watcher');
    my ($stdout, $stderr);
    my @command = ($node->installed_command('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', @user,
        '-d', $node->connstr('postgres'), '-f', '-');
    my %name = reverse %address;
    my $run = sub {
        ($stdout, $stderr) = ('', '');
        my $ok = IPC::Run::run(\@command, '<', \$sql, '>', \$stdout, '2>', \$stderr);
        $stdout =~ s/\Q$_\E/$name{$_}/g for keys %name;
        # this host
        $stdout =~ s/^( registry +\| )\S+/$1db0/mg;
        return $ok && without_signs($stdout) eq without_signs($expected);
    };
    # what is measured is as exact as the machine is idle
    wait_until($run, 60);
    is($stderr, '', "example $number runs") or diag($sql);
    is(without_signs($stdout), without_signs($expected), "example $number prints what is shown");
}
is($number, 7, 'the examples were found');
$node->stop;

done_testing();
