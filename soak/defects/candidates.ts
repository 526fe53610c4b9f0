import type { Adapter, ModuleWeights } from '../../src/lora/index.ts';
import { createRandom } from '../../src/core/index.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import type { AdaptableModule } from '../../src/ir/index.ts';
import { tensorOf } from '../../src/tensor/index.ts';
import { broken, type Misbehaviour, notFinite, ofAnotherBase } from './misbehaviour.ts';

/** A candidate: weights that differ from those of the stable version, and what goes wrong when it runs. */
export interface Candidate {
  readonly weights: (stable: Adapter, linears: readonly AdaptableModule[], seed: number) => Adapter;
  readonly behave?: Misbehaviour;
}

const rank = 4;
const strength = 0.6;

export function stableAdapter(linears: readonly AdaptableModule[], seed: number): Adapter {
  return createRandomAdapter({ linears, rank, seed, strength });
}

/** Another version of the same adapter: each number of B is a little different. */
const retrained: Candidate['weights'] = (stable, _, seed) =>
  withB(stable, (b) => {
    const random = createRandom(seed, 'retrained');
    return b.map((value) => value * (1 + 0.02 * random.normal()));
  });

const behaving = (behave: Misbehaviour): Candidate => ({ weights: retrained, behave });

/** Each so many calls of ten, spread evenly. */
const ofTen = (count: number, call: number): boolean => (call * 7) % 10 < count;

export const harmless: Candidate = { weights: retrained };

/** The fourteen defects that are planted. */
export const defects: Readonly<Record<string, Candidate>> = {
  'throws always': behaving(() => broken),
  'throws in 60 % of calls': behaving((call) => (ofTen(6, call) ? broken : undefined)),
  'throws for users, and not in shadow': behaving((_, request) =>
    request.class === 'background' ? undefined : broken,
  ),
  'fails after 60 calls': behaving((call) => (call < 60 ? undefined : broken)),
  hangs: behaving(() => 'hangs'),
  'hangs in 40 % of calls': behaving((call) => (ofTen(4, call) ? 'hangs' : undefined)),
  'is 5 times slower': behaving(() => 5),
  'becomes slower with each call': behaving((call) => 1 + call / 10),
  'has NaN in 20 % of calls': behaving((call) => (ofTen(2, call) ? notFinite : undefined)),
  'is of another base': behaving(() => ofAnotherBase),
  'gives one token only': { weights: (stable) => withB(stable, (b) => b.map((value) => value * 300)) },
  'was trained with the wrong sign': { weights: (stable) => withB(stable, (b) => b.map((value) => value * -6)) },
  'has a scaling ten times as large': { weights: (stable) => withB(stable, (b) => b.map((value) => value * 10)) },
  "is another customer's adapter": {
    weights: (_, linears, seed) => createRandomAdapter({ linears, rank, seed: seed + 7777, strength: 4 * strength }),
  },
};

function withB(adapter: Adapter, change: (b: Float32Array) => Float32Array): Adapter {
  const modules = [...adapter.modules].map(([path, weights]): [string, ModuleWeights] => {
    const { b } = weights;
    const values = new Float32Array(b.bytes.buffer.slice(b.bytes.byteOffset, b.bytes.byteOffset + b.bytes.byteLength));
    return [path, { ...weights, b: tensorOf('float32', b.shape, change(values)) }];
  });
  return { ...adapter, modules: new Map(modules) };
}
