import { type Cause, messageOf } from '../../core/index.ts';
import type { AdapterInfo, Shard } from '../../routing/index.ts';
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

/** An array of a version's weights in the memory of the server. */
export interface ShardJson {
  readonly tensor: string;
  /** Bytes before it in its file; null where it is not made from one tensor of a file. */
  readonly file_offset: number | null;
  /** In hexadecimal; null for a key that may see some names only. */
  readonly address: string | null;
  readonly bytes: number;
  readonly aligned_bytes: number;
}

interface OneAdapter extends NameSettings {
  readonly control: { shards(version: string): readonly Shard[] | undefined };
}

/** With where its weights lie in memory (null while they are not there), and the moves of the name, the latest first. */
export function adapterInFull(
  info: AdapterInfo,
  reader: KeyHolder,
  { control, ...settings }: OneAdapter,
): AdapterJson & { readonly shards: readonly ShardJson[] | null; readonly history: readonly object[] } {
  const history = info.history.map(({ version, time, ...cause }) => {
    return { version, time: isoTime(time), ...causeFor(reader, cause) };
  });
  const shards = info.version === undefined ? undefined : control.shards(info.version);
  return {
    ...adapterJson(info, reader, settings),
    shards: shards?.map((shard) => shardJson(shard, reader)) ?? null,
    history,
  };
}

/** WHY no address for tenants: it says something about a process that they share with others. */
function shardJson({ tensor, fileOffset, address, bytes, alignedBytes }: Shard, { scope }: KeyHolder): ShardJson {
  const at = scope.isAll ? `0x${address.toString(16)}` : null;
  return { tensor, file_offset: fileOffset ?? null, address: at, bytes, aligned_bytes: alignedBytes };
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
