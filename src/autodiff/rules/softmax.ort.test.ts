import { expect, it } from 'vitest';
import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { openEnvironment, runOnce } from '../../onnxruntime/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';

/** What torch.onnx writes for a mask of booleans: softmax over scores of minus infinity, and 0 where that is NaN. */
it('gives no gradient to a row whose NaN the graph has replaced by 0', async () => {
  const model = createModel();
  const tape = new Tape(model);
  const scores = model.graph.addInput('scores', 'float32', [2, 3]);
  const mask = model.graph.addInput('mask', 'float32', [2, 3]);
  const weights = tape.op('Softmax', [tape.op('Add', [scores, mask])], { attributes: { axis: -1 } });
  const safe = tape.op('Where', [tape.op('IsNaN', [weights]), tape.scalar(0), weights]);
  const factors = tape.constant(tensorOf('float32', [2, 3], [1, 2, 3, 4, 5, 6]));
  const loss = tape.op('ReduceSum', [tape.op('Mul', [safe, factors])], { attributes: { keepdims: 0 } });
  const gradient = differentiate(model, { loss, parameters: [scores] }).get(scores);
  if (gradient === undefined) throw new Error('scores have a gradient');
  model.graph.addOutput(gradient);
  using environment = openEnvironment({ threads: 1 });
  using session = await environment.createSession(encodeModel(model));
  const results = await runOnce(session, {
    scores: tensorOf('float32', [2, 3], [0, 0, 5, 1, 2, 3]),
    mask: tensorOf('float32', [2, 3], [0, 0, -Infinity, -Infinity, -Infinity, -Infinity]),
  });
  const values = results[gradient.name];
  expect(values && [...typedArray(values)]).toEqual([-0.25, 0.25, 0, 0, 0, 0]);
});
