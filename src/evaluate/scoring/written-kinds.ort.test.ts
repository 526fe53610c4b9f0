import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadPeftAdapter } from '../../adapter-files/index.ts';
import { openBaseModel } from '../../models/index.ts';
import { openEnvironment } from '../../onnxruntime/index.ts';
import { openScorer } from './scorer.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));

const rows = [
  [5, 9, 30, 44, 7, 8, 9, 20],
  [3, 4, 5, 6, 100, 22, 31],
].map((inputIds) => ({ inputIds, labels: inputIds }));

/** Adapters that `espalier train` wrote, and the loss that PEFT 0.21 has with them; it missed no key, and none was unexpected. */
it.each([
  ['dora', 'llama', 3.7521228790283203],
  ['pissa', 'llama', 3.601360321044922],
  ['embeddings', 'qwen2', 3.9885281782883863],
  ['olora-gpt2', 'gpt2', 3.9753397428072414],
])('has the loss of PEFT with what was written here: %s', async (name, model, loss) => {
  const base = await openBaseModel(golden(`${model}/model`));
  const adapter = await loadPeftAdapter(golden(`written-kinds/${name}`), base.modules);
  using environment = openEnvironment({ threads: 1 });
  using scorer = await openScorer({ base, environment, adapters: [adapter] });
  expect(Math.abs((await scorer.evaluate(rows)).loss - loss)).toBeLessThan(1e-5);
});
