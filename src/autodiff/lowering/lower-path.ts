import { inferShapes, Tape, type Model, type Node, type Value } from '../../ir/index.ts';
import { findConnected, type Endpoints } from '../gradient-path.ts';
import type { GradientRegistry } from '../gradient-registry.ts';

/**
 * Rewrites every fused operator between the parameters and the loss in smaller ones that have gradient rules, where the
 * registry knows how. The rest of the graph keeps its fused kernels.
 *
 * @returns the loss and the parameters as they are afterwards: an output of a rewritten node is another value now
 * @throws EspalierError GRADIENT_NOT_DEFINED for a form of an operator that its lowering does not cover
 */
export function lowerPath(model: Model, endpoints: Endpoints, registry: GradientRegistry): Endpoints {
  const replaced = new Map<Value, Value>();
  for (const node of findConnected(model.graph, endpoints, registry)) {
    const lowering = registry.findLowering(node);
    if (lowering === undefined) continue;
    const tape = new Tape(model, { scope: node.label, insertBefore: node });
    const results = lowering.lower({ tape, node });
    if (results === undefined) continue;
    for (const [output, result] of replaceNode(model, node, results)) replaced.set(output, result);
  }
  if (replaced.size > 0) inferShapes(model);
  const now = (value: Value): Value => replaced.get(value) ?? value;
  return { loss: now(endpoints.loss), parameters: endpoints.parameters.map(now) };
}

/** Each result takes the place of an output, and its name. */
function replaceNode(
  { graph }: Model,
  node: Node,
  results: readonly (Value | undefined)[],
): (readonly [output: Value, result: Value])[] {
  const pairs = node.outputs.flatMap((output, index) => {
    const result = results[index];
    return output && result ? [[output, result] as const] : [];
  });
  const names = pairs.map(([output]) => output.name);
  for (const [output, result] of pairs) graph.replaceAllUses(output, result);
  graph.removeNode(node);
  for (const [index, [, result]] of pairs.entries()) {
    const name = names[index];
    // WHY: a graph output has taken its name over already, and one result may stand for two outputs.
    if (name !== undefined && graph.value(name) === undefined) graph.rename(result, name);
  }
  return pairs;
}
