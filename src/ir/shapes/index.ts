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

/** As `inferNode`, but where a value says another type than its operator gives, the operator is right. */
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
 * Infers every node of the model's graph and of its subgraphs, in order. Where a file declares another type than its
 * operators give, the operators are right: exporters do write wrong shapes, and ONNX Runtime does not believe them either.
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
 * Numbers beat symbols; a declared symbol beats a found one, since the model's author chose it. But what a tool made up
 * ('Min(64, sequence)', 'Gemmlogits_dim_0') says less than a dimension that was followed through the graph.
 */
function mergeShapes(declared: Shape | undefined, found: Shape | undefined): Shape | undefined {
  if (declared === undefined || found === undefined) return declared ?? found;
  return declared.map((dim, i) =>
    typeof found[i] === 'number' || isMadeUp(dim) ? (found[i] ?? dim) : (dim ?? found[i]),
  );
}

/** A call, or the name that TorchScript's exporter gives to a dimension of an output. */
function isMadeUp(dim: Dim): boolean {
  return typeof dim === 'string' && /[A-Za-z]\(|_dim_\d+$/.test(dim);
}
