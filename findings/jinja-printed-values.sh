#!/usr/bin/env bash
# @huggingface/jinja: values that a chat template prints come out in JavaScript's words.
#
# Packages: @huggingface/jinja 0.5.11 (npm).
# Expected: what Jinja2 prints, with which transformers renders the same templates:
#   True, None, {'a': 1}, 2.0 (the expected texts below are Jinja2 3.1.6's, with the `tojson`
#   that transformers installs).
# Seen: true, an empty text, {"a": 1}, 2. No error is raised.
# Why it matters: templates that print a tool's description or its arguments without `tojson`, a
#   flag, or an optional field build another prompt in JavaScript than the model was trained on.
#   `tojson` repairs all of these but floats with no fraction.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts '@huggingface/jinja@0.5.11'
cat > finding.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import { Template } from '@huggingface/jinja';

const { version } = JSON.parse(readFileSync('node_modules/@huggingface/jinja/package.json', 'utf8'));
const tool = { name: 'weather', strict: true, unit: null, days: [1, 'two'] };
// template, what Jinja2 prints, what was seen
const cases = [
  ['{{ true }}', 'True', 'true'],
  ['{{ none }}', 'None', ''],
  ['{{ 2.0|tojson }}', '2.0', '2'],
  ['{{ "hELLO"|capitalize }}', 'Hello', 'HELLO'],
  ['{{ [none, true]|join(",") }}', 'None,True', ',true'],
  ['{{ -7 % 3 }}', '2', '-1'],
  [
    '{{ tool }}',
    "{'name': 'weather', 'strict': True, 'unit': None, 'days': [1, 'two']}",
    '{"name": "weather", "strict": true, "unit": null, "days": [1, "two"]}',
  ],
];
console.log('@huggingface/jinja', version);
const changed = [];
for (const [template, expected, seenBefore] of cases) {
  const seen = new Template(template).render({ tool });
  console.log(`${template}\n  expected: ${expected}\n  seen:     ${seen}`);
  if (seen !== seenBefore) changed.push(template);
}
if (changed.length > 0) {
  console.log('CHANGED: these print something else than before:', changed.join(' '));
  process.exit(1);
}
console.log('The finding holds.');
JAVASCRIPT
node finding.mjs
