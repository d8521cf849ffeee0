# SPDX-License-Identifier: ISC
# For the tests of percore-load: the server of known behaviour, and the results.  Source it.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
load=$build/percore-load
# The machine may be busy: what it spoils is marked, but these tests ask for something else.
calm=(--max-lateness 1h --max-cpu 1000 --max-steal 100 --quiet)

serve() { # name=value...: sets $url and $server
	port=$(free_port)
	url=http://127.0.0.1:$port/
	start "$build/tests/system/load-server" "$port" "$@"
	server=${started[-1]}
	wait_for bash -c ": </dev/tcp/127.0.0.1/$port"
}

unserve() {
	kill "$server"
	wait "$server" 2>/dev/null || true
}

load() { # ARGUMENT...: sets $status; the results are in $dir/out and for get
	status=0
	rm -f "$dir/json"
	"$load" "${calm[@]}" --json "$dir/json" "$@" >"$dir/out" 2>"$dir/err" || status=$?
}

calm_load() { # ARGUMENT...: repeated, a few times, while the machine spoils it
	local attempt
	for attempt in 1 2 3 4 5; do
		load --max-lateness 2ms "$@"
		[ "$status" -ne 3 ] && return
		sleep "$attempt"
	done
}

get() { # EXPRESSION on $r, the JSON
	perl -MJSON::PP -e '
		open my $file, "<", $ARGV[0] or die "no JSON\n";
		local $/;
		my $r = decode_json(<$file>);
		my $value = eval $ARGV[1];
		die $@ if $@;
		print $value' "$dir/json" "$1"
}

true_that() { # EXPRESSION on $r; what the machine spoiled each time is not judged
	if [ "$status" -eq 3 ]; then
		echo "not judged, the machine is too busy: $1"
		return
	fi
	[ "$(get "(do { $1 }) ? 'yes' : 'no'")" = yes ] || fail "not true: $1; $(cat "$dir/out" "$dir/err")"
}
