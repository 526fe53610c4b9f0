import type { AdapterArena } from '../routing/index.ts';
import { definedOnly, EspalierError, systemClock, type Clock } from '../core/index.ts';
import type { BaseModel } from '../models/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { Sequence } from './sequence/sequence.ts';
import type { EngineArena } from './adapters/engine-arena.ts';
import { adaptedModules, openArena } from './adapters/open-arena.ts';
import type { PreparedAdapter } from './adapters/prepared-adapter.ts';
import { noAdapters, type RequestedAdapter, type SequenceAdapters } from './adapters/sequence-adapters.ts';
import { assertAlone, assertSingle, checkRequest } from './sequence/check-request.ts';
import { EngineLoop } from './engine-loop.ts';
import { type EngineLoad, engineLoad } from './engine-load.ts';
import { StatsRecorder, type EngineStats } from './engine-stats.ts';
import { openPrefixes } from './prefix/open-prefixes.ts';
import type { SequencePrefixes } from './prefix/sequence-prefixes.ts';
import type { EndedSequence } from './sequence/ended-sequence.ts';
import type { GenerationRequest } from './sequence/generation-request.ts';
import type { Applicant, Reservation } from './schedule/admission.ts';
import { GenerationStream } from './sequence/generation-stream.ts';
import { planDevice } from './runner/plan-device.ts';
import { bytesPerState, defaultKvBudget, kvBytesPerToken, planKvRoom, type KvRoom } from './runner/kv-budget.ts';
import { openRunner } from './runner/open-runner.ts';
import type { StepRunner } from './runner/step-runner.ts';

export interface EngineOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  /** Sequences that run at once. Default: 16, or as many as `kvMemory` takes. */
  readonly maxSlots?: number | undefined;
  /** Most tokens of prompt and answer together; at most the length with which the base was trained. */
  readonly maxLength?: number | undefined;
  /** Most prompt tokens between two decode steps. */
  readonly prefillChunk?: number | undefined;
  /** Most requests that wait for a slot. */
  readonly maxWaiting?: number | undefined;
  /**
   * Bytes for the keys and values of running sequences. All slots must be able to grow to their full length. Default: half of the memory
   * that is available.
   */
  readonly kvMemory?: number | undefined;
  /** Modules that adapters may change, by PEFT's rules; false serves the base alone. Default: all linear modules but `lm_head`. */
  readonly adapterTargets?: readonly string[] | string | false | undefined;
  /**
   * Most ranks of all adapters of running sequences together. A sequence whose adapters do not fit waits. Any number of adapters can be
   * registered. Only rows in use take memory. Where matrices are bytes, an adapter takes a multiple of 16; see `adapterRowsFor`.
   */
  readonly adapterRows?: number | undefined;
  readonly maxAdapterRank?: number | undefined;
  /** Supports DoRA adapters, which makes every step a little slower, with any adapters. */
  readonly dora?: boolean | undefined;
  /** Supports adapters with biases (`lora_bias`), which also makes every step a little slower. */
  readonly loraBias?: boolean | undefined;
  /**
   * Bytes for the keys and values of prompts that have run, so that later prompts with the same beginning, adapters and scales need not
   * run it again; 0 keeps none. Default: an eighth of what all slots can take.
   */
  readonly prefixCache?: number | undefined;
  /**
   * Keeps the adapters of a quantized base whose products round their inputs as floats too. By default their matrices are bytes there,
   * which takes a quarter of the memory and less time, and rounds their updates. On other bases adapters are always floats.
   */
  readonly exactAdapters?: boolean | undefined;
  /** Called once for each sequence that was accepted and has ended. It must not throw. */
  readonly onEnd?: ((ended: EndedSequence) => void) | undefined;
  /**
   * Computes each token of a request as if the request ran alone, bit for bit. Rows of a step run one after the other, no prompts are
   * kept, and requests of the background keep their slots. `docs/serving.md` says what differs otherwise, and by how much.
   */
  readonly batchInvariant?: boolean | undefined;
  /** The source of all times. */
  readonly clock?: Clock | undefined;
}

const defaults = {
  maxSlots: undefined,
  /** Most conversations fit into this. Keys and values reserve address space for all of it. */
  maxLength: 4096,
  /** Takes about as long as a few decode steps, so that pauses in streams are short. */
  prefillChunk: 128,
  maxWaiting: 1024,
  adapterTargets: 'all-linear',
  /** Rank 128 for each of 16 sequences. */
  adapterRows: 2048,
  maxAdapterRank: 256,
  dora: false,
  loraBias: false,
  exactAdapters: false,
  prefixCache: undefined,
  kvMemory: undefined,
  batchInvariant: false,
  onEnd: undefined,
  clock: systemClock,
} satisfies Omit<EngineOptions, 'base' | 'environment'>;

/** At this size the time of a step on two cores still grows much more slowly than its batch. */
const mostSlots = 16;

/** Memory for the logits of one run if a prompt's logits are wanted after every token: about fifty tokens of the largest vocabularies. */
const reportedBytes = 32 << 20;

/** Several prompts may be run between two decode steps, but not so many that streams visibly pause. */
const prefillRuns = 4;

/**
 * Opens a base for serving: its decode graph, room for keys and values, and room for adapters. A base without a decode graph (a file
 * that was exported without a cache) is served by running each whole row for every token, which is exact and slower.
 *
 * @throws EspalierError OPTION_INVALID, KV_MEMORY, DEVICE_MEMORY, LORA_TARGET_UNMATCHED, ORT_FAILED
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { base, environment } = options;
  const settings = settingsOf(options);
  const { maxLength, prefillChunk, maxWaiting, kvMemory: budget = defaultKvBudget() } = settings;
  checkSizes(settings);
  checkPrefixes(base, settings);
  const sizesOf = { bytesPerToken: kvBytesPerToken(base), bytesPerState: bytesPerState(base) };
  const modules = adaptedModules(base, settings);
  const chunk = Math.min(prefillChunk, maxLength);
  const device = await planDevice({
    base,
    environment,
    modules,
    extras: Number(settings.dora) + Number(settings.loraBias),
    maxLength,
    prefillChunk: chunk,
    slots: settings.maxSlots,
    mostSlots,
    rows: options.adapterRows,
    mostRows: settings.adapterRows,
  });
  const most = device?.slots ?? mostSlots;
  const room = planKvRoom({ ...sizesOf, maxLength, slots: settings.maxSlots, mostSlots: most, budget });
  const { slots } = room;
  const rows = device?.rows ?? settings.adapterRows;
  const arena = await openArena(base, settings, { slots, environment, modules, rows });
  let runner: StepRunner | undefined;
  try {
    const reportedChunk = Math.max(1, Math.min(chunk, Math.floor(reportedBytes / (4 * base.config.vocabSize))));
    const sizes = { slots, maxLength, prefillChunk: chunk, reportedChunk };
    const { batchInvariant } = settings;
    runner = await openRunner({ base, environment, stack: arena?.stack, rowsAlone: batchInvariant, ...sizes });
    const bytes = batchInvariant ? 0 : settings.prefixCache;
    const prefixes = openPrefixes(runner.slots, { config: base.config, slots, maxLength, bytes });
    return new Engine({
      base,
      runner,
      arena,
      prefixes,
      room,
      batchInvariant,
      maxWaiting,
      clock: settings.clock,
      onEnd: settings.onEnd,
      ...sizes,
    });
  } catch (error) {
    runner?.dispose();
    await arena?.dispose();
    throw error;
  }
}

/** The options, with the defaults of those that are not given. */
function settingsOf(options: EngineOptions) {
  const settings = { ...defaults, ...definedOnly(options) };
  return { ...settings, maxLength: Math.min(settings.maxLength, options.base.config.maxPositions) };
}

type EngineSettings = ReturnType<typeof settingsOf>;

function checkSizes(sizes: EngineSettings): void {
  const { maxSlots = 1, maxLength, prefillChunk, maxWaiting, adapterRows, maxAdapterRank } = sizes;
  const { prefixCache = 0, kvMemory = 1 } = sizes;
  if (!(prefixCache >= 0)) {
    throw new EspalierError('OPTION_INVALID', { name: 'prefixCache', expected: 'bytes, or 0', actual: prefixCache });
  }
  for (const [name, actual] of Object.entries({
    maxSlots,
    maxLength,
    prefillChunk,
    maxWaiting,
    adapterRows,
    maxAdapterRank,
    kvMemory,
  })) {
    if (Number.isSafeInteger(actual) && actual > 0) continue;
    throw new EspalierError('OPTION_INVALID', { name, expected: 'an integer from 1', actual: String(actual) });
  }
}

/**
 * A recurrent state holds its whole row, so that no part of a kept prompt can be continued. Without the option nothing is kept; whoever
 * asks for it is told.
 */
function checkPrefixes({ config }: BaseModel, { prefixCache: actual = 0 }: EngineSettings): void {
  if (config.states === undefined || actual === 0) return;
  const expected = `0: prompts of ${config.family} cannot be kept, because its recurrent states hold whole rows`;
  throw new EspalierError('OPTION_INVALID', { name: 'prefixCache', expected, actual });
}

interface EngineParts {
  readonly base: BaseModel;
  readonly runner: StepRunner;
  readonly arena: EngineArena | undefined;
  readonly prefixes: SequencePrefixes | undefined;
  readonly room: KvRoom;
  readonly maxLength: number;
  readonly prefillChunk: number;
  readonly reportedChunk: number;
  readonly maxWaiting: number;
  readonly batchInvariant: boolean;
  readonly clock: Clock;
  readonly onEnd: EngineOptions['onEnd'];
}

/**
 * Serves one base with any number of adapters. Requests of different adapters and of the base share a batch. Adapters are loaded,
 * replaced and unloaded while requests run. The caller decides which adapter answers: the engine gets leases, and knows no names.
 */
export class Engine implements AsyncDisposable {
  /** The arena of the active adapters. Construct the registry of this engine's adapters with it. */
  readonly arena: AdapterArena<PreparedAdapter>;
  /** Tokens of prompt and answer together. */
  readonly maxLength: number;
  /** What running sequences may take, and what there is for them. */
  readonly room: KvRoom;
  readonly #base: BaseModel;
  /** The base's own end-of-sequence tokens. */
  readonly #endTokens: ReadonlySet<number>;
  readonly #runner: StepRunner;
  readonly #arena: EngineArena | undefined;
  readonly #prefixes: SequencePrefixes | undefined;
  readonly #stats: StatsRecorder;
  readonly #loop: EngineLoop;
  readonly #isBatchInvariant: boolean;
  #requests = 0;
  #isDraining = false;
  #disposal: Promise<void> | undefined;

  /** Use `openEngine`. Takes ownership of the runner and the arena. */
  constructor({ base, runner, arena, prefixes, room, maxLength, maxWaiting, clock, onEnd, ...sizes }: EngineParts) {
    const { prefillChunk, reportedChunk, batchInvariant } = sizes;
    const { slots } = room;
    this.#isBatchInvariant = batchInvariant;
    this.#base = base;
    this.#prefixes = prefixes;
    this.#endTokens = new Set(base.generation.eosTokenIds);
    this.#runner = runner;
    this.#arena = arena;
    this.arena = arena ?? noArena;
    this.maxLength = maxLength;
    this.room = room;
    this.#stats = new StatsRecorder(slots);
    const limits = { slots, prefillChunk, prefillRuns, keepsSlots: batchInvariant };
    this.#loop = new EngineLoop({
      runner,
      limits,
      vocabulary: base.config.vocabSize,
      reportedChunk,
      recomputeLength: base.config.recomputeLength,
      maxWaiting,
      stats: this.#stats,
      clock,
      onEnd,
      arena,
      prefixes,
    });
  }

  /**
   * Starts a generation. It takes a share of the request's leases at the call, and keeps it until the last token. A slow consumer
   * delays no other request. If the consumer stops reading, or its signal aborts, the request ends.
   *
   * @throws EspalierError at the call, before anything has begun: PROMPT_EMPTY, PROMPT_TOO_LONG, TOKEN_OUT_OF_RANGE,
   *   GENERATION_OPTION_INVALID, ADAPTER_CAPACITY, ADAPTERS_OFF, QUEUE_FULL, ENGINE_CLOSED; the signal's reason when it has aborted.
   *   While reading: GENERATION_FAILED, LOGITS_NOT_FINITE, ENGINE_CLOSED, or the signal's reason
   */
  generate(request: GenerationRequest): GenerationStream {
    try {
      const active = this.#admit(request);
      this.#stats.requests.accepted++;
      this.#loop.add(active);
      return new GenerationStream(active);
    } catch (error) {
      this.#stats.requests.refused++;
      throw error;
    }
  }

  #admit(request: GenerationRequest): Sequence {
    request.signal?.throwIfAborted();
    if (this.#isDraining || this.#loop.isStopped) throw new EspalierError('ENGINE_CLOSED', {});
    const { config } = this.#base;
    checkRequest(request, { maxLength: this.maxLength, vocabulary: config.vocabSize });
    if (request.reservation?.use() !== true) this.#loop.admission.assertRoom({ key: request.key, count: 1 });
    return new Sequence({
      id: this.#requests++,
      request,
      adapters: this.#claim(request.adapters ?? []),
      maxLength: this.maxLength,
      endTokens: this.#endTokens,
      onCancel: (cancelled) => this.#loop.cancel(cancelled),
    });
  }

  #claim(adapters: readonly RequestedAdapter[]): SequenceAdapters {
    if (adapters.length === 0) return noAdapters;
    const name = adapters.map(({ lease }) => lease.alias).join(', ');
    if (this.#arena === undefined) throw new EspalierError('ADAPTERS_OFF', { name });
    if (adapters.some(({ lease }) => lease.version.isAlone)) assertAlone(adapters);
    if (this.#isBatchInvariant) assertSingle(adapters);
    return this.#arena.claim(adapters);
  }

  /**
   * Reserves places in the queue, one for each choice of a request, so that all choices are admitted or none. Give the reservation to
   * each call of `generate`, and dispose of it afterwards.
   * @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
   */
  reserve(applicant: Applicant): Reservation {
    return this.#loop.admission.reserve(applicant);
  }

  stats(): EngineStats {
    const prefixes = this.#prefixes?.cache.stats();
    return { ...this.#stats.report(), ...(prefixes && { prefixes }) };
  }

  /** What waits and runs now. */
  load(): EngineLoad {
    return engineLoad(this.#loop.state, { ...this.room, arena: this.#arena?.report() });
  }

  /** Whether the weights of a version are where runs read them. */
  isActive(digest: string): boolean {
    return this.#arena?.isFilled(digest) === true;
  }

  /** Refuses new requests, and resolves when all running ones have had their last token. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#loop.settled();
  }

  /** Fails running requests with ENGINE_CLOSED and frees everything. Idempotent. Call `drain()` first to let requests finish. */
  dispose(): Promise<void> {
    this.#isDraining = true;
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  async #close(): Promise<void> {
    await this.#loop.stop();
    this.#prefixes?.cache.dispose();
    this.#runner.dispose();
    await this.#arena?.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** The arena of an engine that serves only the base. */
const noArena: AdapterArena<PreparedAdapter> = {
  check(name) {
    throw new EspalierError('ADAPTERS_OFF', { name });
  },
  prepare(name) {
    throw new EspalierError('ADAPTERS_OFF', { name });
  },
  forget: () => undefined,
};
