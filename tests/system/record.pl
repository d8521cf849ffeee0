#!/usr/bin/perl
# record.pl - speaks FastCGI records to a responder, well or badly, on one connection.
# usage: record.pl SOCKET whole|bytes|late-end|twice-kept|garbage|half [REQUEST_URI]
# Prints what came back after the last request's records, then EOF or OPEN.
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Select;

my ($path, $how, $uri) = (@ARGV, '/data');
my $socket = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
$socket->autoflush(1);

sub record { my ($type, $content) = @_; return pack('CCnnCC', 1, $type, 1, length $content, 0, 0) . $content }

sub request {
	my ($keep) = @_;
	my %param = (REQUEST_METHOD => 'GET', REQUEST_URI => $uri);
	my $params = join '', map { pack('CC', length $_, length $param{$_}) . $_ . $param{$_} } sort keys %param;
	return record(1, pack('nCx5', 1, $keep)) . record(4, $params) . record(4, '') . record(5, '');
}

sub answer { # until END_REQUEST or EOF
	my $text = '';
	for (;;) {
		my $head = take(8) // return "$text EOF";
		my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $head;
		my $content = take($length + $padding) // return "$text EOF";
		return $text if $type == 3;
		$text .= substr $content, 0, $length if $type == 6;
	}
}

sub take {
	my ($want) = @_;
	my $got = '';
	while (length $got < $want) {
		IO::Select->new($socket)->can_read(5) or return undef;
		sysread($socket, $got, $want - length $got, length $got) or return undef;
	}
	return $got;
}

my %send = (
	'whole' => sub { syswrite $socket, request(0) },
	'bytes' => sub { syswrite $socket, $_ for split //, request(0) },
	'late-end' => sub {
		my $first = request(1);
		syswrite $socket, substr $first, 0, -8;
		select undef, undef, undef, 0.2;
		syswrite $socket, substr $first, -8;
		answer();
		syswrite $socket, request(0);
	},
	'twice-kept' => sub { syswrite $socket, request(1); answer(); syswrite $socket, request(0) },
	'garbage' => sub { syswrite $socket, 'GET / HTTP/1.0' },
	'half' => sub { syswrite $socket, substr request(0), 0, 30 },
);
$send{$how}->();
print answer(), "\n";
