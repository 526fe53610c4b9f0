import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createModel,
  decodeModel,
  encodeModel,
  moduleKey,
  modulePartsKey,
  Tape,
  verifyModel,
  type Model,
} from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { frozenKey, GraphRewriter, describeAdapter, type AdapterDescription } from './graph-rewriter.ts';
import { randomTensor } from '../testing/small-model.ts';

/** Width in and out of every module of the model. */
const sizes: Readonly<Record<string, readonly [number, number]>> = {
  table: [7, 4],
  q: [4, 3],
  k: [4, 1],
  out: [4, 2],
};
const paths = Object.keys(sizes);

/** An embedding, a packed product that reads it, and one that reads both parts and gives the graph's output. */
function servedModel(): Model {
  const model = createModel({ graphName: 'served' });
  model.metadata.set('author', 'somebody');
  const tape = new Tape(model);
  const ids = model.graph.addInput('ids', 'int64', ['tokens']);
  const as = (metadata: Record<string, string>): Tape => tape.scoped('net', metadata);
  const rows = as({ [moduleKey]: 'table' }).op('Gather', [tape.constant(randomTensor([7, 4], 't'), 't'), ids]);
  const packed = as({ [modulePartsKey]: 'q:3,k:1' }).op('MatMul', [
    rows,
    tape.constant(randomTensor([4, 4], 'p'), 'p'),
  ]);
  const last = tape.constant(randomTensor([2, 4], 'o'), 'o');
  model.graph.addOutput(
    as({ [moduleKey]: 'out' }).op('Gemm', [packed, last], { attributes: { transB: 1 }, outputName: 'y' }),
  );
  return model;
}

function described(name: string, modules: readonly string[], rank = 2): AdapterDescription {
  return {
    name,
    version: `sha-of-${name}`,
    modules: modules.map((path) => {
      const [width = 0, out = 0] = sizes[path] ?? [];
      return { path, rank, scaling: 0.5, a: [rank, width], b: [out, rank] };
    }),
  };
}

let model: Model;
let rewriter: GraphRewriter;
beforeEach(() => {
  model = servedModel();
  rewriter = new GraphRewriter(model);
});

const code = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
};

describe('GraphRewriter', () => {
  it('names what it injected in the metadata of the model', () => {
    rewriter.inject(described('strict', ['q', 'out']));
    expect(rewriter.state).toBe('active');
    expect([...model.metadata.keys()]).toEqual(['author', 'espalier.adapter.strict']);
    const modules = ['q', 'out'].map((path) => ({ path, rank: 2, scaling: 0.5 }));
    expect(rewriter.adapters()).toEqual([{ name: 'strict', version: 'sha-of-strict', modules }]);
    expect(model.graph.inputs.map(({ name }) => name)).toContain('q.lora_A.strict');
  });

  it('goes on in a model that was written and read again', () => {
    const before = encodeModel(decodeModel(encodeModel(model)));
    rewriter.inject(described('a', ['q', 'table']));
    rewriter.inject(described('b', ['q', 'k']));
    const read = decodeModel(encodeModel(model));
    const again = new GraphRewriter(read);
    expect(again.adapters().map(({ name }) => name)).toEqual(['a', 'b']);
    again.unload('a');
    again.unload('b');
    expect(encodeModel(read)).toEqual(before);
    expect(again.state).toBe('idle');
  });

  it('refuses every change once it is frozen, also after the model was read again', () => {
    rewriter.inject(described('a', ['q']));
    rewriter.freeze();
    const bytes = encodeModel(model);
    for (const one of [rewriter, new GraphRewriter(decodeModel(bytes))]) {
      expect(one.state).toBe('frozen');
      expect(code(() => one.inject(described('b', ['k'])))).toBe('GRAPH_FROZEN');
      expect(code(() => one.unload('a'))).toBe('GRAPH_FROZEN');
      expect(code(() => one.freeze())).toBe('GRAPH_FROZEN');
    }
    expect(encodeModel(model)).toEqual(bytes);
  });

  it('says everything that does not fit at once, and changes nothing', () => {
    const before = encodeModel(model);
    const bad: AdapterDescription = {
      name: 'bad name',
      version: 'x',
      modules: [
        { path: 'q', rank: 2, scaling: 1, a: [2, 5], b: [3, 2] },
        { path: 'out', rank: 3, scaling: 1, a: [2, 4], b: [2, 2] },
      ],
    };
    expect(() => rewriter.inject(bad)).toThrow(
      "The adapters cannot be injected into the graph: an adapter's name has letters, digits, '.', '_' and '-', got bad name; " +
        'q.lora_A should be [2, 4], is [2, 5]; out.lora_A should be [3, 4], is [2, 4]; out.lora_B should be [2, 3], is [2, 2].',
    );
    expect(() => rewriter.inject(described('c', ['q', 'nothing']))).toThrow('no linear node for nothing');
    expect(encodeModel(model)).toEqual(before);
  });

  it('knows names that are taken, and names that are not there', () => {
    rewriter.inject(described('strict', ['q']));
    expect(() => rewriter.inject(described('strict', ['out']))).toThrow('strict already (version sha-of-strict)');
    expect(() => rewriter.unload('strickt')).toThrow('Did you mean strict? It has: strict.');
  });

  it('tells of metadata that was changed', () => {
    model.metadata.set('espalier.adapter.x', '{}');
    expect(() => new GraphRewriter(model)).toThrow('The metadata of the model at espalier.adapter.x');
  });

  it('describes an adapter by its name, version and shapes', () => {
    const [a, b] = [tensorOf('float32', [2, 4], new Float32Array(8)), tensorOf('float32', [3, 2], new Float32Array(6))];
    const modules = new Map([['q', { rank: 2, scaling: 0.5, a, b }]]);
    const adapter = describeAdapter('a', { modules, digest: 'f00' });
    expect(adapter).toEqual({ ...described('a', ['q']), version: 'f00' });
    const magnitude = tensorOf('float32', [3], [1, 1, 1]);
    const dora = new Map([['q', { rank: 2, scaling: 0.5, a, b, magnitude }]]);
    expect(() => describeAdapter('a', { modules: dora, digest: 'f00' })).toThrow("has DoRA's magnitudes of q");
  });
});

/** What the rewriter should hold: names in the order in which they came. */
interface Expectation {
  names: string[];
  frozen: boolean;
}

type Step =
  | { readonly kind: 'inject'; readonly name: string; readonly modules: readonly string[]; readonly rank: number }
  | { readonly kind: 'unload'; readonly name: string }
  | { readonly kind: 'freeze' };

const names = fc.constantFrom('a', 'b', 'c', 'd');
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('inject' as const),
      name: names,
      modules: fc.subarray(paths),
      rank: fc.nat(3),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('unload' as const), name: names }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'freeze' as const }) },
);

/** What a step should come to: undefined, or the code of its error; the expectation is changed by the way. */
function expectStep(step: Step, expected: Expectation): string | undefined {
  if (expected.frozen) return 'GRAPH_FROZEN';
  if (step.kind === 'freeze') {
    expected.frozen = true;
    return undefined;
  }
  const isThere = expected.names.includes(step.name);
  if (step.kind === 'unload') {
    expected.names = expected.names.filter((name) => name !== step.name);
    return isThere ? undefined : 'GRAPH_ADAPTER_UNKNOWN';
  }
  if (isThere) return 'GRAPH_ADAPTER_EXISTS';
  if (step.modules.length === 0 || step.rank === 0) return 'LORA_MODULES_INVALID';
  expected.names.push(step.name);
  return undefined;
}

/** The code of the step's error, if it is one. */
function take(step: Step, real: GraphRewriter): string | undefined {
  const result = code(() => {
    if (step.kind === 'freeze') return real.freeze();
    return step.kind === 'unload' ? real.unload(step.name) : real.inject(described(step.name, step.modules, step.rank));
  });
  return typeof result === 'string' ? result : undefined;
}

it('keeps to its protocol whatever comes, and an idle graph is the original bit for bit', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 14 }), (steps) => {
      const served = servedModel();
      const original = encodeModel(served);
      const real = new GraphRewriter(served);
      const expected: Expectation = { names: [], frozen: false };
      for (const step of steps) {
        const before = encodeModel(served);
        const wanted = expectStep(step, expected);
        const result = take(step, real);
        expect(result).toBe(wanted);
        const bytes = encodeModel(served);
        const same = (other: Uint8Array): boolean => Buffer.compare(bytes, other) === 0;
        expect(wanted === undefined || same(before)).toBe(true);
        expect(real.adapters().map(({ name }) => name)).toEqual(expected.names);
        const state = expected.frozen ? 'frozen' : expected.names.length > 0 ? 'active' : 'idle';
        expect(real.state).toBe(state);
        expect(state !== 'idle' || same(original)).toBe(true);
        verifyModel(served);
      }
      served.metadata.delete(frozenKey);
      for (const { name } of real.adapters()) real.unload(name);
      expect(encodeModel(served)).toEqual(original);
    }),
    { numRuns: 25 },
  );
});
