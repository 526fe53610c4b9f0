import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, Graph, graphAttribute, verifyModel, type Model } from '../../ir/index.ts';
import { injectLora, type LoraModule } from './inject-lora.ts';
import { injectStackedLora } from './inject-stacked-lora.ts';
import { removeLora } from './remove-lora.ts';
import { smallModel } from '../testing/small-model.ts';

const paths = ['net.a', 'net.b', 'net.c'];
const modules: LoraModule[] = paths.map((path, i) => ({ path, rank: i + 1, scaling: 0.5, dropout: i === 1 ? 0.1 : 0 }));
const outputsOf = ({ graph }: Model): unknown => graph.outputs.map(({ name, dtype, shape }) => [name, dtype, shape]);
const inputsOf = ({ graph }: Model): unknown => graph.inputs.map(({ name, dtype, shape }) => [name, dtype, shape]);

describe('injectLora', () => {
  it("adds two inputs for each module, in PEFT's layout, and two for the dropout", () => {
    const model = smallModel();
    const report = injectLora(model, { modules });
    verifyModel(model);
    expect(inputsOf(model)).toEqual([
      ['x', 'float32', ['tokens', 3]],
      ['lora_dropout_ratio', 'float32', []],
      ['lora_dropout_keys', 'int32', [2, 'dropout_keys']],
      ['net.a.lora_A', 'float32', [1, 3]],
      ['net.a.lora_B', 'float32', [5, 1]],
      ['net.b.lora_A', 'float32', [2, 5]],
      ['net.b.lora_B', 'float32', [4, 2]],
      ['net.c.lora_A', 'float32', [3, 4]],
      ['net.c.lora_B', 'float32', [2, 3]],
    ]);
    expect(report.inputs).toEqual(model.graph.inputs.slice(1).map(({ name }) => name));
    expect(report.modules.map(({ path, in: width, out }) => [path, width, out])).toEqual([
      ['net.a', 3, 5],
      ['net.b', 5, 4],
      ['net.c', 4, 2],
    ]);
  });

  it('keeps the name, type and shape of what the graph gives', () => {
    for (const axes of [2, 3] as const) {
      const [model, plain] = [smallModel({ axes }), smallModel({ axes })];
      injectLora(model, { modules });
      expect(outputsOf(model)).toEqual(outputsOf(plain));
    }
  });

  it('adds no dropout input where no module has dropout', () => {
    const model = smallModel();
    injectLora(model, { modules: [{ path: 'net.b', rank: 1, scaling: 1 }] });
    expect(model.graph.value('lora_dropout_ratio')).toBeUndefined();
    expect(model.graph.nodes.some(({ opType }) => opType === 'Dropout')).toBe(false);
  });

  it('computes every part of a module that a graph computes in parts', () => {
    const model = smallModel();
    const b = model.graph.nodes.find(({ metadata }) => metadata.get('espalier.module') === 'net.b');
    const c = model.graph.nodes.find(({ metadata }) => metadata.get('espalier.module') === 'net.c');
    if (!b || !c) throw new TypeError('the small model has changed');
    const again = model.graph.insertAfter(b, {
      opType: 'Gemm',
      name: 'again',
      inputs: b.inputs,
      attributes: b.attributes,
      metadata: b.metadata,
      outputs: [{ name: 'again', dtype: 'float32', shape: ['tokens', 4] }],
    });
    c.setInput(0, again.outputs[0]);
    const report = injectLora(model, { modules: [{ path: 'net.b', rank: 1, scaling: 1 }] });
    expect(report.modules[0]?.nodes).toEqual([b.name, 'again']);
    expect(report.inputs).toEqual(['net.b.lora_A', 'net.b.lora_B']);
  });

  it('says everything that is wrong at once, and changes nothing', () => {
    const model = smallModel();
    const before = encodeModel(model);
    const bad: LoraModule[] = [
      { path: 'net.d', rank: 1, scaling: 1 },
      { path: 'net.a', rank: 0, scaling: NaN },
      { path: 'net.b', rank: 1, scaling: 1, dropout: 1 },
      { path: 'net.b', rank: 1, scaling: 1 },
    ];
    expect(() => injectLora(model, { modules: bad })).toThrow(
      'The adapters cannot be injected into the graph: the graph has no linear node for net.d (did you mean net.a?); net.b comes ' +
        'twice; net.a should have a rank from 1 up, got 0; net.a should have a finite scaling, got NaN; net.b should have a ' +
        'dropout from 0 up and below 1, got 1. The graph was not changed.',
    );
    expect(() => injectLora(model, { modules: [] })).toThrow('no module is given');
    expect(encodeModel(model)).toEqual(before);
  });

  it('refuses a module that has an adapter already', () => {
    const model = smallModel();
    injectLora(model, { modules });
    const before = encodeModel(model);
    expect(() => injectLora(model, { modules: modules.slice(0, 1) })).toThrow('net.a has an adapter already');
    expect(() => injectStackedLora(model, ['net.a'])).toThrow('net.a has an adapter already');
    expect(encodeModel(model)).toEqual(before);
  });

  it('refuses a graph whose names it would take', () => {
    const model = smallModel();
    model.graph.addInput('net.a.lora_A', 'float32', [1]);
    expect(() => injectLora(model, { modules })).toThrow('the graph has a value net.a.lora_A already');
  });

  it('lets an adapter read what the adapter on the module before it gives', () => {
    const model = smallModel();
    injectLora(model, { modules });
    const update = model.graph.nodes.find(({ name }) => name === 'net.c/lora/A');
    const inner = model.graph.nodes.find(({ name }) => name === 'net.b/lora/B');
    expect(update?.inputs[0]).toBe(inner?.outputs[0]);
  });
});

describe('injectStackedLora', () => {
  it('adds an input for gains where they are asked for', () => {
    const model = smallModel();
    const report = injectStackedLora(model, paths, { gains: true });
    verifyModel(model);
    const gains = report.inputs.filter((name) => name.endsWith('.lora_gain'));
    expect(gains.map((name) => model.graph.value(name)?.shape)).toEqual([
      ['lora_rank_rows', 5],
      ['lora_rank_rows', 4],
      ['lora_rank_rows', 2],
    ]);
    expect(report.inputs).toHaveLength(10);
  });

  it('adds one mask for all modules, and two inputs for each', () => {
    const model = smallModel();
    const report = injectStackedLora(model, paths);
    verifyModel(model);
    expect(inputsOf(model)).toEqual([
      ['x', 'float32', ['tokens', 3]],
      ['lora_mask', 'float32', ['lora_mask_rows', 'lora_rank_rows']],
      ['net.a.lora_A', 'float32', ['lora_rank_rows', 3]],
      ['net.a.lora_B', 'float32', ['lora_rank_rows', 5]],
      ['net.b.lora_A', 'float32', ['lora_rank_rows', 5]],
      ['net.b.lora_B', 'float32', ['lora_rank_rows', 4]],
      ['net.c.lora_A', 'float32', ['lora_rank_rows', 4]],
      ['net.c.lora_B', 'float32', ['lora_rank_rows', 2]],
    ]);
    expect(report.inputs).toHaveLength(7);
  });
});

describe('removeLora', () => {
  const injections: [string, (model: Model) => unknown][] = [
    ['one adapter', (model) => injectLora(model, { modules })],
    ['an adapter on the last module only', (model) => injectLora(model, { modules: modules.slice(2) })],
    ['stacked adapters', (model) => injectStackedLora(model, paths)],
    ['stacked adapters with gains', (model) => injectStackedLora(model, paths, { gains: true })],
  ];
  it.each(injections.flatMap(([name, inject]) => [2, 3].map((axes) => ({ name, axes, inject }))))(
    'gives back the very bytes from before $name, inputs having $axes axes',
    ({ axes, inject }) => {
      const model = smallModel({ axes: axes === 3 ? 3 : 2 });
      const before = encodeModel(model);
      inject(model);
      expect(encodeModel(model)).not.toEqual(before);
      removeLora(model);
      expect(encodeModel(model)).toEqual(before);
      inject(model);
      removeLora(model);
      expect(encodeModel(model)).toEqual(before);
    },
  );

  it.each(injections)('knows %s in a model that was read from a file', (_, inject) => {
    const model = smallModel();
    const before = encodeModel(model);
    inject(model);
    const read = decodeModel(encodeModel(model));
    removeLora(read);
    expect(encodeModel(read)).toEqual(encodeModel(decodeModel(before)));
  });

  it('leaves a graph without adapters alone', () => {
    const model = smallModel();
    const before = encodeModel(model);
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('refuses a name that a value in a subgraph has: there it would hide the input', () => {
    const model = smallModel();
    const [x] = model.graph.inputs;
    const body = new Graph('then', model.graph);
    const inner = body.addNode({ opType: 'Identity', inputs: [x], outputs: [{ name: 'net.b.lora_A' }] });
    for (const output of inner.outputs) if (output) body.addOutput(output);
    const condition = model.graph.addInput('condition', 'bool', []);
    const attributes = [['then_branch', graphAttribute(body)] as const];
    model.graph.addNode({ opType: 'If', inputs: [condition], attributes, outputs: [{ name: 'chosen' }] });
    expect(() => injectLora(model, { modules: [{ path: 'net.b', rank: 1, scaling: 1 }] })).toThrow(
      'the graph has a value net.b.lora_A already',
    );
  });
});
