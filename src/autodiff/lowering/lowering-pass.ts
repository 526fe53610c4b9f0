import {
  definePass,
  inferShapes,
  inOrder,
  Tape,
  type Model,
  type Node,
  type Pass,
  type Value,
} from '../../ir/index.ts';
import { findConnected, type Endpoints } from '../gradient-path.ts';
import type { GradientRegistry } from '../gradient-registry.ts';

/** A pass that lowers a path. */
export interface LoweringPass extends Pass {
  /** The loss and the parameters as they are now: an output of a rewritten node is another value after the pass. */
  readonly endpoints: Endpoints;
}

/**
 * Rewrites every fused operator between the parameters and the loss as smaller ones with gradient rules, if the registry has a lowering
 * for it. The rest of the graph keeps its fused kernels.
 *
 * Its run throws EspalierError GRADIENT_NOT_DEFINED for a form of an operator that its lowering does not cover.
 */
export function loweringPass(endpoints: Endpoints, registry: GradientRegistry): LoweringPass {
  const replaced = new Map<Value, Value>();
  const now = (value: Value): Value => replaced.get(value) ?? value;
  const pass = definePass('lower-operators', (model) => lower(model, { endpoints, registry, replaced }), {
    ensures: [inOrder],
  });
  return {
    ...pass,
    get endpoints() {
      return { loss: now(endpoints.loss), parameters: endpoints.parameters.map(now) };
    },
  };
}

interface LoweringJob {
  readonly endpoints: Endpoints;
  readonly registry: GradientRegistry;
  /** The replaced values, each with its replacement. */
  readonly replaced: Map<Value, Value>;
}

function lower(model: Model, { endpoints, registry, replaced }: LoweringJob): string[] {
  const changes: string[] = [];
  for (const node of findConnected(model.graph, endpoints, registry)) {
    const lowering = registry.findLowering(node);
    if (lowering === undefined) continue;
    const start = model.graph.nodes.indexOf(node);
    const tape = new Tape(model, { scope: node.label, insertBefore: node });
    const results = lowering.lower({ tape, node });
    if (results === undefined) continue;
    const own = new Set(model.graph.nodes.slice(start, model.graph.nodes.indexOf(node)));
    for (const [output, result] of pair(node, results))
      replaced.set(output, takeThePlace(tape, { output, result, own }));
    model.graph.removeNode(node);
    changes.push(`${node.label} is smaller operators`);
  }
  if (replaced.size > 0) inferShapes(model);
  return changes;
}

/** The outputs that have readers, each with its replacement. */
function pair(node: Node, results: readonly (Value | undefined)[]): (readonly [output: Value, result: Value])[] {
  return node.outputs.flatMap((output, index) => {
    const result = results[index];
    return output?.isUsed && result ? [[output, result] as const] : [];
  });
}

interface Replacement {
  readonly output: Value;
  readonly result: Value;
  /** The nodes that this lowering recorded. */
  readonly own: ReadonlySet<Node>;
}

function takeThePlace(tape: Tape, { output, result, own }: Replacement): Value {
  // WHY the Identity: a value that already existed, or that is a graph output, keeps its own name.
  const isOwn = result.producer !== undefined && own.has(result.producer) && !result.isGraphOutput;
  const value = isOwn || !output.isGraphOutput ? result : tape.op('Identity', [result]);
  tape.model.graph.replaceAllUses(output, value);
  return value;
}
