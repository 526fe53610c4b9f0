import { assertAttributes, input, type Call, type Operators64 } from './operator64.ts';
import { broadcastShape, broadcastTo, countOf, floats, gathered, stridesOf, type Tensor64 } from './tensor64.ts';

/** Products of matrices, and convolutions. */
export const products: Operators64 = {
  MatMul(call) {
    assertAttributes(call, []);
    return [multiply(input(call, 0), input(call, 1))];
  },
  'com.microsoft:FusedMatMul'(call) {
    assertAttributes(call, ['alpha', 'transA', 'transB']);
    return [scaled(multiply(turned(call, 0, 'transA'), turned(call, 1, 'transB')), factor(call, 'alpha'))];
  },
  Gemm(call) {
    assertAttributes(call, ['alpha', 'beta', 'transA', 'transB']);
    const product = scaled(multiply(turned(call, 0, 'transA'), turned(call, 1, 'transB')), factor(call, 'alpha'));
    const offsets = call.inputs[2];
    if (offsets === undefined) return [product];
    const [added, beta] = [broadcastTo(offsets, product.shape), factor(call, 'beta')];
    return [
      floats(
        product.shape,
        product.values.map((value, i) => value + beta * (added[i] ?? NaN)),
      ),
    ];
  },
  Conv: convolve,
};

function factor({ node }: Call, name: string): number {
  return node.floatAttribute(name, 1);
}

function scaled({ shape, values }: Tensor64, by: number): Tensor64 {
  return floats(shape, by === 1 ? values : values.map((value) => by * value));
}

/** An input with its last two axes exchanged, if the attribute says so. */
function turned(call: Call, index: number, attribute: string): Tensor64 {
  const tensor = input(call, index);
  if (call.node.intAttribute(attribute, 0) === 0) return tensor;
  const swap = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), ...list.slice(-2).reverse()];
  const shape = swap(tensor.shape);
  return floats(shape, gathered(shape, { values: tensor.values, strides: swap(stridesOf(tensor.shape)) }));
}

/** [..., m, k] · [..., k, n] → [..., m, n] */
function multiply(a: Tensor64, b: Tensor64): Tensor64 {
  const [m = 0, k = 0] = a.shape.slice(-2);
  const [rows = 0, n = 0] = b.shape.slice(-2);
  if (a.shape.length < 2 || b.shape.length < 2 || rows !== k) {
    throw new RangeError(`[${a.shape.join(', ')}] · [${b.shape.join(', ')}] has no product here`);
  }
  const outer = broadcastShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const left = broadcastTo(a, [...outer, m, k]);
  const right = broadcastTo(b, [...outer, k, n]);
  const values = new Float64Array(countOf(outer) * m * n);
  for (let row = 0; row < countOf(outer) * m; row++) {
    const matrix = Math.floor(row / m) * k * n;
    for (let i = 0; i < k; i++) {
      const by = left[row * k + i] ?? NaN;
      const start = matrix + i * n;
      for (let column = 0; column < n; column++) {
        values[row * n + column] = (values[row * n + column] ?? NaN) + by * (right[start + column] ?? NaN);
      }
    }
  }
  return floats([...outer, m, n], values);
}

/** A convolution along one axis: x [batch, in, length], w [out, in / groups, taps], b [out]. */
function convolve(call: Call): Tensor64[] {
  assertAttributes(call, ['group', 'kernel_shape', 'pads']);
  const [x, w] = [input(call, 0), input(call, 1)];
  const [batch = 0, channels = 0, length = 0, ...further] = x.shape;
  const [out = 0, width = 0, taps = 0] = w.shape;
  if (further.length > 0) throw new RangeError('Conv in f64 knows one axis only');
  const groups = call.node.intAttribute('group', 1);
  const [before = 0, after = 0] = call.node.intsAttribute('pads', [0, 0]);
  const size = length + before + after - taps + 1;
  const values = new Float64Array(batch * out * size);
  for (let index = 0; index < values.length; index++) {
    const [place, channel, row] = [index % size, Math.floor(index / size) % out, Math.floor(index / size / out)];
    const first = Math.floor(channel / (out / groups)) * width;
    let sum = call.inputs[2]?.values[channel] ?? 0;
    for (let tap = 0; tap < taps; tap++) {
      const position = place + tap - before;
      if (position < 0 || position >= length) continue;
      for (let i = 0; i < width; i++) {
        const weight = w.values[(channel * width + i) * taps + tap] ?? NaN;
        sum += weight * (x.values[(row * channels + first + i) * length + position] ?? NaN);
      }
    }
    values[index] = sum;
  }
  return [floats([batch, out, size], values)];
}
