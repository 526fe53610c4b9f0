import { type AdapterEvent, onAdapterEvent, Pace } from '../../core/index.ts';
import { errorType } from '../error-type.ts';
import { listAdapters } from './adapter-samples.ts';
import { MetricSet } from './metric-set.ts';
import { LoopWatch } from './process-samples.ts';
import { readAdapters } from './read-adapters.ts';
import { readEngine } from './read-engine.ts';
import { readFleet } from './read-fleet.ts';
import { readJobs } from './read-jobs.ts';
import { readPolicy } from './read-policy.ts';
import { readProcess } from './read-process.ts';
import type { Reading } from './reading.ts';
import { figuresOf, type ServerFigures } from './figures.ts';
import { RecentTimes } from './recent-times.ts';
import { RequestCounts } from './request-counts.ts';
import { type ServerTable, serverTable } from './server-table.ts';
import type { EndedSequence, MetricSources, View } from './sources.ts';

export interface ServerMetricsOptions {
  /** Version of the package. */
  readonly version: string;
  /** Most adapters with series of their own. Default: 1,024. */
  readonly maxAdapters?: number | undefined;
  /** Says how late the event loop is. Default: a watch of its own. Disposed of with the metrics. */
  readonly loop?: (Pick<LoopWatch, 'take'> & Disposable) | undefined;
}

/** WHY so many: a server with a thousand adapters is to be seen whole, and each has about ten series. */
const defaultMaxAdapters = 1024;

/** An answered request of HTTP. */
export interface AnsweredRequest {
  readonly method: string;
  /** The pattern of the route, or `unknown`. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** Events whose failures alerts look at. */
const watched = ['fail', 'verify', 'publish', 'quarantine'] as const;

/** WHY shorter than usual: the lines of a thousand adapters are a megabyte of short strings, which have to be collected too. */
const sliceMs = 0.75;

const everything: View = { isAll: true, sees: () => true };

const nothing: Reading = {
  sources: undefined,
  engine: undefined,
  adapters: listAdapters([], 0, everything),
  view: everything,
};

/**
 * The series of a server. What happens is counted when a request or a change of an adapter ends; everything else is read from the server
 * when the series are asked for, so that a token costs nothing. The events of adapters are those of the process.
 */
export class ServerMetrics implements Disposable {
  readonly #set = new MetricSet<ServerTable>(serverTable);
  readonly #loop: Pick<LoopWatch, 'take'> & Disposable;
  readonly #counts = new RequestCounts(() => this.#sources?.baseName ?? '');
  readonly #recent = new RecentTimes();
  readonly #events: Disposable;
  readonly #maxAdapters: number;
  #sources: MetricSources | undefined;
  #reading: Reading = nothing;
  #whole: Promise<Buffer> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ version, maxAdapters = defaultMaxAdapters, loop = new LoopWatch() }: ServerMetricsOptions) {
    this.#loop = loop;
    this.#maxAdapters = maxAdapters;
    const reading = (): Reading => this.#reading;
    readEngine(this.#set, reading);
    readAdapters(this.#set, reading, this.#counts);
    readFleet(this.#set, reading);
    readJobs(this.#set, reading);
    readPolicy(this.#set, reading);
    readProcess(this.#set, reading, { version, loop: this.#loop });
    for (const event of watched) for (const result of ['refused', 'failed']) this.#start(event, result);
    this.#events = onAdapterEvent((event) => this.#heard(event));
  }

  /** WHY at 0: Prometheus sees no increase where a series begins at 1. */
  #start(event: string, result: string): void {
    this.#set.count('espalier_adapter_events_total', { event, result }, 0);
  }

  get contentType(): string {
    return this.#set.contentType;
  }

  /** Reads the server from now on. */
  attach(sources: MetricSources): void {
    this.#sources = sources;
  }

  answered({ method, route, status, seconds }: AnsweredRequest): void {
    this.#set.count('espalier_http_requests_total', { method, route, status: String(status) });
    this.#set.observe('espalier_http_request_duration_seconds', seconds, { route });
  }

  /** Times of sequences that ran for no client, or that did not finish, are in no histogram. */
  ended(sequence: EndedSequence): void {
    this.#counts.add(sequence);
    this.#recent.add(sequence);
    const { times, how, isBackground, generatedTokens } = sequence;
    const { arrived, admitted, firstToken, finished } = times;
    if (isBackground || arrived === undefined) return;
    const seconds = (from: number, to: number): number => Math.max(0, to - from) / 1000;
    if (admitted !== undefined) this.#set.observe('espalier_queue_seconds', seconds(arrived, admitted));
    if (firstToken !== undefined) {
      this.#set.observe('espalier_time_to_first_token_seconds', seconds(arrived, firstToken));
    }
    if (how !== 'finished' || finished === undefined) return;
    this.#set.observe('espalier_request_duration_seconds', seconds(arrived, finished));
    if (firstToken === undefined || generatedTokens < 2) return;
    const each = seconds(firstToken, finished) / (generatedTokens - 1);
    this.#set.observe('espalier_time_per_output_token_seconds', each);
  }

  #heard({ event, result, error, durationMs: ms }: AdapterEvent): void {
    this.#set.count('espalier_adapter_events_total', { event, result });
    if (error !== undefined) {
      this.#set.count('espalier_adapter_failures_total', { event, code: errorType(error, 'OTHER') });
    }
    if (ms === undefined) return;
    this.#set.observe('espalier_adapter_change_seconds', ms / 1000, { event });
    if (event === 'resident') this.#set.observe('vllm:lora_adapter_load_seconds', ms / 1000);
  }

  /** What the server does now. @param view  the names that the reader may see */
  figures(view: View = everything): ServerFigures {
    return figuresOf({ sources: this.#sources, counts: this.#counts, recent: this.#recent.figures(), view });
  }

  /**
   * The series in the text format of Prometheus. Askings that overlap share one reading if they may see every name, and otherwise wait
   * for each other.
   */
  text(view: View = everything): Promise<Buffer> {
    if (view.isAll && this.#whole !== undefined) return this.#whole;
    const text = this.#last.then(() => this.#read(view));
    this.#last = text.catch(() => undefined);
    if (!view.isAll) return text;
    const whole = text.finally(() => {
      if (this.#whole === whole) this.#whole = undefined;
    });
    this.#whole = whole;
    return whole;
  }

  async #read(view: View): Promise<Buffer> {
    const sources = this.#sources;
    const pace = new Pace(sliceMs);
    const counted = this.#counts.names();
    const all = await inSlices(sources?.adapters?.() ?? [], pace);
    const adapters = listAdapters(all, this.#maxAdapters, view);
    const turn = pace.step();
    if (turn) await turn;
    if (sources?.adapters) {
      const served = new Set(adapters.all.map(({ name }) => name));
      // WHY only those: an adapter may have come, and answered, since the list was begun.
      this.#counts.forget(counted.filter((name) => !served.has(name)));
    }
    this.#reading = { sources, engine: sources?.engine?.(), adapters, view };
    try {
      return await this.#set.text(pace);
    } finally {
      this.#reading = nothing;
    }
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
    this.#loop[Symbol.dispose]();
  }
}

/** WHY in slices: what is known of a thousand adapters is put together as it is read. */
async function inSlices<T>(items: Iterable<T>, pace: Pace): Promise<readonly T[]> {
  const taken: T[] = [];
  for (const item of items) {
    taken.push(item);
    const turn = pace.step();
    if (turn) await turn;
  }
  return taken;
}
