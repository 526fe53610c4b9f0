import { EspalierError, systemClock } from '../core/index.ts';
import type { AdapterLease, WeightsHold } from '../routing/index.ts';
import type { TensorData } from '../tensor/index.ts';
import { BatchLoop } from './batch-loop.ts';
import type { BatchLimits } from './batch-scheduler.ts';
import type { Answer, BatchRunner } from './batch-runner.ts';
import { checkRequest } from './check-request.ts';
import type { RunMemory } from './memory/run-memory.ts';
import type { ModelAdapters, ResidentAdapter } from './model-adapters.ts';
import type { ModelSignature } from './model-signature.ts';

/** One request to a model. */
export interface InferenceRequest {
  /** By name; every input of the model, and nothing else. */
  readonly inputs: ReadonlyMap<string, TensorData>;
  /** Names of the outputs that are wanted; all by default. */
  readonly outputs?: readonly string[];
  /** The adapter that answers; the base by default. It remains the caller's. */
  readonly adapter?: AdapterLease<ResidentAdapter> | undefined;
  readonly signal?: AbortSignal;
}

export interface InferenceResult {
  /** By name, in the order in which they were asked for. */
  readonly outputs: Answer;
  /** Content of the adapter that answered: its SHA-256; undefined for the base. */
  readonly adapterVersion: string | undefined;
}

export interface ModelParts {
  readonly name: string;
  readonly signature: ModelSignature;
  readonly runner: BatchRunner;
  readonly memory: RunMemory;
  readonly limits: BatchLimits;
  readonly maxWaiting: number;
  readonly adapters: ModelAdapters | undefined;
}

/** What a model has done so far. */
export interface InferenceStats {
  readonly requests: number;
  /** Runs of the graph; fewer than requests where these were joined. */
  readonly batches: number;
  readonly rows: number;
  readonly largestBatch: number;
}

/**
 * A model that is served: requests come in one by one, those that fit together are run as one batch, and each gets its own rows
 * back. Opened by `openInferenceModel`.
 */
export class InferenceModel implements AsyncDisposable {
  readonly name: string;
  readonly signature: ModelSignature;
  readonly memory: RunMemory;
  readonly limits: BatchLimits;
  /** undefined where the model is served without adapters. */
  readonly adapters: ModelAdapters | undefined;
  readonly #runner: BatchRunner;
  readonly #loop: BatchLoop;
  readonly #maxWaiting: number;
  /** Requests whose adapter's weights are on their way into memory. */
  #fetching = 0;
  #isClosing = false;
  #disposal: Promise<void> | undefined;

  /** Takes ownership of the runner and of the adapters. */
  constructor(parts: ModelParts) {
    this.name = parts.name;
    this.signature = parts.signature;
    this.memory = parts.memory;
    this.limits = parts.limits;
    this.adapters = parts.adapters;
    this.#runner = parts.runner;
    this.#maxWaiting = parts.maxWaiting;
    this.#loop = new BatchLoop({ model: parts.name, runner: parts.runner, limits: parts.limits, clock: systemClock });
  }

  /** Whether requests are joined, and if not, why. It may change at the first joined batch: see `BatchLoop`. */
  get batching(): ModelSignature['batching'] {
    const { refusal } = this.#loop;
    return refusal === undefined ? this.signature.batching : { joins: false, why: refusal };
  }

  get isReady(): boolean {
    return !this.#isClosing;
  }

  /**
   * Answers one request. The adapter's lease is shared here, at the call, and the share kept until the answer.
   *
   * @throws EspalierError what `checkRequest` throws, ADAPTER_SOURCE_CHANGED, INFER_ADAPTERS_OFF, QUEUE_FULL, ENGINE_CLOSED,
   *   INFER_REFUSED, INFER_FAILED; the signal's reason when it aborts
   */
  async infer(request: InferenceRequest): Promise<InferenceResult> {
    request.signal?.throwIfAborted();
    if (this.#isClosing) throw new EspalierError('ENGINE_CLOSED', {});
    const { name: model, signature, limits } = this;
    const { joins } = this.batching;
    const checked = checkRequest(request.inputs, request.outputs, { model, signature, joins, maxRows: limits.maxRows });
    const [waiting, limit] = [this.#loop.waiting + this.#fetching, this.#maxWaiting];
    if (waiting >= limit) throw new EspalierError('QUEUE_FULL', { waiting, count: 1, limit, retryAfterSeconds: 1 });
    using lease = this.#share(request.adapter);
    // WHY no await without an adapter: what is asked in one turn of the event loop is joined.
    using hold = lease && (await this.#fetch(lease));
    const adapter = lease && hold && { digest: lease.version.digest, weights: hold.weights };
    const outputs = await this.#loop.run(checked, { adapter, signal: request.signal });
    return { outputs, adapterVersion: adapter?.digest };
  }

  async #fetch(lease: AdapterLease<ResidentAdapter>): Promise<WeightsHold<ResidentAdapter>> {
    this.#fetching++;
    try {
      return await lease.hold();
    } finally {
      this.#fetching--;
    }
  }

  #share(adapter: AdapterLease<ResidentAdapter> | undefined): AdapterLease<ResidentAdapter> | undefined {
    if (adapter === undefined) return undefined;
    if (this.adapters === undefined) {
      throw new EspalierError('INFER_ADAPTERS_OFF', { model: this.name, name: adapter.alias });
    }
    return adapter.share();
  }

  stats(): InferenceStats {
    return { ...this.#loop.stats };
  }

  /** Takes no new requests, finishes those under way, then gives everything back. Idempotent. */
  dispose(): Promise<void> {
    this.#isClosing = true;
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  async #close(): Promise<void> {
    await this.#loop.settled();
    this.#runner.dispose();
    this.adapters?.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
