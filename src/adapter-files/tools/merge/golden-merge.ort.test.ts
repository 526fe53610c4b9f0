import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../../../ir/index.ts';
import { buildScoringGraph, embeddingsOf, openBaseModel } from '../../../models/index.ts';
import { runOnce } from '../../../onnxruntime/index.ts';
import { testEnvironment } from '../../../onnxruntime/testing/test-environment.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray } from '../../../tensor/index.ts';
import { loadAdapter } from '../../formats/read-adapter.ts';
import { mergeCheckpoint } from './merge-checkpoint.ts';

const environment = testEnvironment();
const golden = (part: string): string => fileURLToPath(new URL(`../../../../test/golden/${part}`, import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Logits of all rows, one behind the other, f32 [rows · tokens · vocab]. */
async function logitsOf(dir: string, ids: readonly number[][]): Promise<Float32Array> {
  const model = buildScoringGraph(await openBaseModel(dir), { maxLength: 64 });
  using session = await environment().createSession(encodeModel(model), { externalDataFolder: dir });
  const flat = ids.flat();
  const feeds = {
    input_ids: tensorOf('int64', [ids.length, flat.length / ids.length], flat),
    rows: tensorOf(
      'int64',
      [flat.length],
      flat.map((_, i) => i),
    ),
  };
  const { logits } = await runOnce(session, feeds, { outputs: ['logits'] });
  return logits ? toFloat32(logits) : new Float32Array();
}

const cases = [
  'dora',
  'dora-gpt2',
  'embeddings-tied',
  'embeddings-untied',
  'gpt2-tables',
  'head-tied',
  'layers-and-exclusions',
  'lora-bias',
  'modules-to-save',
  'rslora-patterns',
  'tokens-gemma',
  'tokens-tied',
  'tokens-untied',
];

describe('a checkpoint with an adapter of PEFT merged into it', () => {
  it.each(cases)('gives the logits that PEFT gives with the adapter: %s', async (name) => {
    const { model } = JSON.parse(await readFile(golden(`adapters/${name}/expected.json`), 'utf8')) as { model: string };
    const base = await openBaseModel(golden(`${model}/model`));
    const { modules, saved } = await loadAdapter(golden(`adapters/${name}/adapter`), base.modules, {
      weights: base.weights,
      embeddings: embeddingsOf(base),
    });
    const output = join(folder, name);
    await mergeCheckpoint({ base, adapters: [{ modules, scale: 1, ...(saved && { saved }) }], output });
    const { tensors } = await loadSafetensors(golden(`adapters/${name}/expected.safetensors`));
    const [ids, expected] = [tensors.get('input_ids'), tensors.get('logits')];
    if (ids === undefined || expected === undefined) throw new Error('the case lacks tensors');
    const numbers = Array.from(typedArray(ids), Number);
    const length = ids.shape[1] ?? 1;
    const rows = Array.from({ length: numbers.length / length }, (_, i) => numbers.slice(i * length, (i + 1) * length));
    const actual = await logitsOf(output, rows);
    const worst = toFloat32(expected).reduce((far, value, i) => Math.max(far, Math.abs(value - (actual[i] ?? NaN))), 0);
    expect(worst).toBeLessThan(1e-4);
  });
});
