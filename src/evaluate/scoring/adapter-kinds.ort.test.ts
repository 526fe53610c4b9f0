import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadPeftAdapter } from '../../adapter-files/index.ts';
import { embeddingsOf, openBaseModel } from '../../models/index.ts';
import { openEnvironment } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32, typedArray } from '../../tensor/index.ts';
import { openScorer } from './scorer.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));

it.each(['dora', 'dora-gpt2'])('scores with a DoRA adapter as PEFT does: %s', async (name) => {
  const { model, losses } = JSON.parse(await readFile(golden(`adapters/${name}/expected.json`), 'utf8')) as {
    model: string;
    losses: number[];
  };
  const { tensors } = await loadSafetensors(golden(`adapters/${name}/expected.safetensors`));
  const rowsOf = (key: string): number[][] => {
    const tensor = tensors.get(key);
    const values = tensor ? Array.from(typedArray(tensor), Number) : [];
    return [values.slice(0, values.length / 2), values.slice(values.length / 2)];
  };
  const base = await openBaseModel(golden(`${model}/model`));
  const adapter = await loadPeftAdapter(golden(`adapters/${name}/adapter`), base.modules);
  using environment = openEnvironment({ threads: 1 });
  using scorer = await openScorer({ base, environment, adapters: [adapter] });
  const [ids, labels] = [rowsOf('input_ids'), rowsOf('labels')];
  const rows = ids.map((inputIds, i) => ({ inputIds, labels: labels[i] ?? [] }));
  expect((await scorer.evaluate(rows)).loss).toBeCloseTo(losses[0] ?? NaN, 4);
});

it.each([
  ['modules-to-save', 'llama'],
  ['lora-bias', 'qwen2'],
  ['lora-bias-unbiased', 'llama'],
])('scores with the further parameters of an adapter, as PEFT does: %s', async (name, model) => {
  const { tensors } = await loadSafetensors(golden(`adapters/${name}/expected.safetensors`));
  const [ids, logits] = [tensors.get('input_ids'), tensors.get('logits')];
  if (!ids || !logits) throw new TypeError('the golden case has changed');
  const base = await openBaseModel(golden(`${model}/model`));
  const checks = { weights: base.weights, embeddings: embeddingsOf(base) };
  const adapter = await loadPeftAdapter(golden(`adapters/${name}/adapter`), base.modules, checks);
  using environment = openEnvironment({ threads: 1 });
  using scorer = await openScorer({ base, environment, adapters: [adapter] });
  const [length = 0, vocab = 0] = logits.shape.slice(1);
  const tokens = Array.from(typedArray(ids), Number).slice(0, length);
  const expected = tokens.slice(1).map((token, i) => {
    const row = [...toFloat32(logits).subarray(i * vocab, (i + 1) * vocab)];
    return (row[token] ?? NaN) - Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
  });
  const { logprobs } = await scorer.score(tokens);
  const errors = expected.map((value, i) => Math.abs(value - (logprobs[i + 1] ?? NaN)));
  expect(Math.max(...errors)).toBeLessThan(1e-4);
  using plain = await openScorer({ base, environment });
  const without = (await plain.score(tokens)).logprobs;
  expect(Math.max(...expected.map((value, i) => Math.abs(value - (without[i + 1] ?? NaN))))).toBeGreaterThan(0.01);
});

it('scores with several biased adapters at several strengths, whose biases add up', async () => {
  const base = await openBaseModel(golden('qwen2/model'));
  const adapter = await loadPeftAdapter(golden('adapters/lora-bias/adapter'), base.modules);
  using environment = openEnvironment({ threads: 1 });
  const score = async (scales: readonly number[]): Promise<readonly (number | null)[]> => {
    const adapters = scales.map((scale) => ({ ...adapter, scale }));
    using scorer = await openScorer({ base, environment, adapters });
    return (await scorer.score([3, 9, 27, 11, 5])).logprobs;
  };
  const [whole, parts] = [await score([1]), await score([0.75, 0.25])];
  const errors = whole.map((value, i) => Math.abs((value ?? 0) - (parts[i] ?? 0)));
  expect(Math.max(...errors)).toBeLessThan(1e-5);
});
