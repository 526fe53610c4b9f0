import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crossSection } from '../src/core/testing/cross-section.ts';
import { gradientKey, recomputedKey } from '../src/autodiff/index.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../src/cli/testing/run-espalier.ts';
import { decodeModel, encodeModel } from '../src/ir/index.ts';
import { openBaseModel } from '../src/models/index.ts';
import { openEnvironment } from '../src/onnxruntime/index.ts';
import { createMicroBatch } from '../src/train/data/micro-batch.ts';
import { createLossGraph } from '../src/train/graph/loss-graph.ts';
import { LossSession } from '../src/train/graph/loss-session.ts';
import { ParameterArena } from '../src/train/graph/parameter-arena.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-recompute-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The bytes of an adapter after four steps, and the losses. */
async function train(base: string, data: string, words: readonly string[]) {
  const output = join(folder, `out-${words.length}-${String(words.at(-1))}`);
  const settings = ['--rank', '4', '--max-steps', '4', '--batch-size', '2', '--learning-rate', '1e-2'];
  const all = ['train', '--base', base, '--data', data, '--output', output, ...settings, ...words];
  const { exitCode, stderr } = await espalier(all);
  expect([exitCode, exitCode === 0 ? '' : stderr]).toEqual([0, '']);
  const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  const losses = lines.map((line) => (JSON.parse(line) as { readonly loss: number }).loss);
  const weights = await readFile(join(output, 'adapter_model.safetensors'), 'base64');
  return { losses, weights };
}

/** WHY --no-pack: it is what --recompute implies, and matrices that ONNX Runtime arranges anew are multiplied by other code. */
async function trainBoth(base: string, data: string, words: readonly string[]) {
  return {
    plain: await train(base, data, [...words, '--no-pack']),
    repeated: await train(base, data, [...words, '--recompute']),
  };
}

describe('train --recompute', () => {
  it.each(
    crossSection(
      [
        ['llama', []],
        ['llama', ['--dropout', '0.2']],
        ['llama', ['--use-dora', '--dropout', '0.1']],
        ['qwen3', []],
        ['gemma3', []],
        ['gpt2', []],
        ['bert', ['--modules-to-save', 'classifier']],
      ] as const,
      3,
    ),
  )('ends in the bits of a training that keeps every activation: %s %j', async (name, words) => {
    const golden = goldenFolder(name);
    const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const { plain, repeated } = await trainBoth(join(golden, 'model'), data, words);
    expect(repeated).toEqual(plain);
  });

  it.each(crossSection([['--bits', '8'], ['--bits', '4'], ['--int8']], 3))(
    'so it does on a base with %s %s',
    async (...bits) => {
      const golden = goldenFolder('llama');
      const base = join(folder, 'quantized');
      const words = ['quantize', '--base', join(golden, 'model'), '--output', base, ...bits.filter(Boolean)];
      const { exitCode, stderr } = await espalier([...words, ...(bits.length > 1 ? ['--block-size', '16'] : [])]);
      expect([exitCode, stderr]).toEqual([0, expect.anything()]);
      const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
      const { plain, repeated } = await trainBoth(base, data, ['--dropout', '0.1']);
      expect(repeated).toEqual(plain);
    },
  );

  it('computes every repeated product again: ONNX Runtime merges none of them with the first', async () => {
    const { repeated, ran } = await profile((bytes) => bytes);
    expect(repeated).toBeGreaterThan(4);
    expect(ran).toBe(repeated);
  });

  it('and would see it: without the wait for the gradient none of them is computed again', async () => {
    const { repeated, ran } = await profile((bytes) => ungated(bytes));
    expect(repeated).toBeGreaterThan(4);
    expect(ran).toBeLessThan(repeated);
  });
});

const products = new Set(['MatMul', 'Gemm', 'FusedMatMul']);

interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly args?: { readonly op_name?: string };
}

/** How many products the graph computes a second time, and how many of these ran. */
async function profile(rewrite: (bytes: Uint8Array) => Uint8Array): Promise<{ repeated: number; ran: number }> {
  const base = await openBaseModel(join(goldenFolder('llama'), 'model'), {});
  const lora = base.modules
    .filter(({ path }) => path.endsWith('_proj'))
    .map(({ path }) => ({ path, rank: 2, scaling: 1, dropout: 0 }));
  const built = await createLossGraph(base, {
    trainable: { lora, whole: new Set() },
    objective: { kind: 'next-token' },
    maxLength: 16,
    gradients: true,
    recompute: true,
  });
  const graph = { ...built, bytes: rewrite(built.bytes) };
  const { nodes } = decodeModel(graph.bytes, { what: 'the graph' }).graph;
  const repeated = nodes.filter((node) => node.metadata.has(recomputedKey) && products.has(node.opType)).length;
  {
    using environment = openEnvironment({ threads: 1 });
    using parameters = new ParameterArena(graph.parameters);
    using gradients = new ParameterArena(graph.parameters);
    const session = { profilePrefix: join(folder, 'trace') };
    using opened = await LossSession.open(graph, { environment, parameters, gradients, session });
    const ids = Int32Array.of(1, 2, 3, 4);
    const row = { inputIds: ids, labels: ids };
    await opened.run(createMicroBatch([row], { packed: base.packsRows === true, whole: false }));
  }
  const [file = ''] = (await readdir(folder)).filter((name) => name.startsWith('trace'));
  const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as TraceEvent[];
  const ran = events.filter(
    ({ name, args }) =>
      name.startsWith('recompute/') && name.endsWith('_kernel_time') && products.has(args?.op_name ?? ''),
  ).length;
  return { repeated, ran };
}

/** The graph with the second computations reading the first inputs. */
function ungated(bytes: Uint8Array): Uint8Array {
  const model = decodeModel(bytes, { what: 'the graph' });
  for (const node of model.graph.nodes) {
    const [input] = node.inputs;
    const [output] = node.outputs;
    const isGate =
      node.opType === 'Reshape' && node.name.startsWith('recompute/Reshape') && node.metadata.has(gradientKey);
    if (isGate && input && output) model.graph.replaceAllUses(output, input);
  }
  return encodeModel(model);
}
