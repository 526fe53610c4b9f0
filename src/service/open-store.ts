import {
  AdapterStore,
  type PinRecord,
  type StoredVersion,
  type StoreOptions,
  type StoreUser,
  type VerifiedFacts,
} from '../adapter-store/index.ts';
import { EspalierError, serverItself, type Cause } from '../core/index.ts';
import type { ModuleWeights } from '../lora/index.ts';
import { fingerprintBase, type BaseModel } from '../models/index.ts';
import {
  type AdapterAdministration,
  type AdapterControl,
  type AdapterLease,
  checkStructure,
  FileSource,
  readContents,
  innerModules,
  type AdapterArena,
  type AdapterRegistry,
  type AdapterSource,
  type AdoptedVersion,
  type EarlierMove,
  type FileSourceOptions,
  type HostWeights,
  type SourcedAdapter,
  type VersionStore,
} from '../routing/index.ts';
import { createAuthority, type PolicySource } from '../trust/index.ts';
import { Trials } from './trials.ts';
import type { Rollouts } from './rollouts/rollouts.ts';
import { tokenizerFileNames, type AdapterTokenizers } from '../tokenizer/index.ts';

/** What an engine must be opened for, so that the adapters of a store can be served. */
export interface StoreNeeds {
  readonly dora: boolean;
  readonly loraBias: boolean;
  /** undefined: the inner linear modules are enough. */
  readonly targets: string[] | undefined;
}

/** A store whose adapters are not served yet. */
export interface OpenedStore {
  readonly store: AdapterStore<SourcedAdapter>;
  readonly needs: StoreNeeds;
}

/**
 * Opens a store, and finds out what the engine must be opened for.
 * @throws EspalierError STORE_BUSY, and the errors of the file system
 */
export async function openStore(
  base: BaseModel,
  options: Pick<StoreOptions, 'dir' | 'quarantineKeep'>,
): Promise<OpenedStore> {
  const store = await AdapterStore.open<SourcedAdapter>({ ...options, companions: tokenizerFileNames });
  const versions = await store.activeVersions();
  const extra = new Set(versions.flatMap(({ targets }) => targets));
  const has = (kind: string): boolean => versions.some(({ kinds }) => kinds.includes(kind));
  const targets = extra.size === 0 ? undefined : [...innerModules(base), ...extra];
  return { store, needs: { dora: has('dora'), loraBias: has('lora_bias'), targets } };
}

export interface ServeStoreOptions<Weights extends HostWeights> {
  readonly dir: string;
  readonly base: BaseModel;
  readonly baseName: string;
  readonly arena: Pick<AdapterArena<Weights>, 'check'>;
  readonly registry: AdapterRegistry<Weights>;
  /** How adapters are read, but for the folder. */
  readonly files: Omit<FileSourceOptions, 'folder'>;
  readonly tokenizers: AdapterTokenizers | undefined;
  readonly anyBase: boolean | undefined;
  /** Who must have signed an adapter. Default: nobody. */
  readonly policy?: PolicySource | undefined;
  /** Lets a version that has come answer before requests get it. It throws if an answer is wrong. */
  readonly selfTest: (name: string, lease: AdapterLease<Weights>) => Promise<void>;
  /** Whether there are golden prompts for a name. Their answers depend on the name and on the tokenizer, and not on the weights alone. */
  readonly hasPrompts: (name: string) => boolean;
  /** Says what becomes of a version that has come. */
  readonly rollouts?: Pick<Rollouts, 'arrived'> | undefined;
}

/** WHY no waiting: what a store gives to read is a copy that nobody else writes to. */
const copyClock = { now: () => Date.now() + 60_000, wait: () => Promise.resolve() };

/**
 * Serves what is active in a store, and follows it.
 * @returns the store as the routes of administration see it
 */
export async function serveStore<Weights extends HostWeights>(
  { store }: OpenedStore,
  options: ServeStoreOptions<Weights>,
): Promise<VersionStore> {
  const { base, registry, anyBase = false } = options;
  const pinned = new Map(await store.pins.all());
  const trials = new Trials();
  const fingerprint = await fingerprintBase(base);
  const { policy } = options;
  const user: StoreUser<SourcedAdapter> = {
    authority: policy && createAuthority(() => policy.current, { base: fingerprint }),
    context: `${fingerprint}${anyBase ? ', adapters of any base' : ''}`,
    inspect: (contents) => checkStructure(contents, options.files),
    readContents: (contents, hasCompanions) =>
      readContents(contents, { ...options.files, tokenizers: hasCompanions ? options.tokenizers : undefined }),
    read: (path, hasCompanions) => sourceAt(path, options, hasCompanions).read(),
    verify: (name, adapter) => verify(name, adapter, { ...options, trials }),
    activated: async (name, { version, cause }) => {
      await registry.adopt(name, adoptedOf(version, options), { cause });
      trials.end(version.digest);
      const pin = pinned.get(name);
      if (pin !== undefined) await pinAgain(name, pin, registry);
      pinned.delete(name);
    },
    withdrawn: async (name, cause) => {
      if (registry.has(name)) await registry.unload(name, { cause });
    },
    failed: (name, error) => registry.fail(name, { path: name, read: () => Promise.reject(asError(error)) }, error),
    isInUse: (digest) => registry.versions().some((version) => version.digest === digest),
    arrived: async (name, { digest }) => {
      const what = (await options.rollouts?.arrived(name, digest)) ?? 'activate';
      if (what === 'keep') trials.end(digest);
      return what;
    },
  };
  await store.begin(user);
  // A name whose link was removed while no server ran is no longer pinned.
  for (const name of pinned.keys()) if (!registry.has(name)) await store.pins.set(name, undefined);
  pinned.clear();
  return versionStoreOf(store, { ...options, trials });
}

/** WHY without its weights where they cannot be read: the name must keep its version in any case. */
async function pinAgain(
  name: string,
  { keepsWeights, ...cause }: PinRecord,
  { pins }: Pick<AdapterRegistry, 'pins'>,
): Promise<void> {
  await pins.pinName(name, { cause });
  if (keepsWeights) await pins.pinName(name, { cause, keepsWeights }).catch(() => undefined);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** WHY the companions are known: each that is looked for in vain costs calls of the system. */
function sourceAt<Weights extends HostWeights>(
  path: string,
  { dir, files, tokenizers }: ServeStoreOptions<Weights>,
  hasCompanions: boolean,
): FileSource {
  const own = hasCompanions ? tokenizers : undefined;
  return new FileSource(path, { ...files, tokenizers: own, folder: dir, fileClock: copyClock });
}

/** The place from which a version is read. */
function sourceOf<Weights extends HostWeights>(
  { path, key, digest }: StoredVersion,
  options: ServeStoreOptions<Weights>,
): AdapterSource {
  const file = sourceAt(path, options, key !== digest);
  return { path, isImmutable: true, read: () => file.read() };
}

function adoptedOf<Weights extends HostWeights>(
  version: StoredVersion,
  options: ServeStoreOptions<Weights>,
): AdoptedVersion {
  const { digest, key, rank, bytes, isAlone, base, fingerprint, path } = version;
  const { tokenizers } = options;
  // A version without files of a tokenizer has no more in its name than its digest.
  const own = tokenizers !== undefined && key !== digest && { openTokenizer: () => tokenizers.open(path) };
  return { digest, rank, bytes, isAlone, base, fingerprint, path, source: sourceOf(version, options), ...own };
}

/** Lets an adapter answer the golden prompts. */
async function tried<Weights extends HostWeights>(
  name: string,
  adapter: SourcedAdapter,
  { registry, selfTest }: Pick<ServeStoreOptions<Weights>, 'registry' | 'selfTest'>,
): Promise<Disposable> {
  const trial = await registry.trial(name, adapter);
  try {
    await selfTest(name, trial.lease);
    return trial;
  } catch (error) {
    trial[Symbol.dispose]();
    throw error;
  }
}

/** @throws EspalierError the errors of the arena's `check` and of the self-test, TOKENIZER_INVALID, STORE_NAME_INVALID */
async function verify<Weights extends HostWeights>(
  name: string,
  adapter: SourcedAdapter,
  {
    arena,
    base,
    baseName,
    registry,
    selfTest,
    hasPrompts,
    trials,
  }: ServeStoreOptions<Weights> & { readonly trials: Trials },
): Promise<VerifiedFacts> {
  if (name === baseName) {
    throw new EspalierError('STORE_NAME_INVALID', { name, expected: 'another name than that of the base' });
  }
  const { rank, bytes, isAlone } = arena.check(name, adapter);
  const tokenizer = await adapter.openTokenizer?.();
  const opened = { ...adapter, openTokenizer: () => Promise.resolve(tokenizer) };
  const { digest } = adapter;
  const isServed = registry.versions().some((version) => version.digest === digest) && !trials.has(digest);
  // WHY what is served too: under another name it has other prompts, and with another tokenizer it reads them in another way.
  const isAsked = hasPrompts(name);
  if (isAsked || !isServed) {
    await trials.pass(digest, () => tried(name, opened, { registry, selfTest }), { isShared: !isAsked });
  }
  const inner = new Set(innerModules(base));
  const modules = [...adapter.modules.values()];
  const has = (part: keyof ModuleWeights): boolean => modules.some((module) => module[part] !== undefined);
  return {
    rank,
    bytes,
    isAlone,
    targets: [...adapter.modules.keys()].filter((path) => !inner.has(path)),
    kinds: [...(has('magnitude') ? ['dora'] : []), ...(has('bias') ? ['lora_bias'] : [])],
  };
}

/** What vLLM's routes change: nothing is loaded by a path, and a name that is unloaded leaves the store's names too. */
export function withStore(adapters: AdapterAdministration, control: AdapterControl): AdapterAdministration {
  return {
    ...adapters,
    async unload(name, options = {}) {
      const isThere = adapters.list().some((one) => one.name === name);
      await (isThere ? control.remove(name, options) : adapters.unload(name, options));
    },
  };
}

function versionStoreOf<Weights extends HostWeights>(
  store: AdapterStore<SourcedAdapter>,
  { trials, ...options }: ServeStoreOptions<Weights> & { readonly trials: Trials },
): VersionStore {
  return {
    staging: store.staging,
    put: (name, path, { cause }) => store.put(name, path, { cause, isActivated: false }),
    async find(digest) {
      const version = await store.find(digest);
      return version && adoptedOf(version, options);
    },
    async history(name) {
      const moves: EarlierMove[] = [];
      for (const { key, time } of await store.history(name)) {
        // A version that is gone, or that does not fit this base, is none to go back to.
        const version = await store.find(key).catch(() => undefined);
        if (version) moves.push({ known: adoptedOf(version, options), time: Date.parse(time), actor: 'store' });
      }
      return moves;
    },
    assertFree: (name, digest) => store.assertFree(name, digest),
    assertVouched: (name, digest) => store.assertVouched(name, digest),
    admitAgain: () => store.admitAgain(),
    isQuarantined: (name, digest) => store.isQuarantined(name, digest),
    rememberPin: (name, pin) => store.pins.set(name, pin),
    async quarantine(name, digest, reason) {
      if (!(await store.isQuarantined(name, digest))) {
        await store.quarantine(name, digest, { error: new Error(reason), cause: { actor: 'rollout', reason } });
      }
    },
    clear: (name, digest) => store.clear(name, digest),
    remember: (name, digest, { cause = serverItself }: { readonly cause?: Cause | undefined }) => {
      trials.end(digest ?? '');
      return store.remember(name, digest, cause);
    },
  };
}
