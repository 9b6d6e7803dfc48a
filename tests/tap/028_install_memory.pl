# Where memory is limited, no argument of any length ends the server: every function of the extension that takes a text,
# bytes or a name, called by an ordinary user, returns or fails as a statement does. What it says is short.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# Address space of each process of the server: enough for a few copies of an argument.
my $limit = 450_000 * 1024;

# What an argument is filled with, by database: of one of these every function has to make something. A character of
# LATIN1 has two bytes in UTF-8, and what is not UTF-8 is replaced by three.
my %encodings = (
    utf8 => { encoding => 'UTF8', fill => [ q('ts=' || repeat('9', 60000000)), q(repeat('-', 60000000)) ] },
    latin => { encoding => 'LATIN1', fill => [q(repeat(chr(233), 30000000))] },
    ascii => { encoding => 'SQL_ASCII', fill => [q(repeat(E'\\351', 50000000))] });

# Types that are filled, and how they are made of a text.
my %filled = (
    text => '(%s)::text',
    name => '(%s)::name',
    bytea => q(convert_to(%s, 'SQL_ASCII')),
    jsonb => 'to_jsonb((%s)::text)',
    cstring => 'textout(%s)');

# Beside the one that is filled.
my %usual = (
    bigint => '1',
    integer => '1',
    uuid => q('6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
    regclass => q('numbers'),
    text => q('twitter'),
    name => q('id'),
    bytea => q('\\x00'),
    'double precision' => '1',
    interval => q('1 s'),
    'interval[]' => q('{}'),
    version_vector => q('{1:5}'),
    crdt_context => q('{1.1:5}'),
    hlc => q('2026-11-24 16:05:34+00/17'),
    itc_version => q('(0,1,0)'),
    itc_stamp => q('((1,0),(0,1,0))'),
    jsonb => q('{}'),
    cstring => q('{}'),
    internal => 'NULL',
    'timestamp with time zone' => q('2024-01-01Z'));

sub limit_memory
{
    my ($bytes) = @_;
    system_or_bail('prlimit', '--pid', $$, "--as=$bytes:");
    return;
}

my $node = new_node('small', extra => [ '--locale=C', '--encoding=UTF8' ]);
limit_memory($limit);
$node->start;
limit_memory('unlimited');
$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN');

my $started = log_size($node);

# Runs a statement that may fail, and holds what is said against what a statement can end in.
sub survives
{
    my ($database, $sql, $name, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = $node->psql(
        $database, "\\set VERBOSITY verbose\n$sql",
        extra_params => [ '-U', 'somebody' ]);
    my @missing = grep { $err !~ $_ } @patterns;
    my $ended = $code == 0 ? $err eq '' : $code == 3 && $err =~ /ERROR:  [0-9A-Z]{5}: /;
    ok($ended && length($err) < 2_000 && !@missing, $name)
      or diag("exit code $code\nstdout: " . substr($out, 0, 2_000) . "\nstderr: " . substr($err, 0, 2_000));
    return $err;
}

for my $database (sort keys %encodings)
{
    my ($encoding, $fill) = @{ $encodings{$database} }{qw(encoding fill)};
    $node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
    $node->safe_psql($database, <<'SQL');
CREATE EXTENSION snowflake_pg;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO somebody;
CREATE TABLE numbers (id serial PRIMARY KEY);
ALTER TABLE numbers OWNER TO somebody;
GRANT CREATE ON SCHEMA public TO somebody;
SQL
    my @functions = split /\n/, $node->safe_psql($database, <<'SQL');
SELECT proname || '|' || string_agg(format_type(type, NULL), ',' ORDER BY place)
FROM pg_proc p JOIN pg_depend ON objid = p.oid AND classid = 'pg_proc'::regclass AND deptype = 'e',
     unnest(proargtypes) WITH ORDINALITY AS argument (type, place)
WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'snowflake_pg')
GROUP BY p.oid, proname ORDER BY proname, p.oid
SQL
    my $calls = 0;
    for my $function (@functions)
    {
        my ($name, @types) = split /[|,]/, $function;
        my @unknown = grep { !exists $usual{$_} } @types;
        is("@unknown", '', "$database: the arguments of $name have values") or next;
        for my $place (grep { exists $filled{ $types[$_] } } 0 .. $#types)
        {
            for my $long (@$fill)
            {
                my @arguments = map { "$usual{$_}\::$_" } @types;
                $arguments[$place] = sprintf $filled{ $types[$place] }, $long;
                survives($database, "SELECT * FROM $name(" . join(', ', @arguments) . ')',
                    "$database: argument " . ($place + 1) . " of $name, $long");
                $calls++;
            }
        }
    }
    cmp_ok($calls, '>', 20 * @$fill, "$database: that was all of them, $calls calls");
    for my $long (@$fill)
    {
        # PL/pgSQL would quote the statement as CONTEXT
        survives($database, <<"SQL", "$database: the label of a sequence, $long");
DO \$\$ BEGIN
    EXECUTE format('SECURITY LABEL FOR snowflake_pg ON SEQUENCE numbers_id_seq IS %L', $long);
EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END \$\$
SQL
    }
}

# errors of the arguments' own
survives('utf8', q(SELECT snowflake_decode(1, 'ts=' || repeat('9', 60000000))), 'a layout',
    qr/ERROR:  22023: invalid layout "ts=9{97}\.\.\."\n/, qr/DETAIL:  It has 60000003 bytes; a layout has 1024 at most\.\n/);
survives('utf8', q(SELECT snowflake_decode(1, 'twitter' || repeat(' ', 60000000))), 'a layout and spaces',
    qr/ERROR:  22023: invalid layout "twitter {93}\.\.\."\n/);
survives('utf8', q(SELECT snowflake_from_base32(repeat('9', 60000000))), 'base 32',
    qr/ERROR:  22P02: invalid base 32 text "9{100}\.\.\."\n/, qr/DETAIL:  Symbol "9" at position 1 /);
survives('utf8', q(SELECT ticket_next(repeat('9', 60000000))), 'a ticket',
    qr/ERROR:  42704: ticket "9{100}\.\.\." does not exist\n/);
survives('utf8', q(SELECT ticket_create(repeat('9', 60000000), 1, 1)), 'a new ticket',
    qr/ERROR:  22023: invalid name of a ticket: "9{100}\.\.\."\n/);
survives('latin', q(SELECT ticket_create(repeat(chr(233), 600), 1, 1)), 'a new ticket of many characters, in LATIN1',
    qr/ERROR:  22023: invalid name of a ticket: "(?:\\u\{e9\}){100}\.\.\."\n/);
survives('utf8', q(SELECT uuid_v8(convert_to(repeat('9', 60000000), 'UTF8'))), 'bytes of a UUID',
    qr/ERROR:  22023: a UUID has 16 bytes, not 60000000\n/);
survives('utf8', q(SELECT ('{1:' || repeat('9', 20000000))::version_vector), 'a version vector',
    qr/ERROR:  22003: counter 9{100}\.\.\. is out of range\n/);
survives('utf8', q(SELECT repeat('{', 20000000)::version_vector), 'a version vector of nothing but braces',
    qr/ERROR:  22P02: invalid input syntax for type version_vector: "\{{100}\.\.\."\n/);
survives('utf8', q(SELECT ('{' || repeat('1:0,', 5000000))::version_vector), 'a version vector of many entries',
    qr/ERROR:  54000: a version_vector has 32768 entries at most\n/);
survives('utf8', q(SELECT decode('01' || repeat('0000000000000001', 8000000), 'hex')::version_vector), 'and in binary',
    qr/ERROR:  (?:54000: a version_vector has 32768 entries at most|53200: out of memory)\n/);
survives('utf8', q(SELECT ('{1.1:0' || repeat('+9', 20000000))::crdt_context), 'a context of many dots',
    qr/ERROR:  22P02: invalid input syntax for type crdt_context: "\{1\.1:0(?:\+9)+\+?\.\.\."\n/);
survives('utf8', q{SELECT repeat('(', 20000000)::itc_stamp}, 'a stamp of nothing but parentheses',
    qr/ERROR:  54000: an interval tree clock has 65536 bytes at most\n/);
survives('utf8', q(SELECT decode(repeat('01', 10000000), 'hex')::itc_version), 'and in binary',
    qr/ERROR:  54000: an interval tree clock has 65536 bytes at most\n/);
is($node->safe_psql('utf8', q(SELECT uuid_v5(uuid_namespace_dns(), repeat('9', 60000000)) IS NOT NULL)), 't',
    'a name is hashed where it is');

# Comparisons leave no copies of compressed values behind: two of 80 kB for each would be beyond the limit.
is($node->safe_psql('utf8', <<'SQL'), 500, 'a sort of version vectors that are compressed');
CREATE TABLE versions AS
    SELECT base || version_vector(5001, n) AS version
    FROM generate_series(1, 500) AS n, (SELECT ('{' || string_agg(format('%s:1', i), ',') || '}')::version_vector AS base FROM generate_series(1, 5000) AS i) AS v;
SELECT count(*) FROM (SELECT version FROM versions ORDER BY version DESC OFFSET 0) AS sorted;
SQL

# what only a superuser can give
for my $change ('UPDATE snowflake_recorded_layout SET layout =', 'SELECT snowflake_set_layout(layout) FROM (SELECT')
{
    my $end = $change =~ /SELECT/ ? ' AS layout) AS given' : '';
    my ($code, undef, $err) = $node->psql('utf8', "$change 'ts=' || repeat('9', 1000000)$end");
    is($code, 3, "$change ... fails");
    like($err, qr/ERROR:  invalid layout "ts=9{97}\.\.\."\n/, 'as it should');
}

my $log = log_since($node, $started);
unlike($log, qr/terminated by signal|server process .* was/, 'no process ended');
cmp_ok(length($log), '<', 1_000_000, 'and nothing long is in the log');
$node->stop;

done_testing();
