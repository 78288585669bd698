#!/usr/bin/env bash
# Puts the event sink onto one Debian machine, with all that it needs in production: RabbitMQ, InfluxDB and NGINX from
# Debian's packages, the event sink in /opt/eventsink, its settings and secrets in /etc/eventsink, its data in
# /var/lib/eventsink, and units of systemd for `serve`, `api` and the worker of InfluxDB.
#
#   deploy/install.sh [--embedded] [--server-name NAME] [--certificate FILE --key FILE] [--no-systemd]
#   deploy/install.sh --monitor [--no-systemd]
#   deploy/install.sh --uninstall [--yes]
#
#   --embedded           one process, `up`, behind NGINX: without RabbitMQ and InfluxDB
#   --monitor            a monitor alone, which measures from here for a sink elsewhere: no server, no site
#   --server-name NAME   name of this machine for those who send and look; default: what `hostname -f` says
#   --certificate FILE   certificate for it, with its chain, in PEM; without one a self-signed one is made, for trying
#   --key FILE           its key
#   --no-systemd         put everything in its place, and start nothing (a chroot, a container, an image)
#   --uninstall          take the program, its units and its site away; data, settings and packages stay
#   --yes                do not ask
#
# It may be run again at any time, as after `git pull`: what is as it should be stays as it is, and so do settings that
# you have changed, secrets and certificates. Exit code 0 when all is well.

set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
etc=/etc/eventsink
secrets=$etc/secrets
program=/opt/eventsink
data=/var/lib/eventsink
backups=/var/backups/eventsink
vhost=clowder
rabbitmq_conf=/etc/rabbitmq/conf.d/50-eventsink.conf
permissions='clowder\.metrics.*|events\..*|amq\..*'

say() { printf '%-22s %s\n' "$1:" "$2"; }
fail() {
    echo "install: $*" >&2
    exit 1
}

main() {
    read_options "$@"
    [ "$(id -u)" -eq 0 ] || fail "run it as root, or with sudo."
    if [ "$uninstall" = yes ]; then
        take_away
        return
    fi
    command -v apt-get >/dev/null || fail "this system has no apt-get; it is for Debian. See docs/operations/deploy.md."
    changed=no # whether a process of ours has to start again
    nginx_changed=no
    find_missing
    configure_new_servers
    install_packages
    make_user
    install_program
    put_settings
    make_secrets
    if [ "$monitor" = no ]; then
        make_certificate
        configure_nginx
    fi
    put_units
    if [ "$systemd" = yes ]; then start_servers; fi
    if [ "$monitor" = no ] && [ "$embedded" = no ]; then
        set_up_rabbitmq
        set_up_influxdb
    fi
    if [ "$systemd" = yes ]; then start_sink; else tell_how; fi
    if [ "$pending" = no ]; then look; fi
}

read_options() {
    systemd=yes embedded=no monitor=no pending=no uninstall=no sure=no server_name='' certificate='' key=''
    while [ $# -gt 0 ]; do
        case $1 in
        --server-name) server_name=${2:?--server-name needs a name} && shift ;;
        --certificate) certificate=${2:?--certificate needs a file} && shift ;;
        --key) key=${2:?--key needs a file} && shift ;;
        --embedded) embedded=yes ;;
        --monitor) monitor=yes ;;
        --no-systemd) systemd=no ;;
        --uninstall) uninstall=yes ;;
        --yes) sure=yes ;;
        --help | -h) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" && exit 0 ;;
        *) echo "install: there is no option $1; see deploy/install.sh --help" >&2 && exit 2 ;;
        esac
        shift
    done
    if { [ -n "$certificate" ] || [ -n "$key" ]; } && ! { [ -r "$certificate" ] && [ -r "$key" ]; }; then
        fail "--certificate and --key go together, and name files that can be read."
    fi
    [ -d /run/systemd/system ] || systemd=no
    packages=(nginx openssl curl python3 python3-venv ca-certificates)
    doors=(8750)
    if [ "$monitor" = yes ]; then
        [ "$embedded" = no ] || fail "--monitor and --embedded are two different things: give one of them."
        [ ! -e "$etc/eventsink.toml" ] || fail "a sink is installed here already: its units include eventsink-monitor."
        packages=(curl python3 python3-venv ca-certificates)
        units=(eventsink-monitor.service) servers=() doors=() example=monitor fix=()
        data=/var/lib/eventsink-monitor
    elif [ "$embedded" = yes ]; then
        units=(eventsink.service) servers=(nginx) example=embedded fix=()
    else
        packages+=(rabbitmq-server influxdb)
        units=(eventsink.target eventsink-serve.service eventsink-api@8751.service eventsink-worker@influxdb.service)
        servers=(rabbitmq-server influxdb nginx) example=one-machine fix=(--fix) # RabbitMQ's policies
        doors+=(8751)
    fi
    server_name=${server_name:-$(hostname -f 2>/dev/null || hostname)}
}

# --- what it is made of ----------------------------------------------------------------------------------------------

# Puts a file in its place if it is not just so: put SOURCE TARGET [MODE] [OWNER]. True when something changed.
put() {
    local mode=${3:-644} owner=${4:-root:root}
    if cmp -s "$1" "$2" && [ "$(stat -c '%a %U:%G' "$2")" = "$mode $owner" ]; then return 1; fi
    install -D -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$1" "$2"
}

# The same for what a command prints: printed TARGET MODE OWNER.
printed() {
    local file rc=0
    file=$(mktemp)
    cat >"$file"
    put "$file" "$@" || rc=1
    rm -f "$file"
    return $rc
}

answers() { curl --silent --output /dev/null --max-time 5 "$1"; }

# --- packages, user, program -----------------------------------------------------------------------------------------

find_missing() {
    local name
    missing=() new_rabbitmq=no new_influxdb=no
    for name in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' && continue
        missing+=("$name")
        if [ "$name" = rabbitmq-server ]; then new_rabbitmq=yes; fi
        if [ "$name" = influxdb ]; then new_influxdb=yes; fi
    done
}

# Before they are installed, so that they never run in another way. If one is here before us, somebody else may need it
# as it is: of others nothing is changed.
configure_new_servers() {
    if [ "$new_rabbitmq" = yes ]; then
        printed "$rabbitmq_conf" <<'CONF' || true
# Of deploy/install.sh of the event sink: for this machine alone. Take it away where others, as Clowder, come from
# outside.
listeners.tcp.1 = 127.0.0.1:5672
management.tcp.ip = 127.0.0.1
management.tcp.port = 15672
CONF
    fi
    if [ "$new_influxdb" = yes ]; then
        printed /etc/default/influxdb <<'CONF' || true
# Of deploy/install.sh of the event sink: for this machine alone, and for users alone.
INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:8086
INFLUXDB_HTTP_AUTH_ENABLED=true
INFLUXDB_REPORTING_DISABLED=true
CONF
    fi
}

install_packages() {
    if [ ${#missing[@]} -eq 0 ]; then
        say packages "all are there"
    else
        "$root/scripts/apt-install" "${missing[@]}"
        say packages "installed ${missing[*]}"
    fi
    if [ "$embedded" = yes ] || [ "$monitor" = yes ]; then return; fi
    if grep -qs rabbitmq_management /etc/rabbitmq/enabled_plugins; then
        say RabbitMQ "its management plugin is on"
    else
        rabbitmq-plugins --quiet enable rabbitmq_management >/dev/null
        say RabbitMQ "management plugin switched on"
    fi
}

make_user() {
    if id eventsink >/dev/null 2>&1; then
        say user "eventsink is there"
    else
        useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin eventsink
        say user "eventsink made"
    fi
    install -d -m 700 -o eventsink -g eventsink "$data" "$backups"
    install -d -m 755 "$etc"
}

fingerprint() {
    (
        cd "$root"
        sha256sum constraints/server.txt pyproject.toml
        find src -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum
        python3 --version
    ) | sha256sum
}

install_program() {
    local wanted
    wanted=$(fingerprint)
    if [ "$(cat "$program/.installed" 2>/dev/null)" = "$wanted" ]; then
        say program "$program is up to date"
    else
        say program "installing $(grep -c == "$root/constraints/server.txt") locked packages into $program"
        rm -f "$program/.installed"
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            fail "Python 3.11 or newer is needed: Debian 12 has it."
        make_environment
        pip install --require-hashes -r "$root/constraints/server.txt"
        pip install --no-deps --no-build-isolation --force-reinstall "$root"
        printf '%s' "$wanted" >"$program/.installed"
        changed=yes
    fi
    put "$root/deploy/systemd/eventsink.sh" /usr/local/bin/eventsink 755 || true
}

# After an upgrade of Debian it is of a Python that is gone: then it is made anew.
make_environment() { pip --version >/dev/null 2>&1 || python3 -m venv --clear "$program"; }

pip() { "$program/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@"; }

# --- settings, secrets, certificate ----------------------------------------------------------------------------------

put_settings() {
    local settings=$etc/eventsink.toml
    if [ "$monitor" = yes ]; then settings=$etc/monitor.toml; fi
    if [ -e "$settings" ]; then
        say settings "$settings is yours, and stays"
    else
        put "$root/deploy/examples/$example.toml" "$settings"
        say settings "$settings made: put the name of your Clowder into it"
    fi
    printed "$etc/environment" <<ENVIRONMENT || true
EVENTSINK_CONFIG=$settings
EVENTSINK_DATA=$data
ENVIRONMENT
}

# A secret is there before it is used, whole, and for its user alone.
secret() { # FILE OWNER, from standard input
    local file
    file=$(mktemp "$1.XXXXXX")
    cat >"$file"
    chown "$2" "$file"
    mv "$file" "$1"
}

make_secrets() {
    local made=()
    install -d -m 700 -o eventsink -g eventsink "$secrets"
    if [ "$monitor" = yes ]; then
        if [ -s "$secrets/monitor__key" ]; then
            say secrets "$secrets/monitor__key is there"
        else
            pending=yes
            say secrets "put the key of the monitor (eventsink keys create --scope ingest,read, at the sink) into $secrets/monitor__key, mode 600, of eventsink; then run this once more"
        fi
        return
    fi
    if [ "$embedded" = yes ]; then
        [ ! -e "$secrets/exchange__url" ] ||
            fail "RabbitMQ is set up here: take $secrets and $etc/eventsink.toml away, or leave out --embedded."
        say secrets "none is needed; yours go to $secrets"
        return
    fi
    if [ ! -s "$secrets/exchange__url" ]; then
        printf 'amqp://eventsink:%s@127.0.0.1:5672/%s\n' "$(openssl rand -hex 24)" "$vhost" |
            secret "$secrets/exchange__url" eventsink:eventsink
        made+=(exchange__url)
    fi
    if [ ! -s "$secrets/workers__influxdb__password" ]; then
        openssl rand -hex 24 | secret "$secrets/workers__influxdb__password" eventsink:eventsink
        made+=(workers__influxdb__password)
    fi
    if [ ! -s "$etc/influxdb-admin-password" ]; then
        openssl rand -hex 24 | secret "$etc/influxdb-admin-password" root:root
        made+=(influxdb-admin-password)
    fi
    say secrets "${made[*]:-all are there}, in $etc"
}

make_certificate() {
    local new
    install -d -m 755 "$etc/tls"
    if [ -n "$certificate" ]; then
        new=no
        if put "$certificate" "$etc/tls/fullchain.pem"; then new=yes; fi
        if put "$key" "$etc/tls/key.pem" 600; then new=yes; fi
        if [ "$new" = yes ]; then say certificate "put to $etc/tls"; else say certificate "is there"; fi
        nginx_changed=$new # it has the old one in memory
    elif [ -s "$etc/tls/fullchain.pem" ] && [ -s "$etc/tls/key.pem" ]; then
        say certificate "$etc/tls/fullchain.pem is there"
    else
        (
            umask 077
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -sha256 \
                -subj "/CN=${server_name:0:64}" -addext "subjectAltName=DNS:$server_name" \
                -keyout "$etc/tls/key.pem" -out "$etc/tls/fullchain.pem" 2>/dev/null
        )
        chmod 644 "$etc/tls/fullchain.pem"
        say certificate "self-signed for $server_name, for trying: see --certificate"
    fi
}

# --- NGINX and systemd -----------------------------------------------------------------------------------------------

configure_nginx() {
    local name
    for name in doors proxy tls; do
        if put "$root/deploy/nginx/$name.conf" "$etc/nginx/$name.conf"; then nginx_changed=yes; fi
    done
    if [ ! -e /etc/nginx/sites-available/eventsink ]; then
        # The one process is both doors.
        sed "s/SERVER_NAME/$server_name/$([ "$embedded" = no ] || echo '; /:8751 /d; s/ backup;/;/')" \
            "$root/deploy/nginx/one-machine.conf" | printed /etc/nginx/sites-available/eventsink || true
        ln -sf ../sites-available/eventsink /etc/nginx/sites-enabled/eventsink
        nginx_changed=yes
    fi
    nginx -t -q || fail "NGINX does not take its configuration, see above."
    say NGINX "site $server_name$([ "$nginx_changed" = yes ] || echo ', as it was')"
}

put_units() {
    local file target=/etc/systemd/system units_changed=no
    for file in "$root"/deploy/systemd/*.service "$root"/deploy/systemd/*.target; do
        if put "$file" "$target/$(basename "$file")"; then units_changed=yes; fi
    done
    for file in eventsink eventsink-; do
        if put "$root/deploy/systemd/10-hardening.conf" "$target/$file.service.d/10-hardening.conf"; then
            units_changed=yes
        fi
    done
    if put "$root/deploy/systemd/20-ping.conf" "$target/eventsink-monitor.service.d/20-ping.conf"; then
        units_changed=yes
    fi
    file=eventsink-worker@influxdb.service.d/secrets.conf
    if put "$root/deploy/systemd/$file" "$target/$file"; then units_changed=yes; fi
    if [ "$units_changed" = yes ]; then changed=yes; fi
    say units "in $target$([ "$units_changed" = yes ] || echo ', as they were')"
}

# --- the servers, once they run --------------------------------------------------------------------------------------

start_servers() {
    systemctl daemon-reload
    if [ ${#servers[@]} -eq 0 ]; then return; fi
    systemctl enable --now --quiet "${servers[@]}"
    if [ "$nginx_changed" = yes ]; then systemctl reload nginx; fi
    if [ "$embedded" = no ]; then
        for _ in $(seq 60); do
            if answers http://127.0.0.1:15672/ && answers http://127.0.0.1:8086/ping; then break; fi
            sleep 1
        done
    fi
    say servers "${servers[*]} run, also after the next start"
}

set_up_rabbitmq() {
    local url password what=()
    url=$(cat "$secrets/exchange__url")
    case $url in *@127.0.0.1:*) ;; *)
        say "RabbitMQ's user" "RabbitMQ is elsewhere: see docs/rabbitmq.md for what it needs there"
        return
        ;;
    esac
    if ! rabbitmqctl --quiet ping >/dev/null 2>&1 || ! answers http://127.0.0.1:15672/; then
        pending=yes
        say "RabbitMQ's user" "RabbitMQ does not run: start it, then run this once more"
        return
    fi
    password=${url#amqp://eventsink:} && password=${password%%@*}
    rabbitmqctl --quiet list_vhosts | grep -qx "$vhost" || {
        rabbitmqctl --quiet add_vhost "$vhost"
        what+=("virtual host $vhost made")
    }
    if ! rabbitmqctl --quiet list_users | grep -q '^eventsink	'; then
        printf '%s\n' "$password" | rabbitmqctl --quiet add_user eventsink >/dev/null
        what+=("user eventsink made")
    elif ! printf '%s\n' "$password" | rabbitmqctl --quiet authenticate_user eventsink >/dev/null 2>&1; then
        printf '%s\n' "$password" | rabbitmqctl --quiet change_password eventsink >/dev/null
        what+=("password of eventsink set to that of $secrets/exchange__url")
    fi
    # It sets its policies, and sees the alarms of the broker.
    rabbitmqctl --quiet set_user_tags eventsink policymaker monitoring >/dev/null
    rabbitmqctl --quiet set_permissions -p "$vhost" eventsink "$permissions" "$permissions" "$permissions" >/dev/null
    # Everybody knows the password of guest; on this machine it would let in every user.
    if [ -e "$rabbitmq_conf" ] && rabbitmqctl --quiet list_users | grep -q '^guest	'; then
        rabbitmqctl --quiet delete_user guest >/dev/null
        what+=("user guest removed")
    fi
    say "RabbitMQ's user" "$(joined "${what[@]}")"
}

set_up_influxdb() {
    local status password what=()
    if ! answers http://127.0.0.1:8086/ping; then
        pending=yes
        say "InfluxDB's user" "InfluxDB does not run: start it, then run this once more"
        return
    fi
    status=$(influx_status "SHOW DATABASES")
    if [ "$status" = 401 ] || [ "$status" = 403 ]; then # nobody is there yet, or we are not he who is
        password=$(cat "$etc/influxdb-admin-password")
        influx "CREATE USER admin WITH PASSWORD '$password' WITH ALL PRIVILEGES" >/dev/null ||
            fail "InfluxDB does not let us in: put the password of its user admin into $etc/influxdb-admin-password."
        what+=("user admin made")
    fi
    influx "SHOW DATABASES" | grep -q '"eventsink"' || {
        influx "CREATE DATABASE eventsink" >/dev/null
        what+=("database eventsink made")
    }
    password=$(cat "$secrets/workers__influxdb__password")
    if influx "SHOW USERS" | grep -q '"eventsink"'; then
        influx "SET PASSWORD FOR eventsink = '$password'" >/dev/null
    else
        influx "CREATE USER eventsink WITH PASSWORD '$password'" >/dev/null
        what+=("user eventsink made")
    fi
    influx "GRANT ALL ON eventsink TO eventsink" >/dev/null
    say "InfluxDB's user" "$(joined "${what[@]}")"
}

joined() {
    if [ $# -eq 0 ]; then echo "all is there" && return; fi
    local text=$1
    for word in "${@:2}"; do text="$text, $word"; done
    echo "$text"
}

# Passwords go by standard input: arguments are seen by every user of the machine.
influx_request() { # QUERY, and options of curl
    printf 'user = "admin:%s"\ndata-urlencode = "q=%s"\n' "$(cat "$etc/influxdb-admin-password")" "$1" |
        curl --silent --max-time 30 --config - "${@:2}" http://127.0.0.1:8086/query
}
influx() { influx_request "$1" --fail; }
influx_status() { influx_request "$1" --output /dev/null --write-out '%{http_code}'; }

# --- the event sink --------------------------------------------------------------------------------------------------

start_sink() {
    if [ "$monitor" = yes ] && [ "$pending" = yes ]; then return; fi # it has no key yet
    systemctl enable --quiet "${units[@]}"
    if [ "$changed" = yes ]; then systemctl restart "${units[@]}"; fi
    systemctl start "${units[@]}"
    for port in "${doors[@]}"; do
        for _ in $(seq 60); do ! answers "http://127.0.0.1:$port/healthz" || break; sleep 1; done
    done
    if [ "$monitor" = yes ]; then
        say monitor "runs, also after the next start"
    else
        say "event sink" "runs, also after the next start: https://$server_name/"
    fi
}

tell_how() {
    if answers http://127.0.0.1:8750/healthz; then
        say "event sink" "runs; after a change it is yours to start it again"
    else
        say "event sink" "nothing was started. With systemd: systemctl enable --now ${units[*]}"
    fi
}

look() {
    if [ "$monitor" = yes ]; then
        eventsink doctor || fail "not all is well yet: see above what to do, then: eventsink doctor"
        return
    fi
    if answers http://127.0.0.1:8750/healthz; then
        echo
        eventsink doctor "${fix[@]}" || fail "not all is well yet: see above what to do, then: eventsink doctor"
        echo
        echo "A key to send events with: eventsink keys create --scope ingest"
        echo "A key to look at the pages with: eventsink keys create --scope read"
    else
        say doctor "the event sink does not run yet; then: eventsink doctor"
    fi
}

# --- and away again --------------------------------------------------------------------------------------------------

take_away() {
    if [ "$sure" = no ]; then
        printf 'Take the event sink off this machine? Its data and settings stay. [y/N] '
        local answer=n
        read -r answer || true
        case $answer in y | Y | yes) ;; *) fail "nothing was changed." ;; esac
    fi
    if [ "$systemd" = yes ]; then
        systemctl stop 'eventsink*' || true
        systemctl disable --quiet eventsink.target eventsink.service 2>/dev/null || true
    fi
    rm -rf /etc/systemd/system/eventsink{,-}.service.d /etc/systemd/system/eventsink-monitor.service.d \
        /etc/systemd/system/eventsink-worker@influxdb.service.d
    rm -f /etc/systemd/system/eventsink{,-serve,-api@,-worker@,-monitor}.service /etc/systemd/system/eventsink.target
    rm -rf /etc/systemd/system/eventsink.target.wants /etc/systemd/system/multi-user.target.wants/eventsink[-.@]*
    say units "taken away"
    rm -f /etc/nginx/sites-enabled/eventsink /etc/nginx/sites-available/eventsink
    if [ "$systemd" = yes ]; then
        systemctl daemon-reload
        systemctl reload nginx 2>/dev/null || true
    fi
    say NGINX "site taken away"
    rm -rf "$program"
    rm -f /usr/local/bin/eventsink
    say program "taken away"
    say "what stays" \
        "$data, $backups, $etc, RabbitMQ's virtual host $vhost, InfluxDB's database eventsink, the user, the packages"
}

main "$@"
