import { describe, expect, it } from 'vitest';
import { createModel } from '../model.ts';
import { removeDeadCode } from './remove-dead-code.ts';
import { Tape } from '../tape.ts';

describe('removeDeadCode', () => {
  it('removes what no output needs and says so', () => {
    const model = createModel();
    const tape = new Tape(model);
    const x = model.graph.addInput('x', 'float32', ['n']);
    model.graph.addInput('unused', 'float32', []);
    model.graph.addOutput(tape.op('Neg', [x]));
    tape.op('Abs', [tape.op('Add', [x, tape.scalar(1)])]);
    const { modified, changes } = removeDeadCode.run(model);
    expect(modified).toBe(true);
    expect(changes).toEqual(['removed Add Add', 'removed Abs Abs', 'removed initializer constant.float32']);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Neg']);
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'unused']);
    expect(removeDeadCode.run(model)).toEqual({ model, modified: false, changes: [] });
  });
});
