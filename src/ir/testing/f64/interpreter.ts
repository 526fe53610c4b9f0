import { readConstant } from '../../external-data.ts';
import type { Graph, Node, Value } from '../../graph.ts';
import type { Model } from '../../model.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { layout } from './layout.ts';
import type { Operators64 } from './operator64.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { rotary } from './rotary.ts';
import { scan } from './scan.ts';
import { tensor64, type Tensor64 } from './tensor64.ts';

/** The operators of the graphs that Espalier builds itself for training. They do not use ONNX Runtime. */
export const operators64: Operators64 = {
  ...elementwise,
  ...products,
  ...layout,
  ...indexing,
  ...reductions,
  ...rotary,
  ...scan,
};

/** A graph that can be computed in f64. */
export interface Graph64 {
  readonly graph: Graph;
  /** The nodes that the wanted values depend on, in order. */
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<Value, Tensor64>;
  /** The first of the wanted values. */
  readonly wanted: Value;
}

/** What a graph has computed, value by value. */
export type Values64 = ReadonlyMap<Value, Tensor64>;

/** Makes a graph ready to compute some of its values. @param folder  where the files of its weights lie */
export async function openGraph64(
  { graph }: Model,
  { wanted: names, folder = '' }: { readonly wanted: readonly string[]; readonly folder?: string },
): Promise<Graph64> {
  const needed = new Set(names.flatMap((name) => graph.value(name) ?? []));
  const [wanted] = needed;
  if (wanted === undefined || needed.size < names.length)
    throw new TypeError(`the graph lacks one of ${names.join(', ')}`);
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => output && needed.has(output))) continue;
    for (const value of node.inputs) if (value) needed.add(value);
  }
  const nodes = graph.nodes.filter((node) => node.outputs.some((output) => output && needed.has(output)));
  const constants = new Map<Value, Tensor64>();
  for (const value of needed) {
    if (value.constant) constants.set(value, tensor64(await readConstant(value.constant, folder)));
  }
  return { graph, nodes, constants, wanted };
}

/**
 * Computes a graph.
 *
 * @param given  inputs by name
 * @param before  what an earlier computation gave: only what depends on the given inputs is computed again, and the rest stays
 */
export function compute64(
  { graph, nodes, constants }: Graph64,
  given: ReadonlyMap<string, Tensor64>,
  before?: Values64,
): Values64 {
  const values = new Map<Value, Tensor64>(before ?? constants);
  const moved = new Set<Value>();
  for (const [name, tensor] of given) {
    const value = graph.value(name);
    if (value === undefined) continue;
    values.set(value, tensor);
    moved.add(value);
  }
  for (const node of nodes) {
    if (before && !node.inputs.some((value) => value && moved.has(value))) continue;
    computeNode(node, values);
    for (const output of node.outputs) if (output) moved.add(output);
  }
  return values;
}

/** The number of a value without axes. */
export function numberOf(values: Values64, value: Value): number {
  return values.get(value)?.values[0] ?? NaN;
}

function computeNode(node: Node, values: Map<Value, Tensor64>): void {
  const operator = operators64[node.qualifiedType];
  if (operator === undefined) throw new TypeError(`there is no ${node.qualifiedType} in f64`);
  const inputs = node.inputs.map((value) => value && found(values, value));
  const results = operator({ node, inputs, compute: computeBody });
  for (const [index, output] of node.outputs.entries()) {
    const result = results[index];
    if (output && result) values.set(output, result);
  }
}

function computeBody(graph: Graph, inputs: readonly Tensor64[]): Tensor64[] {
  const values = new Map<Value, Tensor64>();
  for (const [index, value] of graph.inputs.entries()) {
    const tensor = inputs[index];
    if (tensor) values.set(value, tensor);
  }
  for (const node of graph.nodes) computeNode(node, values);
  return graph.outputs.map((output) => found(values, output));
}

function found(values: ReadonlyMap<Value, Tensor64>, value: Value): Tensor64 {
  const tensor = values.get(value);
  if (tensor === undefined) throw new TypeError(`${value.name} has not been computed`);
  return tensor;
}
