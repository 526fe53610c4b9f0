import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  byteProduct,
  byteRounding,
  createModel,
  encodeModel,
  isSorted,
  moduleKey,
  roundedRows,
  Tape,
  type Model,
  type Node,
  type RoundedRows,
  type Value,
} from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, typedArray, type TensorData } from '../../tensor/index.ts';
import { injectStackedLora } from './inject-stacked-lora.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const [width, unit, blocks, tokens] = [12, 16, 3, 4];
const outs = { a: 6, b: 10, other: 6, coarse: 7, last: 5 } as const;
const names = Object.keys(outs) as (keyof typeof outs)[];
const paths = names.map((name) => `net.${name}`);
/** Numbers from -1 to 1 without a pattern, by which sums would cancel out. */
const wave = (length: number, seed: number): number[] => {
  let state = (seed + 1) * 2654435761;
  return Array.from({ length }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 374761393) >>> 0;
    return ((state >>> 8) / 2 ** 24) * 2 - 1;
  });
};
const bytes = (shape: number[], seed: number): TensorData =>
  tensorOf(
    'int8',
    shape,
    Int8Array.from(
      wave(
        shape.reduce((a, b) => a * b),
        seed,
      ),
      (v) => Math.round(60 * v),
    ),
  );

/** `a` and `b` read x, `other` reads half of x, `coarse` rounds x in steps of its own where it rounds, and `last` reads what `a` gives. */
function network(kind: 'bytes' | 'floats'): Model {
  const model = createModel();
  const { graph } = model;
  const tape = new Tape(model);
  const x = graph.addInput('x', 'float32', ['tokens', width]);
  const linear = (input: Value, name: keyof typeof outs, inner: number): Value => {
    const own = tape.scoped(name, { [moduleKey]: `net.${name}` });
    const rows = outs[name];
    if (kind === 'floats')
      return own.op('Gemm', [input, tape.constant(tensorOf('float32', [inner, rows], wave(inner * rows, rows)))]);
    const { levels, scale } = name === 'coarse' ? coarseRows(tape, input) : roundedRows(tape, input);
    const scales = tape.constant(
      tensorOf(
        'float32',
        [rows],
        wave(rows, 3).map((v) => 0.01 + 0.002 * v),
      ),
    );
    const product = byteProduct(own, {
      rows,
      signed: true,
      levels,
      matrix: tape.constant(bytes([inner, rows], rows)),
      scales,
    });
    return tape.op('Mul', [product, scale]);
  };
  const a = linear(x, 'a', width);
  // Read before the group is complete: its readers have to follow the branch.
  const early = tape.op('Tanh', [a]);
  const results = [
    a,
    linear(x, 'b', width),
    linear(tape.op('Mul', [x, tape.scalar(0.5)]), 'other', width),
    linear(x, 'coarse', width),
    linear(early, 'last', outs.a),
  ];
  for (const [index, result] of results.entries()) {
    graph.addOutput(tape.op('Identity', [result], { outputName: `y.${names[index]}` }));
  }
  return model;
}

/** Rows that are divided by more than their largest. */
function coarseRows(tape: Tape, x: Value): RoundedRows {
  const { step, middle } = byteRounding(tape);
  const scale = tape.scalar(9);
  return { levels: tape.op('QuantizeLinear', [tape.op('Div', [x, scale]), step, middle]), scale };
}

const branches = ({ graph }: Model): Node[] => graph.nodes.filter(({ opType }) => opType === 'If');

interface Rows {
  /** The block of each token, or none. */
  readonly uses: readonly (number | undefined)[];
  readonly strength: number;
}

const innerOf = (name: keyof typeof outs): number => (name === 'last' ? outs.a : width);
const matrices = (name: keyof typeof outs): { a: TensorData; b: TensorData; scale: TensorData } => ({
  a: bytes([blocks, innerOf(name), unit], outs[name] + 20),
  b: bytes([blocks, unit, outs[name]], outs[name] + 40),
  scale: tensorOf(
    'float32',
    [blocks, 1, unit],
    wave(blocks * unit, 7).map((v) => 2e-5 * (1.5 + v)),
  ),
});

async function run(
  model: Model,
  x: number[],
  { uses, strength }: Rows,
  isFew: boolean,
): Promise<Record<string, number[]>> {
  const shares = new Float32Array(tokens * blocks * tokens);
  const rows = new BigInt64Array(blocks * tokens);
  const mask = new Float32Array(tokens * blocks * unit);
  for (const [token, block] of uses.entries()) {
    if (block === undefined) continue;
    rows[block * tokens + token] = BigInt(token);
    shares[token * blocks * tokens + block * tokens + token] = strength;
    mask.fill(strength, (token * blocks + block) * unit, (token * blocks + block + 1) * unit);
  }
  const isActive = uses.some((block) => block !== undefined);
  const feeds: Record<string, TensorData> = {
    x: tensorOf('float32', [tokens, width], x),
    lora_mask: tensorOf('float32', [tokens, blocks * unit], mask),
    lora_active: tensorOf('bool', [1], Uint8Array.of(Number(isActive))),
    lora_few: tensorOf('bool', [1], Uint8Array.of(Number(isActive && isFew))),
    lora_item_rows: tensorOf('int64', [blocks, tokens], rows),
    lora_item_shares: tensorOf('float32', [tokens, blocks * tokens], shares),
  };
  for (const name of names) {
    const { a, b, scale } = matrices(name);
    Object.assign(feeds, { [`net.${name}.lora_A`]: a, [`net.${name}.lora_B`]: b, [`net.${name}.lora_scale`]: scale });
  }
  using session = await environment.createSession(encodeModel(model));
  const used = Object.fromEntries(
    Object.entries(feeds).filter(([name]) => session.inputs.some((input) => input.name === name)),
  );
  const found = await runOnce(session, used);
  return Object.fromEntries(
    names.map((name) => [name, [...toFloat32(found[`y.${name}`] ?? tensorOf('float32', [0], []))]]),
  );
}

interface Update {
  /** strength · ((x·A) ∘ scale)·B for one token, by the numbers of the matrices alone. */
  readonly update: number[];
  /** The largest that it could be with these magnitudes, to which rounding is in proportion. */
  readonly reach: number;
}

function updateOf(name: keyof typeof outs, x: readonly number[], block: number, strength: number): Update {
  const [a = [], b = [], scale = []] = Object.values(matrices(name)).map((tensor) =>
    Array.from(typedArray(tensor), Number),
  );
  const inner = innerOf(name);
  const product = (part: (value: number) => number): number[] => {
    const ranks = Array.from({ length: unit }, (_, r) => {
      const sum = x.reduce((total, value, i) => total + part(value * (a[(block * inner + i) * unit + r] ?? NaN)), 0);
      return sum * (scale[block * unit + r] ?? NaN);
    });
    return Array.from({ length: outs[name] }, (_, o) => {
      return strength * ranks.reduce((sum, h, r) => sum + part(h * (b[(block * unit + r) * outs[name] + o] ?? NaN)), 0);
    });
  };
  return { update: product((value) => value), reach: Math.max(...product(Math.abs)) };
}

function nothing(row: readonly number[]): Update {
  return { update: row.map(() => 0), reach: 0 };
}

const x = wave(tokens * width, 11).map((value) => 3 * value);
const rowOf = (values: readonly number[], token: number, size: number): number[] =>
  values.slice(token * size, (token + 1) * size);

describe.each(['bytes', 'floats'] as const)('adapters of bytes on modules whose own products are of %s', (kind) => {
  it('share a branch where they read the same input, and only there', () => {
    const model = network(kind);
    injectStackedLora(model, paths, { bytes: new Set(paths) });
    const sizes = branches(model).map(({ outputs }) => outputs.length);
    expect(sizes.toSorted()).toEqual(kind === 'bytes' ? [1, 1, 1, 2] : [1, 1, 3]);
    expect(isSorted(model.graph)).toBe(true);
  });

  it.each([true, false])('add to each token the update of its own block (few tokens: %s)', async (isFew) => {
    const uses = [2, undefined, 0, 2];
    const plain = await run(network(kind), x, { uses: [], strength: 0 }, isFew);
    const model = network(kind);
    injectStackedLora(model, paths, { bytes: new Set(paths) });
    const found = await run(model, x, { uses, strength: 0.75 }, isFew);
    for (const name of ['a', 'b', 'other', 'coarse'] as const) {
      const scaled = name === 'other' ? x.map((value) => value / 2) : x;
      for (const [token, block] of uses.entries()) {
        const before = rowOf(plain[name] ?? [], token, outs[name]);
        const after = rowOf(found[name] ?? [], token, outs[name]);
        const own = rowOf(scaled, token, width);
        const { update, reach } = block === undefined ? nothing(before) : updateOf(name, own, block, 0.75);
        const worst = Math.max(...after.map((value, i) => Math.abs(value - (before[i] ?? NaN) - (update[i] ?? NaN))));
        // Rounding to 8 bits, of inputs and of ranks; a run of many tokens rounds neither. Without an adapter the very bits.
        expect(worst).toBeLessThanOrEqual((isFew ? (name === 'coarse' ? 0.02 : 0.004) : 1e-6) * reach);
        expect(Math.max(...update.map(Math.abs))).toBeGreaterThanOrEqual(0.02 * reach);
      }
    }
    // `last` reads the changed result of `a`.
    expect(found['last']).not.toEqual(plain['last']);
  });

  it('give the very bits of the modules alone where no token has one', async () => {
    const none = { uses: [undefined, undefined], strength: 1 };
    const plain = await run(network(kind), x, none, true);
    const model = network(kind);
    injectStackedLora(model, paths, { bytes: new Set(paths) });
    expect(await run(model, x, none, true)).toEqual(plain);
  });
});
