#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# record.pl - speaks FastCGI records to a responder, well or badly, on one connection.
# usage: record.pl PATH|ADDRESS:PORT HOW [URI [LENGTH]]
# Prints the status and the body of each answer on a line of its own; "EOF" where the connection ended instead,
# "OPEN" where nothing came for 30 seconds.
# record.pl PATH|ADDRESS:PORT play|silent [WAY,... PID...]: many connections, as stdin tells; see play() and silent().
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Socket::IP;
use IO::Select;

my ($to, $how, $uri, $length) = (@ARGV, ('/data', 0)[@ARGV - 2 .. 1]);
my ($patience, $opens) = (30, 0);
my ($socket, $held, %said, $of); # $held: read, but not looked at; %said: FCGI_STDOUT by request id; $of: the last one's

sub dial {
	$socket = $to =~ m{^[/\0]} ? IO::Socket::UNIX->new(Peer => $to) : IO::Socket::IP->new(PeerAddr => $to);
	$socket or die "$to: $@$!";
	$socket->blocking(0);
	($held, %said) = ('');
}

$to =~ s/^@/\0/; # a name without a file
dial();
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

sub put { # all of it, unless the peer is gone; reads where the peer does not
	my ($bytes) = @_;
	my $both = IO::Select->new($socket);
	for (my $at = 0; $at < length $bytes;) {
		my $sent = syswrite($socket, $bytes, 1 << 16, $at);
		$at += $sent // 0;
		next if $sent;
		$!{EAGAIN} or return;
		my ($readable) = IO::Select->select($both, $both, undef, $patience) or return;
		sysread($socket, $held, 1 << 16, length $held) or return if @$readable;
	}
}

sub take {
	my ($want) = @_;
	while (length $held < $want) {
		IO::Select->new($socket)->can_read($patience) or return 'OPEN';
		sysread($socket, $held, $want - length $held, length $held) or return 'EOF'; # no more: "close-in-answer"
	}
	return \substr $held, 0, $want, '';
}

sub management { # TYPE CONTENT: the answer to a record of id 0
	my ($type, $content) = @_;
	return 'unknown(' . ord($content) . ')' if $type == 11 && $content =~ /^.\0{7}\z/s;
	return "record($type)" unless $type == 10;
	my @pairs;
	while ($content =~ s/^([\0-\x7f])([\0-\x7f])//) {
		push @pairs, substr($content, 0, ord $1, '') . '=' . substr($content, 0, ord $2, '');
	}
	return 'values(' . join(',', sort(@pairs), $content ? 'and more' : ()) . ')';
}

sub ending { # END-REQUEST FCGI_STDOUT
	my ($content, $text) = @_;
	return 'end(' . unpack('H*', $content) . ')' unless $content =~ /^....\0...\z/s; # the request is complete
	return 'ended' if $text eq '';
	return $text =~ /^Status: (\d+).*?\r\n\r\n(.*)/s ? "$1 $2" : "no CGI answer: $text";
}

sub answer { # until END_REQUEST; to a management record: what it says
	for (;;) {
		my $head = take(8);
		return $head unless ref $head;
		my ($version, $type, $id, $length, $padding) = unpack 'CCnnC', $$head;
		my $content = take($length + $padding);
		return $content unless ref $content;
		substr $$content, $length, $padding, '';
		return "version($version)" if $version != 1;
		return management($type, $$content) if $id == 0;
		$said{$id} .= $$content if $type == 6;
		$of = $id;
		return ending($$content, delete $said{$id} // '') if $type == 3;
		return "record($type)" if $type != 6 && $type != 7;
	}
}

sub show { print answer(), "\n" }
sub bytewise { put($_) for split //, shift }

# The language of play() and silent(): words, each the bytes of some records.
#   TYPE[#ID][vVERSION][=CONTENT][+PADDING]: a record. TYPE: a name of %type or a number; CONTENT: text, %XX for a byte,
#     c*N for N times that c; of values: names with commas; PADDING: its length, or a word whose bytes it is
#   begin[-][#ID]: FCGI_BEGIN_REQUEST, with FCGI_KEEP_CONN or, "-", without
#   pairs[1|2|*][#ID]: FCGI_PARAMS of a POST of 9 bytes to /echo, not their end; one half; one record for each byte
#   get[-][#ID][:URI], post[-][#ID][:URI][=LENGTH]: a whole GET of /data; the head of a POST to /echo, of 9 bytes
#   %XX...: these bytes
#   |, late: writes all this, then waits so long that percore sees it by itself; that a worker waits for the body
#   ?: writes all this and takes an answer
# "!" before a word: where the way "cut" cuts.  At the end all is written, and taken until the peer closes.
my %type = (begin => 1, abort => 2, params => 4, in => 5, data => 8, values => 9);

sub bytes_of { my ($text) = @_; return $text =~ s/%(..)/chr hex $1/ger =~ s/(.)\*(\d+)/$1 x $2/ger }
sub pairs { my @all = @_; return join '', map { size(length $_->[0]) . size(length $_->[1]) . join '', @$_ } @all }

sub few { # METHOD URI PAIR...: FCGI_PARAMS
	my ($method, $uri, @more) = @_;
	push @more, ['QUERY_STRING', $1] if $uri =~ /\?(.*)/;
	return pairs(['REQUEST_METHOD', $method], ['REQUEST_URI', $uri], @more);
}

sub few_post { return few('POST', $_[0] // '/echo', ['CONTENT_LENGTH', $_[1] // 9]) }

sub head_of { # KEEP ID PARAMS
	my ($keep, $id, $params) = @_;
	return record(1, pack('nCx5', 1, $keep), 0, $id) . join '', map { record(4, $_, 0, $id) } unpack('(a60000)*', $params), '';
}

sub pairs_of { # WHICH ID
	my ($which, $id) = @_;
	my ($all, $half) = (few_post(), length(few_post()) / 2);
	return join '', map { record(4, $_, 0, $id) } split //, $all if $which eq '*';
	return record(4, $which eq '' ? $all : $which == 1 ? substr $all, 0, $half : substr($all, $half), 0, $id);
}

sub any { # a record: TYPE ID VERSION CONTENT PADDING, as they are written
	my ($type, $id, $version, $content, $padding) = @_;
	$content = $type ne 'values' ? bytes_of($content // '') : pairs(map { [$_, ''] } split /,/, $content // '');
	my $bytes = $padding && $padding !~ /^\d+$/ ? word($padding) : "\0" x ($padding // 0);
	$bytes .= "\0" x (-length($bytes) % 8) if $padding && $padding !~ /^\d+$/;
	$id //= $type eq 'values' ? 0 : 1;
	return record($type{$type} // $type, $content, 0, $id, $version) =~ s/^(.{6})./$1 . chr length $bytes/ser . $bytes;
}

sub word { # its bytes
	local $_ = shift;
	return head_of(!$1, $2 // 1, few('GET', $3 // '/data')) . record(5, '', 0, $2) if /^get(-?)(?:#(\d+))?(?::(\S+))?$/;
	return head_of(!$1, $2 // 1, few_post($3, $4)) if /^post(-?)(?:#(\d+))?(?::([^\s=]+))?(?:=(\d+))?$/;
	return record(1, pack('nCx5', 1, !$1), 0, $2) if /^begin(-?)(?:#(\d+))?$/;
	return pairs_of($1, $2 // 1) if /^pairs([12*]?)(?:#(\d+))?$/;
	return bytes_of($_) if /^%/;
	return any($1, $2, $3, $4, $5) if /^([a-z]+|\d+)(?:#(\d+))?(?:v(\d+))?(?:=([^+]*))?(?:\+(\S+))?$/;
	die "record.pl: $_?\n";
}

sub brief { # an answer
	my ($text) = @_;
	$text =~ s/^200 //;
	$text = 'data' if $text =~ /^\{"street":"10 Downing Street","city":"Value: 99"\}$/;
	$text = $1 if $text =~ /^(400) .*"The body ended before Content-Length was reached\."/ || $text =~ /^((?!400)[45]\d\d) \{/;
	$text = length($text) . substr $text, 0, 1 if length $text > 20 && $text eq substr($text, 0, 1) x length $text;
	$text =~ s/\s+//g;
	$text = '-' if $text eq '';
	return $text . ($text =~ /^(?:EOF|OPEN|\w+\(.*\))$/ || $of == 1 ? '' : "#$of");
}

sub until_closed { # WHAT-CAME
	my @came = @_;
	push @came, brief(answer()) until @came && $came[-1] =~ /^(?:EOF|OPEN)$/ || @came > 200;
	$patience = 0.5 if $came[-1] eq 'OPEN' && ++$opens == 5; # all is known to be lost: then fast
	return @came;
}

sub pause { select undef, undef, undef, shift }

sub write_as { # WAY BYTES MARK
	my ($way, $bytes, $mark) = @_;
	return bytewise($bytes) if $way eq 'bytes';
	if ($way =~ /^cut(\d+)/ && defined $mark) {
		put(substr $bytes, 0, $mark + $1, '');
		pause(0.002);
	}
	put($bytes);
}

sub act { # WAY WORD...: what came, as words
	my ($way, @words) = @_;
	my ($bytes, $mark, @came) = ('');
	for (@words, '') {
		if (/^(?:\||late|\?|)$/) {
			write_as($way, $bytes, $mark);
			($bytes, $mark) = ('');
		}
		pause(0.002) if $_ eq '|';
		pause(0.015) if $_ eq 'late';
		push @came, brief(answer()) if $_ eq '?';
		next if /^(?:\||late|\?|)$/;
		$mark = length $bytes if s/^!//;
		$bytes .= word($_);
	}
	return @came;
}

sub ways_of { # WORDS: those that tell something of them
	my ($words) = @_;
	return grep { !/^cut/ || $words =~ /!/ } grep { $_ ne 'bytes' || $words !~ /\*\d{4}|=\d{4}/ } split /,/, $uri;
}

my ($told, $wrong) = (0, 0);

sub scripts { # of stdin: [NAME, WORDS, PATTERN]
	my %seen;
	return map { /^(\S+): (.*) => (.*)$/ && !$seen{$1}++ or die "record.pl: $_"; [$1, $2, $3] } grep { /\S/ } <STDIN>;
}

sub judge { # NAME PATTERN WHAT-CAME...: only what was not wanted
	my ($name, $pattern, @came) = @_;
	$told++;
	return if "@came" =~ /^(?:$pattern)$/;
	$wrong++;
	print "$name: got '@came', wanted '$pattern'\n";
}

# Reads "NAME: WORD... => PATTERN" lines, and plays each on a connection of its own, in each WAY: "one": as it is written;
# "kept": behind a request that was answered; "bytes": byte by byte; "cutN": in two, N bytes behind the "!".  Prints what
# came where the pattern is another, the next request was not answered, or a process PID is gone; and how many were wrong.
sub play {
	$patience = 5;
	my @pids = @ARGV[3 .. $#ARGV];
	my $pids = @pids;
	for (scripts()) {
		my ($name, $words, $pattern) = @$_;
		for my $way (ways_of($words)) {
			dial();
			my @came = act($way, $way eq 'kept' ? qw(get ?) : (), split ' ', $words);
			@came = until_closed(@came);
			shift @came if $way eq 'kept' && $came[0] =~ /^(?:data|404)$/;
			dial();
			my $next = join ' ', act('one', 'get-'), until_closed();
			push @came, "next: $next" if $next ne 'data EOF';
			push @came, 'a process is gone' if (@pids = grep { kill 0, $_ } @pids) < $pids;
			$pids = @pids;
			judge("$name/$way", $pattern, @came);
		}
	}
	print "$wrong of $told wrong\n";
}

# Reads the same, plays them all as far as they go and stays silent: meanwhile a request must be answered.
sub silent {
	$patience = 5;
	my @peers;
	for (scripts()) {
		my ($name, $words, $pattern) = @$_;
		dial();
		my @came = act('one', split ' ', $words);
		push @peers, [$name, $pattern, $socket, $held, {%said}, @came];
	}
	dial();
	$patience = 1.5; # less than any --io-timeout
	judge('meanwhile', 'data EOF', act('one', 'get-'), until_closed());
	$patience = 5;
	for (@peers) {
		(my $name, my $pattern, $socket, $held, my $said, my @came) = @$_;
		%said = %$said;
		judge($name, $pattern, until_closed(@came));
	}
	print "$wrong of $told wrong\n";
}

my $values = record(9, "\x0f\0FCGI_MPXS_CONNS", 7, 0);
my %do = (
	# Good.
	'whole' => sub { put(request(0)); show() },
	'bytes' => sub { bytewise(request(0)); show() },
	'tiny-records' => sub { put(begin(0) . stream(4, params(), 1) . record(5, '')); show() },
	'tiny-records-bytes' => sub { bytewise(begin(0) . stream(4, params(), 1) . record(5, '')); show() },
	'big' => sub { put(request(0, HTTP_BIG => 'b' x 128_000)); show() },
	'big-bytes' => sub { bytewise(request(0, HTTP_BIG => 'b' x 20_000)); show() },
	'padded' => sub { put(begin(0) . record(4, params(), 5) . record(4, '') . record(5, '')); show() },
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
	'two-requests' => sub { put(request(1) . request(1)); show(); show() },
	'twice-kept' => sub { put(request(1)); show(); put(request(0)); show() },
	'values' => sub { put($values); show(); bytewise($values); show(); put(request(0)); show() },
	'values-and-request' => sub { put($values . request(0)); show(); show() },
	'management' => sub { put(record(10, '', 0, 0)); show(); put(request(0)); show() },
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
	'outside' => sub { put(record(5, '')); show() },
	'values-big' => sub { put(record(9, 'v' x 1025, 0, 0)); show() },
	# Unfinished.
	'half' => sub { put(substr request(0), 0, 300); show() },
	'half-bytes' => sub { bytewise(substr request(0), 0, 300); show() },
	'half-values' => sub { put(substr $values, 0, 10); show() },
	'half-body' => sub { put(post(0, 'xx', 5)); show() },
	'trickling-body' => sub {
		put(post(0, '', 1000));
		put(record(5, 'x')) until IO::Select->new($socket)->can_read(.1);
		show();
	},
	'short-body' => sub { put(post(0, 'xx', 5) . record(5, '')); show() },
	'aborted' => sub { put(post(0, 'xx', 5) . record(2, '')); show(); show() },
	# The peer is gone.
	'close' => sub { },
	'close-in-head' => sub { put(substr request(0), 0, 300) },
	'close-in-body' => sub { put(post(0, 'xx', 5)) },
	'close-in-answer' => sub { put(request(0)); take(100) },
	# Many, as stdin tells.
	'play' => \&play,
	'silent' => \&silent,
);
($do{$how} or die "record.pl: $how?\n")->();
