import { EspalierError } from '../../core/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { ParameterArena } from '../graph/parameter-arena.ts';
import type { PassRunner, Passes } from '../graph/passes.ts';
import type { Optimizer, ParameterGroup } from '../optimizer/optimizer.ts';
import { HeldTraining } from './held-training.ts';

/** What decides where parameters, gradients and optimizer state are kept, before anything is tried. */
export interface HeldWish {
  readonly provider: Environment['provider'];
  /** What the caller says. Default: on WebGPU. WHY not CUDA: nobody has tried it there. */
  readonly held?: boolean | undefined;
  /** Whether no other process sums gradients or means with this one: theirs go through the memory of the host. */
  readonly isAlone: boolean;
  readonly optimizerDtype: TrainConfig['optimizerDtype'];
  /** Elements of the parameters, gaps included. */
  readonly length: number;
}

/** Elements of a flat array of a device: 1 GiB. WHY: devices need not bind more at once. */
export const mostHeld = 2 ** 28;

/** The rule: whether parameters, gradients and state are to be kept beside the graph. */
export function isToBeHeld({ provider, held = provider === 'webgpu', ...wish }: HeldWish): boolean {
  return held && wish.isAlone && wish.optimizerDtype === 'float32' && wish.length <= mostHeld;
}

export interface OpenHeldOptions {
  readonly environment: Environment;
  readonly passes: Passes;
  readonly parameters: ParameterArena;
  /** Has the state to start from. */
  readonly optimizer: Optimizer;
  readonly groups: readonly ParameterGroup[];
  readonly config: TrainConfig;
  readonly wish: Pick<HeldWish, 'held' | 'isAlone'>;
  readonly stop: AbortSignal | undefined;
}

/** Passes, and the arrays beside them. */
export interface OpenHeld {
  readonly session: PassRunner;
  readonly held: HeldTraining;
}

/** The host keeps parameters, gradients and state. */
export interface OnHost {
  readonly held?: undefined;
  /** Why, if the rule would have them on the device. */
  readonly trouble?: string;
}

/** Opens a training that is kept beside its graph, if the rule says so and the device can. */
export async function openHeld(options: OpenHeldOptions): Promise<OpenHeld | OnHost> {
  const { environment, passes, parameters, optimizer, groups, config, wish, stop } = options;
  const { entries, flat } = parameters;
  const { provider } = environment;
  const { optimizerDtype } = config;
  if (!isToBeHeld({ provider, optimizerDtype, length: flat.length, ...wish })) return {};
  const session = await passes.openFlatTraining?.({ entries, length: flat.length }, { environment, signal: stop });
  if (session === undefined) return {};
  try {
    if (provider === 'cpu' || session.isOnDevice) {
      const names = { name: config.optimizer, settings: config, isSummed: config.accumulate > 1 };
      const held = await HeldTraining.open({ environment, passes: session, parameters, optimizer, groups, ...names });
      return { session, held };
    }
    session.dispose();
    return { trouble: 'ONNX Runtime reads or writes them on the CPU.' };
  } catch (error) {
    session.dispose();
    // WHY: on the host there may be room.
    if (EspalierError.isInstance(error) && error.code === 'DEVICE_MEMORY') return { trouble: error.message };
    throw error;
  }
}

/**
 * What to say of a training that the host updates although the device should, or did before an interruption.
 * @param wasHeld  whether it is gone on with, and its steps so far were taken on the device
 */
export function remarkOnHost(
  { isHeld, trouble }: { readonly isHeld: boolean; readonly trouble: string | undefined },
  wasHeld: boolean,
): string | undefined {
  if (isHeld || (trouble === undefined && !wasHeld)) return undefined;
  const why = trouble === undefined ? '' : ` (${trouble})`;
  const bits = wasHeld ? ' Its steps so far were updated on the device. The result may have other bits.' : '';
  return `The parameters of this training stay on the host, which copies them to the device in each step${why}.${bits}`;
}
