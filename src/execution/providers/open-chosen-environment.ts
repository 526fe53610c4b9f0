import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { knownProviders } from './known-providers.ts';
import type { ProviderChoice } from './provider-choice.ts';

export interface ChosenEnvironmentOptions {
  readonly threads: number;
  /** Default: the CPU. */
  readonly provider?: ProviderChoice | undefined;
  /** Whether threads wait in a busy loop between the operators of a run. Default: false. */
  readonly spinning?: boolean | undefined;
}

/**
 * Opens the environment for a provider that a user asks for. `auto` looks what there is, and takes what measured fastest.
 *
 * @throws EspalierError those of `openEnvironment`. A provider that is not there fails when the first session is opened
 */
export async function openChosenEnvironment({
  threads,
  provider = 'cpu',
  spinning = false,
}: ChosenEnvironmentOptions): Promise<Environment> {
  const chosen = provider === 'auto' ? (await knownProviders({ threads })).auto.provider : provider;
  return openEnvironment({ threads, provider: chosen, spinning });
}
