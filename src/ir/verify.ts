import { EspalierError } from '../core/index.ts';
import type { Graph, Node, Value } from './graph.ts';
import type { Model } from './model.ts';
import { isSorted } from './sort.ts';
import { verifyAttributes } from './verify-attributes.ts';

/**
 * Checks the rules of ONNX that the methods of the IR cannot enforce. Every value is computed once and before it is read, by a node or
 * graph in scope. Names in subgraphs do not hide outer names. The domain of every operator has an operator set.
 *
 * @throws EspalierError IR_INVALID naming the node or value, IR_ATTRIBUTE for an attribute of the wrong kind
 */
export function verifyModel(model: Model): void {
  verifyGraph(model.graph, model.opsets, new Set());
  for (const { graph, opsets, name, domain } of model.functions) {
    if (name === '') throw invalid(`a function of domain ${domain}`, 'it has no name');
    verifyGraph(graph, opsets, new Set());
  }
}

function verifyGraph(graph: Graph, opsets: ReadonlyMap<string, number>, outer: ReadonlySet<Value>): void {
  const visible = new Set(outer);
  const outerNames = new Set([...outer].map(({ name }) => name));
  const define = (value: Value, where: string): void => {
    if (value.name === '') throw invalid(where, 'a value has no name');
    if (graph.value(value.name) !== value) throw invalid(where, `value ${value.name} does not belong to its graph`);
    if (outerNames.has(value.name)) throw invalid(where, `value ${value.name} hides one of an outer graph`);
    visible.add(value);
  };
  for (const value of [...graph.inputs, ...graph.initializers.values()]) define(value, `value ${value.name}`);
  if (!isSorted(graph))
    throw invalid(`graph ${graph.name}`, 'its nodes are not in topological order; sortNodes() orders them');
  for (const node of graph.nodes) {
    verifyNode(node, opsets, visible);
    for (const subgraph of node.subgraphs) verifyGraph(subgraph, opsets, visible);
    for (const output of node.outputs) if (output) define(output, `node ${node.label}`);
  }
  const missing = graph.outputs.find((output) => !visible.has(output));
  if (missing) throw invalid(`output ${missing.name}`, 'nothing produces it');
}

function verifyNode(node: Node, opsets: ReadonlyMap<string, number>, visible: ReadonlySet<Value>): void {
  const where = `node ${node.label}`;
  if (node.opType === '') throw invalid(where, 'it names no operator');
  if (!opsets.has(node.domain)) {
    throw invalid(where, `the model imports no operator set for domain ${node.domain || 'ai.onnx'}`);
  }
  verifyAttributes(node);
  const unseen = node.inputs.find((value) => value && !visible.has(value));
  if (unseen) throw invalid(where, `its input ${unseen.name} is not produced before it`);
  node.inputs.forEach((value, index) => {
    const isTracked = value === undefined || [...value.uses].some((use) => use.node === node && use.index === index);
    if (!isTracked) throw invalid(where, `the uses of its input ${value.name} do not name it`);
  });
}

function invalid(where: string, reason: string): EspalierError {
  return new EspalierError('IR_INVALID', { where, reason });
}
