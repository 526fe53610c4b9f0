// `npm run soak [-- part...] [--share 0.01] [--seed 1] [--base DIR] [--before DIR] [--threads 2] [--only publish] [--json FILE]`. See soak/README.md.
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { described, machine, settingsOf } from './finding.ts';
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
  },
});

const chosen = positionals.length === 0 ? parts : positionals.map(partNamed);
const [share, seed, threads] = [values.share, values.seed, values.threads].map(Number);
const { base, before, only } = values;
const settings = settingsOf({ share, seed, threads, base, before, only });
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
