// A store of adapters: how long a start takes with many in it, how many are published a second, and how long one takes from its last file
// to the first answer.
//
//   node bench/store.mjs [--base demo/base] [--count 1000] [--rank 4] [--rounds 5] [--threads 2] [--folder DIR]
//
// Servers with no adapter and with the store start in turn. The adapters are written elsewhere on the same disk and renamed into the
// store. `--folder` says where; in /dev/shm nothing waits for a disk.
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { complete, startServer } from './served-process.mjs';
import { median } from './statistics.mjs';
import { writeAdapters } from './written-adapters.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    base: { type: 'string', default: join(here, 'demo/base') },
    count: { type: 'string', default: '1000' },
    rank: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const [count, rank, rounds] = [values.count, values.rank, values.rounds].map(Number);
const folder = await mkdtemp(join(values.folder, 'espalier-store-'));
const store = join(folder, 'store');
const common = [values.base, '--threads', values.threads];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const namesIn = async (path) => readdir(path).catch(() => []);

try {
  const { modules } = await openBaseModel(values.base);
  const linears = modules.filter(({ path, kind }) => path !== 'lm_head' && (kind ?? 'linear') === 'linear');
  const names = await writeAdapters(join(folder, 'made'), { count, rank, modules: linears });
  await publishAll(names);
  await starts();
  const more = await writeAdapters(join(folder, 'more'), { count: 2 * rounds, rank, modules: linears });
  await latencies(more);
} finally {
  await makeWritable(folder);
  await rm(folder, { recursive: true, force: true });
}

async function publishAll(names) {
  const server = await startServer(here, [...common, '--store', store]);
  const began = performance.now();
  for (const name of names) await rename(join(folder, 'made', name), join(store, 'incoming', name));
  while ((await namesIn(join(store, 'active'))).length < count) await pause(10);
  const seconds = (performance.now() - began) / 1000;
  while ((await namesIn(join(store, 'incoming'))).length > 0) await pause(10);
  await server.stop();
  process.stdout.write(`published ${count} of rank ${rank}: ${(count / seconds).toFixed(0)} a second\n`);
}

async function starts() {
  const ready = { none: [], store: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [kind, words] of [
      ['none', []],
      ['store', ['--store', store]],
    ]) {
      const server = await startServer(here, [...common, ...words]);
      ready[kind].push(server.readyMs);
      await server.stop();
    }
  }
  for (const [kind, all] of Object.entries(ready)) {
    const what = kind === 'none' ? 'without adapters' : `with ${count} in the store`;
    process.stdout.write(`ready ${what}: ${median(all).toFixed(0)} ms (${range(all)})\n`);
  }
}

async function latencies(names) {
  const server = await startServer(here, [...common, '--store', store]);
  const ways = { renamed: [], 'with checksums': [] };
  for (const [place, name] of names.entries()) {
    const way = place % 2 === 0 ? 'renamed' : 'with checksums';
    const from = join(folder, 'more', name);
    const closed = await (way === 'renamed' ? moveIn(from, name) : copyIn(from, name));
    for (;;) {
      const answered = await complete(server.url, { model: name, prompt: [1, 2, 3], maxTokens: 1 }).catch(
        () => undefined,
      );
      if (answered !== undefined) break;
    }
    ways[way].push(performance.now() - closed);
    await pause(300);
  }
  await server.stop();
  for (const [way, all] of Object.entries(ways)) {
    process.stdout.write(
      `from the last file to the first answer, ${way}: ${median(all).toFixed(0)} ms (${range(all)})\n`,
    );
  }
}

async function moveIn(from, name) {
  await pause(20);
  await rename(from, join(store, 'incoming', name));
  return performance.now();
}

async function copyIn(from, name) {
  const files = await readdir(from);
  const to = join(store, 'incoming', name);
  const lines = [];
  for (const file of files) {
    lines.push(
      `${createHash('sha256')
        .update(await readFile(join(from, file)))
        .digest('hex')}  ${file}\n`,
    );
  }
  await mkdir(to);
  await writeFile(join(to, 'SHA256SUMS'), lines.join(''));
  for (const file of files) await copyFile(join(from, file), join(to, file));
  return performance.now();
}

function range(all) {
  return `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
}

/** The versions of a store cannot be written to. */
async function makeWritable(path) {
  for (const key of await namesIn(join(path, 'store', 'store'))) await chmod(join(path, 'store', 'store', key), 0o755);
}
