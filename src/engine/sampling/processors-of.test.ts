import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { GenerationRequest } from '../sequence/generation-request.ts';
import type { LogitsProcessor } from './logits-processor.ts';
import { processorsOf } from './processors-of.ts';

const vocabulary = 12;
const token = fc.integer({ min: 0, max: vocabulary - 1 });
const penalty = fc.constantFrom(0, 0.5, -1.25, 2);

interface Case {
  readonly request: GenerationRequest;
  readonly drawn: readonly number[];
  readonly logits: readonly number[];
  readonly stops: readonly number[];
}

const someCase: fc.Arbitrary<Case> = fc.record({
  request: fc.record({
    tokens: fc.array(token, { minLength: 1, maxLength: 10 }),
    maxTokens: fc.constant(20),
    presencePenalty: penalty,
    frequencyPenalty: penalty,
    repetitionPenalty: fc.constantFrom(1, 1.3, 0.5),
    minTokens: fc.constantFrom(0, 3),
    logitBias: fc.dictionary(token.map(String), fc.constantFrom(-100, -0.5, 100)).map((biases) => {
      return new Map(Object.entries(biases).map(([id, bias]) => [Number(id), bias]));
    }),
  }),
  drawn: fc.array(token, { maxLength: 12 }),
  logits: fc.array(fc.integer({ min: -40, max: 40 }), { minLength: vocabulary, maxLength: vocabulary }),
  stops: fc.uniqueArray(token, { maxLength: 2 }),
});

/** The formulas, one token after the other. */
function expected({ request, drawn, logits, stops }: Case): number[] {
  const { tokens, presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 1, minTokens = 0 } = request;
  return logits.map((logit, id) => {
    const count = drawn.filter((other) => other === id).length;
    let value = Math.fround(logit / 4) + (request.logitBias?.get(id) ?? 0);
    const isRepeated = count > 0 || Array.from(tokens).includes(id);
    if (isRepeated) value = value > 0 ? value / repetitionPenalty : value * repetitionPenalty;
    value -= frequencyPenalty * count + (count > 0 ? presencePenalty : 0);
    return drawn.length < minTokens && stops.includes(id) ? -Infinity : value;
  });
}

function processorsAfter({ request, drawn, stops }: Case): readonly LogitsProcessor[] {
  const processors = processorsOf(request, { limit: 20, stops: new Set(stops) });
  for (const id of drawn) note(processors, id);
  return processors;
}

function note(processors: readonly LogitsProcessor[], id: number): void {
  for (const processor of processors) processor.note?.(id);
}

function apply(processors: readonly LogitsProcessor[], row: Float32Array): Float32Array {
  const out = row.slice();
  for (const processor of processors) processor.process(out);
  return out;
}

describe('processorsOf', () => {
  it('changes logits by the formulas, in their order', () => {
    fc.assert(
      fc.property(someCase, (one) => {
        const row = Float32Array.from(one.logits, (value) => value / 4);
        const actual = apply(processorsAfter(one), row);
        for (const [id, value] of expected(one).entries()) expect(actual[id]).toBeCloseTo(value, 4);
      }),
      { numRuns: 500 },
    );
  });

  it('is not there where nothing is asked for', () => {
    const neutral = {
      presencePenalty: 0,
      frequencyPenalty: 0,
      repetitionPenalty: 1,
      minTokens: 0,
      logitBias: new Map(),
    };
    const limits = { limit: 4, stops: new Set([1]) };
    expect(processorsOf({ tokens: [1], maxTokens: 4 }, limits)).toEqual([]);
    expect(processorsOf({ tokens: [1], maxTokens: 4, ...neutral }, limits)).toEqual([]);
  });

  it('gives each request processors of its own', () => {
    fc.assert(
      fc.property(someCase, someCase, (one, other) => {
        const row = Float32Array.from(one.logits);
        const alone = Array.from(apply(processorsAfter(one), row));
        const [first, second] = [processorsAfter({ ...one, drawn: [] }), processorsAfter({ ...other, drawn: [] })];
        for (const id of one.drawn) {
          note(first, id);
          apply(second, row);
          note(second, (id + 1) % vocabulary);
        }
        expect(Array.from(apply(first, row))).toEqual(alone);
      }),
    );
  });

  it("runs a request's own processors after the penalties and before stop tokens are forbidden", () => {
    const seen: number[][] = [];
    const own: LogitsProcessor = {
      process: (logits) => {
        seen.push(Array.from(logits));
        logits.fill(9);
      },
    };
    const request = { tokens: [1], maxTokens: 4, logitBias: new Map([[0, 1]]), repetitionPenalty: 2, minTokens: 1 };
    const processors = processorsOf({ ...request, processors: [own] }, { limit: 4, stops: new Set([2]) });
    expect(Array.from(apply(processors, Float32Array.of(4, 4, 4)))).toEqual([9, 9, -Infinity]);
    expect(seen).toEqual([[5, 2, 4]]);
  });
});
