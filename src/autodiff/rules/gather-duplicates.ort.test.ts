import { expect, it } from 'vitest';
import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { openEnvironment, runOnce } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';

it('adds every one of many equal indices, on several threads', async () => {
  const [rows, width, picked] = [3, 64, 30_000];
  const model = createModel();
  const tape = new Tape(model);
  const data = model.graph.addInput('data', 'float32', [rows, width]);
  const indices = model.graph.addInput('indices', 'int64', ['n']);
  const loss = tape.op('ReduceSum', [tape.op('Gather', [data, indices])], { attributes: { keepdims: 0 } });
  const gradient = differentiate(model, { loss, parameters: [data] }).get(data);
  if (gradient) model.graph.addOutput(gradient);

  using environment = openEnvironment({ threads: 4 });
  using session = await environment.createSession(encodeModel(model));
  const pattern = Array.from({ length: picked }, (_, i) => (i % 3 === 0 ? 2 : 0));
  const feeds = {
    data: tensorOf('float32', [rows, width], new Float32Array(rows * width)),
    indices: tensorOf('int64', [picked], pattern),
  };
  for (let run = 0; run < 10; run++) {
    const [result] = Object.values(await runOnce(session, feeds));
    const values = result ? toFloat32(result) : new Float32Array();
    expect(new Set(values.subarray(0, width))).toEqual(new Set([20_000]));
    expect(new Set(values.subarray(width, 2 * width))).toEqual(new Set([0]));
    expect(new Set(values.subarray(2 * width))).toEqual(new Set([10_000]));
  }
});
