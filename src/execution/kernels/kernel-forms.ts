import { createModel, Tape, type Model, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';

/** A way to store the weights of a linear layer, and to multiply by them: as `espalier quantize` writes them, or floats. */
export type KernelForm = 'float32' | 'int8' | '8-bit blocks' | '4-bit blocks';

/** The size of the trial's matrix: as wide as those of small models, and too large for the nearest caches. */
export const [trialWidth, trialOut] = [1024, 2048] as const;

const blockSize = 32;
const contrib = { domain: 'com.microsoft' };

type Build = (tape: Tape, x: Value) => Value;

/** Builds one linear layer in each form: x f32 [tokens, in] → y f32 [tokens, out]. Weights are made up; times do not depend on them. */
export function kernelModel(form: KernelForm): Model {
  const model = createModel({ graphName: 'kernel' });
  const x = model.graph.addInput('x', 'float32', ['tokens', trialWidth]);
  model.graph.addOutput(builds[form](new Tape(model), x));
  return model;
}

const builds: Readonly<Record<KernelForm, Build>> = {
  float32: (tape, x) => {
    const weight = tensorOf('float32', [trialOut, trialWidth], new Float32Array(trialOut * trialWidth).fill(0.01));
    return tape.op('Gemm', [x, tape.constant(weight)], { attributes: { transB: 1 } });
  },
  int8: (tape, x) => {
    const largest = tape.op('ReduceMax', [tape.op('Abs', [x]), tape.int64s([-1])], { attributes: { keepdims: 1 } });
    const [step, middle] = [tape.scalar(1 / 127), tape.constant(tensorOf('uint8', [], [128]))];
    const levels = tape.op('QuantizeLinear', [tape.op('Div', [x, largest]), step, middle]);
    const weight = tensorOf('int8', [trialWidth, trialOut], new Int8Array(trialOut * trialWidth).fill(3));
    const scales = tensorOf('float32', [trialOut], new Float32Array(trialOut).fill(0.01));
    const inputs = [levels, tape.constant(weight), step, tape.constant(scales), middle];
    return tape.op('Mul', [tape.op('MatMulIntegerToFloat', inputs, contrib), largest]);
  },
  '8-bit blocks': (tape, x) => blocks(tape, x, 8),
  '4-bit blocks': (tape, x) => blocks(tape, x, 4),
};

function blocks(tape: Tape, x: Value, bits: 4 | 8): Value {
  const [count, bytes] = [trialWidth / blockSize, (blockSize * bits) / 8];
  const packed = tensorOf('uint8', [trialOut, count, bytes], new Uint8Array(trialOut * count * bytes).fill(130));
  const scales = tensorOf('float32', [trialOut * count], new Float32Array(trialOut * count).fill(0.01));
  const attributes = { K: trialWidth, N: trialOut, bits, block_size: blockSize, accuracy_level: 4 };
  return tape.op('MatMulNBits', [x, tape.constant(packed), tape.constant(scales)], { ...contrib, attributes });
}
