// What quantizing a base costs a training: the held-out loss of the same adapter, trained on the base in floats, int8, 8 and 4 bits.
//
//   node bench/held-out.mjs --base DIR --data FILE --eval-data FILE [--steps 200] [--rank 8] [--learning-rate 2e-3] [--batch 8]
//                           [--max-length 128] [--forms int8,8,4] [--seeds 0] [--threads 2] [--json]
//
// All trainings of a seed begin with the same adapter and see the same rows in the same order. `only the base` is the loss before the
// first step: what quantizing costs without a training.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { train } from '#internal/library';
import { openBaseModel } from '#internal/models';
import { quantizeBase } from '#internal/quantize';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    data: { type: 'string' },
    'eval-data': { type: 'string' },
    steps: { type: 'string', default: '200' },
    rank: { type: 'string', default: '8' },
    'learning-rate': { type: 'string', default: '2e-3' },
    batch: { type: 'string', default: '8' },
    'max-length': { type: 'string', default: '128' },
    forms: { type: 'string', default: 'int8,8,4' },
    seeds: { type: 'string', default: '0' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
});
const { base: baseDir, data, 'eval-data': evalData } = values;
if (baseDir === undefined || data === undefined || evalData === undefined) {
  throw new Error('Name the base and the rows: --base DIR --data FILE --eval-data FILE');
}

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const rows = { data: await textsOf(data, 'train'), evalData: await textsOf(evalData, 'held-out') };
  const forms = new Map([['f32', baseDir]]);
  for (const form of values.forms.split(',')) forms.set(form, await quantized(form));
  const results = [];
  for (const seed of values.seeds.split(',').map(Number)) {
    for (const [form, dir] of forms) {
      const output = join(folder, `${form}-${seed}`);
      const result = await trained(dir, { ...rows, output, seed });
      const line = { form, seed, before: result.evalLossBefore, after: result.evalLossAfter, seconds: result.seconds };
      results.push(line);
      const first = results.find((each) => each.form === 'f32' && each.seed === seed);
      process.stdout.write(`${values.json ? JSON.stringify(line) : described(line, first)}\n`);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Rows of text alone: other fields would be read as another format. */
async function textsOf(path, name) {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  const file = join(folder, `${name}.jsonl`);
  await writeFile(file, lines.map((line) => JSON.stringify({ text: JSON.parse(line).text })).join('\n'));
  return file;
}

async function quantized(form) {
  const dir = join(folder, `base-${form}`);
  const scheme = form === 'int8' ? 'int8' : 'blocks';
  await quantizeBase(await openBaseModel(baseDir), dir, {
    scheme,
    bits: form === '4' ? 4 : 8,
    blockSize: 32,
    activations: 'int8',
    keep: [],
  });
  return dir;
}

function trained(dir, { output, seed, ...rows }) {
  return train(
    {
      base: dir,
      ...rows,
      output,
      seed,
      rank: Number(values.rank),
      alpha: 2 * Number(values.rank),
      learningRate: Number(values['learning-rate']),
      maxSteps: Number(values.steps),
      batchSize: Number(values.batch),
      maxLength: Number(values['max-length']),
    },
    { threads: Number(values.threads) },
  );
}

function described({ form, seed, before, after }, first) {
  const percent = (value, of) => `${(100 * (value / of - 1)).toFixed(2)} %`;
  const apart =
    first === undefined ? '' : `, only the base ${percent(before, first.before)}, ${percent(after, first.after)}`;
  return `seed ${seed}, ${form}: ${before.toFixed(4)} before, ${after.toFixed(4)} after${apart}`;
}
