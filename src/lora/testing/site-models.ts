import { createModel, moduleKey, modulePartsKey, Tape, type Model, type Value } from '../../ir/index.ts';
import { tensorOf, type TensorData } from '../../tensor/index.ts';
import { randomTensor } from './small-model.ts';

/** A model with one operator that can have adapters. Its input is `x`, and its output is the module's result. */
export interface SiteModel {
  readonly name: string;
  readonly in: number;
  readonly out: number;
  /** Data for the input. Its tokens may be on any axis. */
  readonly x: TensorData;
  /** x as [tokens, in]. */
  readonly rows: (x: Float32Array) => readonly (readonly number[])[];
  record(tape: Tape, x: Value): Value;
}

/** The widths of every linear site. Block-quantized weights have blocks of 32. */
const [width, out] = [32, 6];

/** The path of the module in all of these models. With parts, the paths of its parts begin with it. */
export const sitePath = 'net.layer';
export const partPaths = ['net.q', 'net.k', 'net.v'] as const;
export const parts = `${partPaths[0]}:3,${partPaths[1]}:1,${partPaths[2]}:2`;

export function siteModel({ x, record }: SiteModel, options: { readonly packed?: boolean } = {}): Model {
  const model = createModel({ graphName: 'site' });
  const input = model.graph.addInput('x', x.dtype, x.shape.length === 3 ? ['batch', 'seq', width] : [...x.shape]);
  const metadata = options.packed === true ? { [modulePartsKey]: parts } : { [moduleKey]: sitePath };
  const y = record(new Tape(model, { scope: 'net', metadata }), input);
  const plain = new Tape(model, { scope: 'net' });
  model.graph.addOutput(plain.op('Neg', [y], { outputName: 'y' }));
  return model;
}

const flat = randomTensor([5, width], 'x');
const folded: TensorData = { ...randomTensor([6, width], 'x3'), shape: [2, 3, width] };
const turned = randomTensor([width, 5], 'x');

function rowsOf(x: Float32Array): number[][] {
  return Array.from({ length: x.length / width }, (_, row) => [...x.subarray(row * width, (row + 1) * width)]);
}

function columnsOf(x: Float32Array): number[][] {
  const tokens = x.length / width;
  return Array.from({ length: tokens }, (_, token) =>
    Array.from({ length: width }, (__, i) => x[i * tokens + token] ?? NaN),
  );
}

/**
 * Pseudo-random bytes. WHY int8 up to 63 only: processors without 8-bit dot products add two products of u8 and i8 in 16 bits, and the
 * products of larger numbers overflow.
 */
function bytes(shape: readonly number[], dtype: 'uint8' | 'int8'): TensorData {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const byte = (i: number): number => (i * 37 + 11) % 251;
  return tensorOf(
    dtype,
    shape,
    Int32Array.from({ length: count }, (_, i) => (dtype === 'int8' ? (byte(i) % 127) - 63 : byte(i))),
  );
}

const microsoft = 'com.microsoft';
const size = { in: width, out, rows: rowsOf };

export const siteModels: readonly SiteModel[] = [
  { ...size, name: 'MatMul', x: flat, record: (tape, x) => tape.op('MatMul', [x, weight(tape, [width, out])]) },
  {
    ...size,
    name: 'MatMul over three axes',
    x: folded,
    record: (tape, x) => tape.op('MatMul', [x, weight(tape, [width, out])]),
  },
  {
    ...size,
    name: 'Gemm with a bias, alpha and beta',
    x: flat,
    record: (tape, x) =>
      tape.op('Gemm', [x, weight(tape, [width, out]), tape.constant(randomTensor([out], 'bias'))], {
        attributes: { alpha: { kind: 'float', value: 0.5 }, beta: { kind: 'float', value: 2 } },
      }),
  },
  {
    ...size,
    name: 'Gemm with transA and transB',
    x: turned,
    rows: columnsOf,
    record: (tape, x) => tape.op('Gemm', [x, weight(tape, [out, width])], { attributes: { transA: 1, transB: 1 } }),
  },
  {
    ...size,
    name: 'FusedMatMul with transB over three axes',
    x: folded,
    record: (tape, x) =>
      tape.op('FusedMatMul', [x, weight(tape, [out, width])], { domain: microsoft, attributes: { transB: 1 } }),
  },
  {
    ...size,
    name: 'FusedMatMul with transA',
    x: turned,
    rows: columnsOf,
    record: (tape, x) =>
      tape.op('FusedMatMul', [x, weight(tape, [width, out])], { domain: microsoft, attributes: { transA: 1 } }),
  },
  { ...size, name: 'MatMulNBits', x: flat, record: (tape, x) => matMulNBits(tape, x) },
  { ...size, name: 'MatMulNBits over three axes', x: folded, record: (tape, x) => matMulNBits(tape, x) },
  {
    ...size,
    name: 'DynamicQuantizeMatMul',
    x: folded,
    record: (tape, x) =>
      tape.op('DynamicQuantizeMatMul', [x, tape.constant(bytes([width, out], 'int8'), 'w'), tape.scalar(0.01)], {
        domain: microsoft,
      }),
  },
  {
    ...size,
    name: 'MatMulIntegerToFloat',
    x: flat,
    record: (tape, x) => {
      const [quantized, scale, zero] = tape.scoped('x').ops('DynamicQuantizeLinear', [x], { outputs: 3 });
      const w = tape.constant(bytes([width, out], 'int8'), 'w');
      const inputs = [quantized, w, scale, tape.scalar(0.01), zero, tape.constant(tensorOf('int8', [], [0]), 'zero')];
      return tape.op('MatMulIntegerToFloat', inputs, { domain: microsoft, dtype: 'float32', shape: [5, out] });
    },
  },
  {
    ...size,
    name: 'MatMulInteger with Cast and Mul',
    x: folded,
    record: (tape, x) => {
      const plain = new Tape(tape.model);
      const [quantized, scale, zero] = plain.ops('DynamicQuantizeLinear', [x], { outputs: 3 });
      const integers = tape.op('MatMulInteger', [quantized, tape.constant(bytes([width, out], 'int8'), 'w'), zero], {
        dtype: 'int32',
        shape: ['batch', 'seq', out],
      });
      const floats = plain.op('Cast', [integers], { attributes: { to: 1 } });
      return plain.op('Mul', [floats, plain.op('Mul', [scale, plain.scalar(0.01)])]);
    },
  },
  {
    ...size,
    name: 'MatMul in half precision',
    x: flat,
    record: (tape, x) => {
      const half = tape.op('Cast', [x], { attributes: { to: 10 } });
      const w = tape.op('Cast', [weight(tape, [width, out])], { attributes: { to: 10 } });
      return tape.op('Cast', [tape.op('MatMul', [half, w])], { attributes: { to: 1 } });
    },
  },
];

function weight(tape: Tape, shape: readonly number[]): Value {
  return tape.constant(randomTensor(shape, 'weight'), 'weight');
}

function matMulNBits(tape: Tape, x: Value): Value {
  const inputs = [
    x,
    tape.constant(bytes([out, 1, 16], 'uint8'), 'blocks'),
    tape.constant(randomTensor([out], 'scales'), 'scales'),
  ];
  return tape.op('MatMulNBits', inputs, {
    domain: microsoft,
    attributes: { K: width, N: out, bits: 4, block_size: 32 },
    dtype: 'float32',
    shape: [...(x.shape ?? []).slice(0, -1), out],
  });
}
