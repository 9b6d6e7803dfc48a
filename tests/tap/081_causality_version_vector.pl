# Version vectors outside of a session: without the library preloaded, the examples of docs/causality.md with every digit,
# dump and restore, binary copies, and binary input that is damaged.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('causality', preload => 0);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION snowflake_pg');

# the page

# Widths of columns are not compared.
sub words
{
    my ($text) = @_;
    $text =~ s/-{2,}/--/g;
    $text =~ s/[ \t]+/ /g;
    $text =~ s/\s+\n/\n/g;
    return $text =~ s/^\s+|\s+$//gr;
}

my $page = slurp_file(dirname(__FILE__) . '/../../docs/causality.md');
$node->safe_psql('postgres', 'CREATE DATABASE docs');
$node->safe_psql('docs', 'CREATE EXTENSION snowflake_pg');
my $number = 0;
while ($page =~ /^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/msg)
{
    my ($sql, $expected) = ($1, $2);
    $number++;
    my ($stdout, $stderr) = ('', '');
    my @command = ($node->installed_command('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('docs'), '-f', '-');
    IPC::Run::run(\@command, '<', \$sql, '>', \$stdout, '2>', \$stderr);
    is($stderr, '', "example $number runs");
    is(words($stdout), words($expected), "example $number prints what is shown") if defined $expected;
}
is($number, 12, 'the examples were found');

# dump and restore

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE kept (id int PRIMARY KEY, version version_vector);
CREATE UNIQUE INDEX ON kept (version) WHERE id < 5;
CREATE INDEX ON kept USING hash (version);
INSERT INTO kept VALUES (1, '{}'), (2, '{0:1,9223372036854775807:9223372036854775807}'), (3, NULL), (4, '{1:5,2:7}');
INSERT INTO kept SELECT 5, ('{' || string_agg(format('%s:%s', i, i), ',') || '}')::version_vector FROM generate_series(1, 20000) AS i;
SQL
my $all = 'SELECT id, md5(version::text), md5(version::bytea), md5(version::jsonb::text) FROM kept ORDER BY version, id';
my $kept = $node->safe_psql('postgres', $all);
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
unlike(slurp_file($dump), qr/CREATE TYPE|CREATE OPERATOR|CREATE AGGREGATE/, 'what is the extension\'s is not dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restored');
is($node->safe_psql('restored', $all), $kept, 'with every value, in the same order');

# binary copies

my $copy = $node->basedir . '/copy';
$node->safe_psql('postgres', "COPY kept TO '$copy' (FORMAT binary)");
is($node->safe_psql('postgres', "CREATE TABLE copied (LIKE kept); COPY copied FROM '$copy' (FORMAT binary);"), '', 'copied in binary');
is($node->safe_psql('postgres', $all =~ s/kept/copied/r), $kept, 'with every value');

# The file of a binary copy with one column.
sub copy_of
{
    my ($bytes) = @_;
    my $file = $node->basedir . '/damaged';
    unlink $file;
    append_to_file($file, "PGCOPY\n\xff\r\n\0" . pack('NNn', 0, 0, 1) . pack('N/a*', $bytes) . pack('n', 0xffff));
    chmod 0644, $file or die $!;
    return $file;
}

sub copied
{
    my ($bytes) = @_;
    my $file = copy_of($bytes);
    return $node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN; COPY one FROM '$file' (FORMAT binary); SELECT version FROM one; ROLLBACK");
}

sub entries { return pack('C(Q>)*', 1, @_) }

$node->safe_psql('postgres', 'CREATE TABLE one (version version_vector)');
my $good = entries(1, 5, 2, 7, 9, 1);
my (undef, $read) = copied($good);
is($read, '{1:5,2:7,9:1}', 'a copy made by hand');
my %damaged = (
    'no bytes' => [ '', qr/22P03: invalid binary form of a version_vector/ ],
    'another version' => [ "\2" . substr($good, 1), qr/22P03: unknown version 2 of the binary form/ ],
    'bytes at the end' => [ "$good\0", qr/22P03: .*\nDETAIL:  It has 50 bytes/ ],
    'unsorted' => [ entries(2, 5, 1, 7), qr/22P03: .*\nDETAIL:  The node of entry 2 is not above/ ],
    'a node twice' => [ entries(1, 5, 1, 7), qr/22P03: .*\nDETAIL:  The node of entry 2 is not above/ ],
    'a zero' => [ entries(1, 0), qr/22P03: .*\nDETAIL:  The counter of entry 1 is out of range/ ],
    'a counter of 64 bits' => [ entries(1, 1 << 63), qr/22P03: .*\nDETAIL:  The counter of entry 1 is out of range/ ],
    'a node of 64 bits' => [ entries(1, 1, 1 << 63, 1), qr/22P03: .*\nDETAIL:  The node of entry 2 is out of range/ ],
    'many entries' => [ entries(map { ($_, 1) } 1 .. 32_769), qr/54000: a version_vector has 32768 entries at most/ ]);
for my $name (sort keys %damaged)
{
    my ($bytes, $pattern) = @{ $damaged{$name} };
    my ($code, undef, $err) = copied($bytes);
    ok($code != 0 && $err =~ $pattern, "binary input: $name is refused") or diag($err);
}
# every length but those that end with an entry
my @read = grep { (copied(substr($good, 0, $_)))[0] == 0 } 0 .. length($good) - 1;
is("@read", '1 17 33', 'binary input: cut off anywhere, it is refused, or all entries are whole');
# a few bits, which make another value or none
my $other = 0;
for my $bit (map { 8 * $_ + $_ % 8 } 0 .. length($good) - 1)
{
    my $flipped = $good;
    vec($flipped, $bit, 1) ^= 1;
    my ($code, $out, $err) = copied($flipped);
    $other++ if $code == 0 ? $out =~ /^\{[\d:,]+\}$/ && $out ne '{1:5,2:7,9:1}' : $err =~ /ERROR:  22P03:/;
}
is($other, length($good), 'binary input: with a bit flipped, it is another value, or refused');
# a length that the message does not have
my $file = copy_of($good);
my $lying = slurp_file($file);
substr($lying, 21, 4) = pack('N', 0x7fffffff);
unlink $file;
append_to_file($file, $lying);
chmod 0644, $file or die $!;
my ($code, undef, $err) = $node->psql('postgres', "COPY one FROM '$file' (FORMAT binary)");
ok($code != 0 && $err =~ /ERROR/, 'binary input: a length that lies is refused') or diag($err);
is($node->safe_psql('postgres', 'SELECT count(*) FROM kept'), 5, 'the server is still there');

$node->stop;
done_testing();
