# SPDX-License-Identifier: ISC
# For the system tests: processes, free ports, assertions.  Source it.
# shellcheck shell=bash
set -eu
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${PERCORE_BUILD:-$top/build}
percore=$build/percore
# shellcheck disable=SC2034 # for the tests
data='{"street":"10 Downing Street","city":"Value: 99"}'
dir=$(mktemp -d)
chmod 755 "$dir"
started=() pools=0
# Pools are sandboxed, but under a sanitizer, which looks into its own process by ptrace.
sandbox=yes
! grep -qas __asan_init "$build"/.libs/percore "$build"/percore || sandbox=no

is_alive() { # PID: and no zombie
	local line
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null && [[ ${line##*) } != [ZX]* ]]
}

all_ended() { # PID...: within 15 s; else 1
	local until=$((SECONDS + 15)) pid
	for pid; do
		while is_alive "$pid"; do
			[ $SECONDS -lt $until ] || return 1
			sleep 0.05
		done
	done
}

tree() { # PID: it and what comes of it
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do tree "$child"; done
}

kill_and_name() { # PID: with its children; what cannot be killed either is named and left
	local pids
	mapfile -t pids < <(tree "$1")
	echo "killed, since SIGTERM did not end it: $1, $(ps -o args= -p "$1")" >&2
	kill -KILL "${pids[@]}" 2>/dev/null || true
	all_ended "$1" || echo "not even SIGKILL ended it: $1" >&2
}

end() { # PID...: by SIGTERM; by SIGKILL where that does not do, and says so
	local pid
	for pid; do kill "$pid" 2>/dev/null || true; done
	all_ended "$@" || for pid; do ! is_alive "$pid" || kill_and_name "$pid"; done
	for pid; do is_alive "$pid" || wait "$pid" 2>/dev/null || true; done
}

cleanup() {
	end "${started[@]}"
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAILED: $*" >&2
	tail -n 5 "$dir"/err "$dir"/*.err >&2 2>/dev/null || true
	exit 1
}

equal() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

matches() { # WHAT GOT PATTERN
	grep -q -- "$3" <<<"$2" || fail "$1: got '$2', wanted something like '$3'"
}

start() { # COMMAND...: in the background, until the test ends; its process in $pid
	"$@" &
	pid=$!
	started+=("$pid")
}

free_port() {
	local port
	for port in $(shuf -i 20000-32000 -n 50); do
		(: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || { echo "$port"; return; }
	done
}

below() { # SUPERVISOR NAME...: the pids of such processes of its generations
	local masters names
	masters=$(pgrep -d, -P "$1" -x percore-master) || return 0
	names=$(IFS='|' && echo "${*:2}")
	pgrep -P "$masters" -x "percore-($names)" | sort
}

workers() { # [SUPERVISOR]: the pids of its workers; of $pool's
	below "${1:-$pool}" worker
}

master() { pgrep -P "$pool" -x percore-master | head -n 1; } # of the oldest generation

wait_for() { # COMMAND...: until it succeeds, 10 s at most
	local n
	for ((n = 0; n < 200; n++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	fail "never came true: $*"
}

start_pool() { # percore|faulty [OPTION...]: sets $pool, its master, and $socket ($again: that one again); stderr in $dir/err
	local program=$percore
	[ "$1" = percore ] || program=$build/tests/system/$1
	shift
	socket=${again:-$dir/pool$((++pools)).sock}
	: >"$dir/err"
	start "$program" --listen "unix:$socket" --sandbox "$sandbox" "$@" 2>>"$dir/err"
	pool=$pid
	wait_for grep -q 'serving on' "$dir/err"
}

xs() { head -c "$1" /dev/zero | tr '\0' x; } # COUNT

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# A pool: its socket in $socket, its master's process in $pool, what it says in $dir/NAME.err.
serve() { # NAME [OPTION...]: percore, or another program named by PROGRAM
	socket=$dir/$1.sock
	start "${PROGRAM:-$percore}" --listen "unix:$socket" --sandbox "$sandbox" "${@:2}" 2>"$dir/$1.err"
	pool=$pid
	wait_for grep -q 'serving on' "$dir/$1.err"
}

# One request over records: see record.pl.
record() { timeout 60 perl "$top/tests/system/record.pl" "${to:-$socket}" "$@"; }

# One request through the FastCGI command-line client, with the environment as its parameters.
cgi() { # METHOD URI
	REQUEST_METHOD=$1 REQUEST_URI=$2 timeout 20 cgi-fcgi -bind -connect "${to:-$socket}" | tr -d '\r'
}

code() { curl -s -m 60 -o /dev/null -w '%{http_code}' "$@"; }

# Web servers in front of $socket; each sets $url and leaves its process in $web.  nginx_log: where nginx logs,
# with percore's request ids.
start_nginx() { # [SOCKET]
	local port
	port=$(free_port)
	url=http://127.0.0.1:$port
	cat >"$dir/nginx.conf" <<-END
		daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log; user root;
		events { worker_connections 16384; }
		http { access_log off; client_body_temp_path $dir/b; fastcgi_temp_path $dir/f;
		proxy_temp_path $dir/p; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s; ${nginx_http:-}
		$(sed "s|unix:/run/percore.sock|unix:${1:-$socket}|; s|127.0.0.1:8080|127.0.0.1:$port|
		${nginx_log:+s|#log_format|log_format|; s|#access_log [^ ]*|access_log $nginx_log|; s|#fastcgi_param|fastcgi_param|}" "$top/deploy/nginx.conf")
		}
	END
	start nginx -c "$dir/nginx.conf" -e "$dir/nginx.log"
	web=$pid
	wait_for curl -s "$url/"
}

start_lighttpd() { # [SOCKET]
	local port
	port=$(free_port)
	url=http://127.0.0.1:$port
	printf 'include "%s"\n%s\n' "$top/lighttpd.conf" "${lighttpd_more:-}" >"$dir/lighttpd.conf"
	PERCORE_SOCKET=${1:-$socket} PERCORE_PORT=$port start lighttpd -D -f "$dir/lighttpd.conf"
	web=$pid
	wait_for curl -s "$url/"
}

start_apache() { # [SOCKET]
	local port module
	port=$(free_port)
	url=http://127.0.0.1:$port
	{
		for module in mpm_event authz_core authz_host proxy proxy_fcgi headers env; do
			echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
		done
		cat <<-END
			PidFile $dir/apache.$port.pid
			ErrorLog $dir/apache.log
			ServerName localhost
			User www-data
			Group www-data
			Define PERCORE_SOCKET ${1:-$socket}
			Define PERCORE_PORT $port
			Include $top/deploy/apache.conf
		END
	} >"$dir/apache.conf"
	[ "$(id -u)" != 0 ] || chmod 666 "${1:-$socket}" # it serves as another user
	start apache2 -D FOREGROUND -f "$dir/apache.conf"
	web=$pid
	wait_for curl -s "$url/"
}

start_caddy() { # [SOCKET]
	local port
	port=$(free_port)
	url=http://127.0.0.1:$port
	HOME=$dir PERCORE_SOCKET=${1:-$socket} PERCORE_PORT=$port start caddy run --config "$top/deploy/Caddyfile" --adapter caddyfile 2>"$dir/caddy.log"
	web=$pid
	wait_for curl -s "$url/"
}

start_haproxy() {
	local port
	port=$(free_port)
	url=http://127.0.0.1:$port
	cat >"$dir/haproxy.conf" <<-END
		defaults
			mode http
			timeout connect 20s
			timeout client 20s
			timeout server 20s
		fcgi-app percore
			docroot /var/empty
			option keep-conn
			pass-header Authorization
			set-param PERCORE_START "t=%[var(txn.ms),bytes(0,10)].%[var(txn.ms),bytes(10,3)]"
		frontend web
			bind 127.0.0.1:$port
			http-request set-var-fmt(txn.ms) %[date(0,ms)]
			default_backend percore
		backend percore
			use-fcgi-app percore
			server one unix@$socket proto fcgi
	END
	start haproxy -db -f "$dir/haproxy.conf"
	# shellcheck disable=SC2034 # for the tests
	web=$pid
	wait_for curl -s "$url/"
}

# Of jobs that have ended so many are kept, and these are the newest: `busy` is behind $url.
jobs_kept() { # COUNT
	local ids=() n id
	for n in 1 2 3 4 5 6; do
		id=$(curl -s -H 'Content-Type: application/json' -d '"12345678"' "$url/defer?job=echo" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
		ids+=("$id")
		wait_for eval 'curl -s "$url/jobs/$id" | grep -q "\"status\":\"done\""'
	done
	for n in 0 1 2 3 4 5; do
		equal "job $n of 6, $1 are kept" "$(code "$url/jobs/${ids[n]}")" $((n < 6 - $1 ? 404 : 200))
	done
}
