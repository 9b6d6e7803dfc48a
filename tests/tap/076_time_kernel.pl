# kernel_clock(), whatever state the kernel is in: a library in the place of adjtimex(2) says so.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my %faked = fake_kernel() or plan skip_all => 'there is no C compiler';

kernel_says(0, 0, 0, 0, 0, 0, 0);
my $node = new_node('kernel', preload => 0, conf => "intervalstyle = 'postgres'\n");
{
    local %ENV = (%ENV, %faked);
    $node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg; CREATE ROLE somebody LOGIN');

sub says
{
    my ($name, $kernel, $expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    kernel_says(@$kernel);
    return is($node->safe_psql('postgres', 'SET ROLE somebody; SELECT * FROM kernel_clock()'), $expected, $name);
}

# result, errno, status, maxerror, esterror, freq, tai
says('kept by ntpd or by chrony with rtcsync', [ 0, 0, 0x2001, 12_345, 678, -98_304, 37 ],
    't|00:00:00.012345|00:00:00.000678|-1.5|{pll,nano}|37|ok');
says('kept by chrony without rtcsync: the flag says nothing', [ 5, 0, 0x40, 1_500, 200, 655_360, 0 ],
    't|00:00:00.0015|00:00:00.0002|10|{unsync}|0|error');
says('kept by systemd-timesyncd, which reports no error and allows 400 ms', [ 0, 0, 0x2001, 0, 0, 0, 0 ],
    't|00:00:00.4|00:00:00|0|{pll,nano}|0|ok');
says('kept by nobody for a while', [ 0, 0, 1, 15_999_999, 5, 0, 0 ], 't|00:00:15.999999|00:00:00.000005|0|{pll}|0|ok');
says('kept by nobody for 9 hours', [ 5, 0, 0x40, 16_000_000, 16_000_000, 0, 0 ], 'f|00:00:16|00:00:16|0|{unsync}|0|error');
says('set by hand', [ 5, 0, 0x40, 16_000_000, 0, 0, 0 ], 'f|00:00:16.4|00:00:00|0|{unsync}|0|error');
says('a leap second is to come', [ 1, 0, 0x11, 100, 1, 0, 37 ], 't|00:00:00.0001|00:00:00.000001|0|{pll,ins}|37|insert');
says('a second is to be left out', [ 2, 0, 0x21, 100, 1, 0, 37 ], 't|00:00:00.0001|00:00:00.000001|0|{pll,del}|37|delete');
says('the leap second', [ 3, 0, 0x11, 100, 1, 0, 37 ], 't|00:00:00.0001|00:00:00.000001|0|{pll,ins}|37|in progress');
says('after it', [ 4, 0, 0x11, 100, 1, 0, 38 ], 't|00:00:00.0001|00:00:00.000001|0|{pll,ins}|38|wait');
says('all flags', [ 0, 0, 0xffff, 100, 1, 0, 0 ], 't|00:00:00.0001|00:00:00.000001|0|'
      . '{pll,ppsfreq,ppstime,fll,ins,del,unsync,freqhold,ppssignal,ppsjitter,ppswander,ppserror,clockerr,nano,mode,clk}|0|ok');
says('figures that cannot be', [ 99, 0, -1, '-9223372036854775808', '-1', '9223372036854775807', -2_147_483_648 ],
    't|00:00:00|-00:00:00.000001|140737488355328|'
      . '{pll,ppsfreq,ppstime,fll,ins,del,unsync,freqhold,ppssignal,ppsjitter,ppswander,ppserror,clockerr,nano,mode,clk}|-2147483648|error');
says('the largest error', [ 5, 0, 0, '9223372036854775807', 0, 0, 0 ], 'f|2562047788:00:54.775807|00:00:00|0|{}|0|error');
# in a container that may not ask: not the same as a clock that is not kept
says('EPERM', [ -1, 1, 0, 0, 0, 0, 0 ], '||||||unknown');
says('ENOSYS', [ -1, 38, 0, 0, 0, 0, 0 ], '||||||unknown');
$node->stop;

# the kernel of this machine
$node->start;
my ($synchronised, $state) = split /\|/, $node->safe_psql('postgres', 'SELECT synchronised, state FROM kernel_clock()');
like($state, qr/^(?:ok|insert|delete|in progress|wait|error|unknown)$/, 'the kernel of this machine has a state');
like($synchronised, $state eq 'unknown' ? qr/^$/ : qr/^[tf]$/, '... and says whether its clock is kept');
$node->stop;

done_testing();
