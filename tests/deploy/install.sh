#!/usr/bin/env bash
# What `pytest -m deploy tests/deploy` needs of Debian and of PyPI: as root, once. The Python tools get an environment of their
# own, .venv-deploy, since they pin what the service uses too. A root file system of Debian with Python 3.13 stands in for the
# image that the Dockerfile starts from, so that no registry is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."

wanted=(buildah ca-certificates catatonit docker-compose iptables mmdebstrap podman python3-venv runc uidmap)
wanted+=(prometheus prometheus-alertmanager) # promtool and amtool come with them; the tests start their own
missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

[ -x .venv-deploy/bin/python ] || python3 -m venv .venv-deploy
.venv-deploy/bin/pip install -q -r tests/deploy/requirements.txt

base=.venv-deploy/python-3.13-slim-trixie.tar
if [ ! -s "$base" ]; then
    slim=()
    for place in doc info locale man; do slim+=("--dpkgopt=path-exclude=/usr/share/$place/*"); done
    mmdebstrap -q --format=tar --variant=minbase --include=ca-certificates,python3,python3-venv "${slim[@]}" trixie "$base.new"
    mv "$base.new" "$base"
fi
