import type { QuarantineBounds } from '../adapter-store/index.ts';
import type { PolicySource } from '../trust/index.ts';
import { join, resolve } from 'node:path';
import { basePath, embeddingsOf, type BaseModel } from '../models/index.ts';
import { Constraints } from '../constrain/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { openEngine, type Engine, type LogitsFunction, type PreparedAdapter } from '../engine/index.ts';
import { AdapterTokenizers, type Tokenizer } from '../tokenizer/index.ts';
import {
  AdapterRegistry,
  FallbackFile,
  JsonFile,
  announceAdapters,
  createAdapterAdministration,
  createAdapterControl,
  kindsInFolder,
  RolloutFiles,
  Router,
  targetsInFolder,
  type RegistryOptions,
  type VersionStore,
} from '../routing/index.ts';
import type { EndedSequence } from '../telemetry/index.ts';
import { admitAgain } from './admit-again.ts';
import { auditReaderOf } from './audit-reader.ts';
import { endTokenIds } from './end-token-ids.ts';
import { expectedFingerprint } from './expected-fingerprint.ts';
import { generationSources, type ServedSources } from './metric-sources.ts';
import { openStore, serveStore, withStore, type OpenedStore } from './open-store.ts';
import { assertRolloutsOptions, Rollouts, type RolloutsOptions } from './rollouts/rollouts.ts';
import { ShadowRuns } from './rollouts/shadow-runs.ts';
import { readGoldenPrompts } from './read-golden-prompts.ts';
import { promptsFor, selfTest } from './self-test.ts';
import { tendRegistry } from './tend-registry.ts';
import type { DoorContext, ServingContext } from './serving-context.ts';

/** What running requests may take, and what there is for them. */
export type GenerationRoom = Engine['room'];

/** Whose chat template and tokenizer the requests for an adapter use. */
export type TemplateOf = 'base' | 'adapter';

export interface GenerationOptions {
  readonly base: BaseModel;
  /** The original folder of the base, which answers name if the base was opened from a copy. Default: the folder of the base. */
  readonly origin?: string | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly environment: Environment;
  /** Name under which the base is served. */
  readonly baseName: string;
  readonly adaptersFolder: string | undefined;
  /** The folder of a store of adapters, in the place of a folder of adapters. */
  readonly storeFolder?: string | undefined;
  /** How much of what the store refused is kept. Default: all of it. */
  readonly quarantineKeep?: QuarantineBounds | undefined;
  readonly maxSlots: number | undefined;
  readonly maxLength: number | undefined;
  /** Bytes for the keys and values of running sequences. Default: that of the engine. */
  readonly kvMemory?: number | undefined;
  /** Most requests that wait for a slot. Default: that of the engine. */
  readonly maxWaiting?: number | undefined;
  /** Bytes for the keys and values of prompts that have run. Default: that of the engine. */
  readonly prefixCache?: number | undefined;
  /** Default: whether the folder contains a DoRA adapter. */
  readonly dora: boolean | undefined;
  /** Default: whether the folder contains an adapter with `lora_bias`. */
  readonly loraBias?: boolean | undefined;
  /** Keeps adapters of an `int8` base as floats. */
  readonly exactAdapters?: boolean | undefined;
  /** Modules that adapters may change. Default: all linear ones but the head, and those that the adapters of the folder need. */
  readonly adapterTargets?: readonly string[] | string | undefined;
  /** Computes each request as if it ran alone. */
  readonly batchInvariant?: boolean | undefined;
  /** Logits processors that requests may name. */
  readonly logitsProcessors?: Readonly<Record<string, LogitsFunction>> | undefined;
  /** A file of golden prompts, which every new version of the store answers before requests get it. */
  readonly golden?: string | undefined;
  /** Who must have signed the adapters of the store. Default: nobody. */
  readonly policy?: PolicySource | undefined;
  /** Takes adapters that were trained on another base. */
  readonly anyBase?: boolean | undefined;
  /** Whose chat template and tokenizer requests for an adapter use. Default: those of the adapter's folder, where it has them. */
  readonly template?: TemplateOf | undefined;
  /** The form in which the model writes calls of tools, by its name. Default: as its chat template shows. */
  readonly toolParser?: string | undefined;
  /** A version on trial that gives no token for so long has failed, for a user or in shadow. Default: a minute. */
  readonly silentMs?: number | undefined;
  /** How many weights of adapters are kept in host memory, and for how long. */
  readonly residency?: RegistryOptions | undefined;
  /** Called once for each sequence that has ended. */
  readonly onEnd?: ((ended: EndedSequence) => void) | undefined;
  /** How versions are judged, and how new ones come into service. */
  readonly rollouts?:
    | Omit<RolloutsOptions<PreparedAdapter>, 'registry' | 'records' | 'fallbacks' | 'noises'>
    | undefined;
}

/** A served decoder. */
export interface GenerationService {
  readonly context: Omit<ServingContext, keyof DoorContext>;
  readonly engine: Engine;
  /** What its series are read from. */
  readonly sources: ServedSources;
  /** Asks a changed policy of everything that is served. */
  admitAgain(): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Opens an engine with the adapters of its folder.
 * @throws EspalierError the errors of `openEngine` and `announceAdapters`. Nothing is left open then.
 */
export async function openGeneration(options: GenerationOptions): Promise<GenerationService> {
  const { base, tokenizer, baseName, adaptersFolder: folder, storeFolder } = options;
  assertRolloutsOptions(options.rollouts);
  const prompts = options.golden === undefined ? [] : await readGoldenPrompts(options.golden);
  const { quarantineKeep } = options;
  const opened = storeFolder === undefined ? undefined : await openStore(base, { dir: storeFolder, quarantineKeep });
  const closeStore = async (): Promise<void> => opened?.store[Symbol.asyncDispose]();
  const engine = await openEngineFor(options, opened).catch(async (error: unknown) => {
    await closeStore();
    throw error;
  });
  // The store begins when there is a registry.
  let versions: VersionStore | undefined;
  const admit = async (name: string, version: string): Promise<void> => versions?.assertVouched?.(name, version);
  const registry = new AdapterRegistry(engine.arena, { ...options.residency, admit });
  const releasing = tendRegistry(registry);
  const records = storeFolder === undefined ? undefined : new RolloutFiles(join(storeFolder, 'rollouts'));
  const fallbacks = storeFolder === undefined ? undefined : new FallbackFile(join(storeFolder, 'fallbacks.json'));
  const noises = storeFolder === undefined ? undefined : new JsonFile(join(storeFolder, 'noise.json'));
  const rollouts = new Rollouts({ registry, records, fallbacks, noises, ...options.rollouts });
  const shadow = new ShadowRuns({
    engine,
    acquire: (name, version) => registry.held.acquire(name, version),
    timeoutMs: options.silentMs,
  });
  const closing: Promise<void>[] = [];
  const dispose = async (): Promise<void> => {
    releasing[Symbol.dispose]();
    await shadow[Symbol.asyncDispose]();
    await rollouts[Symbol.asyncDispose]();
    await closeStore();
    await engine.dispose();
    registry.dispose();
    await Promise.all(closing);
  };
  try {
    const { anyBase } = options;
    const fingerprint = await expectedFingerprint(base, { folder: folder ?? storeFolder, anyBase });
    const ownTokenizers = tokenizer !== undefined && options.template !== 'base';
    const administration = {
      registry,
      linears: base.modules,
      fingerprint,
      embeddings: embeddingsOf(base),
      tokenizers: ownTokenizers ? new AdapterTokenizers({ folder: basePath(base), tokenizer }) : undefined,
      folder,
      baseName,
    };
    const adapters = createAdapterAdministration(administration);
    closing.push((await announceAdapters(administration)).settled);
    const store =
      opened === undefined || storeFolder === undefined
        ? undefined
        : await serveStore(opened, {
            ...administration,
            dir: storeFolder,
            base,
            arena: engine.arena,
            registry,
            files: administration,
            anyBase,
            policy: options.policy,
            selfTest: (name, lease) => selfTest(name, lease, { engine, tokenizer, prompts }),
            hasPrompts: (name) => tokenizer !== undefined && promptsFor(name, prompts).length > 0,
            rollouts,
          });
    versions = store;
    const control = createAdapterControl({ registry, baseName, store });
    await rollouts.begin({ control, store });
    const context = {
      engine,
      adapters: store === undefined ? adapters : withStore(adapters, control),
      control,
      rollouts,
      audit: storeFolder === undefined ? undefined : auditReaderOf(storeFolder),
      trials: { shadow, silentMs: options.silentMs },
      router: new Router({ baseName, registry, versions: rollouts.choice }),
      tokenizer,
      toolParser: options.toolParser,
      constraints: new Constraints(),
      logitsProcessors: new Map(Object.entries(options.logitsProcessors ?? {})),
      baseName,
      baseDirectory: resolve(options.origin ?? base.dir),
      created: Math.floor(Date.now() / 1000),
      maxLength: engine.maxLength,
      eosTokenIds: endTokenIds(base.generation.eosTokenIds, tokenizer),
    };
    const sources = generationSources({ baseName, engine, registry, rollouts });
    return {
      context,
      engine,
      sources,
      admitAgain: async () => store && admitAgain({ registry, control, store, rollouts }),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The engine, with what the adapters that are there need. */
async function openEngineFor(
  { base, environment, adaptersFolder: folder, ...options }: GenerationOptions,
  opened: OpenedStore | undefined,
): Promise<Engine> {
  const kinds =
    opened?.needs ?? (folder === undefined ? { dora: false, loraBias: false } : await kindsInFolder(folder));
  const { dora = kinds.dora, loraBias = kinds.loraBias } = options;
  const needed = opened?.needs.targets ?? (folder === undefined ? undefined : await targetsInFolder(folder, base));
  const { maxSlots, maxLength, maxWaiting, kvMemory, prefixCache, exactAdapters, batchInvariant, onEnd } = options;
  return openEngine({
    base,
    environment,
    dora,
    loraBias,
    adapterTargets: options.adapterTargets ?? needed,
    maxSlots,
    maxLength,
    maxWaiting,
    kvMemory,
    prefixCache,
    exactAdapters,
    batchInvariant,
    onEnd,
  });
}
