import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadPeftAdapter } from '../lora/index.ts';
import { openBaseModel } from '../models/index.ts';
import { openEnvironment } from '../runtime/index.ts';
import { loadSafetensors, typedArray } from '../tensor/index.ts';
import { openScorer } from './scorer.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../test/golden/${path}`, import.meta.url));

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
