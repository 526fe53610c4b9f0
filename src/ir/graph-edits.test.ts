import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { decodeModel } from './onnx/decode.ts';
import { encodeModel } from './onnx/encode.ts';
import { sortNodes } from './sort.ts';
import { verifyModel } from './verify.ts';
import type { Model } from './model.ts';
import { assertUses } from './testing/assert-uses.ts';
import { pick, randomModel } from './testing/random-model.ts';
import type { Node, Value } from './graph.ts';

type Kind = 'set' | 'replace' | 'remove' | 'insert' | 'rename' | 'output';

interface Edit {
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom<Kind>('set', 'replace', 'remove', 'insert', 'rename', 'output'),
  a: fc.nat(99),
  b: fc.nat(99),
});

/** Applies an edit where it is allowed. */
function apply(model: Model, { kind, a, b }: Edit): void {
  const { graph } = model;
  if (graph.nodes.length === 0) return;
  const values = [...graph.values()];
  const before = encodeModel(model);
  const refused = refusalOf(() => change(model, kind, pick(graph.nodes, a), pick(values, a), pick(values, b), b));
  const isSame = Buffer.compare(encodeModel(model), before) === 0;
  if (refused && !isSame) throw new Error(`${kind} was refused (${refused}) and changed the graph`);
}

function refusalOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (EspalierError.isInstance(error)) return error.code;
    throw error;
  }
}

function change({ graph }: Model, kind: Kind, node: Node, from: Value, to: Value, index: number): void {
  switch (kind) {
    case 'set':
      return node.setInput(index % 4, to);
    case 'replace':
      return graph.replaceAllUses(from, to);
    case 'remove':
      return graph.removeNode(node);
    case 'insert':
      graph.insertBefore(node, { opType: 'New', inputs: [from], outputs: [{ name: graph.uniqueName('new') }] });
      return;
    case 'rename':
      return graph.rename(from, to.name);
    case 'output':
      if (from.isGraphOutput) graph.removeOutput(from);
      else graph.addOutput(from);
  }
}

it('keeps uses, names and outputs right through any edits', () => {
  fc.assert(
    fc.property(randomModel, fc.array(edit, { maxLength: 10 }), (model, edits) => {
      for (const one of edits) apply(model, one);
      assertUses(model.graph);
      expect(new Set([...model.graph.values()].map(({ name }) => name)).size).toBe([...model.graph.values()].length);
      const cycle = refusalOf(() => sortNodes(model.graph));
      fc.pre(cycle === undefined);
      verifyModel(model);
      const bytes = encodeModel(model);
      expect(Buffer.compare(encodeModel(decodeModel(bytes)), bytes)).toBe(0);
    }),
    { numRuns: 60 },
  );
});
