import type { AdapterLease, HostWeights } from '../routing/index.ts';
import type { GenerationRequest, GenerationRoute } from '../service/index.ts';

/** An adapter that answers. */
export interface AnsweringAdapter {
  readonly adapter: string;
  /** SHA-256 of its effect. */
  readonly version: string;
  readonly scale: number;
}

/** The adapters of a route and their scales, as the engine takes them. */
export function requestedAdapters({
  leases,
  scales = [],
}: Pick<GenerationRoute, 'leases' | 'scales'>): GenerationRequest['adapters'] {
  return leases.map((lease, at) => ({ lease, scale: scales[at] ?? 1 }));
}

/** The adapters of a route and their scales, as an answer names them. */
export function answeringAdapters({
  leases = [],
  scales = [],
}: {
  readonly leases?: readonly Pick<AdapterLease<HostWeights>, 'alias' | 'version'>[] | undefined;
  readonly scales?: readonly number[] | undefined;
}): readonly AnsweringAdapter[] {
  return leases.map(({ alias, version }, at) => ({ adapter: alias, version: version.digest, scale: scales[at] ?? 1 }));
}
