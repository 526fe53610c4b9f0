import { isCandidates, type TokenScores } from '../sampling/token-scores.ts';
import { runStep, type DecodeRow, type StepRunner } from './step-runner.ts';

/** What a decode graph that another tool wrote gets right. */
export interface DecodeAbilities {
  /** Several tokens of a prompt in one run. A graph that was traced with one new token may have that built in. */
  readonly takesChunks: boolean;
  /** Rows in one run: of any lengths, of one length only (a graph that counts places from the longest), or one alone. */
  readonly rows: 'any' | 'equal' | 'alone';
}

export interface TrialSizes {
  readonly slots: number;
  readonly maxLength: number;
  readonly vocabulary: number;
}

/** Tokens of the longer and of the shorter row that are tried. */
const [longer, shorter] = [9, 5];

/** Of the largest logit: far above what the order of sums changes, far below what a wrong place does. */
const tolerance = 1e-4;

/**
 * Finds out what a decode graph gets right, by running a few made-up tokens each way: one by one, which is how such a graph is meant
 * to be run, against several at once, and rows alone against rows together. The slots' contents mean nothing afterwards.
 *
 * WHY by trying: whether a trace has its length built in, and where it takes positions from, shows in its numbers for certain; in its
 * nodes only for exporters that are known.
 *
 * @throws whatever a run of one token throws
 */
export async function tryDecode(runner: StepRunner, sizes: TrialSizes): Promise<DecodeAbilities> {
  if (sizes.maxLength <= longer) return { takesChunks: false, rows: 'alone' };
  const trial = new Trial(runner, sizes);
  const answer = await trial.oneByOne();
  const takesChunks = await agrees(trial.inChunks(), [answer]);
  // Where there is one slot, no row has company.
  if (sizes.slots < 2) return { takesChunks, rows: 'any' };
  const [long, short, other] = await trial.prepareRows();
  if (await agrees(trial.together([longer, shorter]), [long, short])) return { takesChunks, rows: 'any' };
  const isEqual = await agrees(trial.together([shorter, shorter]), [other, short]);
  return { takesChunks, rows: isEqual ? 'equal' : 'alone' };
}

/** Rows of the first two slots, which go on with different tokens; each answer is a copy. */
class Trial {
  readonly #runner: StepRunner;
  readonly #tokens: readonly number[];
  readonly #other: number;

  constructor(runner: StepRunner, { slots, vocabulary }: TrialSizes) {
    this.#runner = runner;
    this.#tokens = Array.from({ length: longer + 2 }, (_, place) => (7 + 31 * place) % vocabulary);
    this.#other = Math.min(1, slots - 1);
  }

  /** Leaves the longer row in the first slot. @returns the logits after the shorter one's tokens */
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
   * @returns what the next token gives alone: to the longer row, to the shorter one, and to the shorter one in the first slot
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

/** A graph that has a length built in may refuse another one altogether. */
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
