#!/usr/bin/env bash
# Generates dashboard.json and operator.json from the TypeScript types of Grafana and of the Prometheus operator. Run it when their
# versions change; needs npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund --ignore-scripts \
    @grafana/schema@13.2.3 @kubernetes-models/prometheus-operator@6.0.0 ts-json-schema-generator@2.4.0
npm pack --silent @grafana/prometheus@13.1.4 > /dev/null
mkdir -p node_modules/@grafana/prometheus node_modules/@grafana/data
tar xzf grafana-prometheus-*.tgz -C node_modules/@grafana/prometheus --strip-components=1
# The query type refers to three types of a large package, for fields that are not used.
echo 'export interface Scope { metadata: { name: string } } export interface ScopeSpec {} export interface ScopeSpecFilter {}' \
    > node_modules/@grafana/data/index.d.ts

make() {
    cp "$here/$1.ts" .
    npx ts-json-schema-generator --path "$1.ts" --type "$2" --no-type-check --out long.json
    python3 - "$here/$1.json" << 'END'
"""Removes descriptions and writes one definition per line."""
import json
import sys


def bare(node):
    if isinstance(node, list):
        return [bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: bare(value) for key, value in node.items() if not (key in ("description", "deprecated") and isinstance(value, str))}


schema = bare(json.load(open("long.json")))
lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(body)}" for name, body in sorted(schema["definitions"].items()))
with open(sys.argv[1], "w") as out:
    out.write(f'{{"$schema": {json.dumps(schema["$schema"])}, "$ref": {json.dumps(schema["$ref"])}, "definitions": {{\n{lines}\n}}}}\n')
END
}

make dashboard DeliveryRisk
make operator Operator
