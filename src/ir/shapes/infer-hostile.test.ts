import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { float, tensor } from '../attribute.ts';
import type { Dim } from '../dim.ts';
import { createModel, type Model } from '../model.ts';
import { Tape } from '../tape.ts';
import { inferRules } from './rules.ts';
import type { AttributeInput, Value } from '../graph.ts';

const size = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom<Dim>(undefined, 'n', 'm', 'n*m', 2 ** 52));
const shape = fc.option(fc.array(size, { maxLength: 4 }), { nil: undefined });
const numbers = fc.array(fc.oneof(fc.integer({ min: -3, max: 5 }), fc.constantFrom(2 ** 53 - 1, -(2 ** 53) + 1)), {
  maxLength: 4,
});

const names =
  'axis axes perm to keepdims start end split num_outputs k pads strides dilations batch_dims allowzero value N num_heads';

const attributes = fc.dictionary(
  fc.constantFrom(...names.split(' ')),
  fc.oneof<fc.Arbitrary<AttributeInput>[]>(
    fc.integer({ min: -3, max: 9 }),
    numbers,
    fc.constantFrom(float(1), 'text', tensor(tensorOf('int64', [1], [3]))),
  ),
  { noNullPrototype: true },
);

type Input = { readonly shape: readonly Dim[] | undefined } | { readonly numbers: readonly number[] };

const input: fc.Arbitrary<Input | undefined> = fc.option(fc.oneof(fc.record({ shape }), fc.record({ numbers })), {
  nil: undefined,
});

function addInput(model: Model, tape: Tape, given: Input | undefined): Value | undefined {
  if (given === undefined) return undefined;
  if ('numbers' in given) return tape.int64s(given.numbers);
  return model.graph.addInput(model.graph.uniqueName('in'), 'float32', given.shape);
}

it('meets nonsense with a code of its own, never with another error', () => {
  const run = fc.property(
    fc.constantFrom(...inferRules.keys()),
    fc.array(input, { maxLength: 5 }),
    attributes,
    fc.integer({ min: 1, max: 4 }),
    (type, inputs, given, outputs) => {
      const model = createModel();
      const tape = new Tape(model);
      const [opType = '', domain = ''] = type.split(':').reverse();
      const sizes: Dim[] = [];
      const outcome = outcomeOf(() => {
        const values = inputs.map((one) => addInput(model, tape, one));
        const results = tape.ops(opType, values, { domain, attributes: given, outputs });
        sizes.push(...results.flatMap((value) => value.shape ?? []));
      });
      expect(sizes.filter((dim) => typeof dim === 'number' && dim < 0)).toEqual([]);
      expect(['fine', 'IR_SHAPE', 'IR_ATTRIBUTE']).toContain(outcome);
    },
  );
  fc.assert(run, { numRuns: 3000 });
});

function outcomeOf(action: () => void): string {
  try {
    action();
    return 'fine';
  } catch (error) {
    return EspalierError.isInstance(error) ? error.code : String(error);
  }
}
