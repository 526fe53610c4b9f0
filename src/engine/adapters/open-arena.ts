import type { AdaptableModule } from '../../ir/index.ts';
import { matchTargets } from '../../lora/index.ts';
import type { BaseModel, QuantizedWeight } from '../../models/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { AdapterStack } from './adapter-stack.ts';
import { openDoraGains } from './dora-gains.ts';
import { EngineArena } from './engine-arena.ts';

/** What an engine says about adapters; see `EngineOptions`. */
export interface ArenaSettings {
  readonly adapterTargets: readonly string[] | string | false;
  readonly maxLength: number;
  readonly maxAdapterRank: number;
  readonly dora: boolean;
  readonly loraBias: boolean;
  readonly exactAdapters: boolean;
}

/** A usual rank. Unused adapters stay in place below this many rows for each slot. */
const keptRowsPerSlot = 16;

/** The modules that adapters may change. */
export function adaptedModules({ modules }: BaseModel, { adapterTargets: targets }: ArenaSettings): AdaptableModule[] {
  if (targets === false) return [];
  const matched = new Set(matchTargets(modules, typeof targets === 'string' ? targets : [...targets]).modules);
  return modules.filter(({ path }) => matched.has(path));
}

interface ArenaPlace {
  readonly slots: number;
  readonly environment: Environment;
  readonly modules: readonly AdaptableModule[];
  /** Most ranks of the adapters of running sequences. */
  readonly rows: number;
}

/** @returns undefined for an engine that serves the base alone */
export async function openArena(
  base: BaseModel,
  settings: ArenaSettings,
  { slots, environment, modules, rows }: ArenaPlace,
): Promise<EngineArena | undefined> {
  const { adapterTargets: targets, maxLength, maxAdapterRank: maxRank, dora, loraBias, exactAdapters } = settings;
  if (targets === false) return undefined;
  const paths = modules.map(({ path }) => path);
  const gains = dora ? await openDoraGains(base, paths, { maxLength }) : undefined;
  const hasGain = gains && ((path: string): boolean => !gains.problems.has(path));
  const linear = new Set(modules.flatMap(({ path, kind = 'linear' }) => (kind === 'linear' ? [path] : [])));
  const hasBias = loraBias ? (path: string): boolean => linear.has(path) : undefined;
  // WHY only with a decode graph, and on the CPU: the engine that runs whole rows has no product of bytes, and GPUs have no kernel for it.
  const isBytes =
    exactAdapters || base.graphs.decode === undefined || environment.provider !== 'cpu'
      ? undefined
      : (path: string): boolean => roundsInputs(base.weights.get(`${path}.weight`)?.quantized);
  const stack = new AdapterStack(modules, { rows, hasGain, hasBias, isBytes });
  const served = { modules: new Map(modules.map((module) => [module.path, module])), biases: loraBias };
  return new EngineArena({ stack, ...served, maxRank, gains, keptRows: keptRowsPerSlot * slots });
}

/**
 * Whether the module's own product rounds its input to bytes.
 *
 * WHY not of unsigned bytes: where signed products must have narrow inputs, graphs with unsigned weights keep wide ones.
 */
function roundsInputs(weight: QuantizedWeight | undefined): boolean {
  if (weight?.kind === 'int8') return weight.signed;
  return weight?.kind === 'blocks' && weight.activations === 'int8';
}
