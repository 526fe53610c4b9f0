// A training of every form of a base, with and without --recompute, beside PEFT's plain loop and PEFT with gradient checkpointing.
//
//   node bench/forms.mjs --base DIR [--python PYTHON] [--rounds 3] [--steps 5] [--batch 4] [--tokens 128] [--threads 2]
//                        [--forms f32,int8,8,4] [--int8 DIR] [--8 DIR] [--4 DIR]
//
// LoRA of rank 16 on all linear modules. Each measurement is a process of its own, and they take turns within a round. A form whose
// folder is not given is made from the base first, in TMPDIR. The ratios are those of a round, against the first line.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { quantizeBase } from '#internal/quantize';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    python: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '5' },
    batch: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    forms: { type: 'string', default: 'f32,int8,8,4' },
    int8: { type: 'string' },
    8: { type: 'string' },
    4: { type: 'string' },
  },
});
const { base } = values;
if (base === undefined) throw new Error('Name the base: --base DIR');
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const common = ['steps', 'batch', 'tokens', 'threads'].flatMap((name) => [`--${name}`, values[name]]);
  /** @type {{ name: string, command: string, words: string[] }[]} */
  const ways = [];
  for (const form of values.forms.split(',')) {
    const words = [here('train.mjs'), '--base', await folderOf(form), ...common];
    ways.push({ name: form, command: process.execPath, words });
    ways.push({ name: `${form}, recompute`, command: process.execPath, words: [...words, '--recompute'] });
  }
  if (values.python !== undefined) {
    const words = [here('peft-peer.py'), 'train', '--base', base, ...common];
    ways.push({ name: 'PEFT f32', command: values.python, words });
    ways.push({ name: 'PEFT f32, checkpointing', command: values.python, words: [...words, '--checkpointing'] });
  }
  process.stdout.write(`${cpus()[0]?.model}, ${values.threads} threads, load ${loadavg()[0]?.toFixed(1)}\n`);
  /** @type {Map<string, any[]>} */
  const results = new Map(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, command, words } of ways) results.get(name)?.push(measure(command, words));
  }
  report([...results]);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The folder of a form; made here unless it was given. */
async function folderOf(form) {
  if (form === 'f32') return base;
  if (values[form] !== undefined) return values[form];
  const dir = join(folder, `base-${form}`);
  const scheme = form === 'int8' ? 'int8' : 'blocks';
  const options = { bits: form === '4' ? 4 : 8, blockSize: 32, activations: 'int8', keep: [] };
  // @ts-ignore: the words of the options are those of their types
  await quantizeBase(await openBaseModel(base), dir, { scheme, ...options });
  return dir;
}

function measure(command, words) {
  const child = spawnSync(command, words, { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${child.status}:\n${child.stderr}`);
  return JSON.parse(child.stdout.trim().split('\n').at(-1) ?? '');
}

function report(all) {
  const first = all[0]?.[1] ?? [];
  for (const [name, rounds] of all) {
    const speeds = rounds.map(({ tokensPerSecond }) => tokensPerSecond);
    const ratio = median(speeds.map((speed, round) => speed / first[round].tokensPerSecond));
    const peak = Math.max(...rounds.map(({ peakRssMb }) => peakRssMb));
    const figures = `${median(speeds).toFixed(1).padStart(8)} tokens/s, ${ratio.toFixed(2)} times`;
    process.stdout.write(`${name.padEnd(24)} ${figures} ${all[0]?.[0]}, peak ${peak} MB\n`);
  }
}
