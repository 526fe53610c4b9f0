import { EspalierError } from '../core/index.ts';
import { stopGradientKey, type Graph, type Node, type Value } from '../ir/index.ts';
import { notDefined, type Way } from './not-defined.ts';
import type { GradientRegistry } from './gradient-registry.ts';

/** The nodes and values between the parameters and the loss: the only part of a graph that has gradients. */
export interface GradientPath {
  /** In topological order. */
  readonly nodes: readonly Node[];
  /** Values whose gradients are needed: those that depend on a parameter and on which the loss depends. */
  readonly values: ReadonlySet<Value>;
  /** The path from a parameter to a value, for error messages. */
  explain(value: Value): Way;
}

const floats = new Set(['float32', 'float64', 'float16', 'bfloat16']);

/** Whether a value can carry a gradient at all: integers and booleans cannot. */
export function isFloat(value: Value): boolean {
  return value.dtype !== undefined && floats.has(value.dtype);
}

/**
 * Finds the nodes between the parameters and the loss. A path ends at integers and booleans, and at operators that are declared not
 * differentiable.
 *
 * @throws EspalierError PARAMETER_UNREACHABLE if the loss does not depend on a parameter
 * @throws EspalierError GRADIENT_NOT_DEFINED if an operator on the path has no rule
 */
export function findGradientPath(
  graph: Graph,
  { loss, parameters }: Endpoints,
  registry: GradientRegistry,
): GradientPath {
  const cameFrom = reachForward(graph, parameters, registry);
  const { nodes, values } = connect(graph, { loss, cameFrom, registry });
  const path = { nodes, values, explain: (value: Value) => explain(value, cameFrom) };
  for (const parameter of parameters) if (!values.has(parameter)) throw unreachable(parameter, loss);
  for (const node of nodes) assertRule(node, registry, path);
  return path;
}

/** The loss and the parameters with respect to which it is differentiated. */
export interface Endpoints {
  readonly loss: Value;
  readonly parameters: readonly Value[];
}

/** The nodes that depend on a parameter and on which the loss depends, in topological order. They need not have rules. */
export function findConnected(graph: Graph, { loss, parameters }: Endpoints, registry: GradientRegistry): Node[] {
  return connect(graph, { loss, cameFrom: reachForward(graph, parameters, registry), registry }).nodes;
}

interface Connection {
  readonly loss: Value;
  readonly cameFrom: CameFrom;
  readonly registry: GradientRegistry;
}

function connect(graph: Graph, { loss, cameFrom, registry }: Connection): { nodes: Node[]; values: Set<Value> } {
  const values = new Set<Value>(cameFrom.has(loss) ? [loss] : []);
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => output && values.has(output))) continue;
    // WHY filtered: a parameter may itself be computed by a node that depends on no parameter.
    const inputs = readBy(node).filter((input) => cameFrom.has(input));
    if (inputs.length === 0 || stops(node, registry)) continue;
    for (const input of inputs) values.add(input);
    nodes.push(node);
  }
  return { nodes: nodes.reverse(), values };
}

/** Whether the gradient stops at a node, because of its operator or because the graph's builder marked it. */
function stops(node: Node, registry: GradientRegistry): boolean {
  return node.metadata.has(stopGradientKey) || registry.find(node)?.stops !== undefined;
}

/** Every float that depends on a parameter, with the value and the node from which it was first reached. */
type CameFrom = Map<Value, { readonly value: Value; readonly node: Node } | undefined>;

function reachForward(graph: Graph, parameters: readonly Value[], registry: GradientRegistry): CameFrom {
  const cameFrom: CameFrom = new Map(parameters.filter(isFloat).map((parameter) => [parameter, undefined]));
  for (const node of graph.nodes) {
    const value = readBy(node).find((input) => cameFrom.has(input));
    if (value === undefined || stops(node, registry)) continue;
    // WHY integers too: a rounded value may become a float again later, and its gradient would be lost silently.
    const anyType = registry.find(node)?.refuses !== undefined || !isFloat(value);
    for (const output of node.outputs) {
      if (output && (anyType || isFloat(output)) && !cameFrom.has(output)) cameFrom.set(output, { value, node });
    }
  }
  return cameFrom;
}

/** The values that a node reads, including those of its subgraphs: the body of a loop depends on the values that it captures. */
function readBy(node: Node): Value[] {
  const captured = node.subgraphs.flatMap((graph) => [...graph.nodes.flatMap(readBy), ...graph.outputs]);
  return [...node.inputs.flatMap((input) => input ?? []), ...captured];
}

function assertRule(node: Node, registry: GradientRegistry, path: Pick<GradientPath, 'values' | 'explain'>): void {
  const rule = registry.find(node);
  const isCovered = rule?.covers ? rule.covers(node) : node.subgraphs.length === 0;
  if (rule && rule.refuses === undefined && isCovered) return;
  const value = readBy(node).find((input) => path.values.has(input));
  const reason = rule?.refuses === undefined ? '' : ` (${rule.refuses})`;
  throw notDefined(node, `operator ${node.qualifiedType}${reason}`, value && path.explain(value));
}

function explain(value: Value, cameFrom: CameFrom): Way {
  const names: string[] = [];
  let at = value;
  for (let step = cameFrom.get(at); step; step = cameFrom.get(at)) {
    names.unshift(step.node.label);
    at = step.value;
  }
  return { parameter: at.name, path: [at.name, ...shorten(names)].join(' → ') };
}

/** Keeps the first and the last few names of a long path. */
function shorten(names: readonly string[]): readonly string[] {
  return names.length <= 8 ? names : [...names.slice(0, 3), `… ${names.length - 6} more …`, ...names.slice(-3)];
}

function unreachable(parameter: Value, loss: Value): EspalierError {
  const reason = isFloat(parameter) ? 'no differentiable path connects them' : `it is ${parameter.dtype ?? 'untyped'}`;
  return new EspalierError('PARAMETER_UNREACHABLE', { parameter: parameter.name, loss: loss.name, reason });
}
