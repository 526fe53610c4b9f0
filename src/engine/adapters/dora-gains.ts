import { EspalierError } from '../../core/index.ts';
import { doraProblems, readDoraGains, type Adapter } from '../../lora/index.ts';
import { buildDecodeGraph, buildScoringGraph, type BaseModel } from '../../models/index.ts';

/** The facts about the base that an engine needs for DoRA adapters. */
export interface DoraGains {
  /** The reason why a module cannot have a magnitude, by path of the module. */
  readonly problems: ReadonlyMap<string, string>;
  /** Computes magnitude / ‖W + s·B·A‖, f32 [out] by path. Reads the weights of these modules from the base again. */
  read(weights: Adapter): Promise<ReadonlyMap<string, Float32Array>>;
}

/** @param paths  the modules that adapters may change */
export async function openDoraGains(
  base: BaseModel,
  paths: readonly string[],
  { maxLength }: { readonly maxLength: number },
): Promise<DoraGains> {
  // WHY the graph that runs: it contains the weights of a quantized or packed base in the form in which they are multiplied.
  const model = base.graphs.decode ? buildDecodeGraph(base, { maxLength }) : buildScoringGraph(base, { maxLength });
  return {
    problems: doraProblems(model, paths),
    read: ({ modules }) => readDoraGains(model, modules, { folder: base.dir }),
  };
}

/**
 * Refuses magnitudes that an engine cannot apply.
 * @param gains undefined if the engine was opened without DoRA
 * @throws EspalierError DORA_NOT_SERVED, LORA_PARTS_NOT_APPLIED
 */
export function assertMagnitudes(name: string, { modules }: Adapter, gains: DoraGains | undefined): void {
  const paths = [...modules].flatMap(([path, { magnitude }]) => (magnitude ? [path] : []));
  if (paths.length === 0) return;
  if (gains === undefined) throw new EspalierError('DORA_NOT_SERVED', { name, modules: paths.length });
  const problems = paths.flatMap((path) => gains.problems.get(path) ?? []);
  if (problems.length === 0) return;
  const parts = `DoRA's magnitudes, where ${problems.join('; ')},`;
  throw new EspalierError('LORA_PARTS_NOT_APPLIED', { name, parts, place: 'this engine' });
}
