#!/usr/bin/perl
# record.pl - speaks FastCGI records to a responder, well or badly, on one connection.
# usage: record.pl PATH|ADDRESS:PORT HOW [URI [LENGTH]]
# Prints the status and the body of each answer on a line of its own; "EOF" where the connection ended instead,
# "OPEN" where nothing came for 30 seconds.
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Socket::IP;
use IO::Select;

my ($to, $how, $uri, $length) = (@ARGV, ('/data', 0)[@ARGV - 2 .. 1]);
my $socket = $to =~ m{^/} ? IO::Socket::UNIX->new(Peer => $to) : IO::Socket::IP->new(PeerAddr => $to);
$socket or die "$to: $@$!";
$SIG{PIPE} = 'IGNORE';
$| = 1;

sub record { # TYPE CONTENT [PADDING [ID [VERSION]]]
	my ($type, $content, $padding, $id, $version) = @_;
	$padding //= 0;
	return pack('CCnnCx', $version // 1, $type, $id // 1, length $content, $padding) . $content . "\0" x $padding;
}

sub begin { my ($keep, $role) = @_; return record(1, pack('nCx5', $role // 1, $keep)) }

sub size { my ($n) = @_; return $n < 128 ? chr $n : pack 'N', $n | 1 << 31 }

# What nginx sends for a browser's request: about 900 bytes.
sub params {
	my %more = @_;
	my %param = (
		QUERY_STRING => $uri =~ /\?(.*)/s ? $1 : '', REQUEST_METHOD => 'GET', CONTENT_TYPE => '', CONTENT_LENGTH => '',
		SCRIPT_NAME => $uri, REQUEST_URI => $uri, DOCUMENT_URI => $uri, DOCUMENT_ROOT => '/usr/share/nginx/html',
		SERVER_PROTOCOL => 'HTTP/1.1', REQUEST_SCHEME => 'http', GATEWAY_INTERFACE => 'CGI/1.1',
		SERVER_SOFTWARE => 'nginx/1.22.1', REMOTE_ADDR => '127.0.0.1', REMOTE_PORT => '50000',
		SERVER_ADDR => '127.0.0.1', SERVER_PORT => '80', SERVER_NAME => '_', HTTP_HOST => 'www.example.test',
		HTTP_USER_AGENT => 'Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0',
		HTTP_ACCEPT => 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8',
		HTTP_COOKIE => 'c' x 200, %more);
	return join '', map { size(length) . size(length $param{$_}) . $_ . $param{$_} } sort keys %param;
}

sub stream { # TYPE BYTES [PIECE]: its records, with the end
	my ($type, $bytes, $piece) = @_;
	return join '', map({ record($type, $_) } unpack '(a' . ($piece // 60000) . ')*', $bytes), record($type, '');
}

sub request { my ($keep, %more) = @_; return begin($keep) . stream(4, params(%more)) . record(5, '') }

sub post { # KEEP BODY [LENGTH]: without the end of FCGI_STDIN
	my ($keep, $body, $length) = @_;
	my $params = params(REQUEST_METHOD => 'POST', CONTENT_LENGTH => $length // length $body);
	return begin($keep) . stream(4, $params) . join '', map { record(5, $_) } unpack '(a60000)*', $body;
}

sub put { # all of it, unless the peer is gone
	my ($bytes) = @_;
	for (my $at = 0; $at < length $bytes;) {
		$at += syswrite($socket, $bytes, 1 << 16, $at) // return;
	}
}

sub take {
	my ($want) = @_;
	my $got = '';
	while (length $got < $want) {
		IO::Select->new($socket)->can_read(30) or return 'OPEN';
		sysread($socket, $got, $want - length $got, length $got) or return 'EOF';
	}
	return \$got;
}

sub answer { # until END_REQUEST
	my $text = '';
	for (;;) {
		my $head = take(8);
		return $head unless ref $head;
		my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $$head;
		my $content = take($length + $padding);
		return $content unless ref $content;
		return 'values ' . $$content =~ s/[^ -~]/./gr if $type == 10;
		last if $type == 3;
		$text .= substr $$content, 0, $length if $type == 6;
	}
	$text =~ /^Status: (\d+).*?\r\n\r\n(.*)/s or return "no CGI answer: $text";
	return "$1 $2";
}

sub show { print answer(), "\n" }
sub bytewise { put($_) for split //, shift }

my $values = record(9, "\x0f\0FCGI_MPXS_CONNS", 7, 0);
my %do = (
	# Good.
	'whole' => sub { put(request(0)); show() },
	'bytes' => sub { bytewise(request(0)); show() },
	'tiny-records' => sub { put(begin(0) . stream(4, params(), 1) . record(5, '')); show() },
	'tiny-records-bytes' => sub { bytewise(begin(0) . stream(4, params(), 1) . record(5, '')); show() },
	'big' => sub { put(request(0, HTTP_BIG => 'b' x 128_000)); show() },
	'big-bytes' => sub { bytewise(request(0, HTTP_BIG => 'b' x 20_000)); show() },
	'padded' => sub { put(begin(0) . record(4, params(), 5) . record(4, '') . record(5, '', 8)); show() },
	'cut' => sub { # in two, at every place
		my $request = request(1);
		for my $at (1 .. length($request) - 1) {
			put(substr $request, 0, $at);
			select undef, undef, undef, 0.001 if $at % 8 == 0;
			put(substr $request, $at);
			my $answer = answer();
			$answer =~ /^200 / or die "cut at $at: $answer\n";
		}
		put(request(0));
		show();
	},
	'late-end' => sub {
		put(substr request(1), 0, -8);
		select undef, undef, undef, 0.2;
		put(substr request(1), -8);
		show();
		put(request(0));
		show();
	},
	'twice-kept' => sub { put(request(1)); show(); put(request(0)); show() },
	'values' => sub { put($values); show(); bytewise($values); show(); put(request(0)); show() },
	'values-and-request' => sub { put($values . request(0)); show(); show() },
	'abort-before' => sub { put(record(2, '') . request(0)); show() },
	'post' => sub { put(post(0, 'x' x $length) . record(5, '')); show() },
	'post-bytes' => sub { bytewise(post(0, 'x' x $length) . record(5, '')); show() },
	'halves-when-told' => sub { # told: by a line on stdin
		my $request = request(0, HTTP_BIG => 'b' x $length);
		put(substr $request, 0, length($request) / 2);
		<STDIN>;
		put(substr $request, length($request) / 2);
		show();
	},
	'kept-when-told' => sub { put(request(1)); show(); <STDIN>; put(request(0)); show() },
	'kept-idle' => sub { put(request(1)); show(); sleep 3; put(request(0)); show() },
	# Broken.
	'garbage' => sub { put('GET / HTTP/1.0'); show() },
	'another-version' => sub { put(record(1, pack('nCx5', 1, 0), 0, 1, 2)); show() },
	'version-inside' => sub { put(begin(0) . record(4, params(), 0, 1, 0)); show() },
	'role' => sub { put(begin(0, 2)); show() },
	'begin-padded' => sub { put(record(1, pack('nCx5', 1, 0), 8)); show() },
	'begin-short' => sub { put(record(1, pack('nCx4', 1, 0))); show() },
	'begin-id-0' => sub { put(record(1, pack('nCx5', 1, 0), 0, 0)); show() },
	'begin-twice' => sub { put(begin(0) . begin(0)); show() },
	'params-other-id' => sub { put(begin(0) . record(4, params(), 0, 2)); show() },
	'params-padded-end' => sub { put(begin(0) . record(4, params()) . record(4, '', 8)); show() },
	'params-cut' => sub { put(begin(0) . stream(4, substr params(), 0, -1)); show() },
	'params-huge' => sub { put(begin(0) . stream(4, "\x01\xff\xff\xff\xff")); show() },
	'too-big' => sub { put(request(0, HTTP_BIG => 'b' x 140_000)); show() },
	'stdin-other-id' => sub { put(begin(0) . stream(4, params()) . record(5, 'x', 0, 2)); show() },
	'two-requests' => sub { put(request(1) . request(1)); show() },
	'outside' => sub { put(record(5, '')); show() },
	'management' => sub { put(record(10, '', 0, 0)); show() },
	'values-big' => sub { put(record(9, 'v' x 1025, 0, 0)); show() },
	# Unfinished.
	'half' => sub { put(substr request(0), 0, 300); show() },
	'half-bytes' => sub { bytewise(substr request(0), 0, 300); show() },
	'half-values' => sub { put(substr $values, 0, 10); show() },
	'half-body' => sub { put(post(0, 'xx', 5)); show() },
	'short-body' => sub { put(post(0, 'xx', 5) . record(5, '')); show() },
	'aborted' => sub { put(post(0, 'xx', 5) . record(2, '')); show() },
	# The peer is gone.
	'close' => sub { },
	'close-in-head' => sub { put(substr request(0), 0, 300) },
	'close-in-body' => sub { put(post(0, 'xx', 5)) },
	'close-in-answer' => sub { put(request(0)); take(100) },
);
($do{$how} or die "record.pl: $how?\n")->();
