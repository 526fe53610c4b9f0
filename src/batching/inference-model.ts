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
  /** A tensor for every input of the model, by name, and no others. */
  readonly inputs: ReadonlyMap<string, TensorData>;
  /** Names of the requested outputs. Default: all. */
  readonly outputs?: readonly string[];
  /** The lease of the adapter that answers, which the caller owns. Default: the base. */
  readonly adapter?: AdapterLease<ResidentAdapter> | undefined;
  readonly signal?: AbortSignal;
}

export interface InferenceResult {
  /** The outputs by name, in the order of the request. */
  readonly outputs: Answer;
  /** The SHA-256 of the content of the adapter that answered; undefined for the base. */
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

/** Counts since the model was opened. */
export interface InferenceStats {
  readonly requests: number;
  /** Number of runs of the graph. There are fewer runs than requests if requests were joined. */
  readonly batches: number;
  readonly rows: number;
  readonly largestBatch: number;
}

/**
 * A served model. Requests arrive one by one. Those that fit together are run as one batch, and each request gets its own rows of the
 * result. Opened by `openInferenceModel`.
 */
export class InferenceModel implements AsyncDisposable {
  readonly name: string;
  readonly signature: ModelSignature;
  readonly memory: RunMemory;
  readonly limits: BatchLimits;
  /** undefined if the model is served without adapters. */
  readonly adapters: ModelAdapters | undefined;
  readonly #runner: BatchRunner;
  readonly #loop: BatchLoop;
  readonly #maxWaiting: number;
  /** Number of requests that wait until the weights of their adapter are in memory. */
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

  /** Whether requests are joined, and the reason if they are not. It may change at the first joined batch: see `BatchLoop`. */
  get batching(): ModelSignature['batching'] {
    const { refusal } = this.#loop;
    return refusal === undefined ? this.signature.batching : { joins: false, why: refusal };
  }

  get isReady(): boolean {
    return !this.#isClosing;
  }

  /**
   * Answers one request. The call shares the adapter's lease at once, and keeps the share until the answer.
   *
   * @throws EspalierError the errors of `checkRequest`, ADAPTER_SOURCE_CHANGED, INFER_ADAPTERS_OFF, QUEUE_FULL, ENGINE_CLOSED,
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
    // WHY no await without an adapter: requests that arrive in one turn of the event loop are joined.
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

  /** Accepts no new requests, finishes running ones, and then releases everything. Idempotent. */
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
