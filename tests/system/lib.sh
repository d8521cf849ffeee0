# For the system tests: processes, free ports, assertions.  Source it.
# shellcheck shell=bash
set -eu
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${PERCORE_BUILD:-$top/build}
percore=$build/percore
dir=$(mktemp -d)
chmod 755 "$dir"
started=() pools=0

cleanup() {
	local pid
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

equal() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

start() {
	"$@" &
	started+=($!)
}

free_port() {
	local port
	for port in $(shuf -i 20000-32000 -n 50); do
		(: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || { echo "$port"; return; }
	done
}

workers() { # MASTER: the pids of its workers
	pgrep -P "$1" -x percore-worker
}

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
	"$program" --listen "unix:$socket" "$@" 2>>"$dir/err" &
	pool=$!
	started+=("$pool")
	wait_for grep -q 'serving on' "$dir/err"
}

start_nginx() { # SOCKET: sets $url; kept connections
	port=$(free_port)
	url=http://127.0.0.1:$port
	cat >"$dir/nginx.conf" <<-END
		daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log; user root;
		events { worker_connections 16384; }
		http { access_log off; client_body_temp_path $dir/b; fastcgi_temp_path $dir/f;
		proxy_temp_path $dir/p; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
		$(sed "s|unix:/run/percore.sock|unix:$1|; s|127.0.0.1:8080|127.0.0.1:$port|" "$top/deploy/nginx.conf")
		}
	END
	start nginx -c "$dir/nginx.conf" -e "$dir/nginx.log"
	wait_for curl -s -o /dev/null "$url/"
}

start_lighttpd() { # SOCKET: sets $url
	port=$(free_port)
	url=http://127.0.0.1:$port
	PERCORE_SOCKET=$1 PERCORE_PORT=$port start lighttpd -D -f "$top/lighttpd.conf"
	wait_for curl -s -o /dev/null "$url/healthz"
}
