import { describe, expect, it } from 'vitest';
import { createModel, type Model } from '../model.ts';
import { Tape } from '../tape.ts';
import { hasOutputs, noNode, readsInputs } from './conditions.ts';
import { definePass, runPasses } from './pass.ts';

function negated(): Model {
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', ['n']);
  model.graph.addOutput(new Tape(model).op('Neg', [x]));
  return model;
}

const noNeg = noNode('no node is a Neg', ({ opType }) => opType === 'Neg');

describe('runPasses', () => {
  it('names the pass that breaks its promise, and the promise', () => {
    const honest = definePass('honest', () => [], { ensures: [hasOutputs] });
    const liar = definePass('drop-negations', () => ['dropped Neg'], { ensures: [noNeg] });
    expect(() => runPasses(negated(), [honest, liar])).toThrow(
      expect.objectContaining({
        code: 'IR_PASS_BROKEN',
        details: expect.objectContaining({ pass: 'drop-negations', when: 'ensures', condition: 'no node is a Neg' }),
      }),
    );
  });

  it('does not run a pass on a model that it cannot take', () => {
    let runs = 0;
    const needy = definePass('needy', () => [`${runs++}`], { requires: [noNeg] });
    expect(() => runPasses(negated(), [needy])).toThrow('The pass needy requires that no node is a Neg');
    expect(runs).toBe(0);
  });

  it('puts the name of its pass before each change', () => {
    const pass = definePass('say', () => ['one', 'two'], { requires: [hasOutputs], ensures: [readsInputs(['x'])] });
    expect(runPasses(negated(), [pass]).changes).toEqual(['say: one', 'say: two']);
  });

  it.each([
    ['an input that is not there', 'y', 'there is no input y'],
    ['an input that nothing reads', 'unused', 'nothing reads the input unused'],
  ])('sees %s', (_what, name, reason) => {
    const model = negated();
    model.graph.addInput('unused', 'float32', []);
    expect(readsInputs([name]).broken(model)).toBe(reason);
  });
});
