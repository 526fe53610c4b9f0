import { join } from 'node:path';
import { writeAdapter } from '../../src/adapter-files/index.ts';
import { type AdapterEvent, onAdapterEvent } from '../../src/core/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { openBaseModel, type BaseModel } from '../../src/models/index.ts';
import type { RolloutOptions } from '../../src/routing/index.ts';
import { openScratch, type Scratch, tinyBase } from '../root.ts';
import { ask } from '../storm/client.ts';
import { type ServedHere, serveHere, type Serving } from '../storm/served-here.ts';
import { type Candidate, stableAdapter } from './candidates.ts';
import { misbehave } from './misbehaviour.ts';

const clients = 6;
const maxTokens = 6;
/** A version on trial that gives no token for so long has failed. */
export const silentMs = 1000;
/** After so many requests without an end, a roll-out is not waited for any more. */
const mostRequests = 20_000;

/** How one roll-out went. */
export interface Tried {
  readonly phase: string;
  readonly reason: string;
  readonly requests: number;
  /** Requests that were not answered whole by one version with status 200. */
  readonly failures: readonly string[];
  /** Calls of the candidate until the roll-out ended: answers and copies. */
  readonly calls: number;
  readonly ms: number;
  /** From the verdict until the candidate was in quarantine, and the name at the stable version for good. */
  readonly quarantineMs: number | undefined;
  /** From the end of the roll-out on, whether the right version has answered. */
  readonly isRight: boolean;
}

/** A server in this process, with a store, whose candidates are rolled out under requests. */
export class RolloutsHere implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #served: ServedHere;
  readonly #serving: Serving;
  readonly #engine: Engine;
  readonly #base: BaseModel;
  readonly #seed: number;
  #count = 0;

  private constructor(
    opened: { scratch: Scratch; served: ServedHere; serving: Serving; engine: Engine; base: BaseModel },
    seed: number,
  ) {
    this.#scratch = opened.scratch;
    this.#served = opened.served;
    this.#serving = opened.serving;
    this.#engine = opened.engine;
    this.#base = opened.base;
    this.#seed = seed;
  }

  /**
   * @param change  breaks the server
   * @param patienceMs  a version on trial that gives no token for so long has failed
   */
  static async open(
    seed: number,
    change: (serving: Serving) => Serving = (serving) => serving,
    { patienceMs = silentMs }: { readonly patienceMs?: number } = {},
  ): Promise<RolloutsHere> {
    const scratch = await openScratch('defects');
    let found: { serving: Serving; engine: Engine } | undefined;
    const served = await serveHere({
      store: join(scratch.path, 'store'),
      silentMs: patienceMs,
      change: (serving, { engine }) => {
        found = { serving, engine };
        return change(serving);
      },
    });
    if (found === undefined) throw new TypeError('the server has no parts');
    const base = await openBaseModel(tinyBase);
    return new RolloutsHere({ scratch, served, base, ...found }, seed);
  }

  /** Rolls a candidate out under requests for its name, until the roll-out ends. */
  async try(candidate: Candidate, rollout: RolloutOptions): Promise<Tried> {
    const { control, rollouts } = this.#serving;
    if (control === undefined || rollouts === undefined) throw new TypeError('the server has no adapters');
    const place = this.#count++;
    const name = `policy-${place}`;
    const linears = this.#base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
    const stable = stableAdapter(linears, this.#seed);
    const versions: string[] = [];
    for (const adapter of [stable, candidate.weights(stable, linears, this.#seed * 1000 + place)]) {
      const folder = join(this.#scratch.path, `made-${place}-${versions.length}`);
      await writeAdapter(folder, adapter, { format: 'peft' });
      versions.push((await control.keep(name, folder, {})).digest);
    }
    const [first = '', second = ''] = versions;
    await control.move(name, first, {});
    using wrong = misbehave(this.#engine, second, candidate.behave ?? (() => undefined));
    using watched = new WatchedEnd(name);
    const began = performance.now();
    await rollouts.start(name, second, { rollout });
    const { requests, failures } = await this.#askUntil(name, () => watched.isOver);
    const ms = performance.now() - began;
    const phase = rollouts.status(name).phase;
    const last = await ask(this.#served.port, { model: name, prompt: [5, 17], maxTokens, isStream: false });
    return {
      phase: phase.kind,
      reason: 'reason' in phase ? phase.reason : '',
      requests,
      failures,
      calls: wrong.calls,
      ms,
      quarantineMs: watched.quarantineMs,
      isRight: last.version === (phase.kind === 'promoted' ? second : first),
    };
  }

  async #askUntil(name: string, isOver: () => boolean): Promise<{ requests: number; failures: string[] }> {
    const failures: string[] = [];
    let requests = 0;
    const client = async (place: number): Promise<void> => {
      while (!isOver() && requests < mostRequests) {
        const number = requests++;
        const prompt = [1 + (number % 97), 5 + place, 17, 3 + (number % 31)];
        const { problem } = await ask(this.#served.port, {
          model: name,
          prompt,
          maxTokens,
          isStream: number % 2 === 0,
        });
        if (problem !== undefined) failures.push(problem.text);
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, place) => client(place)));
    return { requests, failures };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#served[Symbol.asyncDispose]();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** Hears when the roll-out of a name ends, and when what that asks for is done. */
class WatchedEnd implements Disposable {
  isOver = false;
  quarantineMs: number | undefined;
  #failedAt: number | undefined;
  readonly #subscription: Disposable;

  constructor(name: string) {
    this.#subscription = onAdapterEvent((event) => void (event.name === name && this.#hear(event)));
  }

  #hear({ event, details }: AdapterEvent): void {
    const phase = details?.['phase'];
    if (event === 'rollout' && phase === 'failed') this.#failedAt = performance.now();
    else if (event === 'rollout' && phase !== undefined && phase !== 'running' && phase !== 'promoted')
      this.isOver = true;
    if (event === 'quarantine' && this.#failedAt !== undefined) {
      this.quarantineMs = performance.now() - this.#failedAt;
      this.isOver = true;
    }
    // A name that was promoted has moved.
    if (event === 'replace') this.isOver = true;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
