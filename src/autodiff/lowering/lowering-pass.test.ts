import { describe, expect, it } from 'vitest';
import { createModel, runPasses, Tape, verifyModel, type Value } from '../../ir/index.ts';
import { differentiate, gradientKey } from '../differentiate.ts';
import { GradientRegistry } from '../gradient-registry.ts';
import { standardRules } from '../rules/index.ts';
import type { Lowering } from './lowering.ts';
import { loweringPass } from './lowering-pass.ts';

/** Twice(x) = x + x, an operator that only this test knows. */
const twice: Lowering = {
  opType: 'Twice',
  lower: ({ tape, node }) => [tape.op('Add', [node.inputs[0], node.inputs[0]])],
};
/** Same(x) = x */
const same: Lowering = { opType: 'Same', lower: ({ node }) => [node.inputs[0]] };
const registry = new GradientRegistry(standardRules, [twice, same]);

function fixture(): { tape: Tape; x: Value; op(opType: string, x: Value): Value; types(): string[] } {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [3]);
  return {
    tape,
    x,
    op: (opType, input) => tape.op(opType, [input], { dtype: 'float32', shape: [3], outputName: `${opType} out` }),
    types: () => model.graph.nodes.filter(({ metadata }) => !metadata.has(gradientKey)).map(({ opType }) => opType),
  };
}

function lossOf(tape: Tape, x: Value): Value {
  return tape.op('ReduceSum', [x], { attributes: { keepdims: 0 } });
}

describe('loweringPass', () => {
  it('rewrites what lies between a parameter and the loss, and nothing else', () => {
    const { tape, x, op, types } = fixture();
    tape.model.graph.addOutput(tape.op('Neg', [op('Same', x)]));
    const parameter = tape.model.graph.addInput('p', 'float32', [3]);
    const loss = lossOf(tape, op('Twice', tape.op('Mul', [x, parameter])));
    runPasses(tape.model, [loweringPass({ loss, parameters: [parameter] }, registry)]);
    expect(types()).toEqual(['Same', 'Neg', 'Mul', 'Add', 'ReduceSum']);
    verifyModel(tape.model);
  });

  it('keeps the names of outputs, where a result was there before too', () => {
    const { tape, x, op } = fixture();
    const passed = tape.model.graph.addOutput(op('Same', x));
    const doubled = tape.model.graph.addOutput(op('Twice', passed));
    runPasses(tape.model, [loweringPass({ loss: lossOf(tape, doubled), parameters: [x] }, registry)]);
    expect(tape.model.graph.outputs.map(({ name }) => name)).toEqual(['Same out', 'Twice out']);
    expect(tape.model.graph.inputs.map(({ name }) => name)).toEqual(['x']);
    verifyModel(tape.model);
  });

  it('gives the gradient by the output of an operator that was rewritten', () => {
    const { tape, x, op } = fixture();
    const hidden = op('Twice', x);
    const loss = lossOf(tape, tape.op('Exp', [hidden]));
    const gradients = differentiate(tape.model, { loss, parameters: [hidden, x], registry });
    expect([...gradients.keys()]).toEqual([hidden, x]);
    expect([...gradients.values()].map(({ shape }) => shape)).toEqual([[3], [3]]);
  });
});

describe('differentiate', () => {
  it('lets products with quantized weights compute in f32, wherever they stand', () => {
    const { tape, x, op } = fixture();
    const bytes = tape.model.graph.addInput('bytes', 'uint8', [4, 1, 16]);
    const scales = tape.model.graph.addInput('scales', 'float32', [4, 1]);
    const rows = tape.model.graph.addInput('rows', 'float32', [2, 32]);
    const attributes = { K: 32, N: 4, bits: 4, block_size: 32, accuracy_level: 4 };
    const product = tape.op('MatMulNBits', [rows, bytes, scales], { domain: 'com.microsoft', attributes });
    tape.model.graph.addOutput(product);
    differentiate(tape.model, { loss: lossOf(tape, op('Twice', x)), parameters: [x], registry });
    expect([...(product.producer?.attributes.keys() ?? [])]).toEqual(['K', 'N', 'bits', 'block_size']);
  });
});
