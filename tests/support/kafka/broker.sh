#!/usr/bin/env bash
#
# A real Apache Kafka for the tests: one KRaft node, broker and controller in one process, on loopback only.
#
#   broker.sh fetch              copy Kafka and what it needs to target/kafka (once; later runs need no network)
#   broker.sh start DIR PORT     start a broker with its data in DIR; returns when it serves, or fails within 60 s
#   broker.sh stop DIR           shut it down in order
#   broker.sh kill DIR           kill -9, as a crash would; `start DIR PORT` brings it back with its data
#   broker.sh run COMMAND...     run COMMAND against a broker of its own, in a temporary folder that is removed again
#   broker.sh tool CLASS ARG...  one of Kafka's own tools, such as org.apache.kafka.tools.TopicCommand
#
# `run` hands COMMAND these, and returns COMMAND's exit code:
#   LAPWING_TEST_KAFKA           127.0.0.1:PORT
#   LAPWING_TEST_KAFKA_DIR       the DIR for stop, kill and start
#
# DIR/proxied has two ports a line, for tests that put proxies between: one on which the broker listens besides PORT, and
# the one that it tells to whoever comes that way. There are three lines.
#
# Exit codes: 64 wrong use, 69 Java, Maven or Maven's registry is not there, 70 the broker did not start.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libs=$here/target/kafka
start_limit_s=60
stop_limit_s=30

fail() { # CODE MESSAGE...
    local code=$1
    shift
    printf 'kafka: %s\n' "$@" >&2
    exit "$code"
}

usage() {
    sed -n '3,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
}

require_java() {
    command -v java >/dev/null ||
        fail 69 "java was not found; install a Java runtime of version 17 or newer (make setup does it on Debian and Ubuntu)"
    local major
    major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 17 ] ||
        fail 69 "java is version ${major:-unknown}, Apache Kafka 4 needs 17 or newer; install one and put it first in PATH"
}

# The copied pom.xml is the mark of a complete fetch: it is written last, and a change of the pom makes it stale.
fetch() {
    cmp -s "$here/pom.xml" "$libs/pom.xml" && return
    require_java
    command -v mvn >/dev/null ||
        fail 69 "mvn was not found; install Apache Maven (make setup does it on Debian and Ubuntu)"

    local log=$here/target/fetch.log
    mkdir -p "$here/target"
    rm -rf "$libs"
    echo "kafka: fetching Apache Kafka with Maven" >&2
    if ! mvn --batch-mode --no-transfer-progress --file "$here/pom.xml" \
        generate-resources >"$log" 2>&1 </dev/null; then
        grep -m 1 '^\[ERROR\]' "$log" >&2 || tail -n 20 "$log" >&2
        fail 69 "Maven could not fetch Apache Kafka; the whole of its output is in $log" \
            "if the registry can't be reached from here, name a mirror or a proxy in ~/.m2/settings.xml and run this again"
    fi
    cp "$here/pom.xml" "$libs/pom.xml"
}

# A port of 127.0.0.1 that nothing listens on, below the range from which the system serves outgoing connections.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 10000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail 70 "no free port was found between 20000 and 29999"
}

# Asks for the command line and not only for the number, which may belong to another process by now or to a zombie.
running() { # DIR
    local dir
    [ -f "$1/broker.pid" ] && dir=$(cd "$1" && pwd) &&
        ps -p "$(cat "$dir/broker.pid")" -o args= | grep -qF "$dir/server.properties"
}

write_properties() { # DIR PORT
    local controller_port way direct_port proxy_port listeners="" advertised="" protocols=""
    controller_port=$(free_port)
    [ -f "$1/proxied" ] || for way in 1 2 3; do echo "$(free_port) $(free_port)"; done >"$1/proxied"
    way=0
    while read -r direct_port proxy_port; do
        way=$((way + 1))
        listeners+=,PROXIED$way://127.0.0.1:$direct_port
        advertised+=,PROXIED$way://127.0.0.1:$proxy_port
        protocols+=,PROXIED$way:PLAINTEXT
    done <"$1/proxied"
    cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$2$listeners,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$2$advertised
listener.security.protocol.map=PLAINTEXT:PLAINTEXT$protocols,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$controller_port
log.dirs=$1/data

# Lapwing creates its topics itself; a typing error in a name has to show.
auto.create.topics.enable=false

# One node has one replica of everything, and few partitions are created and loaded quickly.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Tests wait for group changes: start at once, and let them choose a short session timeout.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# After kill -9 a broker is admitted again when the session of the one before it has run out, by default after 9 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# The default of 128 MiB is a quarter of the heap.
log.cleaner.dedupe.buffer.size=8388608
PROPERTIES
}

# Storage is formatted once, so that a broker that was stopped or killed comes back with its data.
format_storage() { # DIR
    [ -f "$1/data/meta.properties" ] && return
    java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$libs/*" kafka.tools.StorageTool format \
        --config "$1/server.properties" --cluster-id lapwing-test >"$1/format.log" 2>&1 </dev/null || {
        cat "$1/format.log" >&2
        fail 70 "the storage in $1 could not be formatted"
    }
}

start_failed() { # DIR MESSAGE
    kill_broker "$1"
    grep -E ' ERROR |^Caused by' "$1/broker.log" | tail -n 3 >&2 || tail -n 20 "$1/broker.log" >&2
    fail 70 "$2; its log is $1/broker.log"
}

start() { # DIR PORT
    [ $# -eq 2 ] || usage
    fetch
    require_java
    mkdir -p "$1"
    local dir port=$2
    dir=$(cd "$1" && pwd)
    ! running "$dir" || fail 64 "a broker is already running in $dir; stop it first"

    write_properties "$dir" "$port"
    format_storage "$dir"
    # A new log for each start: it is where the broker says that it serves.
    nohup java -Xms256m -Xmx512m -Dlog4j2.level=INFO -cp "$libs/*" kafka.Kafka "$dir/server.properties" \
        >"$dir/broker.log" 2>&1 </dev/null &
    echo $! >"$dir/broker.pid"
    # Or the shell would announce the end of the job when a test kills it.
    disown

    local deadline=$((SECONDS + start_limit_s))
    # The port opens early; this line comes when the controller has admitted the broker.
    until grep -q 'Kafka Server started' "$dir/broker.log"; do
        running "$dir" || start_failed "$dir" "the broker on port $port ended while it started"
        [ "$SECONDS" -lt "$deadline" ] || start_failed "$dir" "the broker on port $port did not serve after $start_limit_s s"
        sleep 0.1
    done
}

stop() { # DIR
    [ $# -eq 1 ] || usage
    running "$1" || return 0
    kill "$(cat "$1/broker.pid")"
    local deadline=$((SECONDS + stop_limit_s))
    while running "$1" && [ "$SECONDS" -lt "$deadline" ]; do
        sleep 0.1
    done
    kill_broker "$1"
}

kill_broker() { # DIR
    [ $# -eq 1 ] || usage
    if running "$1"; then
        kill -9 "$(cat "$1/broker.pid")"
        while running "$1"; do sleep 0.05; done
    fi
    rm -f "$1/broker.pid"
}

clean_up_run() {
    [ -z "$run_pid" ] || kill -- "-$run_pid" 2>/dev/null || true
    kill_broker "$run_dir"
    rm -rf "$run_dir"
}

run() { # COMMAND...
    [ $# -ge 1 ] || usage
    fetch
    local port code=0
    # Not local: the traps run after this function has returned.
    run_dir=$(mktemp -d "${TMPDIR:-/tmp}/lapwing-kafka.XXXXXX")
    run_pid=
    trap 'clean_up_run' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    port=$(free_port)
    start "$run_dir" "$port"

    # A job with a process group of its own, which we wait for: a signal to this script is then handled at once,
    # and ends all that the command started.
    set -m
    LAPWING_TEST_KAFKA=127.0.0.1:$port LAPWING_TEST_KAFKA_DIR=$run_dir "$@" &
    run_pid=$!
    set +m
    wait "$run_pid" || code=$?

    if [ "$code" -ne 0 ] && ! running "$run_dir"; then
        echo "kafka: the broker was not running at the end of the command; the end of its log:" >&2
        tail -n 40 "$run_dir/broker.log" >&2
    fi
    exit "$code"
}

tool() { # CLASS ARG...
    [ $# -ge 1 ] || usage
    fetch
    require_java
    exec java -Xmx256m -Dlog4j2.level=WARN -XX:TieredStopAtLevel=1 -cp "$libs/*" "$@"
}

[ $# -ge 1 ] || usage
command=$1
shift
case $command in
    fetch | start | stop | run | tool) "$command" "$@" ;;
    kill) kill_broker "$@" ;;
    *) usage ;;
esac
