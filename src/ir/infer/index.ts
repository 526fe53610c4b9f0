import type { Dim, Shape } from '../dim.ts';
import type { Graph } from '../graph.ts';
import type { Model } from '../model.ts';
import type { Node } from '../node.ts';
import type { Value } from '../value.ts';
import { formatShape, OpView, type TypeInfo } from './infer-rule.ts';
import { inferRules } from './rules.ts';

/**
 * Finds dtype and shape of a node's outputs from its inputs and writes them on the values, as far as they can be known.
 * What a value says already stays, and gains what is more precise. An operator without a rule changes nothing.
 *
 * @throws EspalierError IR_SHAPE when the inputs cannot go together, or a value already says another type or size
 */
export function inferNode(node: Node, model: Pick<Model, 'opsets'>): void {
  const rule = inferRules.get(node.qualifiedType);
  if (rule === undefined) return;
  const op = new OpView(node, model.opsets.get(node.domain) ?? 1);
  const found = rule(op);
  const infos: readonly (TypeInfo | undefined)[] = Array.isArray(found) ? found : [found];
  node.outputs.forEach((value, i) => {
    const info = infos[i];
    if (value && info) refine(op, value, info);
  });
}

/**
 * Infers every node of the model's graph and of its subgraphs, in order.
 * @throws EspalierError IR_SHAPE
 */
export function inferShapes(model: Model): void {
  inferGraph(model.graph, model);
}

function inferGraph(graph: Graph, model: Model): void {
  for (const node of graph.nodes) {
    for (const subgraph of node.subgraphs) inferGraph(subgraph, model);
    inferNode(node, model);
  }
}

function refine(op: OpView, value: Value, info: TypeInfo): void {
  if (value.dtype && info.dtype && value.dtype !== info.dtype) {
    throw op.error(`its output ${value.name} is declared ${value.dtype}, but is ${info.dtype}`);
  }
  value.dtype ??= info.dtype;
  value.shape = mergeShapes(op, value, info.shape);
  value.elements = info.elements ?? value.elements;
}

function mergeShapes(op: OpView, value: Value, found: Shape | undefined): Shape | undefined {
  const declared = value.shape;
  if (declared === undefined || found === undefined) return declared ?? found;
  if (declared.length !== found.length || declared.some((dim, i) => differ(dim, found[i]))) {
    throw op.error(`its output ${value.name} is declared ${formatShape(declared)}, but is ${formatShape(found)}`);
  }
  return declared.map((dim, i) => mergeDims(dim, found[i]));
}

function differ(declared: Dim, found: Dim): boolean {
  return typeof declared === 'number' && typeof found === 'number' && declared !== found;
}

/** Numbers beat symbols; a declared symbol beats a found one, since the model's author chose it. */
function mergeDims(declared: Dim, found: Dim): Dim {
  return typeof found === 'number' ? found : (declared ?? found);
}
