import { nearest } from '../core/index.ts';
import { moduleKey, type Graph, type Node, type Value } from '../ir/index.ts';

/** Metadata key on every node, input and initializer that an injection adds; its value is the module's path. */
export const loraKey = 'espalier.lora';

/** A node that computes one linear layer: `y = x·Wᵀ`. */
export interface LinearNode {
  readonly node: Node;
  /** [..., in] */
  readonly x: Value;
  /** [..., out] */
  readonly y: Value;
  readonly in: number;
  readonly out: number;
}

/** A module of the graph: its nodes, more than one where a builder computes it in parts, all of one size. */
export interface GraphModule {
  readonly path: string;
  readonly nodes: readonly LinearNode[];
  readonly in: number;
  readonly out: number;
}

/**
 * Finds the linear nodes of these modules and everything that speaks against putting adapters on them.
 *
 * @returns the modules in the order asked for, and the problems; with any of these the modules are not complete
 */
export function findModules(graph: Graph, paths: readonly string[]): { modules: GraphModule[]; problems: string[] } {
  const problems: string[] = [];
  if (paths.length === 0) problems.push('no module is given');
  const known = nodesByModule(graph);
  const injected = new Set(graph.nodes.map(({ metadata }) => metadata.get(loraKey)));
  const modules = paths.flatMap((path, i) => {
    const nodes = known.get(path);
    if (nodes === undefined) problems.push(`the graph has no linear node for ${path}${hint(path, known.keys())}`);
    else if (paths.indexOf(path) !== i) problems.push(`${path} comes twice`);
    else if (injected.has(path)) problems.push(`${path} has an adapter already`);
    else return moduleOf(path, nodes, problems);
    return [];
  });
  return { modules, problems };
}

function nodesByModule(graph: Graph): Map<string, Node[]> {
  const result = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    const path = node.metadata.get(moduleKey);
    if (path === undefined || node.domain !== '' || (node.opType !== 'Gemm' && node.opType !== 'MatMul')) continue;
    result.set(path, [...(result.get(path) ?? []), node]);
  }
  return result;
}

function moduleOf(path: string, nodes: readonly Node[], problems: string[]): GraphModule[] {
  const linears = nodes.flatMap((node) => linearNode(node, problems));
  const [first] = linears;
  if (first === undefined) return [];
  if (linears.some((other) => other.in !== first.in || other.out !== first.out)) {
    problems.push(`the nodes of ${path} have matrices of different sizes`);
  }
  return [{ path, nodes: linears, in: first.in, out: first.out }];
}

function linearNode(node: Node, problems: string[]): LinearNode[] {
  const [x, weight] = node.inputs;
  const [y] = node.outputs;
  const [rows, columns] = weight?.shape?.length === 2 ? weight.shape : [];
  const problem = (reason: string): [] => {
    problems.push(`${node.label} (${node.opType}) ${reason}`);
    return [];
  };
  if (x === undefined || y === undefined || typeof rows !== 'number' || typeof columns !== 'number') {
    return problem('has no weight matrix of known size');
  }
  if (node.intAttribute('transA', 0) !== 0) return problem('turns its input over, which adapters cannot follow');
  const [width, out] = node.intAttribute('transB', 0) === 0 ? [rows, columns] : [columns, rows];
  return [{ node, x, y, in: width, out }];
}

function hint(path: string, known: Iterable<string>): string {
  const near = nearest(path, known);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
