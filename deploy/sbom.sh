#!/usr/bin/env bash
# Prints the Python packages of an image as a CycloneDX bill of materials: deploy/sbom.sh delivery-risk:0.1.0 > sbom.json
# Needs cyclonedx-py on the PATH, and podman, or ENGINE=docker.
set -euo pipefail
image=$1
engine=${ENGINE:-podman}
work=$(mktemp -d)
container=$("$engine" create --no-healthcheck "$image")
trap '"$engine" rm "$container" > /dev/null; rm -rf "$work"' EXIT
"$engine" cp "$container:/opt/venv/lib" "$work"
# cyclonedx-py asks a Python interpreter for its package directories. This stub answers with those of the image.
printf '#!/bin/sh\necho '\''["%s"]'\''\n' "$work"/lib/python3*/site-packages > "$work/python"
chmod +x "$work/python"
cyclonedx-py environment --output-format JSON --output-reproducible "$work/python"
