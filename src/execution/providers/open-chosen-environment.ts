import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { knownProviders } from './known-providers.ts';
import { type ProviderChoice, whereItFits } from './provider-choice.ts';

export interface ChosenEnvironmentOptions {
  readonly threads: number;
  /** Default: the CPU. */
  readonly provider?: ProviderChoice | undefined;
  /** Microseconds that threads wait in a busy loop within a run before they sleep. Default: 50. */
  readonly spinUs?: number | undefined;
  /** Bytes that may be held on the device of a provider. Default: as many as it gives. */
  readonly deviceMemory?: number | undefined;
  /** Bytes of the weights of the model that will run. `auto` takes the CPU where they exceed `deviceMemory`. Default: unknown. */
  readonly weights?: number | undefined;
}

/**
 * Opens the environment for a provider that a user asks for. `auto` looks what there is, and takes what measured fastest.
 *
 * @throws EspalierError those of `openEnvironment`. A provider that is not there fails when the first session is opened
 */
export async function openChosenEnvironment({
  threads,
  provider = 'cpu',
  spinUs,
  deviceMemory,
  weights,
}: ChosenEnvironmentOptions): Promise<Environment> {
  const chosen =
    provider === 'auto'
      ? whereItFits((await knownProviders({ threads })).auto, { weights, deviceMemory }).provider
      : provider;
  return openEnvironment({ threads, provider: chosen, spinUs, deviceMemory });
}
