#!/usr/bin/env bash
# What the image has of Python packages, as a CycloneDX document: deploy/sbom.sh delivery-risk:0.1.0 > sbom.json
# With cyclonedx-py on the path; ENGINE=docker where there is no podman.
set -euo pipefail
image=$1
engine=${ENGINE:-podman}
work=$(mktemp -d)
container=$("$engine" create --no-healthcheck "$image")
trap '"$engine" rm "$container" > /dev/null; rm -rf "$work"' EXIT
"$engine" cp "$container:/opt/venv/lib" "$work"
# cyclonedx-py asks a Python where its packages are. This one answers for the image's.
printf '#!/bin/sh\necho '\''["%s"]'\''\n' "$work"/lib/python3*/site-packages > "$work/python"
chmod +x "$work/python"
cyclonedx-py environment --output-format JSON --output-reproducible "$work/python"
