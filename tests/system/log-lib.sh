# SPDX-License-Identifier: ISC
# For the tests of the access log: source it after lib.sh.
# shellcheck shell=bash disable=SC2154
# shellcheck disable=SC2034 # for those who source it
log=$dir/access.log

wait_lines() { # COUNT FILE...: until there are so many
	wait_for eval "[ \$(cat ${*:2} | wc -l) -ge $1 ]"
}

writer() { # the pid of the writer process
	below "$pool" log | head -n 1
}

load() { # REQUESTS PER_SECOND URL [OPTION...]: fails where an answer has another status than 200
	local requests=$1 rate=$2 status=0
	shift 2
	"$build/percore-load" --quiet --allow-invalid --even --rate "$rate" --duration "$((requests * 1000 / rate))ms" \
		--timeout 20s --drain 20s "$@" >"$dir/load" 2>&1 || status=$?
	return $status
}

# Every line parses and is whole; prints how many lines, and how many ids.
lines_and_ids() { # FILE...
	cat "$@" | python3 -c '
import json, sys
ids, lines = set(), 0
for line in sys.stdin.buffer:
    record = json.loads(line.decode("utf-8"))
    if not line.endswith(b"\n"):
        sys.exit("torn: %r" % line)
    for field in ("@timestamp", "http.response.status_code", "duration_ms", "worker", "request_id"):
        record[field]
    lines += 1
    ids.add(record["request_id"])
print(lines, len(ids))'
}

# The ids that nginx saw in answers are those of our log, each once; prints how many.  nginx_log is set.
same_ids_as_nginx() { # FILE...
	awk '{ print $NF }' "$nginx_log" | grep -vx -- - | sort >"$dir/ids.nginx"
	cat "$@" | jq -r .request_id | sort >"$dir/ids.ours"
	diff "$dir/ids.nginx" "$dir/ids.ours" >"$dir/ids.diff" ||
		fail "nginx's log and ours differ: $(wc -l <"$dir/ids.diff") lines: $(head -5 "$dir/ids.diff")"
	wc -l <"$dir/ids.ours"
}
