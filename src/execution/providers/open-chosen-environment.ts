import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { knownProviders } from './known-providers.ts';
import type { ProviderChoice } from './provider-choice.ts';

export interface ChosenEnvironmentOptions {
  readonly threads: number;
  /** Default: the CPU. */
  readonly provider?: ProviderChoice | undefined;
  /** Microseconds that threads wait in a busy loop within a run before they sleep. Default: 50. */
  readonly spinUs?: number | undefined;
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
}: ChosenEnvironmentOptions): Promise<Environment> {
  const chosen = provider === 'auto' ? (await knownProviders({ threads })).auto.provider : provider;
  return openEnvironment({ threads, provider: chosen, spinUs });
}
