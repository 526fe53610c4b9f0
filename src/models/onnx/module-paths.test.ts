import { describe, expect, it } from 'vitest';

import { createModel, inlineConstant, type Node, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { modulePathOf, withoutWrapper } from './module-paths.ts';

function nodeOf(opType: string, names: { name?: string; weight?: string; scopes?: string }): [Node, Value] {
  const { graph } = createModel();
  const weight = graph.addInitializer(names.weight ?? 'w', inlineConstant(tensorOf('float32', [1], [0])));
  const metadata = names.scopes === undefined ? [] : [['pkg.torch.onnx.name_scopes', names.scopes] as const];
  const init = { opType, name: names.name ?? '', inputs: [undefined, weight], metadata, outputs: [{ name: 'y' }] };
  return [graph.addNode(init), weight];
}

describe('modulePathOf', () => {
  it.each([
    ['the chain of modules that dynamo writes', { scopes: "['', 'm', 'm.h.0.attn', 'linear']" }, 'm.h.0.attn'],
    ['no chain of a node outside of all modules', { scopes: "['']", name: 'node_1', weight: 'a.weight' }, 'a'],
    ["TorchScript's name", { name: '/model/layers.0/self_attn/q_proj/MatMul' }, 'model.layers.0.self_attn.q_proj'],
    ['a container that names itself twice', { name: '/net/net.0/Gemm' }, 'net.0'],
    ['a quantized name', { name: '/model/layers.1/mlp/up_proj/MatMul_Q4' }, 'model.layers.1.mlp.up_proj'],
    ['the weight where the node says nothing', { name: 'MatMul_7', weight: 'fc.weight' }, 'fc'],
    [
      "the weight in genai's spelling",
      { weight: 'model.layers.0.mlp.up_proj.MatMul.weight_Q4' },
      'model.layers.0.mlp.up_proj',
    ],
    ['the node where the weight says nothing', { name: 'MatMul_7', weight: 'onnx::MatMul_12' }, 'MatMul_7'],
    ['the weight where there is nothing else', { weight: 'val_91' }, 'val_91'],
  ])('takes %s', (_, names, path) => {
    expect(modulePathOf(...nodeOf('MatMul', names))).toBe(path);
  });

  it('takes the weight of a convolution that took a norm in', () => {
    const names = { scopes: "['', 'bn1', 'batch_norm']", weight: 'conv1.weight' };
    expect(modulePathOf(...nodeOf('Conv', names))).toBe('conv1');
  });
});

describe('withoutWrapper', () => {
  it.each([
    [
      ['m.model.layers.0.mlp', 'm.lm_head'],
      ['model.layers.0.mlp', 'lm_head'],
    ],
    [
      ['model.model.layers.0.mlp', 'model.lm_head'],
      ['model.layers.0.mlp', 'lm_head'],
    ],
    [
      ['m.bert.encoder.layer.0', 'm.classifier'],
      ['bert.encoder.layer.0', 'classifier'],
    ],
    [
      ['m.embeddings.word_embeddings', 'm.encoder.layer.0'],
      ['embeddings.word_embeddings', 'encoder.layer.0'],
    ],
  ])('takes a wrapper off %j', (paths, expected) => {
    expect(paths.map(withoutWrapper(paths))).toEqual(expected);
  });

  it.each([
    [['model.layers.0.mlp', 'lm_head']],
    [['model.layers.0.mlp', 'model.layers.1.mlp']],
    [['bert.embeddings.word_embeddings', 'bert.encoder.layer.0']],
    [['layers.0', 'layers.2']],
    [['net.conv1', 'net.fc']],
    [['MatMul_1']],
    [[]],
  ])('leaves %j alone', (paths: string[]) => {
    expect(paths.map(withoutWrapper(paths))).toEqual(paths);
  });
});
