import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSafetensors, toFloat32, typedArray, type TensorData } from '../../tensor/index.ts';
import type { Example } from '../data/example.ts';

/** A golden case of `test/golden`: what transformers and PEFT compute on a tiny model. */
export interface GoldenCase {
  readonly base: string;
  /** The adapter before training, and after 10 optimizer steps. */
  readonly adapter: string;
  readonly trained: string;
  /** The rows of its batch, without padding. */
  readonly examples: readonly Example[];
  /** The loss before each of 10 steps, and after the last. */
  readonly lossTrace: readonly number[];
  /** The settings of its optimizer, as flags of `espalier train`. */
  readonly optimizer: Readonly<Record<string, unknown>>;
  /** Gradient of a parameter at the first step, by the name it has in the graph: `<path>.lora_A`. */
  gradient(name: string): Float32Array;
}

interface ExpectedFile {
  readonly lossTrace: number[];
  readonly optimizer: GoldenOptimizer;
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
    examples: examplesOf(tensor('input_ids'), tensor('labels'), tensor('attention_mask')),
    lossTrace: expected.lossTrace,
    optimizer: optimizerFlags(expected.optimizer),
    gradient: (parameter) => toFloat32(tensor(`grad.base_model.model.${parameter}.weight`)),
  };
}

function optimizerFlags({ name, lr, weightDecay = 0, momentum, nesterov }: GoldenOptimizer): Record<string, unknown> {
  return { optimizer: name, learningRate: lr, weightDecay, momentum, nesterov };
}

function examplesOf(ids: TensorData, labels: TensorData, mask: TensorData): Example[] {
  const [rows = 0, length = 0] = ids.shape;
  const [allIds, allLabels, allMask] = [ids, labels, mask].map((tensor) => Int32Array.from(typedArray(tensor), Number));
  return Array.from({ length: rows }, (_, row) => {
    const real = allMask?.subarray(row * length, (row + 1) * length).reduce((sum, one) => sum + one, 0) ?? 0;
    const cut = (values: Int32Array | undefined): Int32Array =>
      values?.slice(row * length, row * length + real) ?? new Int32Array();
    return { inputIds: cut(allIds), labels: cut(allLabels) };
  });
}

/** The rows as lines of JSONL. */
export function toJsonLines(examples: readonly Example[]): string {
  return examples
    .map(({ inputIds, labels }) => `${JSON.stringify({ input_ids: [...inputIds], labels: [...labels] })}\n`)
    .join('');
}
