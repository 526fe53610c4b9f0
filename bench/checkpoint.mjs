// A checkpoint of 1 GB: how long it takes to write beside `dd` with a flush, how long to open, and how much memory that adds; beside JSON,
// and with an interpreter that has torch and safetensors, beside torch.save and safetensors.
//
//   node bench/checkpoint.mjs [--megabytes 1000] [--rounds 3] [--folder DIR] [--python PYTHON]
//
// The ways take turns. Every file is flushed to the disk before its time ends. A third of the bytes are weights, the others two moments.
// JSON gets a hundredth of the numbers, and its times are multiplied by 100.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, fsyncSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { OpenCheckpoint, writeCheckpoint } from '#internal/checkpoint';
import { NativeMemory } from '#internal/native';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
    python: { type: 'string' },
    /** Used by this program itself: opens a file and tells how long that took. */
    load: { type: 'string' },
    as: { type: 'string' },
  },
});
const jsonShare = 100;
const names = ['parameters', 'optimizer-firstMoment', 'optimizer-secondMoment'];

if (values.load !== undefined) await tellLoad(values.load, values.as);
else await measure();

/** Resident memory in MB. */
function resident() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1000;
}

async function tellLoad(path, as) {
  // WHY once before: loading the library of the system is no part of loading a checkpoint.
  NativeMemory.allocate(8).dispose();
  await OpenCheckpoint.open('/none').catch(() => undefined);
  const before = resident();
  const began = performance.now();
  let kept;
  if (as === 'json') {
    kept = names.map((name) => Float32Array.from(JSON.parse(readFileSync(path, 'utf8'))[name]));
  } else {
    const checkpoint = await OpenCheckpoint.open(path);
    kept = await Promise.all(names.map(async (name) => (await checkpoint.map(name)).float32()));
  }
  const ms = performance.now() - began;
  const megabytes = resident() - before;
  const verifying = performance.now();
  if (as !== 'json') await (await OpenCheckpoint.open(path)).verify();
  const verifyMs = performance.now() - verifying;
  process.stdout.write(JSON.stringify({ ms, megabytes, verifyMs, numbers: kept.length }));
}

async function measure() {
  const folder = mkdtempSync(join(values.folder, 'espalier-bench-'));
  try {
    const numbers = Math.floor((Number(values.megabytes) * 1e6) / 12);
    const memory = NativeMemory.allocate(3 * 4 * numbers);
    const arrays = names.map((_, i) => memory.float32(4 * numbers * i, numbers));
    // WHY random bits: a disk or a file system might compress others. Each number is finite.
    let seed = 1;
    for (const array of arrays) {
      for (let i = 0; i < numbers; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
        array[i] = seed / 2 ** 31;
      }
    }
    /** @type {[string, () => any][]} */
    const ways = [
      ['dd', () => dd(folder)],
      ['checkpoint', () => espalier(folder, arrays)],
      ['JSON', () => json(folder, arrays)],
      ...(values.python === undefined
        ? []
        : [
            /** @type {[string, () => any]} */ (['torch.save', () => python(folder, 'torch')]),
            /** @type {[string, () => any]} */ (['safetensors', () => python(folder, 'safetensors')]),
          ]),
    ];
    /** @type {Map<string, any[]>} */
    const results = new Map(ways.map(([name]) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, run] of ways) results.get(name).push(await run());
    }
    report(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(results) {
  const disk = median(results.get('dd').map(({ saveMs }) => saveMs));
  process.stdout.write(`${values.megabytes} MB, medians of ${values.rounds} rounds in turn\n`);
  for (const [name, rounds] of results) {
    const of = (key) => median(rounds.map((round) => round[key] ?? NaN));
    const saved = `saved in ${of('saveMs').toFixed(0)} ms (${(disk / of('saveMs')).toFixed(2)} of dd's speed)`;
    const loaded = `loaded in ${of('ms').toFixed(1)} ms, adding ${of('megabytes').toFixed(1)} MB`;
    const verified = name === 'checkpoint' ? `; every byte verified in ${of('verifyMs').toFixed(0)} ms` : '';
    process.stdout.write(`${name.padEnd(12)}${saved}${name === 'dd' ? '' : `; ${loaded}${verified}`}\n`);
  }
}

function timed(run) {
  const began = performance.now();
  run();
  return performance.now() - began;
}

function dd(folder) {
  const path = join(folder, 'dd');
  const words = ['if=/dev/zero', `of=${path}`, 'bs=8M', 'conv=fsync', 'iflag=count_bytes', 'status=none'];
  const saveMs = timed(() => execFileSync('dd', [...words, `count=${Number(values.megabytes) * 1e6}`]));
  rmSync(path);
  return { saveMs };
}

async function espalier(folder, arrays) {
  const path = join(folder, 'checkpoint');
  const parts = arrays.map((array, i) => {
    return { name: names[i], type: 'float32', bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
  });
  const began = performance.now();
  // @ts-ignore: the type of each part is float32
  await writeCheckpoint(path, { kind: 'bench', state: {}, parts });
  const saveMs = performance.now() - began;
  const loaded = load(path, 'checkpoint');
  rmSync(path, { recursive: true });
  return { saveMs, ...loaded };
}

function json(folder, arrays) {
  const path = join(folder, 'numbers.json');
  const saveMs = timed(() => {
    const some = arrays.map((array, i) => [names[i], [...array.subarray(0, array.length / jsonShare)]]);
    writeFileSync(path, JSON.stringify(Object.fromEntries(some)));
    flush(path);
  });
  const { ms, megabytes } = load(path, 'json');
  rmSync(path);
  return { saveMs: saveMs * jsonShare, ms: ms * jsonShare, megabytes: megabytes * jsonShare };
}

function flush(path) {
  const descriptor = openSync(path, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function load(path, as) {
  const program = fileURLToPath(import.meta.url);
  return JSON.parse(execFileSync(process.execPath, [program, '--load', path, '--as', as], { encoding: 'utf8' }));
}

function python(folder, as) {
  const path = join(folder, as === 'torch' ? 'numbers.pt' : 'numbers.safetensors');
  const save = as === 'torch' ? 'torch.save(tensors, path)' : 'safetensors.torch.save_file(tensors, path)';
  const open = as === 'torch' ? 'torch.load(path)' : 'safetensors.torch.load_file(path)';
  const common = [
    'import json, os, sys, time, torch, safetensors.torch',
    'path, numbers = sys.argv[1], int(float(sys.argv[2]) * 1e6 / 12)',
    'def resident(): return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0]) / 1000',
  ];
  const saving = [
    ...common,
    'tensors = {name: torch.rand(numbers) for name in ["a", "b", "c"]}',
    'began = time.perf_counter()',
    save,
    'descriptor = os.open(path, os.O_RDWR); os.fsync(descriptor); os.close(descriptor)',
    'print(json.dumps({"saveMs": (time.perf_counter() - began) * 1000}))',
  ];
  const loading = [
    ...common,
    'before = resident()',
    'began = time.perf_counter()',
    `tensors = ${open}`,
    'ms = (time.perf_counter() - began) * 1000',
    'print(json.dumps({"ms": ms, "megabytes": resident() - before}))',
  ];
  const run = (lines) => {
    const words = ['-c', lines.join('\n'), path, values.megabytes];
    return JSON.parse(execFileSync(values.python, words, { encoding: 'utf8' }));
  };
  const result = { ...run(saving), ...run(loading) };
  rmSync(path);
  return result;
}
