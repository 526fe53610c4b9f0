import type { ModuleWeights } from '../../lora/index.ts';
import { createModel, inlineConstant, Tape, type Model } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import type { StoredAdapter } from '../formats/stored-adapter.ts';

/** The module that the model's one product is. */
export const twoParamsModule = 'net.linear';

/** f32 [4, 4]; each row of ones through it gives 28 32 36 40. */
const weight = tensorOf('float32', [4, 4], [6, 9, 8, 12, 8, 7, 10, 8, 5, 10, 11, 9, 9, 6, 7, 11]);

export const ones = tensorOf(
  'float32',
  [4, 4],
  Array.from({ length: 16 }, () => 1),
);

/**
 * y = x·W, and with `adapterInputs` + x·A·B, where A and B are inputs that need not be given: then they are empty, of
 * rank 0, and add nothing.
 */
export function twoParamsModel({ adapterInputs }: { readonly adapterInputs: boolean }): Model {
  const model = createModel({ graphName: 'two-params' });
  const { graph } = model;
  const x = graph.addInput('x', 'float32', ['rows', 4]);
  const w = graph.addInitializer('net.linear.weight', inlineConstant(weight));
  const tape = new Tape(model, { scope: 'net' });
  const base = tape.op('MatMul', [x, w], { name: 'linear', metadata: { 'espalier.module': twoParamsModule } });
  if (!adapterInputs) {
    graph.addOutput(tape.op('Identity', [base], { outputName: 'y' }));
    return model;
  }
  const empty = (name: string, shape: readonly [number, number], dims: readonly (number | string)[]) => {
    const value = graph.addInputWithDefault(graph.addInitializer(name, inlineConstant(tensorOf('float32', shape, []))));
    value.shape = dims;
    return value;
  };
  const a = empty(`${twoParamsModule}.lora_A.weight`, [4, 0], [4, 'rank']);
  const b = empty(`${twoParamsModule}.lora_B.weight`, [0, 4], ['rank', 4]);
  const update = tape.op('MatMul', [tape.op('MatMul', [x, a], { name: 'A' }), b], { name: 'B' });
  graph.addOutput(tape.op('Add', [base, update], { outputName: 'y' }));
  return model;
}

/** With it, a row of ones gives 154 176 198 220: 18 times 7 8 9 10 more. Half of B, because alpha / rank is 2. */
export const twoParamsAdapter: StoredAdapter = {
  config: { rank: 1, alpha: 2, dropout: 0, targetModules: ['linear'] },
  modules: new Map<string, ModuleWeights>([
    [
      twoParamsModule,
      {
        rank: 1,
        scaling: 2,
        a: tensorOf('float32', [1, 4], [2, 4, 5, 7]),
        b: tensorOf('float32', [4, 1], [3.5, 4, 4.5, 5]),
      },
    ],
  ]),
  baseName: undefined,
};
