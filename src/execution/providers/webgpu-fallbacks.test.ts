import { expect, it } from 'vitest';
import { createModel, float, Tape } from '../../ir/index.ts';
import { wrongOnWebGpu } from './webgpu-fallbacks.ts';

it('names attention with a soft cap, and no other', () => {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [1, 1, 16]);
  const attention = (attributes: Record<string, number | ReturnType<typeof float>>): string => {
    const options = { domain: 'com.microsoft', attributes: { num_heads: 2, kv_num_heads: 2, ...attributes } };
    return tape.op('GroupQueryAttention', [x, x, x], options).producer?.name ?? '';
  };
  attention({});
  attention({ softcap: float(0) });
  const capped = attention({ softcap: float(50) });
  expect(capped).not.toBe('');
  expect(wrongOnWebGpu(model)).toEqual([capped]);
});

it('names cosines, sines and powers with several exponents, which shaders compute coarsely, and not squares', () => {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [3, 1]);
  const exponents = model.graph.addInput('exponents', 'float32', [4]);
  tape.op('Pow', [x, tape.scalar(2)]);
  tape.op('Exp', [x]);
  const named = [tape.op('Cos', [x]), tape.op('Sin', [x]), tape.op('Pow', [x, exponents])];
  expect(wrongOnWebGpu(model)).toEqual(named.map(({ producer }) => producer?.name));
});

it('names convolutions over one axis, which come out wrong, and not those of images', () => {
  const model = createModel();
  const tape = new Tape(model);
  const convolve = (size: readonly number[]): string | undefined => {
    const [x, weight] = [`x${size.length}`, `w${size.length}`].map((name) =>
      model.graph.addInput(name, 'float32', size),
    );
    return x && weight && tape.op('Conv', [x, weight]).producer?.name;
  };
  convolve([2, 2, 3, 3]);
  const rows = convolve([2, 2, 3]);
  expect(wrongOnWebGpu(model)).toEqual([rows]);
});
