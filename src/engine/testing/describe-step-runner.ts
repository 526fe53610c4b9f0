import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runStep, type DecodeRow, type StepRunner } from '../runner/step-runner.ts';
import { argmax } from '../sampling/sampler.ts';
import { isCandidates, type TokenScores } from '../sampling/token-scores.ts';

/** A runner of at least three slots, and what its model is known to say. */
export interface RunnerCase {
  readonly runner: StepRunner;
  readonly prompt: readonly number[];
  /** Greedy tokens after the prompt. */
  readonly answer: readonly number[];
  dispose(): Promise<void> | void;
}

class Driver {
  readonly #case: RunnerCase;

  constructor(one: RunnerCase) {
    this.#case = one;
  }

  /** Runs the prompt in chunks. @returns the scores after its last token */
  async prefill(slot: number, chunk: number, tokens: readonly number[] = this.#case.prompt): Promise<TokenScores> {
    let scores: TokenScores | undefined;
    for (let start = 0; start < tokens.length; start += chunk) {
      const end = Math.min(tokens.length, start + chunk);
      const step = { kind: 'prefill', slot, tokens, start, end, adapters: [], logits: 'last' } as const;
      [scores] = (await runStep(this.#case.runner, step)).rows;
    }
    if (scores === undefined) throw new RangeError('a prompt has tokens');
    return scores;
  }

  /** Goes on from slots, whose last tokens have been drawn and not run. @returns the greedy tokens of each */
  async decode(slot: number, rows: readonly DecodeRow[], count: number): Promise<number[][]> {
    const tokens = rows.map((): number[] => []);
    let batch = rows;
    for (let step = 0; step < count; step++) {
      const output = await runStep(this.#case.runner, { kind: 'decode', slot, rows: batch, candidates: 1 });
      const drawn = batch.map((_, row) => greedy(output.rows[row]));
      for (const [row, token] of drawn.entries()) tokens[row]?.push(token);
      batch = batch.map(({ length }, row) => ({ lastToken: drawn[row] ?? 0, length: length + 1, adapters: [] }));
    }
    return tokens;
  }

  /** The row after the prompt and the first `drawn` tokens of the answer, the last of which has not run. */
  row(drawn = 1): DecodeRow {
    const { prompt, answer } = this.#case;
    return { lastToken: answer[drawn - 1] ?? 0, length: prompt.length + drawn - 1, adapters: [] };
  }
}

function greedy(scores: TokenScores | undefined): number {
  if (scores === undefined) throw new RangeError('a row has scores');
  return isCandidates(scores) ? (scores.tokens[0] ?? 0) : argmax(scores);
}

/** What every runner keeps to, whatever it keeps of a sequence. */
export function describeStepRunner(name: string, open: () => Promise<RunnerCase>): void {
  describe(`StepRunner: ${name}`, () => {
    let one: RunnerCase;
    let driver: Driver;
    beforeAll(async () => {
      one = await open();
      driver = new Driver(one);
    });
    afterAll(() => one.dispose());

    it.each([1, 2, 99])('answers a prompt that comes in chunks of %d', async (chunk) => {
      expect(greedy(await driver.prefill(1, chunk))).toBe(one.answer[0]);
      expect((await driver.decode(1, [driver.row()], 4))[0]).toEqual(one.answer.slice(1, 5));
    });

    it('tells the logits after each token of a prompt, the last of which are those of the prompt', async () => {
      const { prompt: tokens, runner } = one;
      const step = { kind: 'prefill', slot: 0, tokens, start: 0, end: tokens.length, adapters: [] } as const;
      const every = (await runStep(runner, { ...step, logits: 'every' })).rows.slice(0, tokens.length);
      const copies = every.map((scores) => Float32Array.from(isCandidates(scores) ? [] : scores));
      expect(copies.map(greedy).at(-1)).toBe(one.answer[0]);
      for (const [place, row] of copies.entries()) {
        const alone = await driver.prefill(0, 99, tokens.slice(0, place + 1));
        const other = isCandidates(alone) ? [] : alone;
        expect(Math.max(...row.map((logit, i) => Math.abs(logit - (other[i] ?? NaN))))).toBeLessThan(1e-3);
      }
    });

    it('gives rows of different lengths in one step what each has alone', async () => {
      const other = [...one.prompt, ...one.answer.slice(0, 3)];
      await driver.prefill(0, 99);
      await driver.prefill(1, 99, other);
      await driver.prefill(2, 99);
      const rows = [driver.row(), driver.row(4), driver.row()];
      const expected = [one.answer.slice(1, 4), one.answer.slice(4, 7), one.answer.slice(1, 4)];
      expect(await driver.decode(0, rows, 3)).toEqual(expected);
    });

    it('goes on from a slot that was copied, and from one that was exported and imported', async () => {
      await driver.prefill(0, 99);
      const { slots } = one.runner;
      await slots.copy({ from: 0, to: 1, length: one.prompt.length });
      const contents = await slots.export(1, one.prompt.length);
      await driver.prefill(0, 99, one.prompt.toReversed());
      await slots.import(2, contents);
      expect(await driver.decode(1, [driver.row(), driver.row()], 3)).toEqual([
        one.answer.slice(1, 4),
        one.answer.slice(1, 4),
      ]);
      await expect(slots.import(2, { ...contents, length: contents.length + 1 })).rejects.toThrow(RangeError);
    });

    it('leaves rows as they were where a step fails or is only prepared, so that it can be tried again', async () => {
      await driver.prefill(0, 99);
      await driver.prefill(1, 99);
      const rows = [driver.row(), driver.row()];
      const stopped = AbortSignal.abort(new Error('stopped'));
      await expect(runStep(one.runner, { kind: 'decode', slot: 0, rows, candidates: 1 }, stopped)).rejects.toThrow(
        'stopped',
      );
      await one.runner.prepare({ kind: 'decode', slot: 0, rows: [{ ...driver.row(), lastToken: 0 }], candidates: 1 });
      const tokens = one.prompt;
      await one.runner.prepare({ kind: 'prefill', slot: 2, tokens, start: 0, end: 1, adapters: [], logits: 'last' });
      expect(await driver.decode(0, rows, 3)).toEqual([one.answer.slice(1, 4), one.answer.slice(1, 4)]);
    });
  });
}
