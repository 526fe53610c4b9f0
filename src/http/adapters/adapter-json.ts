import { type Cause, messageOf } from '../../core/index.ts';
import type { AdapterInfo } from '../../routing/index.ts';
import type { NameFallback, RolloutControl } from '../../service/index.ts';
import { actorFor, hideNames } from '../keys/hide-names.ts';
import type { KeyHolder } from '../keys/key-holder.ts';

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
  /** Who answers for a version that fails, and whether it was declared for this name; null where nothing judges versions. */
  readonly fallback: { readonly answers: string; readonly declared: boolean } | null;
  readonly created: string;
  /** Why it cannot be served. */
  readonly problem?: string;
}

/** What else is known of names. */
export interface NameSettings {
  readonly rollouts?: Pick<RolloutControl, 'fallbackOf'> | undefined;
}

/** @param reader  the holder of the key to whom it is told */
export function adapterJson(info: AdapterInfo, reader: KeyHolder, { rollouts }: NameSettings): AdapterJson {
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
    pinned: pin === undefined ? null : { ...causeFor(reader, pin), time: isoTime(pin.time), weights: pin.keepsWeights },
    fallback: fallbackJson(rollouts?.fallbackOf(name)),
    created: isoTime(info.created * 1000),
    ...(state === 'failed' ? { problem: problemFor(reader, info.error) } : {}),
  };
}

function fallbackJson(found: NameFallback | undefined): AdapterJson['fallback'] {
  return found === undefined ? null : { answers: found.fallback, declared: found.isDeclared };
}

function problemFor(reader: KeyHolder, error: unknown): string {
  const told = hideNames(error, reader, () => []);
  return messageOf(told);
}

/** With the moves of the name, the latest first. */
export function adapterWithHistory(
  info: AdapterInfo,
  reader: KeyHolder,
  settings: NameSettings,
): AdapterJson & { readonly history: readonly object[] } {
  const history = info.history.map(({ version, time, ...cause }) => {
    return { version, time: isoTime(time), ...causeFor(reader, cause) };
  });
  return { ...adapterJson(info, reader, settings), history };
}

/** WHY without the reason of another key: it may name what the reader may not see. */
function causeFor(
  reader: KeyHolder,
  { actor, reason }: Cause,
): { readonly by: string; readonly reason: string | null } {
  const by = actorFor(reader, actor);
  return { by, reason: by === actor ? (reason ?? null) : null };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
