# Three servers of three versions of PostgreSQL, with clocks that differ, get each other's rows by stock logical
# replication. What a server stamps is above all that it has received, whichever clock says so; the time of day is not.
#
# MIDDLE_BINDIR and NEWER_BINDIR name the programs of two further versions, which have the extension, too.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;
use Time::HiRes qw(sleep);

my %programs = (b => $ENV{MIDDLE_BINDIR} // '', c => $ENV{NEWER_BINDIR} // '');
-x "$programs{$_}/postgres" or die "no programs of a PostgreSQL: '$programs{$_}'\n" for sort keys %programs;

# Seconds that each clock is ahead: within max_clock_offset, and within what IDs may lead.
my %ahead = (a => 0, b => 0.3, c => -0.2);
my @names = sort keys %ahead;
my %worker = (a => 1, b => 2, c => 3);
my %server = map {
    my $name = $_;
    my @path = $programs{$name} ? (install_path => dirname($programs{$name})) : ();
    $name => new_node($name, @path, allows_streaming => 'logical', conf => <<"CONF")
snowflake_pg.worker_id = '$worker{$name}'
snowflake_pg.layout = 'twitter'
wal_retrieve_retry_interval = '200ms'
max_worker_processes = 16
CONF
} @names;

for my $name (@names)
{
    my $node = $server{$name};
    fake_clock($node);
    set_clock($node, $ahead{$name});
    with_clock($node, sub { $node->start });
    $node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION snowflake_pg;
CREATE TABLE said (
    server text NOT NULL, n int NOT NULL,
    h hlc NOT NULL DEFAULT hlc_next(), l bigint NOT NULL DEFAULT lamport_next(), id bigint NOT NULL DEFAULT snowflake_next(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    heard int NOT NULL, heard_h hlc, heard_l bigint, heard_id bigint, heard_at timestamptz,
    PRIMARY KEY (server, n));
CREATE TRIGGER h BEFORE INSERT OR UPDATE ON said FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('h');
CREATE TRIGGER l BEFORE INSERT OR UPDATE ON said FOR EACH ROW EXECUTE FUNCTION lamport_witness_row('l');
CREATE TRIGGER id BEFORE INSERT OR UPDATE ON said FOR EACH ROW EXECUTE FUNCTION snowflake_witness_row('id');
ALTER TABLE said ENABLE REPLICA TRIGGER h;
ALTER TABLE said ENABLE REPLICA TRIGGER l;
ALTER TABLE said ENABLE REPLICA TRIGGER id;
SQL
    # its own rows only, so that none comes back to where it was made
    $node->safe_psql('postgres', "CREATE PUBLICATION own FOR TABLE said WHERE (server = '$name')");
}
my %version = map { $_ => major_version($server{$_}) } @names;
is(join(' ', sort { $a <=> $b } values %version), join(' ', map { $version{$_} } @names), "PostgreSQL $version{a}, $version{b} and $version{c}");

for my $name (@names)
{
    for my $peer (grep { $_ ne $name } @names)
    {
        my $connection = $server{$peer}->connstr('postgres') =~ s/'/''/gr;
        $server{$name}->safe_psql('postgres',
            "CREATE SUBSCRIPTION ${name}_from_$peer CONNECTION '$connection' PUBLICATION own WITH (copy_data = false)");
    }
}

# Says something, again and again, with what has been heard until then.
my $rows = 400;
my $say = <<'SQL';
INSERT INTO said (server, n, heard, heard_h, heard_l, heard_id, heard_at)
    SELECT '%s', %d, count(*), max(h), max(l), max(id), max(at) FROM said;
SQL
my %client = map {
    my $name = $_;
    $name => start_recording($server{$name}, 'postgres', map { sprintf($say, $name, $_) . "\\! sleep 0.01\n" } 1 .. $rows)
} @names;
finish_recording(values %client);
my $all = @names * $rows;
for my $name (@names)
{
    ok(wait_until(sub { sleep 0.2; $server{$name}->safe_psql('postgres', 'SELECT count(*) FROM said') == $all }), "$name has all rows");
}
my $everything = 'SELECT md5(string_agg(said::text, E\'\n\' ORDER BY server, n)) FROM said';
my %content = map { $server{$_}->safe_psql('postgres', "SET timezone = 'UTC'; $everything") => 1 } @names;
is(scalar(keys %content), 1, '... the same ones');

my $count = sub { my ($where) = @_; return $server{a}->safe_psql('postgres', "SELECT count(*) FROM said WHERE $where") };
cmp_ok($count->('heard > n - 1'), '>', $all / 2, 'most were said after others had been heard');
is($count->("$_ <= heard_$_"), 0, "no $_ that is not above all that had been heard") for qw(h l id);
cmp_ok($count->('at <= heard_at'), '>', 0, '... which by the time of day many are');
is($server{a}->safe_psql('postgres', 'SELECT count(DISTINCT id), count(DISTINCT (l, server)) FROM said'), "$all|$all", 'no ID is there twice');

# Right after a server has received a row it makes larger ones, though its clock is behind.
for my $name (@names)
{
    is($server{$name}->safe_psql('postgres',
        'SELECT hlc_next() > max(h), lamport_next() > max(l), snowflake_next() > max(id) FROM said'), 't|t|t', "what $name makes next is above all rows");
}

# Also after a crash of who has received, and made nothing since.
my $later = $server{b}->safe_psql('postgres', sprintf("$say SELECT h, l, id FROM said WHERE server = 'b' AND n = %d", 'b', $rows + 1, $rows + 1));
ok(wait_until(sub { $server{c}->safe_psql('postgres', "SELECT count(*) FROM said WHERE server = 'b' AND n = $rows + 1") }), 'a row arrives');
$server{c}->stop('immediate');
with_clock($server{c}, sub { $server{c}->start });
is($server{c}->safe_psql('postgres', 'SELECT hlc_next() > max(h), lamport_next() > max(l) FROM said'), 't|t', 'a crash forgets nothing that was received');

# A peer whose clock is further ahead than max_clock_offset is not followed: apply waits until the clock has caught up.
my $offset = log_size($server{a});
set_clock($server{b}, 6);
$server{b}->safe_psql('postgres', sprintf($say, 'b', $rows + 2));
ok(wait_until(sub { log_since($server{a}, $offset) =~ /ERROR: .*\n(?:.*\n)*?.*(?:DETAIL|CONTEXT)/ }), 'who receives too far a time tells it');
is($server{a}->safe_psql('postgres', "SELECT count(*) FROM said WHERE n = $rows + 2"), 0, '... and does not apply the row yet');
set_clock($server{b}, 0.3);
ok(wait_until(sub { $server{a}->safe_psql('postgres', "SELECT count(*) FROM said WHERE n = $rows + 2") }), '... but later');
is($server{a}->safe_psql('postgres', 'SELECT hlc_next() > max(h), lamport_next() > max(l) FROM said'), 't|t', '... and goes on above it');

unlike(slurp_file($_->logfile), qr/terminated by signal|panicked/, 'no process crashed') for @server{@names};
$_->stop for @server{@names};

done_testing();
