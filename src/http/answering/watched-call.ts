import { type Clock, EspalierError, systemClock } from '../../core/index.ts';
import { outcomeOfRun, rolloutOutcomeOf } from '../../routing/index.ts';
import type {
  GeneratedToken,
  GenerationEngine,
  GenerationRequest,
  GenerationRoute,
  TokenStream,
} from '../../service/index.ts';
import { systemTimers, type Timers } from '../door/timers.ts';

/** WHY so long: a request may wait for its turn, and for the weights of its adapter. */
const defaultSilentMs = 60_000;

export interface WatchedCallOptions {
  readonly engine: GenerationEngine;
  readonly route: GenerationRoute;
  /** Ends the generations of the call. */
  readonly abort: (reason: unknown) => void;
  /** A version on trial that gives no token for so long has failed. Default: a minute. */
  readonly silentMs?: number | undefined;
  readonly timers?: Timers | undefined;
  readonly clock?: Clock | undefined;
}

/** What was asked of the version and what it answered. */
export interface AnsweredTokens {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
}

/**
 * Watches the call of a version: its end is told once, with its latency, to what judges the version. A version on trial must also give a
 * token in time. Calls of other versions go through as they are.
 *
 * The latency is that of a token of the answer: from the arrival of the request to its last token, by the number of its tokens. WHY: a
 * whole answer takes as long as its length, which differs between the versions and says nothing against one of them. The time that a
 * client takes to read is not in it.
 */
export class WatchedCall implements Disposable {
  readonly engine: GenerationEngine;
  readonly #options: WatchedCallOptions;
  readonly #clock: Clock;
  readonly #began: number;
  readonly #streams: TokenStream[] = [];
  readonly #answers: AnsweredTokens[] = [];
  #cancelTimer: (() => void) | undefined;
  #isBegun = false;

  constructor(options: WatchedCallOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#began = this.#clock.now();
    const { engine, route } = options;
    const { call } = route;
    if (call === undefined) {
      this.engine = engine;
      return;
    }
    const isFollowed = call.isTrial || call.mirror !== undefined;
    this.engine = {
      generate: (request) => {
        const stream = engine.generate(request);
        this.#streams.push(stream);
        return isFollowed ? this.#followed(request, stream) : stream;
      },
      ...(engine.reserve && { reserve: engine.reserve.bind(engine) }),
    };
    if (call.isTrial) this.#restartTimer();
  }

  /** The engine has taken all of the request. Whatever fails now is not the client's fault. */
  begun(): void {
    this.#isBegun = true;
  }

  succeeded(): void {
    this.#options.route.call?.end({ outcome: 'success', latencyMs: this.#latencyMs() });
  }

  /** @param isGone  whether the client has cancelled the request */
  failed(error: unknown, isGone: boolean): void {
    const outcomeOf = this.#isBegun ? outcomeOfRun : rolloutOutcomeOf;
    this.#options.route.call?.end({ outcome: outcomeOf(error, isGone) });
  }

  /** The tokens of an answer that has ended, if it has one choice and they were kept: for a call that is mirrored. */
  get answered(): AnsweredTokens | undefined {
    return this.#answers.length === 1 ? this.#answers[0] : undefined;
  }

  #latencyMs(): number {
    const now = this.#clock.now();
    const latencies = this.#streams.map(({ times, generated = 1 }) => {
      return ((times?.finished ?? now) - (times?.arrived ?? this.#began)) / Math.max(generated, 1);
    });
    return latencies.reduce((sum, latency) => sum + latency, 0) / Math.max(latencies.length, 1);
  }

  #followed(request: GenerationRequest, stream: TokenStream): TokenStream {
    const answer: number[] = [];
    this.#answers.push({ prompt: request.tokens, answer });
    const follow = (): AsyncIterable<GeneratedToken> => this.#follow(stream, answer);
    return {
      [Symbol.asyncIterator]: () => follow()[Symbol.asyncIterator](),
      get promptTokens() {
        return stream.promptTokens ?? [];
      },
      get cachedTokens() {
        return stream.cachedTokens ?? 0;
      },
    };
  }

  async *#follow(stream: TokenStream, answer: number[]): AsyncIterable<GeneratedToken> {
    for await (const generated of stream) {
      answer.push(generated.token);
      if (this.#options.route.call?.isTrial === true) this.#restartTimer();
      yield generated;
    }
  }

  #restartTimer(): void {
    const { timers = systemTimers, silentMs = defaultSilentMs, route, abort } = this.#options;
    this.#cancelTimer?.();
    this.#cancelTimer = timers.after(silentMs, () => {
      const { alias = '', version = '' } = route;
      abort(new EspalierError('ADAPTER_SILENT', { name: alias, version, seconds: Math.round(silentMs / 1000) }));
    });
  }

  [Symbol.dispose](): void {
    this.#cancelTimer?.();
  }
}
