import { createRandom } from '../../src/core/index.ts';
import { type Answer, ask } from './client.ts';
import { drop, type Folders, moving, point } from './moves.ts';
import { answerLength, shortLength, type Oracle } from './oracle.ts';

export interface StormOptions {
  readonly port: number;
  readonly oracle: Oracle;
  readonly folders: Folders;
  readonly seed: number;
  /** Least requests, moves, and streams that cross a move. It goes on until there are as many of each. */
  readonly requests: number;
  readonly moves: number;
  readonly crossings: number;
  readonly clients: { readonly streams: number; readonly whole: number };
}

export class StormCounts {
  requests = 0;
  streams = 0;
  /** Streams that began before a move was asked for, and ended after it was confirmed. */
  crossings = 0;
  moves = 0;
  failed = 0;
  /** Answers that are not, token for token, those of the version that they name, or that name several. */
  mixed = 0;
  torn = 0;
  /** Answers of a version that the name did not have at any time between question and answer. */
  stale = 0;
  failedMoves = 0;
  readonly problems = new Map<string, number>();
  readonly streamMs: number[] = [];
  readonly wholeMs: number[] = [];
  readonly pointMs: number[] = [];
  readonly dropMs: number[] = [];

  get wrong(): number {
    return this.failed + this.mixed + this.torn + this.stale + this.failedMoves;
  }

  note(problem: string): void {
    if (this.problems.size < 20) this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
  }
}

/** Clients that ask without a pause while one name moves between versions. What it counts, it adds to `counts`. */
export class Storm {
  readonly #options: StormOptions;
  readonly #counts: StormCounts;
  readonly #random;
  /** The versions to which moves were asked for, in order. The first is the one at the start. */
  readonly #asked: string[];
  #confirmed = 0;
  readonly #goal: { readonly requests: number; readonly moves: number; readonly crossings: number };
  readonly #start: { readonly requests: number; readonly moves: number };
  #moveInProgress: Promise<void> | undefined;

  constructor(options: StormOptions, counts: StormCounts, start: string) {
    const { requests, moves, crossings, seed } = options;
    this.#options = options;
    this.#counts = counts;
    this.#asked = [start];
    this.#random = createRandom(seed + counts.moves, 'storm');
    this.#start = { requests: counts.requests, moves: counts.moves };
    this.#goal = {
      requests: counts.requests + requests,
      moves: counts.moves + moves,
      crossings: counts.crossings + crossings,
    };
  }

  /** @returns the version to which the name points in the end */
  async run(): Promise<string> {
    const { streams, whole } = this.#options.clients;
    await Promise.all([
      ...Array.from({ length: streams }, (_, i) => this.#client(i, true)),
      ...Array.from({ length: whole }, (_, i) => this.#client(streams + i, false)),
    ]);
    await this.#moveInProgress;
    return this.#asked.at(-1) ?? '';
  }

  get #isOver(): boolean {
    const { requests, moves, crossings, failedMoves } = this.#counts;
    const goal = this.#goal;
    return requests >= goal.requests && moves + failedMoves >= goal.moves && crossings >= goal.crossings;
  }

  async #client(client: number, isStream: boolean): Promise<void> {
    for (let turn = client; !this.#isOver; turn++) {
      await this.#ask(turn, isStream);
      this.#moveIfDue();
    }
  }

  async #ask(turn: number, isStream: boolean): Promise<void> {
    const { port, oracle } = this.#options;
    const counts = this.#counts;
    const prompt = turn % oracle.prompts.length;
    const before = this.#confirmed;
    let asked = this.#asked.length;
    const onFirst = (): void => void (asked = this.#asked.length);
    const maxTokens = isStream ? answerLength : shortLength;
    const tokens = oracle.prompts[prompt] ?? [];
    counts.requests++;
    if (isStream) counts.streams++;
    const answer = await ask(port, { model: moving, prompt: tokens, maxTokens, isStream, onFirst }).catch(unanswered);
    (isStream ? counts.streamMs : counts.wholeMs).push(answer.ms);
    if (isStream && this.#confirmed >= asked) counts.crossings++;
    if (answer.problem !== undefined) {
      counts[answer.problem.kind]++;
      counts.note(answer.problem.text);
      return;
    }
    const version = answer.version ?? '';
    const expected = oracle.answer(version, prompt)?.slice(0, maxTokens);
    if (String(expected) !== String(answer.tokens)) {
      counts.mixed++;
      counts.note('the tokens are not those of the version that it names');
    } else if (!this.#asked.slice(before, asked).includes(version)) {
      counts.stale++;
      counts.note('the name did not have the version meanwhile');
    }
  }

  /** Moves are spread evenly over the requests, also over those that are asked for more crossings. */
  #moveIfDue(): void {
    const { requests, moves } = this.#options;
    const counts = this.#counts;
    if (moves === 0 || this.#moveInProgress !== undefined || this.#isOver) return;
    const done = counts.moves - this.#start.moves;
    if ((counts.requests - this.#start.requests) * moves < done * requests) return;
    this.#moveInProgress = this.#move().finally(() => {
      this.#moveInProgress = undefined;
    });
  }

  /** Nine moves of ten point the name to a version that the server has. The tenth drops its files into the store. */
  async #move(): Promise<void> {
    const { port, oracle, folders } = this.#options;
    const counts = this.#counts;
    const others = oracle.versions.filter(({ digest }) => digest !== this.#asked.at(-1));
    const next = others[this.#random.integer(others.length)];
    if (next === undefined) return;
    this.#asked.push(next.digest);
    const began = performance.now();
    const isDropped = counts.moves % 10 === 9;
    const moved = isDropped
      ? drop(port, { ...folders, from: next.name, ...next, name: moving })
      : point(port, next.digest);
    const problem = await moved.catch(String);
    (isDropped ? counts.dropMs : counts.pointMs).push(performance.now() - began);
    this.#confirmed = this.#asked.length - 1;
    if (problem === undefined) counts.moves++;
    else {
      counts.failedMoves++;
      counts.note(`a move failed: ${problem}`);
    }
  }
}

function unanswered(error: unknown): Answer {
  return { tokens: [], version: undefined, ms: Number.NaN, problem: { kind: 'failed', text: String(error) } };
}
