// `npm run soak [-- part...] [--share 0.01] [--seed 1] [--base DIR] [--before DIR] [--threads 2] [--only publish] [--json FILE]`. See soak/README.md.
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createProgress, described, machine, settingsOf } from './finding.ts';
import { parts } from './parts.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    share: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    base: { type: 'string' },
    before: { type: 'string' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(`Usage: npm run soak -- [part...] [options]

Parts (all where none is named; each takes minutes to hours): ${parts.map(({ name }) => name).join(', ')}

  --share 0.01   the share of the full amounts (default: 1)
  --seed 1       of everything that is drawn by chance
  --only NAME    one claim of crash or training
  --base DIR     a base of 0.41 B parameters (npm run bench:base -- DIR), for the parts that measure speed
  --before DIR   an older build, for comparison
  --threads 2    threads of ONNX Runtime
  --json FILE    appends each claim with its figures

Examples:
  $ npm run soak -- storm --share 0.01
  $ npm run soak -- training --only killed --json results.jsonl
What each part does, and how much of it: soak/README.md
`);
  process.exit(0);
}

const chosen = positionals.length === 0 ? parts : positionals.map(partNamed);
const [share, seed, threads] = [values.share, values.seed, values.threads].map(Number);
const { base, before, only } = values;
// WHY stderr: the findings alone are the output.
const progress = createProgress(
  (line) => process.stderr.write(line),
  () => performance.now(),
);
const settings = settingsOf({ share, seed, threads, base, before, only }, progress);
process.stdout.write(`${machine()}, seed ${seed}, ${share} of the full amounts\n`);
for (const part of chosen) {
  const began = performance.now();
  for await (const finding of part.run(settings)) {
    process.stdout.write(described(finding));
    const line = { ...finding, seed, share, machine: machine(), time: new Date().toISOString() };
    if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(line)}\n`);
    if (finding.isSeen === false) process.exitCode = 1;
  }
  process.stdout.write(`${part.name}: ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
}

function partNamed(name: string): (typeof parts)[number] {
  const part = parts.find((each) => each.name === name);
  if (part) return part;
  throw new Error(`There is no part ${name}; there are ${parts.map((each) => each.name).join(', ')}`);
}
