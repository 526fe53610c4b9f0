import type { Engine } from '../engine/index.ts';
import type { AdapterRegistry, HostWeights, RolloutState } from '../routing/index.ts';
import type { AdapterSample, EngineSample, MetricSources, RolloutSample } from '../telemetry/index.ts';
import type { Rollouts } from './rollouts/rollouts.ts';

/** The sources of a served base: everything but whether the server is ready. */
export type ServedSources = Omit<MetricSources, 'isReady'>;

export interface GenerationParts<Weights extends HostWeights> {
  readonly baseName: string;
  readonly engine: Pick<Engine, 'load' | 'stats' | 'isActive'>;
  readonly registry: Pick<AdapterRegistry<Weights>, 'list' | 'memory'>;
  readonly rollouts: Pick<Rollouts<Weights>, 'list' | 'breakers'>;
}

/** What the series of a served decoder are read from. */
export function generationSources<Weights extends HostWeights>({
  baseName,
  engine,
  registry,
  rollouts,
}: GenerationParts<Weights>): ServedSources {
  return {
    baseName,
    engine: (): EngineSample => ({ ...engine.stats(), ...engine.load() }),
    adapters: () => adapterSamples(registry, (version) => engine.isActive(version)),
    breakers: () => rollouts.breakers(),
    rollouts: () => rollouts.list().map(rolloutSample),
    memory: () => registry.memory(),
  };
}

/** @param isActive  whether a version is where runs read it */
export function* adapterSamples(
  registry: Pick<AdapterRegistry, 'list'>,
  isActive: (version: string) => boolean,
): Iterable<AdapterSample> {
  for (const { name, state, version, bytes = 0, requests, isResident, pin, isDraining } of registry.list()) {
    yield {
      name,
      state,
      version,
      bytes,
      requests,
      isResident,
      isActive: version !== undefined && isActive(version),
      isPinned: pin?.keepsWeights === true,
      isDraining,
    };
  }
}

function rolloutSample({ alias, phase, step, settings, mirror }: RolloutState): RolloutSample {
  const isOver = phase.kind !== 'running' && phase.kind !== 'paused';
  const now = isOver ? undefined : settings.steps[step];
  return {
    name: alias,
    phase: phase.kind,
    step,
    share: now?.share ?? (phase.kind === 'promoted' ? 1 : 0),
    mirror: now?.mirror ?? 0,
    comparisons: mirror.divergence.count,
    divergence: mirror.divergence.mean,
    agreement: mirror.agreement.mean,
  };
}
