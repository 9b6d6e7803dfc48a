# RUST_BACKTRACE in a server's environment changes no error: neither those of the extension nor PostgreSQL's own, which
# pass through it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

# By what they show: what each must say, and the SQL.
my %errors = (
    'with a DETAIL of its own' => [ qr/ERROR:  22003: .*\nDETAIL:  Snowflake IDs use 63 bits/, 'SELECT snowflake_decode(-1)' ],
    'without DETAIL' => [ qr/ERROR:  22023: a UUID has 16 bytes, not 1$/m, q(SELECT uuid_v8('\x00')) ],
    "PostgreSQL's, from a call" =>
      [ qr/ERROR:  25006: cannot execute ticket_create\(\)/, q(BEGIN READ ONLY; SELECT ticket_create('a', 1, 1)) ],
    "PostgreSQL's, from a statement" => [ qr/ERROR:  42P07: relation "a_ticket" already/, q(SELECT ticket_create('a', 1, 1)) ],
    "PostgreSQL's, with a DETAIL" =>
      [ qr/ERROR:  2BP01: .*\nDETAIL:  default value for column /, q(SELECT ticket_drop('used')) ],
    'caught on its way' =>
      [ qr/ERROR:  25006: /, <<'SQL' ],
BEGIN READ ONLY;
DO $$ BEGIN
    PERFORM ticket_create('a', 1, 1);
EXCEPTION WHEN OTHERS THEN
    RAISE;
END $$
SQL
    'of a setting' =>
      [ qr/ERROR:  22023: .*"5000"\nDETAIL:  5000 is out of range/, q(ALTER SYSTEM SET snowflake_pg.worker_id = '5000') ]);

my $node = new_node('backtrace');

sub start_with
{
    my (%environment) = @_;
    local %ENV = %ENV;
    delete @ENV{qw(RUST_BACKTRACE RUST_LIB_BACKTRACE)};
    @ENV{ keys %environment } = values %environment;
    $node->start;
    return;
}

my %plain;
for my $environment ({}, map({ RUST_BACKTRACE => $_ }, '1', 'full'), { RUST_LIB_BACKTRACE => '1' })
{
    my $started = log_size($node);
    start_with(%$environment);
    $node->safe_psql('postgres', <<'SQL') unless %plain;
CREATE EXTENSION snowflake_pg;
CREATE SEQUENCE a_ticket;
SELECT ticket_create('used', 1, 1);
CREATE TABLE uses (id bigint DEFAULT nextval('used_ticket'));
SQL
    my $name = join('', map { "$_=$environment->{$_}: " } keys %$environment) || 'plain: ';
    for my $error (sort keys %errors)
    {
        my ($pattern, $sql) = @{ $errors{$error} };
        my ($code, undef, $message) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
        like($message, $pattern, $name . $error);
        $plain{$error} //= $message;
        is($message, $plain{$error}, 'word for word');
    }
    unlike(log_since($node, $started), qr/panic/, "${name}the log has none either");
    $node->stop;
}

done_testing();
