import type { AppliedAdapter } from '../adapters/adapter-window.ts';
import { noAdapters, type SequenceAdapters } from '../adapters/sequence-adapters.ts';
import { EngineLoop } from '../engine-loop.ts';
import { StatsRecorder } from '../engine-stats.ts';
import type { SequencePrefixes } from '../prefix/sequence-prefixes.ts';
import type { PositionStore, SlotStore } from '../runner/slot-store.ts';
import type { DecodeStep, PrefillStep, Step, StepOutput, StepRunner } from '../runner/step-runner.ts';
import { Sequence } from '../sequence/sequence.ts';
import type { GenerationRequest } from '../sequence/generation-request.ts';

/**
 * A model of four tokens without any weights: after the tokens so far, the next one is (their sum + 1) modulo 3. It keeps
 * them by slot, as keys and values are kept, so that a wrong slot or a wrong move gives a wrong answer.
 */
export class RunnerDouble implements StepRunner {
  /** By slot. */
  readonly tokens: number[][] = [];
  /** Sequences in each decode step. */
  readonly batches: number[] = [];
  failure: Error | undefined;
  /** What each run applied, by row. */
  readonly applied: (readonly (readonly AppliedAdapter[])[])[] = [];
  /** Called as a run begins and as it ends. */
  onRun: (moment: 'begin' | 'end') => void = () => undefined;
  /** A token after which all logits are NaN. */
  poison = 3;

  /** What the adapters of a row add to each token as it is kept. */
  shiftOf: (adapters: readonly AppliedAdapter[]) => number = () => 0;
  /** Asked at each call; one that fails leaves something else behind where it would have written. */
  onCall: (kind: 'prefill' | 'decode' | 'move') => 'works' | 'fails' | 'does nothing' = () => 'works';

  readonly slots: SlotStore = {
    copy: async ({ from, to, length }) => {
      await Promise.resolve();
      const does = this.onCall('move');
      if (does === 'fails') this.#fail(to, Math.floor(length / 2));
      if (does === 'works') this.tokens[to] = (this.tokens[from] ?? []).slice(0, length);
    },
    export: (slot, length) => {
      return Promise.resolve({ length, parts: [Uint8Array.from(this.tokens[slot]?.slice(0, length) ?? [])] });
    },
    import: (slot, { parts: [tokens = new Uint8Array()] }) => {
      this.tokens[slot] = [...tokens];
      return Promise.resolve();
    },
    positions: {
      bytesPerPosition: 1,
      read: ({ slot, start, count }, target) => target.set(this.tokens[slot]?.slice(start, start + count) ?? []),
      write: ({ slot, start }, source) => {
        this.tokens[slot] = [...(this.tokens[slot] ?? []).slice(0, start), ...source];
      },
    },
  };
  #step: Step | undefined;

  prepare(step: Step): Promise<void> {
    this.#step = step;
    return Promise.resolve();
  }

  async run(): Promise<StepOutput> {
    if (this.#step === undefined) throw new RangeError('no step was prepared');
    return { rows: await (this.#step.kind === 'decode' ? this.#decode(this.#step) : this.#prefill(this.#step)) };
  }

  async #prefill({ slot, tokens, start, end, adapters, logits }: PrefillStep): Promise<Float32Array[]> {
    await this.#pretend([adapters]);
    if (this.onCall('prefill') === 'fails') this.#fail(slot, start);
    const rows: Float32Array[] = [];
    for (let place = start; place < end; place++) {
      this.tokens[slot] = [...(this.tokens[slot] ?? []).slice(0, place), (tokens[place] ?? 0) + this.shiftOf(adapters)];
      rows.push(this.#logits(slot));
    }
    return logits === 'every' ? rows : rows.slice(-1);
  }

  async #decode({ rows, slot: first }: DecodeStep): Promise<Float32Array[]> {
    this.batches.push(rows.length);
    await this.#pretend(rows.map(({ adapters }) => adapters));
    const isFailing = this.onCall('decode') === 'fails';
    return rows.map(({ lastToken, length, adapters }, row) => {
      const slot = first + row;
      if (isFailing && row === rows.length - 1) this.#fail(slot, length);
      this.tokens[slot] = [...(this.tokens[slot] ?? []).slice(0, length), lastToken + this.shiftOf(adapters)];
      return this.#logits(slot);
    });
  }

  dispose(): void {
    this.tokens.length = 0;
  }

  #fail(slot: number, from: number): never {
    const tokens = this.tokens[slot] ?? [];
    this.tokens[slot] = tokens.map((token, place) => (place < from ? token : (token + 1) % 3));
    throw new Error('this call was to fail');
  }

  async #pretend(applied: readonly (readonly AppliedAdapter[])[]): Promise<void> {
    this.applied.push(applied);
    this.onRun('begin');
    await Promise.resolve();
    this.onRun('end');
    if (this.failure) throw this.failure;
  }

  #logits(slot: number): Float32Array {
    const tokens = this.tokens[slot] ?? [];
    const logits = new Float32Array(4).fill(tokens.at(-1) === this.poison ? Number.NaN : 0);
    logits[nextToken(tokens)] = tokens.at(-1) === this.poison ? Number.NaN : 1;
    return logits;
  }
}

export function nextToken(tokens: readonly number[]): number {
  return (tokens.reduce((sum, token) => sum + token, 0) + 1) % 3;
}

/** What a sequence gives when it runs alone. */
export function expected(prompt: readonly number[], count: number, shift = 0): number[] {
  const tokens = [...prompt];
  while (tokens.length < prompt.length + count) tokens.push(nextToken(tokens.map((token) => token + shift)));
  return tokens.slice(prompt.length);
}

export async function collect(request: Sequence): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of request.tokens) tokens.push(token);
  return tokens;
}

export interface LoopFixtureOptions {
  readonly slots?: number;
  readonly prefillRuns?: number;
  /** Makes the cache of prompts. Default: none. */
  readonly prefixesOf?: (positions: PositionStore) => SequencePrefixes;
}

/** An engine loop over a runner double. */
export class LoopFixture {
  /** What is done between two runs. */
  settle: () => void | Promise<void> = () => undefined;
  readonly runner = new RunnerDouble();
  readonly clock = { time: 0, now: (): number => this.clock.time };
  readonly stats: StatsRecorder;
  readonly loop: EngineLoop;
  readonly prefixes: SequencePrefixes | undefined;
  #next = 0;

  constructor({ slots = 2, prefillRuns = 1, prefixesOf }: LoopFixtureOptions = {}) {
    this.stats = new StatsRecorder(slots);
    this.prefixes = this.runner.slots.positions && prefixesOf?.(this.runner.slots.positions);
    this.loop = new EngineLoop({
      runner: this.runner,
      limits: { slots, prefillChunk: 4, prefillRuns },
      vocabulary: 4,
      reportedChunk: 3,
      maxWaiting: 100,
      stats: this.stats,
      clock: this.clock,
      arena: { settle: () => this.settle() },
      prefixes: this.prefixes,
    });
  }

  add(request: GenerationRequest, adapters: SequenceAdapters = noAdapters): Sequence {
    const onCancel = (cancelled: Sequence): void => this.loop.cancel(cancelled);
    const active = new Sequence({
      id: this.#next++,
      request,
      adapters,
      maxLength: 100,
      endTokens: new Set(),
      onCancel,
    });
    this.loop.add(active);
    return active;
  }
}
