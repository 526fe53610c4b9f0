import type { AdapterInfo } from '../../routing/index.ts';

/** An adapter as the routes of administration describe it. Times are in ISO 8601. */
export interface AdapterJson {
  readonly object: 'adapter';
  readonly name: string;
  readonly state: AdapterInfo['state'];
  /** SHA-256 of the version to which the name points; null until it is known. */
  readonly version: string | null;
  readonly base: string | null;
  readonly base_fingerprint: string | null;
  readonly rank: number | null;
  /** Host memory that its weights take. */
  readonly bytes: number | null;
  /** Whether its weights are in host memory now. */
  readonly resident: boolean;
  /** Requests that use the version now, under any name. */
  readonly leases: number;
  /** Requests that came under this name and have not ended. */
  readonly requests: number;
  readonly draining: boolean;
  readonly pinned: object | null;
  readonly created: string;
  /** Why it cannot be served. */
  readonly problem?: string;
}

export function adapterJson(info: AdapterInfo): AdapterJson {
  const { name, state, version, base, fingerprint, rank, bytes, isResident, leases, requests, isDraining, pin } = info;
  return {
    object: 'adapter',
    name,
    state,
    version: version ?? null,
    base: base ?? null,
    base_fingerprint: fingerprint ?? null,
    rank: rank ?? null,
    bytes: bytes ?? null,
    resident: isResident,
    leases,
    requests,
    draining: isDraining,
    pinned:
      pin === undefined
        ? null
        : { by: pin.actor, reason: pin.reason ?? null, time: isoTime(pin.time), weights: pin.keepsWeights },
    created: isoTime(info.created * 1000),
    ...(state === 'failed' ? { problem: info.error instanceof Error ? info.error.message : String(info.error) } : {}),
  };
}

/** With the moves of the name, the latest first. */
export function adapterWithHistory(info: AdapterInfo): AdapterJson & { readonly history: readonly object[] } {
  const history = info.history.map(({ version, time, actor, reason }) => {
    return { version, time: isoTime(time), by: actor, reason: reason ?? null };
  });
  return { ...adapterJson(info), history };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
