#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# restart.pl - stops and starts a responder on one listening socket, again and again, while clients ask it.
# usage: restart.pl SOCKET CLIENTS REQUESTS COMMAND...
# The socket is the tester's own and stays, as with systemd; so every connection must be answered, by the one that
# stops or by the next.  Prints: ANSWERED answered, FAILED failed, RESTARTS restarts, WRONG wrong exits.
use strict;
use warnings;
use IO::Socket::UNIX;
use POSIX ();

my ($path, $clients, $requests, @command) = @ARGV;
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 512) or die "$path: $!";

sub start {
	my $pid = fork // die;
	return $pid if $pid;
	POSIX::dup2(fileno $listener, 0);
	exec @command or die;
}

sub is_ready { # it ignores or catches SIGPIPE, and so is about to wait for SIGTERM
	my ($pid) = @_;
	open my $status, '<', "/proc/$pid/status" or return 1;
	return grep { /^Sig(?:Ign|Cgt):\s*(\w+)/ && hex(substr $1, -8) & 1 << 12 } <$status>;
}

sub record { my ($type, $content) = @_; return pack('CCnnCx', 1, $type, 1, length $content, 0) . $content }

sub ask { # one request on a connection of its own
	my $socket = IO::Socket::UNIX->new(Peer => $path) or return 0;
	my $params = "\x0e\x03REQUEST_METHODGET\x0b\x05REQUEST_URI/data";
	syswrite $socket, record(1, pack 'nCx5', 1, 0) . record(4, $params) . record(4, '') . record(5, '');
	my $answer = '';
	1 while sysread $socket, $answer, 4096, length $answer;
	return $answer =~ /Status: 200 .*Value: 99/s && $answer =~ /\x01\x03\x00\x01\x00\x08..\x00{8}\z/s;
}

sub client { # exits with the number of failures
	my $failed = 0;
	alarm 100;
	for (1 .. $requests) { $failed += !ask() }
	POSIX::_exit($failed > 255 ? 255 : $failed);
}

my $responder = start();
my %asking = map { my $pid = fork // die; $pid || client(); $pid => 1 } 1 .. $clients;
my ($failed, $restarts, $wrong) = (0, 0, 0);
while (%asking) {
	select undef, undef, undef, 0.01 until is_ready($responder);
	select undef, undef, undef, 0.1;
	kill TERM => $responder;
	waitpid $responder, 0;
	$wrong += $? != 0;
	$responder = start();
	$restarts++;
	while (%asking and (my $pid = waitpid -1, POSIX::WNOHANG()) > 0) {
		delete $asking{$pid} and $failed += $? >> 8 || $? != 0;
	}
}
kill TERM => $responder;
waitpid $responder, 0;
printf "%d answered, %d failed, %d wrong exits\n", $clients * $requests - $failed, $failed, $wrong;
print STDERR "$restarts restarts\n";
exit($restarts < 3);
