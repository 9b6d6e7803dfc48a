# What the tests of the pages in docs share.
package DocsTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(shape);
our @EXPORT_OK = qw(shows_examples);

# Runs the examples of a section of a page that show what they print, and holds that against every digit. Widths of
# columns are not compared.
sub shows_examples
{
    my ($node, $database, $page, $section, $expected_number) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $text = slurp_file(dirname(__FILE__) . "/../../../docs/$page.md");
    my ($examples) = $text =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms or die "no section $section";
    my $number = 0;
    while ($examples =~ /^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/msg)
    {
        my ($sql, $expected) = ($1, $2);
        $number++;
        my ($stdout, $stderr) = ('', '');
        my @command =
          ($node->installed_command('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', '-');
        IPC::Run::run(\@command, '<', \$sql, '>', \$stdout, '2>', \$stderr);
        is($stderr, '', "$section, example $number runs");
        is(words($stdout), words($expected), "$section, example $number prints what is shown") if defined $expected;
    }
    return is($number, $expected_number, "$section: the examples were found");
}

sub words
{
    my ($text) = @_;
    $text =~ s/-{2,}/--/g;
    $text =~ s/[ \t]+/ /g;
    $text =~ s/\s+\n/\n/g;
    return $text =~ s/^\s+|\s+$//gr;
}

# IDs, times, checksums and widths of columns differ from run to run; words and the number of lines
# do not.
sub shape
{
    my ($text) = @_;
    $text =~ s/\b[0-9a-f]{32}$/#/mg;
    $text =~ s/\d+(\.\d+)?/#/g;
    return words($text);
}

1;
