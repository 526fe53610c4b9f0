import type { AdapterAdministration } from '../../routing/index.ts';
import type { InferenceContext, InferenceEntry, ServedModel } from '../../service/index.ts';

/** Models for `/v2` of which one, `echo`, takes a float vector `x` [batch, 2] and gives it back as `y`. */
export function fakeModels(adapters?: AdapterAdministration): InferenceContext {
  const model: InferenceEntry['model'] = {
    name: 'echo',
    isReady: true,
    signature: {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
    },
    batching: { joins: true },
    infer: async ({ inputs }: Parameters<ServedModel['infer']>[0]) => {
      const x = inputs.get('x');
      return { outputs: new Map(x === undefined ? [] : [['y', x]]), adapterVersion: undefined };
    },
    stats: () => ({}),
  } as unknown as InferenceEntry['model'];
  return { models: new Map([['echo', { model, adapters, registry: undefined }]]), version: '0.0.0' };
}
