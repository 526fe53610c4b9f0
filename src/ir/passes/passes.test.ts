import { describe, expect, it } from 'vitest';
import { tensorOf } from '../../tensor/index.ts';
import { createModel } from '../model.ts';
import { foldConstants } from './fold-constants.ts';
import { inlineConstant } from '../constant.ts';
import { removeDeadCode } from './remove-dead-code.ts';
import { runPasses } from './pass.ts';
import { Tape } from '../tape.ts';
import { verifyModel } from '../verify.ts';

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

describe('foldConstants', () => {
  it('computes shapes that are known and leaves symbols alone', () => {
    const model = createModel();
    const tape = new Tape(model);
    const x = model.graph.addInput('x', 'float32', ['batch', 6, 4]);
    const shape = tape.op('Shape', [x]);
    const [batch, six] = [0, 1].map((axis) => tape.op('Gather', [shape, tape.int64s([axis])]));
    const half = tape.op('Div', [six, tape.int64s([2])], { name: 'half' });
    const target = tape.op('Concat', [batch, half, tape.int64s([8])], { attributes: { axis: 0 } });
    model.graph.addOutput(tape.op('Reshape', [x, target]));
    const { changes } = runPasses(model, [foldConstants, removeDeadCode]);
    expect(changes.filter((change) => change.startsWith('fold'))).toEqual([
      'fold-constants: folded Gather Gather_1 into int64 [6]',
      'fold-constants: folded Div half into int64 [3]',
    ]);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Shape', 'Gather', 'Concat', 'Reshape']);
    expect(model.graph.initializers.get('half')?.constant).toEqual(inlineConstant(tensorOf('int64', [1], [3])));
    expect(model.graph.outputs[0]?.shape).toEqual(['batch', 3, 8]);
    verifyModel(model);
  });
});
