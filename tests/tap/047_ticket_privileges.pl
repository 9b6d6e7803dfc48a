# Who may draw a ticket is seen at once, however often the session has drawn it before: a change of
# role, of privileges, owners, roles and memberships, by the session itself and by another one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SnowflakeTest;
use Test::More;

my $node = new_node('privileges');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION snowflake_pg;
SELECT ticket_create('invoice', 1, 1000);
SELECT ticket_create('receipt', 1, 1000);
CREATE ROLE clerk;
CREATE ROLE office;
CREATE ROLE owner;
CREATE ROLE visitor;
GRANT CREATE ON SCHEMA public TO owner;
SQL

my $visitor = session($node);
ask($visitor, 'SET SESSION AUTHORIZATION visitor');
my $draw = q(SELECT ticket_next('invoice') > 0);

# What a session is told, be it a result or an error.
sub told
{
    my ($session, $sql) = @_;
    my ($out, $err) = ask($session, $sql);
    return $err =~ /ERROR/ ? $err : $out;
}

# Whether the visitor's session may draw, twice: what the first one looks up, the second one knows.
sub drawn
{
    my ($expected, $name) = @_;
    for my $time ('at first', 'again')
    {
        my $answer = told($visitor, $draw);
        if ($expected) { is($answer, 't', "$name, $time"); }
        else { like($answer, qr/permission denied for ticket "invoice"/, "$name, $time"); }
    }
    return;
}

sub change { return $node->safe_psql('postgres', shift); }

drawn(0, 'no right');
for my $privilege ('USAGE', 'UPDATE')
{
    change("GRANT $privilege ON SEQUENCE invoice_ticket TO visitor");
    drawn(1, "$privilege granted");
    change("REVOKE $privilege ON SEQUENCE invoice_ticket FROM visitor");
    drawn(0, "$privilege revoked");
}

change('GRANT USAGE ON SEQUENCE invoice_ticket TO office');
drawn(0, 'granted to a role');
change('GRANT office TO visitor');
drawn(1, 'a member of it');
change('REVOKE office FROM visitor');
drawn(0, 'no longer a member');
change('GRANT clerk TO visitor; GRANT office TO clerk');
drawn(1, 'a member of a member');
change('REVOKE office FROM clerk');
drawn(0, 'of one that is no longer a member');

change('GRANT USAGE ON SEQUENCE invoice_ticket TO PUBLIC');
drawn(1, 'granted to all');
change('REVOKE USAGE ON SEQUENCE invoice_ticket FROM PUBLIC');
drawn(0, 'revoked from all');

change('ALTER ROLE visitor SUPERUSER');
drawn(1, 'a superuser');
change('ALTER ROLE visitor NOSUPERUSER');
drawn(0, 'no longer a superuser');

change('ALTER SEQUENCE invoice_ticket OWNER TO visitor');
drawn(1, 'the owner');
change('ALTER SEQUENCE invoice_ticket OWNER TO owner');
drawn(0, 'no longer the owner');

change('GRANT USAGE ON SEQUENCE invoice_ticket TO pg_database_owner; ALTER DATABASE postgres OWNER TO visitor');
drawn(1, 'the owner of the database, for whom a role stands');
change('ALTER DATABASE postgres OWNER TO postgres');
drawn(0, 'no longer the owner of the database');

change('GRANT pg_write_all_data TO visitor');
drawn(1, 'a role that writes all');
change('REVOKE pg_write_all_data FROM visitor');
drawn(0, 'no longer of that role');

# the session itself
change('GRANT office TO visitor; ALTER ROLE visitor NOINHERIT');
drawn(0, 'a member that does not inherit') if major_version($node) < 16;
ask($visitor, 'SET ROLE office');
drawn(1, 'SET ROLE');
ask($visitor, 'RESET ROLE');
drawn(0, 'RESET ROLE') if major_version($node) < 16;
change('REVOKE office FROM visitor; ALTER ROLE visitor INHERIT');
drawn(0, 'no member, no role');

change(<<'SQL');
CREATE FUNCTION draw_for_all() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN ticket_next('invoice'); END $$;
SQL
is(told($visitor, 'SELECT draw_for_all() > 0'), 't', "with the rights of a function's owner");
drawn(0, 'but not outside of it');
is(told($visitor, 'SELECT draw_for_all() > 0'), 't', '... nor does that take them from it');

# in one transaction, and rolled back
my $session = session($node);
sub own { return told($session, shift); }
own('SET ROLE office');
is(own($draw), 't', 'granted to the role that the session has');
own('RESET ROLE');
own('BEGIN');
own('REVOKE USAGE ON SEQUENCE invoice_ticket FROM office');
own('SET ROLE office');
own('SAVEPOINT before');
like(own($draw), qr/permission denied/, 'revoked in this transaction');
own('ROLLBACK');
own('RESET ROLE');
own('SET ROLE office');
is(own($draw), 't', 'and rolled back');
own('RESET ROLE');

# two tickets in turn, and another session whose rights are its own
change('GRANT USAGE ON SEQUENCE invoice_ticket TO visitor');
drawn(1, 'granted once more');
like(told($visitor, q(SELECT ticket_next('receipt'))), qr/permission denied for ticket "receipt"/, 'another ticket');
drawn(1, 'this one still');

# a ticket that is dropped and made again is another one
change(q(SELECT ticket_drop('invoice'); SELECT ticket_create('invoice', 5000, 10)));
drawn(0, 'a ticket of the same name');
change('GRANT USAGE ON SEQUENCE invoice_ticket TO visitor');
is(told($visitor, q(SELECT ticket_next('invoice'))), '5000', 'which begins where it was told');
change(q(SELECT ticket_drop('invoice')));
like(told($visitor, $draw), qr/ticket "invoice" does not exist/, 'and is gone');

$_->quit for $visitor, $session;
done_testing();
