import { expect, it } from 'vitest';
import { createModel, Tape, type Value } from '../../ir/index.ts';
import { zerosOf } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';

const layers = 3;

/** Everything that a value is computed from. */
function ancestors(value: Value): Set<Value> {
  const all = new Set([value]);
  for (const each of all) for (const input of each.producer?.inputs ?? []) if (input) all.add(input);
  return all;
}

it.each([
  [21, 'DequantizeLinear'],
  [17, 'Cast'],
])('dequantizes each weight only when its gradient is there, in opset %i', (opset, first) => {
  const model = createModel({ opset });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['rows', 32]);
  let y = x;
  for (let layer = 0; layer < layers; layer++) {
    const weight = tape.constant({ dtype: 'uint8', shape: [32, 1, 16], bytes: new Uint8Array(512) }, `weight ${layer}`);
    const scales = tape.constant(zerosOf('float32', [32, 1]), `scales ${layer}`);
    const attributes = { K: 32, N: 32, bits: 4, block_size: 32 };
    y = tape.op('MatMulNBits', [y, weight, scales], { domain: 'com.microsoft', attributes, name: `layer ${layer}` });
  }
  const loss = tape.op('ReduceSum', [tape.op('Mul', [y, y])], { attributes: { keepdims: 0 } });
  differentiate(model, { loss, parameters: [x] });
  const dequantized = model.graph.nodes.filter(
    ({ opType, inputs }) => opType === first && inputs[0]?.dtype !== 'float32',
  );
  expect(dequantized).toHaveLength(layers);
  for (const { outputs } of dequantized) expect(outputs[0] && ancestors(outputs[0]).has(y)).toBe(true);
});
