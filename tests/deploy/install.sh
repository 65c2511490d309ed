#!/usr/bin/env bash
# What `pytest -m deploy tests/deploy` needs of Debian: as root, once. The Python packages are in the extra `test`.
# Debian starts Prometheus and Alertmanager as services too, where there is systemd; the tests start their own.
set -euo pipefail

wanted=()
wanted+=(prometheus prometheus-alertmanager) # promtool and amtool come with them
missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"
fi
