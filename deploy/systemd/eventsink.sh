#!/bin/sh
# `eventsink`, as the services have it: their user, their settings, their secrets. It goes to /usr/local/bin.
set -eu
if [ "$(id -un)" != eventsink ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "eventsink: run it with sudo: the data and secrets of this machine's event sink are for its user alone." >&2
        exit 1
    fi
    exec setpriv --reuid=eventsink --regid=eventsink --init-groups --inh-caps=-all "$0" "$@"
fi
set -a
# shellcheck source=/dev/null
. /etc/eventsink/environment
HOME=$EVENTSINK_DATA
for file in /etc/eventsink/secrets/*; do # named as the setting that it is: exchange__url
    [ ! -f "$file" ] || eval "EVENTSINK_$(basename "$file" | tr '[:lower:]' '[:upper:]')_FILE=\$file"
done
exec /opt/eventsink/bin/eventsink "$@"
