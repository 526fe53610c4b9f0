import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, verifyModel, type Model } from '../../ir/index.ts';
import { buildHeadGraph, buildScoringGraph, buildTrunkGraph, openBaseModel } from '../../models/index.ts';
import { injectLora } from './inject-lora.ts';
import { canInject, injectParameters } from './inject-parameters.ts';
import { removeLora } from './remove-lora.ts';
import { goldenFolder } from '../../adapter-files/testing/golden-linears.ts';
import { smallModel } from '../testing/small-model.ts';

const inputsOf = ({ graph }: Model): unknown => graph.inputs.map(({ name, shape }) => [name, shape]);

describe('injectParameters', () => {
  it('makes a weight of the base an input under its name', async () => {
    const base = await openBaseModel(goldenFolder('llama', 'model'));
    const model = buildScoringGraph(base);
    const before = encodeModel(model);
    const shape = [128, 32];
    expect(
      injectParameters(model, [
        { name: 'lm_head.weight', shape },
        { name: 'model.norm.weight', shape: [32] },
      ]),
    ).toEqual(['lm_head.weight', 'model.norm.weight']);
    verifyModel(model);
    expect(inputsOf(model)).toEqual(
      expect.arrayContaining([
        ['lm_head.weight', shape],
        ['model.norm.weight', [32]],
      ]),
    );
    injectLora(model, { modules: [{ path: 'model.layers.0.self_attn.q_proj', rank: 1, scaling: 1 }] });
    const read = decodeModel(encodeModel(model));
    for (const one of [model, read]) removeLora(one);
    expect(encodeModel(model)).toEqual(before);
    expect(encodeModel(read)).toEqual(encodeModel(decodeModel(before)));
  });

  it('leaves the embedding alone where a head shares its matrix', async () => {
    const base = await openBaseModel(goldenFolder('qwen2', 'model'));
    const model = buildScoringGraph(base);
    const before = encodeModel(model);
    const [vocab, hidden] = [base.config.vocabSize, base.config.hiddenSize];
    injectParameters(model, [{ name: 'lm_head.weight', shape: [vocab, hidden] }]);
    const reader = (path: string): unknown =>
      model.graph.nodes
        .find(({ metadata }) => metadata.get('espalier.module') === path)
        ?.inputs.map((value) => value?.name);
    expect(reader('lm_head')).toContain('lm_head.weight');
    expect(reader('model.embed_tokens')).toContain('model.embed_tokens.weight');
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('replaces a table of halves, whose rows become f32 only after they are selected', async () => {
    const base = await openBaseModel(goldenFolder('families/lfm2-plain', 'model'));
    const path = 'model.embed_tokens';
    expect(base.weights.get(`${path}.weight`)?.dtype).toBe('bfloat16');
    const model = buildScoringGraph(base);
    const before = encodeModel(model);
    injectParameters(model, [{ name: `${path}.weight`, shape: [base.config.vocabSize, base.config.hiddenSize] }]);
    verifyModel(model);
    const rows = model.graph.nodes.find(({ metadata }) => metadata.get('espalier.module') === path)?.outputs[0];
    expect(rows?.dtype).toBe('float32');
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('leaves a head alone that shares the matrix of an embedding which is not in its graph', async () => {
    const base = await openBaseModel(goldenFolder('qwen2', 'model'));
    const head = buildHeadGraph(base);
    const { vocabSize, hiddenSize } = base.config;
    const embedding = { name: 'model.embed_tokens.weight', shape: [vocabSize, hiddenSize] };
    expect(canInject(head, embedding)).toBe(false);
    expect(canInject(buildTrunkGraph(base), embedding)).toBe(true);
    expect(() => injectParameters(head, [embedding])).toThrow('model.embed_tokens.weight is not in the graph');
  });

  it('turns a weight over that the graph reads so', () => {
    const model = smallModel();
    const before = encodeModel(model);
    injectParameters(model, [{ name: 'net.c.weight', shape: [2, 4] }]);
    verifyModel(model);
    const node = model.graph.nodes.find(({ metadata }) => metadata.get('espalier.module') === 'net.c');
    expect(node?.inputs[1]?.producer?.opType).toBe('Transpose');
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('says everything that cannot be replaced, and changes nothing', () => {
    const model = smallModel();
    const before = encodeModel(model);
    const parameters = [
      { name: 'net.c.weight', shape: [9, 4] },
      { name: 'net.c.bias', shape: [2] },
      { name: 'nothing.weight', shape: [1] },
    ];
    expect(() => injectParameters(model, parameters)).toThrow(
      'net.c.weight is not of that shape in the graph; net.c.bias is not there; nothing.weight is not in the graph',
    );
    expect(encodeModel(model)).toEqual(before);
  });

  it.each([
    ['an input', 0],
    ['an output', 1],
  ])('refuses the name of %s of the graph, and changes nothing', (what, which) => {
    const model = smallModel();
    const taken = [model.graph.inputs[0], model.graph.outputs[0]][which];
    if (taken === undefined) throw new Error('the model has inputs and outputs');
    model.graph.rename(taken, 'net.c.weight');
    const before = encodeModel(model);
    expect(() => injectParameters(model, [{ name: 'net.c.weight', shape: [2, 4] }])).toThrow(
      `net.c.weight is the name of ${what} of the graph`,
    );
    expect(encodeModel(model)).toEqual(before);
  });

  it('refuses a parameter that comes twice', () => {
    const parameter = { name: 'net.c.weight', shape: [2, 4] };
    expect(() => injectParameters(smallModel(), [parameter, parameter])).toThrow('net.c.weight comes twice');
  });
});
