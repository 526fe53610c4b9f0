import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../ir/index.ts';
import {
  buildDecodeGraph,
  buildScoringGraph,
  buildTrainingGraph,
  openBaseModel,
  type BaseModel,
} from '../models/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray, type TensorData } from '../tensor/index.ts';
import { injectLora } from '../lora/inject/inject-lora.ts';
import { injectStackedLora } from '../lora/inject/inject-stacked-lora.ts';
import { loadPeftAdapter } from './formats/peft/load-peft-adapter.ts';
import { removeLora } from '../lora/inject/remove-lora.ts';
import { savePeftAdapter } from './formats/peft/save-peft-adapter.ts';
import { goldenFolder, trainedHereFolder, writtenFolder } from './testing/golden-linears.ts';
import { writtenAdapter } from './testing/written-adapter.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** The logits of every position with an adapter. */
async function logitsWith(base: BaseModel, adapterDir: string, ids: TensorData): Promise<Float32Array> {
  const { modules } = await loadPeftAdapter(adapterDir, base.modules);
  const model = buildScoringGraph(base);
  injectLora(model, { modules: [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling })) });
  const weights = [...modules].flatMap(([path, { a, b }]) => [
    [`${path}.lora_A`, a],
    [`${path}.lora_B`, b],
  ]);
  const count = typedArray(ids).length;
  const rows = tensorOf(
    'int64',
    [count],
    Int32Array.from({ length: count }, (_, i) => i),
  );
  using session = await environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
  const { logits } = await runOnce(session, { input_ids: ids, rows, ...Object.fromEntries(weights) });
  return logits ? toFloat32(logits) : new Float32Array();
}

describe('the graphs of a base', () => {
  it.each([
    ['scoring', (base: BaseModel) => buildScoringGraph(base)],
    ['training', (base: BaseModel) => buildTrainingGraph(base)],
    ['decoding', (base: BaseModel) => buildDecodeGraph(base, { maxLength: 32 })],
  ])('are the same bytes after adapters came and went: %s', async (_, build) => {
    const base = await openBaseModel(goldenFolder('llama', 'model'));
    const model = build(base);
    const before = Buffer.from(encodeModel(model));
    const paths = base.modules.map(({ path }) => path);
    injectLora(model, { modules: paths.map((path) => ({ path, rank: 2, scaling: 1, dropout: 0.1 })) });
    removeLora(model);
    expect(before.equals(encodeModel(model))).toBe(true);
    injectStackedLora(model, paths);
    expect(before.equals(encodeModel(model))).toBe(false);
    removeLora(model);
    expect(before.equals(encodeModel(model))).toBe(true);
  });
});

describe.each(['llama', 'llama-d16'] as const)('golden case %s', (name) => {
  it.each([
    ['adapter', 'adapter_logits'],
    ['trained', 'trained_logits'],
  ] as const)("with PEFT's folder %s has the logits of PEFT", async (part, key) => {
    const { tensors } = await loadSafetensors(goldenFolder(name, 'expected.safetensors'));
    const [ids, mask, logits] = ['input_ids', 'attention_mask', key].map((tensor) => tensors.get(tensor));
    if (!ids || !mask || !logits) throw new TypeError('the golden case has changed');
    const base = await openBaseModel(goldenFolder(name, 'model'));
    const actual = await logitsWith(base, goldenFolder(name, part), ids);
    const [expected, kept] = [toFloat32(logits), typedArray(mask)];
    const vocab = expected.length / kept.length;
    const errors = expected.map((value, i) =>
      kept[Math.floor(i / vocab)] === 1n ? Math.abs(value - (actual[i] ?? NaN)) : 0,
    );
    expect([actual.length, Math.max(...errors) < 1e-4]).toEqual([expected.length, true]);
  });
});

describe('a folder that we wrote', () => {
  it('is written the same way still, byte for byte', async () => {
    const base = await openBaseModel(goldenFolder('llama', 'model'));
    const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
    const dir = join(folder, 'written');
    await savePeftAdapter(dir, await writtenAdapter(base.modules));
    for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
      expect(await readFile(join(dir, file))).toEqual(await readFile(join(writtenFolder, file)));
    }
    await rm(folder, { recursive: true });
  });

  it.each([
    ['random', writtenFolder],
    ['trained by espalier train', trainedHereFolder],
  ])('has the logits that PEFT computes with it: %s', async (_, folder) => {
    const { tensors } = await loadSafetensors(join(folder, 'expected.safetensors'));
    const [ids, logits] = [tensors.get('input_ids'), tensors.get('peft_logits')];
    if (!ids || !logits) throw new TypeError('the golden case has changed');
    const base = await openBaseModel(goldenFolder('llama', 'model'));
    const actual = await logitsWith(base, folder, ids);
    const errors = toFloat32(logits).map((value, i) => Math.abs(value - (actual[i] ?? NaN)));
    expect([actual.length, Math.max(...errors) < 1e-4]).toEqual([errors.length, true]);
  });
});
