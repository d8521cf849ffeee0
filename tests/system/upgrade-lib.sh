# For the tests of upgrades: source it.
# shellcheck shell=bash disable=SC2154,SC2034 # of lib.sh, and for those who source it
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'touch "$dir/go"; cleanup' EXIT # a program that waits for it has its signals blocked

hears() { record "$2" /pid "$3" <&"$1"; } # DESCRIPTOR HOW LENGTH

tell_later() { # NAME HOW [LENGTH]: a peer that sends the rest when told
	local fd
	mkfifo "$dir/tell.$1"
	exec {fd}<>"$dir/tell.$1"
	start hears "$fd" "$2" "${3:-0}" >"$dir/told.$1"
	tell[$1]=$fd peer[$1]=$pid
}

begin() { # WORKERS MS [OPTION...]: a pool, peers that have sent a half, and a request that takes so long, in hand
	local ms=$2
	start_pool "${program:-faulty}" --workers "$1" --access-log "$dir/log" "${@:3}"
	start_nginx "$socket"
	before=$(workers)
	declare -gA tell=() peer=()
	rm -f "$dir"/tell.* "$dir"/told.*
	tell_later kept kept-when-told
	tell_later half halves-when-told 100
	tell_later spooled halves-when-told 100000
	wait_for test -s "$dir/told.kept"
	start curl -s -m 20 -o "$dir/slow" -w '%{http_code}' "$url/wait?ms=$ms" >"$dir/slow.status"
	slow_client=$pid
	sleep 0.3
	[ -z "${pid_of_slow:-}" ] || slow=$(grep -v "$(curl -s "$url/pid")" <<<"$before")
}

program_in() { # DIRECTORY: faulty, as a file of its own that can be replaced; start_pool takes it
	rm -rf "$1"
	mkdir "$1"
	cp "$build/tests/system/faulty" "$1/faulty"
	[ ! -e "$build/tests/system/.libs/faulty" ] || cp "$build/tests/system/.libs/faulty" "$1/faulty"
	cp "$1/faulty" "$1/real"
	export LD_LIBRARY_PATH=$build/.libs
	percore=$1/faulty program=percore
}

replace() { # [PERL]: the program, by one that does this before it starts, but not in its trial
	rm "$percore"
	cat >"$percore" <<-END # no shell: that would unblock the signals
		#!/usr/bin/perl
		if (\$ARGV[-1] ne '-t') {
			${1:-}
		}
		exec '${percore%/*}/real', @ARGV;
	END
	chmod 755 "$percore"
}

upgrade_slowly() { # the new program starts when $dir/go is there
	rm -f "$dir/go" "$dir/starting"
	replace "open my \$file, '>', '$dir/starting'; select undef, undef, undef, 0.05 until -e '$dir/go';"
	kill -USR2 "$pool"
	wait_for test -e "$dir/starting"
}

upgrade() { # until the new program's workers serve
	local serving
	serving=$(grep -c 'serving on' "$dir/err")
	kill -USR2 "$pool"
	wait_for eval '[ "$(grep -c "serving on" "$dir/err")" -gt '"$serving"' ]'
	wait_for eval '! grep -qx "$(curl -s "$url/pid")" <<<"$before"'
}

served_by_the_old() {
	local n
	for n in $(seq 20); do
		grep -qx "$(curl -s "$url/pid")" <<<"$before" || fail "request $n was not served by the program before"
	done
}

is_of_the_new() { # WHAT ANSWER: 200 and the pid of a worker that was not there before
	matches "$1" "$2" '^200 '
	! grep -qx "${2#200 }" <<<"$before" || fail "$1: answered by a worker of the program before"
}

rest_is_answered() {
	local name
	for name in kept half spooled; do
		echo >&"${tell[$name]}"
		wait "${peer[$name]}"
		is_of_the_new "$name" "$(grep . "$dir/told.$name" | tail -n 1)"
	done
}

slow_gets() { # STATUS
	wait "$slow_client" || true
	equal "the long request" "$(cat "$dir/slow.status")" "$1"
	case $1 in
	200) grep -qx "$(cat "$dir/slow")" <<<"$before" || fail "the long request was answered by $(cat "$dir/slow")" ;;
	*) grep -q '"request_id":"[0-9a-f]\{32\}"' "$dir/slow" || fail "no problem document: $(cat "$dir/slow")" ;;
	esac
}

none_is_left() { for pid in $before; do wait_for is_gone "$pid"; done; wait_for eval '! pgrep -P "$pool" -x percore-retire'; }

ends() {
	kill "$pool"
	has_ended
}

has_ended() {
	wait "$pool" || fail "exit status $?"
	equal "deaths of the process that hands over" "$(grep -c 'that hands the connections over' "$dir/err")" "${killed:-0}"
	equal "deaths of the log's process" "$(grep -c "log's writer .* died" "$dir/err")" "${killed_scribes:-0}"
	equal "lines of the long requests in the log" "$(grep -c '"/wait"' "$dir/log")" "${waits:-1}"
	rm "$dir/log"
}
