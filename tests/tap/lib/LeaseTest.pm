# What the tests of leased worker IDs share: a registry, members of it, and what they hold.
package LeaseTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

our @EXPORT = qw(
  $few_workers new_registry new_member start_member start_together is_ready lease held worker_of
  registered trickle processes freeze thaw line_up
);

# Test servers that are started often: little memory.
my $small = <<'CONF';
shared_buffers = '2MB'
max_connections = 20
restart_after_crash = on
CONF

# A layout with worker IDs 0 and 1.
our $few_workers = 'ts=41,worker=1,seq=12,unit=1ms,epoch=2020-01-01T00:00:00Z';

# A started server with the registry, and a role that may use it. It gives out no IDs itself, and
# does not even preload the library.
sub new_registry
{
    my ($name, %options) = @_;
    my $registry = new_node($name, preload => 0, %options, conf => $small . ($options{conf} // ''));
    $registry->start;
    $registry->safe_psql('postgres',
        'CREATE EXTENSION snowflake_pg; CREATE ROLE member LOGIN IN ROLE snowflake_member');
    return $registry;
}

# A server that leases its worker ID, not started. Options as those of new_node, and registry =>
# 'connection string' for another than that of one registry.
sub new_member
{
    my ($registry, $name, %options) = @_;
    my $where = delete $options{registry} // line_up($registry);
    my $conf = delete $options{conf} // '';
    return new_node($name, %options, conf => $small . <<"CONF" . $conf);
snowflake_pg.worker_id = 'lease'
snowflake_pg.registry = '$where'
CONF
}

# The connection string of a registry, or of a primary and its standby.
sub line_up
{
    my @hosts = map { $_->host } @_;
    my @ports = map { $_->port } @_;
    local $" = ',';
    return "host=@hosts port=@ports dbname=postgres user=member";
}

# Starts a new server, and gives its database the extension.
sub start_member
{
    my ($node) = @_;
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');
    return $node;
}

# Starts servers at once, without waiting for one after the other.
sub start_together
{
    my (@nodes) = @_;
    for my $node (@nodes)
    {
        system_or_bail($node->installed_command('pg_ctl'), '--silent', '--no-wait', '-D', $node->data_dir,
            '-l', $node->logfile, '-o', '--cluster-name=' . $node->name, 'start');
    }
    for my $node (@nodes)
    {
        wait_until(sub { is_ready($node) }) or BAIL_OUT($node->name . ' does not start');
        $node->_update_pid(1);
    }
    return;
}

# Whether a server accepts connections. Not asked by SQL: a psql that is refused does not read it,
# and the pipe that it comes by breaks.
sub is_ready
{
    my ($node) = @_;
    return system($node->installed_command('pg_isready'), '-q', '-d', $node->connstr('postgres')) == 0;
}

# Columns of the view of a member.
sub lease
{
    my ($node, $columns) = @_;
    return $node->safe_psql('postgres', "SELECT $columns FROM snowflake_lease");
}

# Waits until a member has a lease that has not ended, and answers the worker ID.
sub held
{
    my ($node) = @_;
    my $worker;
    my $has = sub {
        $worker = lease($node, 'worker_id');
        return $worker ne '' && lease($node, q(remaining > '0')) eq 't';
    };
    wait_until($has) or diag($node->name . ' has no lease: ' . lease($node, 'last_error'));
    return $worker;
}

# The worker ID in a new ID of a member.
sub worker_of
{
    my ($node) = @_;
    return $node->safe_psql('postgres', 'SELECT snowflake_worker_id(snowflake_next())');
}

# What the registry has about a worker ID: begin and end in milliseconds, and host or nonce.
sub registered
{
    my ($registry, $worker, $columns) = @_;
    return $registry->safe_psql('postgres',
        "SELECT $columns FROM snowflake_registry_lease WHERE worker_id = $worker");
}

# Statements of a client that gives out IDs for some seconds.
sub trickle
{
    my ($seconds) = @_;
    return ('SELECT snowflake_next() FROM generate_series(1, 50)', 'DO $$BEGIN PERFORM pg_sleep(0.02); END$$') x (50 * $seconds);
}

# A server's processes, its postmaster first.
sub processes
{
    my ($node) = @_;
    my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
    my %parent = map { /(\d+)\s+(\d+)/ ? ($1 => $2) : () } qx(ps -A -o pid= -o ppid=);
    return ($postmaster, grep { $parent{$_} == $postmaster } sort keys %parent);
}

# Stops all processes of a server in the middle of what they are doing; answers them.
sub freeze
{
    my ($node) = @_;
    my ($postmaster) = processes($node);
    # first, so that it starts no more of them
    kill 'STOP', $postmaster;
    my @processes = processes($node);
    kill 'STOP', @processes;
    return @processes;
}

# Lets them go on.
sub thaw
{
    kill 'CONT', reverse @_;
    return;
}

1;
