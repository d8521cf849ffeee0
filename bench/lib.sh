# SPDX-License-Identifier: ISC
# For the benchmarks in bash: which processes a service has.  Source it behind tests/system/lib.sh.  No programs are
# started for it, since what is measured has the same cores.
# shellcheck shell=bash

children() { # PID
	local file pids
	for file in /proc/"$1"/task/*/children; do
		if read -r pids <"$file" || [ -n "$pids" ]; then echo "$pids"; fi
	done 2>/dev/null
}

descendants() { # PID...: all that are below these
	local pid child
	for pid; do
		for child in $(children "$pid"); do
			echo "$child"
			descendants "$child"
		done
	done
}

serving() { # PID...: percore's workers among these and all below them; of another service, those without children
	local pid name workers=() leaves=()
	for pid in "$@" $(descendants "$@"); do
		{ read -r name <"/proc/$pid/comm"; } 2>/dev/null || continue
		[ "$name" != percore-worker ] || workers+=("$pid")
		[ -n "$(children "$pid")" ] || leaves+=("$pid")
	done
	[ ${#workers[@]} -gt 0 ] || workers=("${leaves[@]}")
	printf '%s\n' "${workers[@]}"
}
