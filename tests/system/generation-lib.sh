# SPDX-License-Identifier: ISC
# For the tests of generations: source it.
# shellcheck shell=bash disable=SC2154,SC2034 # of lib.sh, and for those who source it
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'touch "$dir/go"; cleanup' EXIT # what waits for it

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
	before=$(workers) waits=1
	declare -gA tell=() peer=()
	rm -f "$dir"/tell.* "$dir"/told.*
	tell_later kept kept-when-told
	tell_later half halves-when-told 100
	tell_later large halves-when-told 100000
	wait_for test -s "$dir/told.kept"
	start curl -s -m 20 -o "$dir/slow" -w '%{http_code}' "$url/wait?ms=$ms" >"$dir/slow.status"
	slow_client=$pid
	sleep 0.3
	slow=$(grep -v "$(curl -s "$url/pid")" <<<"$before" | head -n 1)
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

replace() { # [PERL]: the program, by one that does this before it starts
	rm "$percore"
	cat >"$percore" <<-END
		#!/usr/bin/perl
		${1:-}
		exec '${percore%/*}/real', @ARGV;
	END
	chmod 755 "$percore"
}

start_slowly() { # the next generation starts when $dir/go is there
	rm -f "$dir/go" "$dir/starting"
	replace "open my \$file, '>', '$dir/starting'; select undef, undef, undef, 0.05 until -e '$dir/go';"
	kill -USR2 "$pool"
	wait_for test -e "$dir/starting"
}

generations() { grep -c 'generation [0-9]* serves with' "$dir/err" || true; } # that have taken over so far

is_served_by_new() { ! grep -qx "$(curl -s -m 5 "$url/pid")" <<<"$before"; }

take_over() { # [SIGNAL]: until the next generation's workers serve
	local served
	served=$(generations)
	kill -s "${1:-USR2}" "$pool"
	wait_for eval '[ "$(generations)" -gt '"$served"' ]'
	wait_for is_served_by_new
}

served_by_the_old() {
	local n
	for n in $(seq 20); do
		grep -qx "$(curl -s "$url/pid")" <<<"$before" || fail "request $n was not served by the generation before"
	done
}

is_of_the_new() { # WHAT ANSWER: 200 and the pid of a worker that was not there before
	matches "$1" "$2" '^200 '
	! grep -qx "${2#200 }" <<<"$before" || fail "$1: answered by a worker of the generation before"
}

rest_is_answered() {
	local name
	for name in kept half large; do
		echo >&"${tell[$name]}"
		wait "${peer[$name]}"
		is_of_the_new "$name" "$(grep . "$dir/told.$name" | tail -n 1)"
	done
}

rest_is_answered_or_closed() { # where nobody was left who had it: the web server sees its end, and connects anew
	local name
	for name in kept half large; do
		echo >&"${tell[$name]}"
		wait "${peer[$name]}"
		grep . "$dir/told.$name" | tail -n 1 | grep -Eq '^(200 .*|EOF)$' || fail "$name: $(cat "$dir/told.$name")"
	done
	equal "served after it" "$(code "$url/pid")" 200
}

slow_gets() { # STATUS
	wait "$slow_client" || true
	equal "the long request" "$(cat "$dir/slow.status")" "$1"
	case $1 in
	200) grep -qx "$(cat "$dir/slow")" <<<"$before" || fail "the long request was answered by $(cat "$dir/slow")" ;;
	*) grep -q '"request_id":"[0-9a-f]\{32\}"' "$dir/slow" || fail "no problem document: $(cat "$dir/slow")" ;;
	esac
}

none_is_left() { # of the generation before
	local pid
	for pid in $before; do wait_for is_gone "$pid"; done
	wait_for eval '[ "$(pgrep -c -P "$pool" -x percore-master)" = 1 ]'
}

ends() {
	kill "$pool"
	has_ended
}

has_ended() {
	wait "$pool" || fail "exit status $?"
	equal "lines of the long requests in the log" "$(grep -c '"/wait"' "$dir/log")" "${waits:-1}"
	! pgrep -f "percore-.*$dir" || fail "a process is left"
	rm "$dir/log"
}
