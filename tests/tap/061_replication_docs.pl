# The commands of docs/active-active.md, as a reader types them: they work, and print what the page
# shows.
#
# NEWER_BINDIR names the programs of PostgreSQL 16 or newer.

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/lib";

use DocsTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $newer = $ENV{NEWER_BINDIR} // '';
-x "$newer/postgres" or die "NEWER_BINDIR does not name the programs of a PostgreSQL: '$newer'\n";

my $page = slurp_file(dirname(__FILE__) . '/../../docs/active-active.md');
my @commands;
while ($page =~ /^(?:\*\*(\d+)\.\*\* )?([^\n]+)\n\n```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/msg)
{
    push @commands, { number => $1 // 'end', title => $2, text => $3, expected => $4 };
}
is(join(' ', map { $_->{number} } @commands), '1 2 3 4 5 6 7 8 9 10 end', 'ten commands, and one that ends it');

# One shell for all, as it is for the reader.
my $place = PostgreSQL::Test::Utils::tempdir_short();
chdir $place or die "$place: $!";
my $script = '';
for my $index (0 .. $#commands)
{
    $script .= "exec > out_$index 2> err_$index\n$commands[$index]{text}echo \$? > status_$index\n";
}
append_to_file('commands', $script);

my $ended;
{
    local %ENV = (%ENV, PATH => "$newer:$ENV{PATH}");
    delete @ENV{ grep { /^PG(?!PORT$)/ } keys %ENV };
    $ended = IPC::Run::run([ 'bash', 'commands' ],
        '<', '/dev/null', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
}
ok($ended, 'the shell got to the end');

for my $index (0 .. $#commands)
{
    my ($number, $title, $expected) = @{ $commands[$index] }{qw(number title expected)};
    my ($out, $err, $status) = map { -e "${_}_$index" ? slurp_file("${_}_$index") : '' } qw(out err status);
    chomp $status;
    # grep that finds nothing
    is($status, $number eq '10' ? 1 : 0, "command $number: $title") or diag($out, $err);
    # those who are connected to b see it going
    unlike($err, qr/error|fatal|not found/i, '... without an error') unless $number eq '8';
    is(shape($out), shape($expected), '... prints what is shown') if defined $expected;
    $commands[$index]{out} = $out;
}

my ($load, $rows, $grep) = map { $commands[$_]{out} } 7 .. 9;
is(() = $load =~ /^number of transactions actually processed: [1-9]/mg, 3, 'all three inserted');
like($rows, qr/^([1-9]\d*\|[0-9a-f]{32}\n)\1\1\z/, 'the same rows on all three');
is($grep, $commands[9]{expected}, 'no conflict');
like(slurp_file('b.log'), qr/received immediate shutdown request.*not properly shut down/s, 'b was killed and came back');
is((grep { -e "$_/postmaster.pid" } qw(a b c registry)), 0, 'none is left running');
done_testing();

# Whatever is still running after a failure.
END
{
    my $status = $?;
    for my $server (grep { defined $place && -e "$place/$_/postmaster.pid" } qw(a b c registry))
    {
        diag("$server:\n", slurp_file("$place/$server.log"));
        system "$newer/pg_ctl", 'stop', '-D', "$place/$server", '-m', 'immediate';
    }
    chdir '/';
    $? = $status;
}
