import { expect, it } from 'vitest';
import { createModel, inlineConstant, type Model, Tape } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import { weightBytesOf } from './weight-bytes.ts';

it.each(['float16', 'bfloat16'] as const)(
  'counts %s that is cast to f32 as f32, and what is read as it is too',
  (dtype) => {
    const { graph, tape } = graphWith(dtype);
    const stored = graph.addInitializer('w', inlineConstant({ dtype, shape: [3, 4], bytes: new Uint8Array(24) }));
    expect(weightBytesOf(graph)).toBe(24);
    tape.op('Cast', [stored], { attributes: { to: dataTypeNumber('float32') } });
    expect(weightBytesOf(graph)).toBe(48);
    tape.op('Gather', [stored, graph.addInput('ids', 'int64', ['rows'])]);
    expect(weightBytesOf(graph)).toBe(72);
  },
);

it('counts other weights as they are stored', () => {
  const { graph, tape } = graphWith('int8');
  const stored = graph.addInitializer('w', inlineConstant({ dtype: 'int8', shape: [5], bytes: new Uint8Array(5) }));
  tape.op('Cast', [stored], { attributes: { to: dataTypeNumber('float32') } });
  expect(weightBytesOf(graph)).toBe(5);
});

function graphWith(graphName: string): { graph: Model['graph']; tape: Tape } {
  const model = createModel({ graphName });
  return { graph: model.graph, tape: new Tape(model) };
}
