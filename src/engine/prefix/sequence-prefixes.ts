import type { ModelConfig } from '../../models/index.ts';
import type { ScheduleState } from '../schedule/schedule-state.ts';
import { resumeAt, type PrefillPlan } from '../schedule/scheduler.ts';
import type { Sequence } from '../sequence/sequence.ts';
import type { PrefixCache } from './prefix-cache.ts';
import type { PrefixRow } from './prefix-index.ts';
import { prefixRoot, type RootOptions } from './prefix-root.ts';

/** Tokens of a prompt that are run in any case. WHY not one: see the ends of chunks in `scheduler.ts`. */
const leastRun = 2;

type LengthConfig = Pick<ModelConfig, 'recomputeLength' | 'lengthMatters'>;

/** Names everything besides the tokens on which keys and values depend. */
export type RootOf = (options: RootOptions, config: LengthConfig) => string;

/** Lets sequences begin behind what the cache holds of their prompts, and stores what they have run. */
export class SequencePrefixes {
  readonly cache: PrefixCache;
  readonly #config: LengthConfig;
  readonly #rootOf: RootOf;

  /** @param config  of the base: whether keys depend on the length of their row */
  constructor(cache: PrefixCache, config: LengthConfig, rootOf: RootOf = prefixRoot) {
    this.cache = cache;
    this.#config = config;
    this.#rootOf = rootOf;
  }

  /**
   * Copies what the cache holds of a prompt that has not begun into the slot in which it will run.
   * @returns the plan for the rest of the prompt, of which at least two tokens are left
   */
  async resume(state: ScheduleState<Sequence>, plan: PrefillPlan<Sequence>): Promise<PrefillPlan<Sequence>> {
    const { sequence } = plan;
    // The logits after each token are only in a run of each.
    if (plan.start > 0 || sequence.isPromptReported) return plan;
    const found = await this.cache.find(this.#rowOf(sequence, sequence.promptLength - leastRun));
    if (found.length === 0) return plan;
    const resumed = resumeAt(state, sequence, found.length);
    try {
      await this.cache.load(found, resumed.slot);
    } catch {
      return plan;
    }
    sequence.resume(found.length);
    return resumed;
  }

  /** Stores the tokens that a running sequence has run. */
  async keep(sequence: Sequence): Promise<void> {
    if (sequence.state.kind !== 'running') return;
    // Where keys depend on the length of the row, those of the answer's tokens are not those that a prompt would have.
    const isOwn = this.#config.lengthMatters === true;
    const length = isOwn ? Math.min(sequence.length, sequence.promptLength) : sequence.length;
    await this.cache.store(this.#rowOf(sequence, length), sequence.state.slot);
  }

  #rowOf(sequence: Sequence, length: number): PrefixRow {
    const { promptLength, scope, tokenAt } = sequence;
    const adapters = sequence.ownAdapters.named;
    const root = this.#rootOf({ adapters, promptLength, scope }, this.#config);
    return { root, tokenAt, count: Math.floor(length / this.cache.blockTokens) };
  }
}
