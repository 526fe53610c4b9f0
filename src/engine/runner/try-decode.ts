import { isCandidates, type TokenScores } from '../sampling/token-scores.ts';
import { runStep, type DecodeRow, type StepRunner } from './step-runner.ts';

/** The kinds of runs that a decode graph of another tool computes correctly. */
export interface DecodeAbilities {
  /**
   * Whether several tokens of a prompt can be in one run. A graph that was traced with one new token may contain that length as a
   * constant.
   */
  readonly takesChunks: boolean;
  /**
   * Which rows can be in one run: rows of any lengths, rows of equal length (a graph that counts positions from the longest row), or
   * one row alone.
   */
  readonly rows: 'any' | 'equal' | 'alone';
}

export interface TrialSizes {
  readonly slots: number;
  readonly maxLength: number;
  readonly vocabulary: number;
}

/** Tokens of the longer and of the shorter row that are tried. */
const [longer, shorter] = [9, 5];

/** As a fraction of the largest logit: far above the effect of another order of sums, far below that of a wrong position. */
const tolerance = 1e-4;

/**
 * Finds out what a decode graph computes correctly by running a few arbitrary tokens in several ways: one by one, as such a graph is
 * meant to be run, against several at once; and rows alone against rows together. The contents of the slots are undefined afterwards.
 *
 * WHY by running: the results show for certain whether a trace contains its length as a constant, and how it computes positions. The
 * nodes show it only for known exporters.
 *
 * @throws the errors of a run of one token
 */
export async function tryDecode(runner: StepRunner, sizes: TrialSizes): Promise<DecodeAbilities> {
  if (sizes.maxLength <= longer) return { takesChunks: false, rows: 'alone' };
  const trial = new Trial(runner, sizes);
  const answer = await trial.oneByOne();
  const takesChunks = await agrees(trial.inChunks(), [answer]);
  // With one slot, rows always run alone.
  if (sizes.slots < 2) return { takesChunks, rows: 'any' };
  const [long, short, other] = await trial.prepareRows();
  if (await agrees(trial.together([longer, shorter]), [long, short])) return { takesChunks, rows: 'any' };
  const isEqual = await agrees(trial.together([shorter, shorter]), [other, short]);
  return { takesChunks, rows: isEqual ? 'equal' : 'alone' };
}

/** The rows of the first two slots, which continue with different tokens. Each result is a copy. */
class Trial {
  readonly #runner: StepRunner;
  readonly #tokens: readonly number[];
  readonly #other: number;

  constructor(runner: StepRunner, { slots, vocabulary }: TrialSizes) {
    this.#runner = runner;
    this.#tokens = Array.from({ length: longer + 2 }, (_, place) => (7 + 31 * place) % vocabulary);
    this.#other = Math.min(1, slots - 1);
  }

  /** Runs both rows token by token, and leaves the longer one in the first slot. @returns the logits after the shorter one's tokens */
  async oneByOne(): Promise<Float32Array> {
    let answer: Float32Array = new Float32Array();
    for (let start = 0; start < longer; start++) {
      const logits = await this.#prefill(0, start, start + 1);
      if (start + 1 === shorter) answer = logits;
    }
    return answer;
  }

  async inChunks(): Promise<Float32Array[]> {
    await this.#prefill(this.#other, 0, 2);
    return [await this.#prefill(this.#other, 2, shorter)];
  }

  /**
   * Puts the shorter row into the second slot.
   * @returns the logits of the next token run alone: for the longer row, the shorter one, and the shorter one in the first slot
   */
  async prepareRows(): Promise<readonly [Float32Array, Float32Array, Float32Array]> {
    await this.#runner.slots.copy({ from: 0, to: 1, length: shorter });
    const alone = async (slot: number, row: DecodeRow): Promise<Float32Array> => {
      const [logits] = await this.#decode([row], slot);
      return logits ?? new Float32Array();
    };
    const other = await alone(1, this.#row(0, shorter));
    return [await alone(0, this.#row(0, longer)), await alone(1, this.#row(1, shorter)), other];
  }

  async together(lengths: readonly number[]): Promise<Float32Array[]> {
    const batch = lengths.map((length, slot) => this.#row(slot, length));
    return this.#decode(batch, 0);
  }

  async #decode(rows: readonly DecodeRow[], slot: number): Promise<Float32Array[]> {
    const output = await runStep(this.#runner, { kind: 'decode', rows, slot, candidates: Infinity });
    return rows.map((_, row) => copyOf(output.rows[row]));
  }

  async #prefill(slot: number, start: number, end: number): Promise<Float32Array> {
    const tokens = this.#tokens.slice(0, longer);
    const step = { kind: 'prefill', slot, tokens, start, end, adapters: [], logits: 'last' } as const;
    const { rows } = await runStep(this.#runner, step);
    return copyOf(rows[0]);
  }

  #row(slot: number, length: number): DecodeRow {
    return { lastToken: this.#tokens[longer + slot] ?? 0, length, adapters: [] };
  }
}

function copyOf(scores: TokenScores | undefined): Float32Array {
  return scores === undefined || isCandidates(scores) ? new Float32Array() : Float32Array.from(scores);
}

/** A graph with a constant length may refuse another length with an error. */
async function agrees(found: Promise<Float32Array[]>, expected: readonly Float32Array[]): Promise<boolean> {
  const answers = await found.catch(() => []);
  return answers.length === expected.length && expected.every((row, i) => isClose(answers[i], row));
}

function isClose(found: Float32Array = new Float32Array(), expected: Float32Array): boolean {
  let [largest, difference] = [1, 0];
  for (let i = 0; i < expected.length; i++) {
    const logit = expected[i] ?? NaN;
    largest = Math.max(largest, Math.abs(logit));
    difference = Math.max(difference, Math.abs(logit - (found[i] ?? NaN)));
  }
  return difference <= tolerance * largest;
}
