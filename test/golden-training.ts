import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import { readConstant, type Model } from '../src/ir/index.ts';
import { tensor64 } from '../src/ir/testing/f64/tensor64.ts';
import { injectLora, type Adapter } from '../src/lora/index.ts';
import {
  buildClassificationTrainingGraph,
  buildTrainingGraph,
  openBaseModel,
  type BaseModel,
} from '../src/models/index.ts';
import type { Numbers } from '../src/models/testing/central-differences.ts';
import { loadSafetensors, tensorOf, typedArray, type TensorData } from '../src/tensor/index.ts';

type Tensors = ReadonlyMap<string, TensorData>;

/** The training of a golden case, with every weight of its base and of its adapter as an input of the graph. */
export interface GoldenTraining {
  readonly dir: string;
  /** A new training graph with the adapter in it, as it is before any pass. Its loss is `loss_sum`. */
  readonly build: () => Model;
  /** The weights by the names of the inputs that take them. */
  readonly weights: ReadonlyMap<string, Numbers>;
  /** The batch. */
  readonly batch: Readonly<Record<string, TensorData>>;
  /** The loss of the batch, as the reference summed it. */
  readonly loss: number;
}

/** @param name  a folder of `test/golden` with a base, an adapter and the results of the reference */
export async function openGoldenTraining(name: string): Promise<GoldenTraining> {
  const dir = fileURLToPath(new URL(`golden/${name}`, import.meta.url));
  const base = await openBaseModel(join(dir, 'model'));
  const adapter = await loadPeftAdapter(join(dir, 'adapter'), base.modules);
  const { tensors } = await loadSafetensors(join(dir, 'expected.safetensors'));
  const { lossTrace }: { lossTrace: number[] } = JSON.parse(await readFile(join(dir, 'expected.json'), 'utf8'));
  const { batch, count } = base.graphs.training ? textBatch(tensors) : classBatch(base, tensors);
  const build = (): Model => {
    const model = base.graphs.training
      ? buildTrainingGraph(base, { full: true })
      : buildClassificationTrainingGraph(base, { full: true, targets: targetsOf(base) });
    injectLora(model, { modules: [...adapter.modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling })) });
    return model;
  };
  const weights = new Map([...(await weightsOf(base)), ...factorsOf(adapter)]);
  const taken = build().graph.inputs.flatMap(({ name: input }): [string, Numbers][] => {
    const weight = weights.get(input);
    return weight ? [[input, weight]] : [];
  });
  return { dir: base.dir, build, weights: new Map(taken), batch, loss: (lossTrace[0] ?? NaN) * count };
}

function targetsOf({ problem, perToken }: BaseModel): 'classes' | 'numbers' | 'flags' | 'tokens' {
  if (problem !== undefined) return problem === 'regression' ? 'numbers' : 'flags';
  return perToken === true ? 'tokens' : 'classes';
}

async function weightsOf(base: BaseModel): Promise<[string, Numbers][]> {
  const all: [string, Numbers][] = [];
  for (const [name, { quantized, ...place }] of base.weights) {
    if (quantized) throw new TypeError(`${name} is quantized, and is no input`);
    all.push([name, tensor64(await readConstant({ kind: 'external', ...place }, base.dir))]);
  }
  return all;
}

function factorsOf({ modules }: Adapter): [string, Numbers][] {
  return [...modules].flatMap(([path, { a, b }]): [string, Numbers][] => [
    [`${path}.lora_A`, tensor64(a)],
    [`${path}.lora_B`, tensor64(b)],
  ]);
}

interface Batch {
  readonly batch: Readonly<Record<string, TensorData>>;
  /** How many predictions the reference has taken the mean of. */
  readonly count: number;
}

/** Each position predicts the token after it; a label of -100 counts nothing. */
function textBatch(expected: Tensors): Batch {
  const labels = tensorNamed(expected, 'labels');
  const all = numbersOf(labels);
  const rows = all.flatMap((label, index) => (label >= 0 && index % (labels.shape[1] ?? 0) > 0 ? [index - 1] : []));
  const ids = rows.map((row) => all[row + 1] ?? NaN);
  const batch = {
    input_ids: tensorNamed(expected, 'input_ids'),
    target_rows: tensorOf('int64', [rows.length], rows),
    target_ids: tensorOf('int64', [rows.length], ids),
  };
  return { batch, count: rows.length };
}

function classBatch({ problem, perToken }: BaseModel, expected: Tensors): Batch {
  const labels = tensorNamed(expected, 'labels');
  const batch = {
    input_ids: tensorNamed(expected, 'input_ids'),
    attention_mask: tensorNamed(expected, 'attention_mask'),
    [problem === undefined ? 'labels' : 'targets']: labels,
  };
  const counted = numbersOf(labels).filter((label) => label >= 0).length;
  return { batch, count: perToken === true ? counted : (labels.shape[0] ?? NaN) };
}

function numbersOf(tensor: TensorData): number[] {
  return Array.from(typedArray(tensor), Number);
}

function tensorNamed(tensors: Tensors, name: string): TensorData {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`the golden case has no ${name}`);
  return tensor;
}
