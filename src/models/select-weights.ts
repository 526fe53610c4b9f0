import { EspalierError, nearest } from '../core/index.ts';
import type { AdaptableModule } from '../ir/index.ts';
import type { QuantizationConfig } from './quantized/quantization-config.ts';
import { quantizableMatrices, quantizedWeight } from './quantized/quantized-weight.ts';
import { listWeights, type WeightRef } from './weight-files.ts';

/** Types that a weight may have: all are computed with as f32. */
const weightTypes: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16']);

export interface WantedWeights {
  /** Name → shape of every weight that the configuration asks for. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** What names begin with in a checkpoint of the whole network, and lack in one of its inner part alone: `model.` */
  readonly prefix: string;
  /** What a name is called since, where checkpoints of old say it otherwise. */
  readonly rename?: (name: string) => string;
  /** Whether a tensor may lie there without being used. */
  readonly isIgnored: (name: string) => boolean;
  /** Whether a weight may be missing: the result is without it then. */
  readonly mayLack?: (name: string) => boolean;
  /** The modules whose matrices may be quantized. */
  readonly modules: readonly AdaptableModule[];
  /** undefined where all weights are floats. */
  readonly quantization: QuantizationConfig | undefined;
}

/**
 * Finds the weights that a configuration asks for. The result is in the order of `shapes`, by its names.
 *
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH with all that differs; the errors of `listWeights`
 */
export async function selectWeights(dir: string, wanted: WantedWeights): Promise<Map<string, WeightRef>> {
  const files = withPrefix(renamed(await listWeights(dir), wanted.rename), wanted);
  const { listed, used, problems } = withQuantized(files, wanted);
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
  return selected;
}

interface Listed {
  readonly listed: ReadonlyMap<string, WeightRef>;
  /** Names of the tensors that belong to quantized weights. */
  readonly used: ReadonlySet<string>;
  readonly problems: string[];
}

/** Finds the weights that lie as bytes, where the configuration says that some do. */
function withQuantized(
  files: ReadonlyMap<string, WeightRef>,
  { modules, quantization, shapes }: WantedWeights,
): Listed {
  const listed = new Map(files);
  const used = new Set<string>();
  const problems: string[] = [];
  if (quantization === undefined) return { listed, used, problems };
  for (const [name, matrix] of quantizableMatrices(modules)) {
    const ref = files.get(name);
    if (ref?.dtype !== 'uint8' || !shapes.has(name)) continue;
    const result = quantizedWeight(matrix, files, quantization);
    if ('problem' in result) problems.push(result.problem);
    else {
      listed.set(name, { ...ref, quantized: result.weight });
      for (const each of result.used) used.add(each);
    }
  }
  return { listed, used, problems };
}

function renamed(listed: Map<string, WeightRef>, rename: WantedWeights['rename']): Map<string, WeightRef> {
  if (rename === undefined) return listed;
  return new Map([...listed].map(([stored, ref]) => [rename(stored), { ...ref, name: rename(stored) }]));
}

/** A checkpoint of the inner part alone has every name without the prefix, the head's included. */
function withPrefix(listed: Map<string, WeightRef>, { shapes, prefix }: WantedWeights): ReadonlyMap<string, WeightRef> {
  const names = [...listed.keys()];
  if (names.some((name) => name.startsWith(prefix)) || !names.some((name) => shapes.has(prefix + name))) return listed;
  return new Map([...listed].map(([name, ref]) => [shapes.has(name) ? name : prefix + name, ref]));
}
