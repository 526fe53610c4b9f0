import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSafetensors, toFloat32 } from '../../tensor/index.ts';
import { bundleRankProgram, type BundledProgram } from './testing/bundled-program.ts';
import { cutSignal } from './testing/rank-fault.ts';
import { adapterOf, launchTraining, type LaunchedTraining } from './testing/launched-training.ts';

/** Rows of very different lengths, so that a mean of means would differ from the mean of all. */
const rows = Array.from({ length: 11 }, (_, row) =>
  JSON.stringify({
    input_ids: Array.from({ length: 3 + ((row * row * 5) % 29) }, (__, i) => 3 + ((7 * row + 5 * i) % 40)),
  }),
);

let program: BundledProgram;
let folder: string;
let first: LaunchedTraining;
let whole: Buffer;

/** A training of six steps, of which each second is saved. */
function words(name: string, batchSize: number, ...more: readonly string[]): string[] {
  const files = [
    '--base',
    fileURLToPath(new URL('../../../test/golden/llama/model', import.meta.url)),
    '--data',
    join(folder, 'rows.jsonl'),
  ];
  const sizes = ['--rank', '2', '--seed', '3', '--max-steps', '6', '--save-steps', '2', '--learning-rate', '1e-2'];
  const output = ['--output', join(folder, name), '--batch-size', String(batchSize), '--optimizer', 'sgd'];
  return ['train', ...files, ...sizes, ...output, ...more];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-launched-'));
  await writeFile(join(folder, 'rows.jsonl'), `${rows.join('\n')}\n`);
  program = await bundleRankProgram();
  first = await launchTraining({ program: program.path, ranks: 3, words: words('whole', 1) });
  whole = await adapterOf(join(folder, 'whole'));
}, 120_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** The largest difference between two adapters. */
async function difference(a: string, b: string): Promise<number> {
  const [left, right] = await Promise.all(
    [a, b].map((name) => loadSafetensors(join(folder, name, 'adapter_model.safetensors'))),
  );
  const distances = [...(left?.tensors ?? [])].map(([name, tensor]) => {
    const other = right?.tensors.get(name);
    const values = other === undefined ? new Float32Array() : toFloat32(other);
    return toFloat32(tensor).reduce((most, value, i) => Math.max(most, Math.abs(value - (values[i] ?? NaN))), 0);
  });
  return Math.max(...distances);
}

describe('three processes that train together', () => {
  it('end in the weights of one process with the batch of all', async () => {
    expect(first).toMatchObject({ endings: [{ code: 0 }, { code: 0 }, { code: 0 }], left: [] });
    const { endings } = await launchTraining({ program: program.path, ranks: 1, words: words('one', 3) });
    expect(endings).toMatchObject([{ code: 0 }]);
    expect(await difference('whole', 'one')).toBeLessThan(1e-6);
    const lines = await Promise.all(
      ['whole', 'one'].map((name) => readFile(join(folder, name, 'metrics.jsonl'), 'utf8')),
    );
    const counts = lines.map((text) => text.match(/"targetTokens":\d+/g));
    expect(counts[0]).toHaveLength(6);
    expect(counts[0]).toEqual(counts[1]);
  });

  it('name one that is killed, one that stands still, and one that is cut off; none stays, and they go on to the same bytes', async () => {
    const common = { program: program.path, ranks: 3 };
    // Before the fourth step.
    const killed = await launchTraining({
      ...common,
      words: words('part', 1),
      fault: { rank: 1, fault: { at: 7, signal: 'SIGKILL' } },
    });
    expect(killed.endings).toEqual([
      { rank: 0, code: 1, signal: null },
      { rank: 1, code: null, signal: 'SIGKILL' },
      { rank: 2, code: 1, signal: null },
    ]);
    for (const rank of [0, 2]) expect(killed.errors.get(rank)).toContain('Rank 1 was lost: its connection ended');
    expect(killed.left).toEqual([]);

    // Before the sixth.
    const stopped = await launchTraining({
      ...common,
      words: words('part', 1, '--resume'),
      fault: { rank: 2, fault: { at: 5, signal: 'SIGSTOP' } },
      graceMs: 3000,
    });
    expect(stopped.endings).toEqual([
      { rank: 0, code: 1, signal: null },
      { rank: 1, code: 1, signal: null },
      { rank: 2, code: null, signal: 'SIGKILL' },
    ]);
    for (const rank of [0, 1]) expect(stopped.errors.get(rank)).toContain('Rank 2 was lost: nothing was heard of it');
    expect(stopped.left).toEqual([]);

    const cut = await launchTraining({
      ...common,
      words: words('part', 1, '--resume'),
      fault: { rank: 1, fault: { at: 2, signal: cutSignal } },
    });
    // It lives on, and hears nobody.
    expect(cut.endings).toEqual([0, 1, 2].map((rank) => ({ rank, code: 1, signal: null })));
    for (const rank of [0, 2]) expect(cut.errors.get(rank)).toContain('Rank 1 was lost: nothing was heard of it');
    expect(cut.errors.get(1)).toContain('Rank 0 was lost: nothing was heard of it');
    expect(cut.left).toEqual([]);

    const resumed = await launchTraining({ ...common, words: words('part', 1, '--resume') });
    expect(resumed.endings.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect((await adapterOf(join(folder, 'part'))).equals(whole)).toBe(true);
  }, 120_000);

  it('say once what they would do', async () => {
    const rest = words('planned', 1, '--dry-run', '--json');
    const { endings, outputs } = await launchTraining({ program: program.path, ranks: 2, words: rest });
    expect(endings.map(({ code }) => code)).toEqual([0, 0]);
    expect([...outputs.keys()]).toEqual([0]);
    expect(JSON.parse(outputs.get(0) ?? '')).toMatchObject({ plan: { steps: 6 } });
  });

  it('refuse several runs, whose outputs all would write', async () => {
    const config = join(folder, 'runs.yaml');
    await writeFile(config, 'runs:\n  - name: small\n    rank: 2\n  - name: large\n    rank: 4\n');
    const rest = words('together', 1, '--config', config).filter(
      (word, i, all) => ![word, all[i - 1]].includes('--rank'),
    );
    const { endings, errors } = await launchTraining({ program: program.path, ranks: 2, words: rest });
    expect(endings.map(({ code }) => code)).not.toContain(0);
    for (const rank of [0, 1]) expect(errors.get(rank)).toContain('several runs');
    expect(errors.get(0)).toContain('the processes of a group share the rows of one training');
  });
});
