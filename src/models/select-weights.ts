import { EspalierError, nearest } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { bitsAndBytesWeight } from './quantized/foreign/bits-and-bytes.ts';
import {
  compressedWeight,
  groupedWeight,
  smallOfForeign,
  type SmallTensors,
} from './quantized/foreign/find-grouped.ts';
import { float8Weight } from './quantized/foreign/float8.ts';
import type { Quantization } from './quantized/quantization-config.ts';
import {
  quantizableMatrices,
  quantizedWeight,
  type QuantizableMatrix,
  type QuantizedResult,
} from './quantized/quantized-weight.ts';
import { readSmallTensors } from './read-small-tensors.ts';
import type { StoredTensors } from './stored-tensors.ts';
import { listWeights, type ListedWeights } from './weight-files.ts';
import type { WeightRef } from './weight-ref.ts';

/** The element types of quantized matrices. */
const byteTypes: ReadonlySet<string> = new Set(['uint8', 'int8']);

/** The supported element types of weights. All are converted to f32 for the computation. */
const weightTypes: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16']);

export interface WantedWeights {
  /** Maps the name of every weight that the configuration requires to its shape. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The prefix of names, such as `model.`. A checkpoint of the inner part of the network alone lacks it. */
  readonly prefix: string;
  /** Translates a name of an old checkpoint to the current name. */
  readonly rename?: (name: string) => string;
  /** Divides tensors that hold several weights of the configuration. It gets and gives tensors by the names of the configuration. */
  readonly divide?: (tensors: ReadonlyMap<string, WeightRef>, dir: string) => ReadonlyMap<string, WeightRef>;
  /** Whether a tensor of the checkpoint may stay unused. */
  readonly isIgnored: (name: string) => boolean;
  /** Whether a weight may be missing. The result then lacks it. */
  readonly mayLack?: (name: string) => boolean;
  /** The modules whose matrices can be quantized. */
  readonly modules: readonly AdaptableModule[];
  /** undefined when all weights are floats. */
  readonly quantization: Quantization | undefined;
  /** What the folder's files hold, if the caller has listed it already. */
  readonly listed?: ListedWeights;
}

export interface SelectedWeights {
  /** The weights that the configuration requires, with the names and the order of `shapes`. */
  readonly weights: Map<string, WeightRef>;
  /** All tensors of the files. */
  readonly stored: StoredTensors;
}

/**
 * Finds the weights that a configuration requires.
 *
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH with all differences; the errors of `listWeights`
 */
export async function selectWeights(dir: string, wanted: WantedWeights): Promise<SelectedWeights> {
  const stored = wanted.listed ?? (await listWeights(dir));
  const small = wanted.quantization && smallOfForeign[wanted.quantization.scheme];
  if (small === undefined) return pickWeights(dir, stored, wanted);
  return pickWeights(dir, stored, wanted, await readSmallTensors(dir, filesOf(dir, stored, wanted), small));
}

function filesOf(dir: string, { tensors }: ListedWeights, wanted: WantedWeights): ReadonlyMap<string, WeightRef> {
  const named = withPrefix(renamed(tensors, wanted.rename), wanted);
  return wanted.divide?.(named, dir) ?? named;
}

/** The same for files that were listed already. @throws EspalierError MODEL_WEIGHTS_MISMATCH with all differences */
export function pickWeights(
  dir: string,
  stored: ListedWeights,
  wanted: WantedWeights,
  small: SmallTensors = new Map(),
): SelectedWeights {
  const { listed, used, problems } = withQuantized(filesOf(dir, stored, wanted), wanted, small);
  const isUnexpected = (name: string): boolean =>
    !wanted.shapes.has(name) && !used.has(name) && !wanted.isIgnored(name);
  const unexpected = [...listed.keys()].filter(isUnexpected);
  const selected = new Map<string, WeightRef>();
  for (const [name, shape] of wanted.shapes) {
    const ref = listed.get(name);
    if (ref === undefined) {
      if (wanted.mayLack?.(name) === true) continue;
      const similar = nearest(name, unexpected);
      problems.push(`${name} is missing${similar === undefined ? '' : ` (is it ${similar}?)`}`);
      continue;
    }
    selected.set(name, ref);
    if (ref.quantized !== undefined) continue;
    if (ref.shape.join() !== shape.join())
      problems.push(`${name} is [${ref.shape.join(', ')}], expected [${shape.join(', ')}]`);
    if (!weightTypes.has(ref.dtype)) problems.push(`${name} is ${ref.dtype}, expected float32, float16 or bfloat16`);
  }
  problems.push(...unexpected.map((name) => `${name} is unexpected`));
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems });
  return { weights: selected, stored };
}

interface Listed {
  readonly listed: ReadonlyMap<string, WeightRef>;
  /** Names of the tensors that belong to quantized weights. */
  readonly used: ReadonlySet<string>;
  readonly problems: string[];
}

/** Finds the quantized weights, if the configuration says that there are any. */
function withQuantized(
  files: ReadonlyMap<string, WeightRef>,
  { modules, quantization, shapes }: WantedWeights,
  small: SmallTensors,
): Listed {
  const listed = new Map(files);
  const used = new Set<string>();
  const problems: string[] = [];
  if (quantization === undefined) return { listed, used, problems };
  for (const [name, matrix] of quantizableMatrices(modules)) {
    if (!shapes.has(name)) continue;
    const result = find(matrix, { listed: files, small, quantization });
    if (result === undefined) continue;
    if ('problem' in result) {
      problems.push(result.problem);
      continue;
    }
    const ref = result.packed ?? files.get(name);
    if (ref !== undefined) listed.set(name, { ...ref, name, quantized: result.weight });
    for (const each of result.used) used.add(each);
  }
  return { listed, used, problems };
}

interface Search {
  readonly listed: ReadonlyMap<string, WeightRef>;
  readonly small: SmallTensors;
  readonly quantization: Quantization;
}

/** @returns undefined if the matrix consists of floats */
function find(matrix: QuantizableMatrix, { listed, small, quantization }: Search): QuantizedResult | undefined {
  switch (quantization.scheme) {
    case 'gptq':
    case 'awq':
      return groupedWeight({ matrix, listed, small }, quantization);
    case 'compressed-tensors':
      return compressedWeight({ matrix, listed, small }, quantization);
    case 'bitsandbytes':
      return bitsAndBytesWeight({ matrix, listed, small }, quantization);
    case 'mxfp4': // only experts, which `divide` finds
      return undefined;
    case 'fp8':
      return float8Weight(matrix, listed, quantization.block);
    case 'blocks':
    case 'int8': {
      const ref = listed.get(matrix.name);
      return ref && byteTypes.has(ref.dtype) ? quantizedWeight(matrix, listed, quantization) : undefined;
    }
    default:
      return quantization satisfies never;
  }
}

function renamed(
  listed: ReadonlyMap<string, WeightRef>,
  rename: WantedWeights['rename'],
): ReadonlyMap<string, WeightRef> {
  if (rename === undefined) return listed;
  return new Map([...listed].map(([stored, ref]) => [rename(stored), { ...ref, name: rename(stored) }]));
}

/** In a checkpoint of the inner part alone, no name has the prefix, not even that of the head. */
function withPrefix(
  listed: ReadonlyMap<string, WeightRef>,
  { shapes, prefix }: WantedWeights,
): ReadonlyMap<string, WeightRef> {
  const names = [...listed.keys()];
  if (names.some((name) => name.startsWith(prefix)) || !names.some((name) => shapes.has(prefix + name))) return listed;
  return new Map([...listed].map(([name, ref]) => [shapes.has(name) ? name : prefix + name, ref]));
}
