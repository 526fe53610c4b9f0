import {
  adapterNameForm,
  type Cause,
  EspalierError,
  publishAdapterEvent,
  isAdapterName,
  serverItself,
} from '../../core/index.ts';
import type { Shard } from '../registry/adapter-arena.ts';
import type { AdapterRegistry } from '../registry/adapter-registry.ts';
import type { AdapterInfo, Pin } from '../registry/alias.ts';
import type {
  ChangeOptions,
  DrainOptions,
  MoveOptions,
  PinOptions,
  RollbackOptions,
} from '../registry/change-options.ts';
import type { AdoptedVersion } from '../registry/known-version.ts';
import { moveTogether, type NameChange } from './move-together.ts';
import type { VersionStore } from './version-store.ts';

/** The part of a registry that is operated. */
export type OperatedRegistry = Pick<
  AdapterRegistry,
  | 'list'
  | 'memory'
  | 'shards'
  | 'info'
  | 'has'
  | 'versionBefore'
  | 'addEarlier'
  | 'adopt'
  | 'point'
  | 'rollback'
  | 'unload'
  | 'pins'
  | 'drains'
  | 'joint'
>;

export interface ControlOptions {
  readonly registry: OperatedRegistry;
  /** Name of the base. No adapter may have it. */
  readonly baseName: string;
  /** undefined: the server has no store. Versions are known then while something uses them, and nothing can be uploaded. */
  readonly store?: VersionStore | undefined;
}

/** What an operator does with the names and the versions of a server. Everything is described by the names' own state afterwards. */
export interface AdapterControl {
  /** The same array until a name changes. */
  list(): readonly AdapterInfo[];
  has(name: string): boolean;
  /** The host memory that the weights of versions use, its limit, and the number of those versions. */
  memory(): ReturnType<AdapterRegistry['memory']>;
  /** Where the weights of a version lie in host memory; undefined if they are not there. */
  shards(version: string): readonly Shard[] | undefined;
  /**
   * A name, with the moves of earlier processes in its history.
   * @throws EspalierError ADAPTER_NOT_FOUND
   */
  describe(name: string): Promise<AdapterInfo>;
  /** Points a name, which may be new, to a known version. */
  move(name: string, version: string, options: MoveOptions): Promise<AdapterInfo>;
  /**
   * Changes several names in one step.
   * @throws EspalierError ADAPTER_STORE_MISSING, and the errors of `moveTogether`. Nothing was changed then.
   */
  moveTogether(changes: readonly NameChange[], options: ChangeOptions): Promise<void>;
  /**
   * Whether the store holds a version that this server can serve.
   * @throws EspalierError ADAPTER_STORE_MISSING, and why a version that is there cannot be served
   */
  holds(version: string): Promise<boolean>;
  /** Whether a version is in quarantine under a name. */
  isQuarantined(name: string, version: string): Promise<boolean>;
  /** Takes a quarantine back. */
  clearQuarantine(name: string, version: string): Promise<void>;
  rollback(name: string, options: RollbackOptions): Promise<AdapterInfo>;
  remove(name: string, options: MoveOptions): Promise<void>;
  pin(name: string, options: PinOptions): Promise<AdapterInfo>;
  unpin(name: string, options: MoveOptions): Promise<AdapterInfo>;
  /** Takes no new requests under the name, and waits for those that have begun until the signal aborts. */
  drain(name: string, options: DrainOptions): Promise<AdapterInfo>;
  resume(name: string, options: MoveOptions): AdapterInfo;
  /**
   * The folder for files on their way to the store.
   * @throws EspalierError ADAPTER_STORE_MISSING
   */
  staging(): string;
  /**
   * Verifies an adapter and keeps it in the store. No name is moved.
   * @throws EspalierError ADAPTER_STORE_MISSING, and why the adapter is refused
   */
  keep(name: string, path: string, options: ChangeOptions): Promise<{ readonly digest: string }>;
}

/** A change of the version to which a name points; undefined: to none. */
interface Step {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Operates a registry, and the store behind it if there is one. */
export function createAdapterControl({ registry, baseName, store }: ControlOptions): AdapterControl {
  const find = async (name: string, version: string): Promise<AdoptedVersion | undefined> =>
    registry.has(name) && registry.info(name).version === version ? undefined : store?.find(version);
  const theStore = (): VersionStore => {
    if (store === undefined) throw new EspalierError('ADAPTER_STORE_MISSING', {});
    return store;
  };
  /** WHY only when it is asked for: a start must not read the records of all versions of all names. */
  const recallHistory = async (name: string): Promise<void> => {
    await registry.addEarlier(name, () => store?.history?.(name) ?? Promise.resolve([]));
  };
  /** WHY taken back when the store fails: a server that starts again must not serve another version than this one. */
  const remember = async (name: string, { from, to }: Step, { cause }: ChangeOptions): Promise<void> => {
    try {
      await store?.remember(name, to, { cause });
    } catch (error) {
      const reason = 'the store did not take the change';
      await undo(name, { from, to }, { actor: cause?.actor ?? serverItself.actor, reason }).catch(() => undefined);
      throw error;
    }
  };
  /** WHY a name stays pinned when the store fails: it does not move then, which is the lesser evil. */
  const rememberPin = async (name: string, pin: Omit<Pin, 'time'> | undefined): Promise<void> => {
    await store?.rememberPin?.(name, pin);
  };
  /** Only from the state that the change made: another change that came in between stays. */
  const undo = async (name: string, { from, to }: Step, cause: Cause): Promise<void> => {
    if (from === undefined) return registry.unload(name, { expectedVersion: to, cause });
    if (to !== undefined) return void (await registry.point(name, from, { expectedVersion: to, cause }));
    const found = await store?.find(from);
    if (found !== undefined) await registry.adopt(name, found, { isNew: true, cause });
  };
  return {
    list: () => registry.list(),
    memory: () => registry.memory(),
    shards: (version) => registry.shards(version),
    has: (name) => registry.has(name),
    async describe(name) {
      await recallHistory(name);
      return registry.info(name);
    },
    async move(name, version, options) {
      if (!registry.has(name)) assertAdapterName(name, baseName);
      await store?.assertFree?.(name, version);
      const found = await find(name, version);
      const from = registry.has(name) ? registry.info(name).version : undefined;
      if (found === undefined) await registry.point(name, version, options);
      else await registry.adopt(name, found, options);
      if (from !== version) await remember(name, { from, to: version }, options);
      return registry.info(name);
    },
    async moveTogether(changes, options) {
      for (const { name } of changes) if (!registry.has(name)) assertAdapterName(name, baseName);
      await moveTogether(changes, { joint: registry.joint, store: theStore() }, options);
    },
    holds: async (version) => (await theStore().find(version)) !== undefined,
    isQuarantined: async (name, version) => (await store?.isQuarantined?.(name, version)) ?? false,
    clearQuarantine: async (name, version) => store?.clear?.(name, version),
    async rollback(name, options) {
      await recallHistory(name);
      const from = registry.info(name).version;
      const target = options.to ?? registry.versionBefore(name);
      if (target !== undefined) await store?.assertFree?.(name, target);
      // WHY this version is expected: of another one, the version before may be in quarantine.
      const { digest: to } = await registry.rollback(name, {
        ...options,
        expectedVersion: options.expectedVersion ?? from,
      });
      if (from !== to) await remember(name, { from, to }, options);
      return registry.info(name);
    },
    async remove(name, options) {
      const from = registry.info(name).version;
      await registry.unload(name, options);
      await remember(name, { from, to: undefined }, options);
    },
    async pin(name, options) {
      await registry.pins.pinName(name, options);
      const { keepsWeights = false, cause = serverItself } = options;
      await rememberPin(name, { ...cause, keepsWeights });
      return registry.info(name);
    },
    async unpin(name, options) {
      await registry.pins.unpinName(name, options);
      await rememberPin(name, undefined);
      return registry.info(name);
    },
    async drain(name, { signal, ...options }) {
      const drained = registry.drains.drainName(name, { ...options, signal });
      await drained.catch((error: unknown) => {
        if (signal?.aborted !== true || error !== signal.reason) throw error;
      });
      return registry.info(name);
    },
    resume(name, options) {
      registry.drains.resumeName(name, options);
      return registry.info(name);
    },
    staging: () => theStore().staging,
    async keep(name, path, options) {
      assertAdapterName(name, baseName);
      try {
        return await theStore().put(name, path, options);
      } catch (error) {
        publishAdapterEvent({ event: 'verify', result: 'refused', ...options.cause, name, error });
        throw error;
      }
    },
  };
}

/** @throws EspalierError REQUEST_INVALID */
export function assertAdapterName(name: string, baseName: string): void {
  const problem = isAdapterName(name)
    ? name === baseName
      ? `${name} is the name of the base`
      : undefined
    : `${adapterNameForm} is expected`;
  if (problem !== undefined) throw new EspalierError('REQUEST_INVALID', { param: 'name', problem });
}
