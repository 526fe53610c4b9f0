import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSafetensors, toFloat32, typedArray, type TensorData } from '../../tensor/index.ts';

/** A golden case of `test/golden`: the results of transformers and PEFT for a tiny model. */
export interface GoldenCase {
  readonly base: string;
  /** The adapter before training, and after 10 optimizer steps. */
  readonly adapter: string;
  readonly trained: string;
  /** The rows of its batch as JSONL, without padding. */
  readonly rows: string;
  /** The loss before each of 10 steps, and after the last. */
  readonly lossTrace: readonly number[];
  /** The settings of its optimizer, as flags of `espalier train`. */
  readonly optimizer: Readonly<Record<string, unknown>>;
  /** The gradient of a parameter in the first step, by its name in the graph: `<path>.lora_A`. */
  gradient(name: string): Float32Array;
}

interface ExpectedFile {
  readonly lossTrace: number[];
  /** Absent if the case is not trained, or by stochastic gradient descent. */
  readonly optimizer?: GoldenOptimizer;
  /** The learning rate of stochastic gradient descent. */
  readonly learningRate?: number;
}

interface GoldenOptimizer {
  readonly name: string;
  readonly lr: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

/** Reads a case by the name of its folder. */
export async function loadGolden(name: string): Promise<GoldenCase> {
  const folder = fileURLToPath(new URL(`../../../test/golden/${name}/`, import.meta.url));
  const { tensors } = await loadSafetensors(join(folder, 'expected.safetensors'));
  // WHY as: the file is our own, and its shape is described in its README.
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as ExpectedFile;
  const tensor = (key: string): TensorData => {
    const found = tensors.get(key);
    if (found === undefined) throw new TypeError(`${name} has no ${key}`);
    return found;
  };
  return {
    base: join(folder, 'model'),
    adapter: join(folder, 'adapter'),
    trained: join(folder, 'trained'),
    rows: rowsOf(tensor('input_ids'), tensor('labels'), tensor('attention_mask')),
    lossTrace: expected.lossTrace,
    optimizer: optimizerOf(expected),
    gradient: (parameter) => {
      const suffix = /\.lora_[AB]$/.test(parameter) ? '.weight' : '';
      return toFloat32(tensor(`grad.base_model.model.${parameter}${suffix}`));
    },
  };
}

function optimizerOf({ optimizer, learningRate }: ExpectedFile): Record<string, unknown> {
  if (optimizer !== undefined) return optimizerFlags(optimizer);
  return learningRate === undefined ? {} : { optimizer: 'sgd', learningRate, weightDecay: 0, momentum: 0 };
}

function optimizerFlags({ name, lr, weightDecay = 0, momentum, nesterov }: GoldenOptimizer): Record<string, unknown> {
  return { optimizer: name, learningRate: lr, weightDecay, momentum, nesterov };
}

/** The rows, with one label for each token or one for each row. */
function rowsOf(ids: TensorData, labels: TensorData, mask: TensorData): string {
  const [rows = 0, length = 0] = ids.shape;
  const [allIds = [], allLabels = [], allMask = []] = [ids, labels, mask].map((tensor) =>
    Array.from(typedArray(tensor), Number),
  );
  return Array.from({ length: rows }, (_, row) => {
    const real = allMask.slice(row * length, (row + 1) * length).reduce((sum, one) => sum + one, 0);
    const cut = (values: readonly number[]): number[] => values.slice(row * length, row * length + real);
    const label = labels.shape.length === 1 ? { label: allLabels[row] } : { labels: cut(allLabels) };
    return `${JSON.stringify({ input_ids: cut(allIds), ...label })}\n`;
  }).join('');
}
