# pg_upgrade to a newer PostgreSQL: mark, layout and strides are those of before, also if the clock is behind.
#
# NEWER_BINDIR names its programs; the extension is installed there. Without a newer one it is this
# version again, which pg_upgrade allows.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Find qw(find);
use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $newer = $ENV{NEWER_BINDIR} // '';
-x "$newer/pg_upgrade" or die "NEWER_BINDIR does not name the programs of a PostgreSQL: '$newer'\n";

# What must be the same for pg_upgrade, and has other defaults in other versions.
my @same = ('--data-checksums', '--locale=C', '--encoding=UTF8');
my $layout = q(snowflake_pg.layout = 'instagram');

# Runs pg_upgrade: whether it worked and what it said. Its logs are kept where those of the servers are.
sub upgrade
{
    my ($from, $to) = @_;
    my $output = '';
    my $worked = IPC::Run::run(
        [
            $to->installed_command('pg_upgrade'), '--no-sync',
            '-d', $from->data_dir,
            '-D', $to->data_dir,
            '-b', $from->config_data('--bindir'),
            '-B', $newer,
            '-s', $to->host,
            '-p', $from->port,
            '-P', $to->port
        ],
        '>&', \$output);
    my $kept = sub {
        /\.log$/ && copy($File::Find::name, "$PostgreSQL::Test::Utils::log_path/upgrade_to_" . $to->name . "_$_");
    };
    my $logs = $to->data_dir . '/pg_upgrade_output.d';
    find($kept, $logs) if !$worked && -d $logs;
    return ($worked, $output);
}

# Whether the two versions can be upgraded one to the other at all: a table with statistics, and no extension.
sub pair_fits
{
    my $from = new_node('plain_old', extra => \@same, preload => 0);
    $from->start;
    $from->safe_psql('postgres', 'CREATE TABLE plain AS SELECT n, n::text AS t FROM generate_series(1, 1000) AS n; ANALYZE plain');
    $from->stop;
    my $to = new_node('plain_new', install_path => dirname($newer), extra => \@same, preload => 0);
    my ($worked, $output) = upgrade($from, $to);
    note($output);
    return $worked;
}

my $old = new_node('old', extra => \@same, conf => $layout);
$old->start;
my $version = major_version($old);
$old->safe_psql('postgres', 'CREATE DATABASE app');
create_event($old, 'app');
$old->safe_psql('app', q(CREATE SEQUENCE strided; SELECT stride_sequence('strided', 2, 3)));
my $stride = 'SELECT * FROM stride_check()';
is($old->safe_psql('app', $stride), 'strided|2|3|2|{}', 'a sequence has a stride');
my @clients = start_inserting($old, 'app', 3, pause => 0.02);
wait_until(sub { !grep { $_ < 50_000 } recorded_bytes(@clients) }) or die 'no load';
end_inserting($old, @clients);
my (undef, undef, $largest) = check_ids('before the upgrade', \@clients);
my $state = 'SELECT last_value, layout, count(*), max(id) FROM snowflake_mark, snowflake_recorded_layout, event GROUP BY 1, 2';
my $before = $old->safe_psql('app', $state);
cmp_ok((split /\|/, $before)[0], '>', 0, 'there is a mark');
my $number = $old->safe_psql('app', 'SELECT lamport_next()');
my $node_id = $old->safe_psql('app', 'SELECT crdt_node_id()');
$old->stop;

my $new = new_node('new', install_path => dirname($newer), extra => \@same, conf => $layout);
chdir $PostgreSQL::Test::Utils::tmp_check or die;
my ($upgraded, $said) = upgrade($old, $new);
if (!$upgraded && !pair_fits())
{
    note($said);
    SKIP:
    {
        skip "pg_upgrade from $version to $newer does not work without the extension either", 1;
    }
    done_testing();
    exit;
}
ok($upgraded, 'pg_upgrade') or diag($said);

start_behind($new, 900);
note("from $version to " . major_version($new));
cmp_ok(major_version($new), '>=', $version, 'a server of the newer version');
is($new->safe_psql('app', $state), $before, 'mark, layout and rows are the same');
is($new->safe_psql('app', $stride), 'strided|2|3|2|{}', 'so is the stride');
goes_on_above($new, 'app', $largest, 'after the upgrade');
cmp_ok($new->safe_psql('app', 'SELECT lamport_next()'), '>', $number, 'the Lamport clock goes on');
isnt($new->safe_psql('app', 'SELECT crdt_node_id()'), $node_id, 'it is another node');
fails($new, 'app', q(SELECT snowflake_set_layout('twitter')), 'the layout is settled',
    qr/ERROR:  55000: cannot change the layout to "twitter"/);
works($new, 'app', <<'SQL', 'the extension can be dropped and created');
SET client_min_messages = warning;
DROP EXTENSION snowflake_pg CASCADE;
CREATE EXTENSION snowflake_pg;
SELECT snowflake_next() > 0;
SQL
$new->stop;

done_testing();
