# A PostgreSQL server for the time of the gate, at a unix socket in a folder of its own; to be sourced by bash.

# Run a program of Debian's newest PostgreSQL; it refuses to serve as root, so root runs it as the package's own user.
run_postgres() {
    local binaries
    binaries=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort | tail -1)
    if (( EUID == 0 )); then
        runuser -u postgres -- "$binaries/$1" "${@:2}"
    else
        "$binaries/$1" "${@:2}"
    fi
}

# Make a cluster in a folder, which is empty or new, and start its server, whose only address is a socket there.
start_postgres() {
    mkdir -p "$1"
    if (( EUID == 0 )); then
        chown postgres "$1"
    fi
    run_postgres initdb --pgdata="$1/data" --username=postgres --auth=trust --no-sync > /dev/null
    run_postgres pg_ctl start --pgdata="$1/data" --log="$1/log" --wait \
        --options="-k $1 -c listen_addresses='' -c fsync=off" > /dev/null
}

# Restart the server of a folder at once, as after a crash of its machine.
restart_postgres() {
    run_postgres pg_ctl restart --pgdata="$1/data" --log="$1/log" --mode=immediate --wait \
        --options="-k $1 -c listen_addresses='' -c fsync=off" > /dev/null
}

# Make an empty database; prints the address that Prefect takes.
create_database() {
    run_postgres createdb --host="$1" --username=postgres "$2"
    echo "postgresql+asyncpg://postgres@/$2?host=$1"
}

# Stop the server of a folder, if there is one.
stop_postgres() {
    if [[ -e "$1/data/postmaster.pid" ]]; then
        run_postgres pg_ctl stop --pgdata="$1/data" --mode=immediate > /dev/null
    fi
}
