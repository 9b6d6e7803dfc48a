# What the tests of the pages in docs share.
package DocsTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(shape);

# IDs, times, checksums and widths of columns differ from run to run; words and the number of lines
# do not.
sub shape
{
    my ($text) = @_;
    $text =~ s/\b[0-9a-f]{32}$/#/mg;
    $text =~ s/\d+(\.\d+)?/#/g;
    $text =~ s/-{2,}/--/g;
    $text =~ s/[ \t]+/ /g;
    $text =~ s/\s+\n/\n/g;
    return $text =~ s/^\s+|\s+$//gr;
}

1;
