# NTS, by chronyd: one that serves it, one that follows that, with a certificate made here, and ntp_query() asks the latter.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IO::Socket::INET;
use NtpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $missing = chronyd_missing();
plan skip_all => $missing if $missing;
plan skip_all => 'this chronyd has no NTS' unless qx("$ENV{CHRONYD}" --version) =~ /\+NTS\b/;
my ($openssl) = grep { -x } map { "$_/openssl" } split /:/, $ENV{PATH};
plan skip_all => 'there is no openssl to make a certificate with' unless $openssl;

my $place = PostgreSQL::Test::Utils::tempdir_short();
chmod 0750, $place;

# Makes a key and a certificate for it, for a host.
sub make_certificate
{
    my ($name, $host) = @_;
    my ($out, $err);
    IPC::Run::run(
        [ $openssl, 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', "/CN=$host",
            '-addext', "subjectAltName=IP:$host,DNS:$host", '-keyout', "$place/$name.key", '-out', "$place/$name.crt" ],
        '<', '/dev/null', '>', \$out, '2>', \$err)
      or BAIL_OUT("openssl: $err");
    chmod 0600, "$place/$name.key";
    return;
}

# A free port of an address, for the exchange of keys.
sub free_port
{
    my ($host) = @_;
    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => $host) or die "socket: $@";
    return $probe->sockport;
}

my $authority = '127.0.0.61';
my $keys = free_port($authority);
make_certificate($_, $authority) for 'server', 'other';
my $server = start_chronyd_at($authority, 'local stratum 2', "ntsserverkey $place/server.key", "ntsservercert $place/server.crt",
    "ntsport $keys", 'ntsprocesses 0');
my ($port) = $server =~ /:(\d+)$/;

# A chronyd that takes nothing that is not authenticated, and trusts a certificate.
sub start_client
{
    my ($name, $trusts) = @_;
    return start_chronyd("server $authority port $port nts ntsport $keys iburst minpoll 0 maxpoll 2", 'authselectmode require',
        'nosystemcert', "ntstrustedcerts $place/$trusts.crt", "bindcmdaddress $place/$name");
}
my $client = start_client('client', 'server');
my $distrustful = start_client('distrustful', 'other');

my $node = new_node('clients', conf => "intervalstyle = 'postgres'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

sub becomes
{
    my ($address, $columns, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said;
    wait_until(sub { ($said = $node->safe_psql('postgres', "SELECT $columns FROM ntp_query('$address', timeout => '10 s')")) eq $expected }, 120);
    return is($said, $expected, $name);
}
becomes($client, q(state, stratum, leap, reference_id, root_distance BETWEEN '0' AND '1 s', clock_offset BETWEEN -root_distance AND root_distance),
    "good|3|0|$authority|t|t", 'what follows a server by NTS tells the time');
my $log = "$PostgreSQL::Test::Utils::log_path/chronyd_" . $distrustful =~ s/:.*//r . '.log';
ok(wait_until(sub { slurp_file($log) =~ /TLS handshake with \Q$authority:$keys\E .*failed.*certificate/i }), 'another one does not trust its certificate');
becomes($distrustful, 'state, clock_offset, leap', 'unsynchronised||3', '... and does not follow it');

# Only who runs a chronyd can see that it is NTS.
SKIP: {
    my $chronyc = $ENV{CHRONYC} // '';
    skip 'chronyc is not there', 2 unless -x $chronyc;
    my $says = sub {
        my ($name, $command) = @_;
        my ($out, $err) = ('', '');
        IPC::Run::run([ $chronyc, '-n', '-c', '-h', "$place/$name", $command ], '<', '/dev/null', '>', \$out, '2>', \$err);
        return "$out$err";
    };
    # address, mode, ID of the key, algorithm, length of the key, ...
    like($says->('client', 'authdata'), qr/^\Q$authority\E,NTS,[1-9]\d*,(?:15|30),(?:128|256),/m, 'chronyc says that it is NTS');
    like($says->('distrustful', 'authdata'), qr/^\Q$authority\E,NTS,0,/m, '... and that there is no key where the certificate is not trusted');
}

$node->stop;
done_testing();
