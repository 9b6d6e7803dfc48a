# Every SQL example in the README and the docs runs, and prints what the text block after it shows,
# but for the digits.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use FindBin;
use lib "$FindBin::RealBin/lib";

use DocsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(__FILE__) . '/../..';

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'snowflake_pg'
snowflake_pg.worker_id = '1'
timezone = 'UTC'
CONF
$node->start;

my $examples = 0;
foreach my $page ("$top/README.md", sort glob("$top/docs/*.md"))
{
	my $text = slurp_file($page);
	my $name = basename($page, '.md');
	my $database = lc("docs_$name") =~ s/\W/_/gr;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	# the README creates the extension itself
	$node->safe_psql($database, 'CREATE EXTENSION snowflake_pg')
	  unless $text =~ /^CREATE EXTENSION/m;

	my $number = 0;
	while ($text =~ /^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/msg)
	{
		my ($sql, $expected) = ($1, $2);
		$number++;
		$examples++;
		my ($stdout, $stderr) = ('', '');
		my @command = (
			'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d',
			$node->connstr($database), '-f', '-');
		my $ok = IPC::Run::run(\@command, '<', \$sql, '>', \$stdout, '2>', \$stderr);
		ok($ok, "$name, example $number runs") or diag($sql, $stderr);
		is(shape($stdout), shape($expected), "$name, example $number prints what is shown")
		  if defined $expected;
	}
}
cmp_ok($examples, '>=', 15, 'the examples were found');

$node->stop;
done_testing();
