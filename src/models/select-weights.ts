import { EspalierError, nearest } from '../core/index.ts';
import { listWeights, summarize, type WeightRef } from './weight-files.ts';

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
}

/**
 * Finds the weights that a configuration asks for. The result is in the order of `shapes`, by its names.
 *
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH with all that differs; the errors of `listWeights`
 */
export async function selectWeights(dir: string, wanted: WantedWeights): Promise<Map<string, WeightRef>> {
  const listed = withPrefix(renamed(await listWeights(dir), wanted.rename), wanted);
  const unexpected = [...listed.keys()].filter((name) => !wanted.shapes.has(name) && !wanted.isIgnored(name));
  const selected = new Map<string, WeightRef>();
  const problems: string[] = [];
  for (const [name, shape] of wanted.shapes) {
    const ref = listed.get(name);
    if (ref === undefined) {
      const similar = nearest(name, unexpected);
      problems.push(`${name} is missing${similar === undefined ? '' : ` (is it ${similar}?)`}`);
      continue;
    }
    if (ref.shape.join() !== shape.join())
      problems.push(`${name} is [${ref.shape.join(', ')}], expected [${shape.join(', ')}]`);
    if (!weightTypes.has(ref.dtype)) problems.push(`${name} is ${ref.dtype}, expected float32, float16 or bfloat16`);
    selected.set(name, ref);
  }
  problems.push(...unexpected.map((name) => `${name} is unexpected`));
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems: summarize(problems) });
  return selected;
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
