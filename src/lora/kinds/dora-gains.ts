import { EspalierError, Pace } from '../../core/index.ts';
import type { Model } from '../../ir/index.ts';
import { toFloat32 } from '../../tensor/index.ts';
import { doraProblem } from '../inject/dora-finish.ts';
import { findModules } from '../targets/find-modules.ts';
import type { ModuleWeights } from '../adapter.ts';
import { readBaseWeights, type BaseWeight } from './read-base-weights.ts';

/**
 * The reasons why modules of a graph cannot have a magnitude, by path. Modules that can have one are not included.
 * @throws EspalierError LORA_MODULES_INVALID if a module does not exist
 */
export function doraProblems(model: Model, paths: readonly string[]): Map<string, string> {
  const { modules, problems } = findModules(model.graph, paths);
  if (problems.length > 0) throw new EspalierError('LORA_MODULES_INVALID', { problems });
  return new Map(
    modules.flatMap((module) => {
      const own = doraProblem(module);
      return own.length === 0 ? [] : [[module.path, own.join('; ')] as const];
    }),
  );
}

/**
 * The factor by which DoRA scales each row of a module's weight, f32 [out] by path, for the modules that have a magnitude:
 *
 *   gain = magnitude / ‖W + s·B·A‖
 *
 * Sums are in double precision. One module's weight is in memory at a time. The cost is `in · out · rank` products for each module.
 *
 * @param model  without adapters
 * @param options.folder the folder of the model's external data
 * @throws EspalierError the errors of `readBaseWeights`
 * @see Liu et al. 2024 (DoRA), eq. 5
 */
export async function readDoraGains(
  model: Model,
  modules: ReadonlyMap<string, ModuleWeights>,
  options: { readonly folder: string },
): Promise<Map<string, Float32Array>> {
  const gains = new Map<string, Float32Array>();
  const paths = [...modules].flatMap(([path, { magnitude }]) => (magnitude ? [path] : []));
  if (paths.length === 0) return gains;
  for await (const weight of readBaseWeights(model, paths, options)) {
    const own = modules.get(weight.path);
    if (own?.magnitude) gains.set(weight.path, await gainsOf(weight, own, toFloat32(own.magnitude)));
  }
  return gains;
}

async function gainsOf(weight: BaseWeight, own: ModuleWeights, magnitude: Float32Array): Promise<Float32Array> {
  const gains = new Float32Array(weight.out);
  const changed = new Float64Array(weight.in);
  const matrices = { rank: own.rank, scaling: own.scaling, a: toFloat32(own.a), b: toFloat32(own.b) };
  const pace = new Pace();
  for (let row = 0; row < weight.out; row++) {
    fillChangedRow(changed, row, { weight, ...matrices });
    let sum = 0;
    for (let i = 0; i < changed.length; i++) sum += (changed[i] ?? 0) ** 2;
    gains[row] = (magnitude[row] ?? 0) / Math.sqrt(sum);
    const turn = pace.step();
    if (turn) await turn;
  }
  return gains;
}

interface ChangedWeight {
  readonly weight: BaseWeight;
  readonly rank: number;
  readonly scaling: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** A row of W + s·B·A. */
function fillChangedRow(target: Float64Array, row: number, { weight, rank, scaling, a, b }: ChangedWeight): void {
  const width = weight.in;
  for (let i = 0; i < width; i++) target[i] = weight.values[row * width + i] ?? 0;
  for (let r = 0; r < rank; r++) {
    const factor = scaling * (b[row * rank + r] ?? 0);
    for (let i = 0; i < width; i++) target[i] = (target[i] ?? 0) + factor * (a[r * width + i] ?? 0);
  }
}
