import { describe, expect, it } from 'vitest';
import { createModel, encodeModel, moduleKey, modulePartsKey, Tape, type Model } from '../../ir/index.ts';
import { injectLora } from '../inject/inject-lora.ts';
import { annotateModules, listModules } from './list-modules.ts';
import { removeLora } from '../inject/remove-lora.ts';
import { randomTensor, smallModel } from '../testing/small-model.ts';

interface NodeNames {
  readonly node?: string;
  readonly weight: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One product whose node and weight have these names, and one of two activations. */
function foreignModel({ node = '', weight, metadata = {} }: NodeNames): Model {
  const model = createModel();
  const { graph } = model;
  const x = graph.addInput('x', 'float32', [2, 3]);
  const w = graph.addInitializer(weight, { kind: 'inline', tensor: randomTensor([3, 2], 'w') });
  const outputs = [{ name: 'y', dtype: 'float32' as const, shape: [2, 2] }];
  const {
    outputs: [y],
  } = graph.addNode({ opType: 'MatMul', name: node, inputs: [x, w], outputs, metadata: Object.entries(metadata) });
  graph.addOutput(new Tape(model).op('MatMul', [y, y]));
  return model;
}

const pathsOf = (model: Model): string[] => listModules(model).map(({ path }) => path);

describe('listModules', () => {
  it('lists what a graph says, in the order of its nodes', () => {
    expect(listModules(smallModel())).toEqual([
      { path: 'net.a', in: 3, out: 5 },
      { path: 'net.b', in: 5, out: 4 },
      { path: 'net.c', in: 4, out: 2 },
    ]);
  });

  it('lists every part of a packed node', () => {
    const model = foreignModel({ weight: 'w', metadata: { [modulePartsKey]: 'a.q_proj:1,a.k_proj:1' } });
    expect(listModules(model)).toEqual([
      { path: 'a.q_proj', in: 3, out: 1 },
      { path: 'a.k_proj', in: 3, out: 1 },
    ]);
  });

  it.each<[NodeNames, string]>([
    [{ weight: 'model.layers.0.mlp.up_proj.weight' }, 'model.layers.0.mlp.up_proj'],
    [{ weight: 'model.layers.0.attn.q_proj.MatMul.weight_Q4' }, 'model.layers.0.attn.q_proj'],
    [{ weight: 'onnx::MatMul_12', node: '/layers.0/fc1/MatMul' }, 'layers.0.fc1'],
    [{ weight: 'val_9', node: '/model/layers.0/attn/q_proj/MatMul_Q4' }, 'model.layers.0.attn.q_proj'],
    [{ weight: 'val_9', node: '/fc/Gemm_1' }, 'fc'],
    [{ weight: 'val_9', node: 'node_linear' }, 'val_9'],
    [
      { weight: 'val_9', metadata: { namespace: ': net.Net/head.fc: torch.nn.Linear/linear: aten.linear.default' } },
      'head.fc',
    ],
  ])('finds a path where exporters leave it: %j', (names, path) => {
    const model = foreignModel(names);
    expect(pathsOf(model)).toEqual([path]);
    annotateModules(model);
    expect(pathsOf(model)).toEqual([path]);
    injectLora(model, { modules: [{ path, rank: 1, scaling: 1 }] });
    expect(pathsOf(model)).toEqual([path]);
  });

  it('takes a mapping of names', () => {
    const model = foreignModel({ weight: 'val_9', node: '/attn/q/MatMul' });
    annotateModules(model, ({ name }) => name.replace('/attn/q/MatMul', 'self_attn.q_proj'));
    expect(pathsOf(model)).toEqual(['self_attn.q_proj']);
  });
});

describe('injection by the name of', () => {
  it.each(['/fc/MatMul', 'fc.weight', 'fc'])('a node or a weight: %s', (path) => {
    const model = foreignModel({ weight: 'fc.weight', node: '/fc/MatMul' });
    const before = encodeModel(model);
    const report = injectLora(model, { modules: [{ path, rank: 1, scaling: 1 }] });
    expect(report.inputs).toEqual([`${path}.lora_A`, `${path}.lora_B`]);
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('never means a node that says another path: a tied head is not the embedding', () => {
    const model = foreignModel({ weight: 'embed_tokens.weight', metadata: { [moduleKey]: 'lm_head' } });
    const modules = [{ path: 'embed_tokens', rank: 1, scaling: 1 }];
    expect(() => injectLora(model, { modules })).toThrow('the graph has no linear node for embed_tokens');
  });
});
