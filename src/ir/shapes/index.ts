import type { Dim, Shape } from '../dim.ts';
import type { Graph, Node, Value } from '../graph.ts';
import type { Model } from '../model.ts';
import { formatShape, OpView, type TypeInfo } from './infer-rule.ts';
import { inferRules } from './rules.ts';

/**
 * Infers dtype and shape of the outputs of a node from its inputs and stores them in the values, as far as they can be known. A type that
 * a value already has stays, and becomes more precise where possible. An operator without a rule changes nothing.
 *
 * @throws EspalierError IR_SHAPE when the inputs cannot go together, or a value already says another type or size
 */
export function inferNode(node: Node, model: Pick<Model, 'opsets'>): void {
  inferOutputs(node, model, mergeStrictly);
}

function inferOutputs(node: Node, model: Pick<Model, 'opsets'>, merge: Merge): void {
  const rule = inferRules.get(node.qualifiedType);
  if (rule === undefined) return;
  const op = new OpView(node, model.opsets.get(node.domain) ?? 1);
  const found = rule(op);
  const infos: readonly (TypeInfo | undefined)[] = Array.isArray(found) ? found : [found];
  for (const info of infos) assertSizes(op, info?.shape);
  node.outputs.forEach((value, i) => {
    const info = infos[i];
    if (value && info) merge(op, value, info);
  });
}

/** Like `inferNode`, but if the declared type of a value contradicts its operator, the type from the operator is used. */
export function reinferNode(node: Node, model: Pick<Model, 'opsets'>): void {
  inferOutputs(node, model, mergeFound);
}

function assertSizes(op: OpView, shape: Shape | undefined): void {
  if (shape && !shape.every(isSize)) throw op.error(`its output would have the shape ${formatShape(shape)}`);
}

function isSize(dim: Dim): boolean {
  return typeof dim !== 'number' || (Number.isSafeInteger(dim) && dim >= 0);
}

type Merge = (op: OpView, value: Value, info: TypeInfo) => void;

/**
 * Infers all nodes of the graph of a model and of its subgraphs, in order. If a file declares another type than its operators compute,
 * the type from the operators is used: some exporters write wrong shapes, and ONNX Runtime ignores them too.
 *
 * @throws EspalierError IR_SHAPE when the inputs of a node cannot go together
 */
export function inferShapes(model: Model): void {
  inferGraph(model.graph, model);
}

function inferGraph(graph: Graph, model: Model): void {
  for (const node of graph.nodes) {
    for (const subgraph of node.subgraphs) inferGraph(subgraph, model);
    reinferNode(node, model);
  }
}

function mergeStrictly(op: OpView, value: Value, info: TypeInfo): void {
  if (value.dtype && info.dtype && value.dtype !== info.dtype) {
    throw op.error(`its output ${value.name} is declared ${value.dtype}, but is ${info.dtype}`);
  }
  if (contradict(value.shape, info.shape)) {
    const [declared, found] = [formatShape(value.shape), formatShape(info.shape)];
    throw op.error(`its output ${value.name} is declared ${declared}, but is ${found}`);
  }
  mergeFound(op, value, info);
}

function mergeFound(_: OpView, value: Value, info: TypeInfo): void {
  const declared = contradict(value.shape, info.shape) ? undefined : value.shape;
  value.dtype = info.dtype ?? value.dtype;
  value.shape = mergeShapes(declared, info.shape);
  value.elements = info.elements ?? value.elements;
}

function contradict(declared: Shape | undefined, found: Shape | undefined): boolean {
  if (declared === undefined || found === undefined) return false;
  return declared.length !== found.length || declared.some((dim, i) => differ(dim, found[i]));
}

function differ(declared: Dim, found: Dim): boolean {
  return typeof declared === 'number' && typeof found === 'number' && declared !== found;
}

/**
 * Numbers take precedence over symbols. A declared symbol takes precedence over an inferred one, because the author of the model chose
 * it. A name that a tool generated ('Min(64, sequence)', 'Gemmlogits_dim_0') is less useful than an inferred dimension.
 */
function mergeShapes(declared: Shape | undefined, found: Shape | undefined): Shape | undefined {
  if (declared === undefined || found === undefined) return declared ?? found;
  return declared.map((dim, i) =>
    typeof found[i] === 'number' || isMadeUp(dim) ? (found[i] ?? dim) : (dim ?? found[i]),
  );
}

/** Matches a call, or the name that the TorchScript exporter gives to a dimension of an output. */
function isMadeUp(dim: Dim): boolean {
  return typeof dim === 'string' && /[A-Za-z]\(|_dim_\d+$/.test(dim);
}
