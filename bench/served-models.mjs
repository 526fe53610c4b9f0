// Models for the measurements of serving, generated from a seed.
import { writeFile } from 'node:fs/promises';
import { createRandom } from '#internal/core';
import { createModel, encodeModel, Tape } from '#internal/ir';
import { tensorOf } from '#internal/tensor';

function randomTensor(shape, name) {
  const random = createRandom(1, name);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const scale = 1 / Math.sqrt(shape.slice(1).reduce((product, dim) => product * dim, 1));
  return tensorOf(
    'float32',
    shape,
    Float32Array.from({ length: count }, () => (2 * random.uniform() - 1) * scale),
  );
}

/** A perceptron: y [batch, last width] from x [batch, first width]. */
export async function writeMlp(path, widths) {
  const model = createModel({ graphName: 'mlp' });
  const tape = new Tape(model);
  let value = model.graph.addInput('x', 'float32', ['batch', widths[0]]);
  for (const [i, out] of widths.slice(1).entries()) {
    const isLast = i === widths.length - 2;
    const weight = tape.constant(randomTensor([out, widths[i]], `w${i}`), `fc${i}.weight`);
    const bias = tape.constant(tensorOf('float32', [out], new Float32Array(out).fill(0.01)), `fc${i}.bias`);
    value = tape.op('Gemm', [value, weight, bias], { attributes: { transB: 1 }, ...(isLast && { outputName: 'y' }) });
    if (!isLast) value = tape.op('Relu', [value]);
  }
  model.graph.addOutput(value);
  await writeFile(path, encodeModel(model));
}

/** A convolution over images of any size: y [batch, channels, height / 4, width / 4] from x [batch, 3, height, width]. */
export async function writeConvolution(path, channels) {
  const model = createModel({ graphName: 'conv' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 3, 'height', 'width']);
  const weight = tape.constant(randomTensor([channels, 3, 4, 4], 'conv'), 'conv.weight');
  const y = tape.op('Conv', [x, weight], { attributes: { strides: [4, 4] } });
  model.graph.addOutput(tape.op('Relu', [y], { outputName: 'y' }));
  await writeFile(path, encodeModel(model));
}
