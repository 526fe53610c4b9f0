import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel } from '../../src/models/index.ts';
import { scoreRows } from '../../src/models/testing/scoring-driver.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { loadSafetensors, toFloat32, typedArray, type TensorData } from '../../src/tensor/index.ts';
import { cases, onWebGpu } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => environment.dispose());

describe.each(cases)('scoring on WebGPU, golden case %s', (name) => {
  it('has the logits of the reference within 1e-3', async () => {
    const folder = fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
    const base = await openBaseModel(`${folder}/model`);
    const { tensors } = await loadSafetensors(`${folder}/expected.safetensors`);
    const expected = toFloat32(named(tensors, 'base_logits'));
    const [count = 0, length = 0] = named(tensors, 'input_ids').shape;
    const ids = Array.from(typedArray(named(tensors, 'input_ids')), Number);
    const mask = Array.from(typedArray(named(tensors, 'attention_mask')), Number);
    const rows = Array.from({ length: count }, (_, row) => {
      const real = mask.slice(row * length, (row + 1) * length).filter((one) => one === 1).length;
      return ids.slice(row * length, row * length + real);
    });
    const scored = await scoreRows({ base, environment }, rows);
    const { vocabSize } = base.config;
    let [compared, largest] = [0, 0];
    for (const [row, logits] of scored.entries()) {
      logits.forEach((value, i) => {
        largest = Math.max(largest, Math.abs(value - (expected[row * length * vocabSize + i] ?? NaN)));
        compared++;
      });
    }
    expect(compared).toBeGreaterThan(vocabSize);
    expect(largest).toBeLessThan(1e-3);
  });
});

function named(tensors: ReadonlyMap<string, TensorData>, name: string): TensorData {
  const found = tensors.get(name);
  if (found === undefined) throw new TypeError(`no ${name}`);
  return found;
}
