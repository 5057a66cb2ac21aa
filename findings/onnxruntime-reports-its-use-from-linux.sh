#!/usr/bin/env bash
# Library:   onnxruntime 1.32.0 (Python) from the package index, on Linux. Date: 2026-11-29.
#
# Guess: importing an inference library on Linux writes no files and opens no connection, and disable_telemetry_events() is
# enough where it does.
#
# Behaviour: the import alone writes a device id and a database of events to the home folder's cache. With a session open,
# strace shows that it looks up mobile.events.data.microsoft.com within 25 s. disable_telemetry_events() cannot be called before
# the import, so the files are there by then. The environment variable ORT_DISABLE_TELEMETRY=1 prevents both.
#
# Output seen:
#   import                                 deviceid onnxruntime.db
#   import, disable_telemetry_events()     deviceid onnxruntime.db
#   import with ORT_DISABLE_TELEMETRY=1    (nothing)
#
# Exits 0 while this is so, 1 when it changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0

# The names of the files that a program leaves in an empty home folder.
left() {
    local home
    home=$(mktemp -d "$work/home.XXXX")
    env -u XDG_CACHE_HOME "${@:2}" HOME="$home" "$work/venv/bin/python" -c "$1" >/dev/null 2>&1
    find "$home" -type f -printf '%f\n' | sort | xargs
}

plain=$(left 'import onnxruntime, time; time.sleep(2)')
disabled=$(left 'import onnxruntime as o, time; o.disable_telemetry_events(); time.sleep(2)')
variable=$(left 'import onnxruntime, time; time.sleep(2)' ORT_DISABLE_TELEMETRY=1)
echo "import                                 ${plain:-(nothing)}"
echo "import, disable_telemetry_events()     ${disabled:-(nothing)}"
echo "import with ORT_DISABLE_TELEMETRY=1    ${variable:-(nothing)}"
[ "$plain" = "deviceid onnxruntime.db" ] && [ "$disabled" = "$plain" ] && [ -z "$variable" ]
