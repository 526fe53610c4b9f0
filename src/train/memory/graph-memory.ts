import { constantDtype, evaluateDim, type Graph, type Model, type Node, type Value } from '../../ir/index.ts';
import { byteLength } from '../../tensor/index.ts';
import { Arena, type Chunk } from './arena.ts';

/** The memory that a loaded graph takes, in bytes. */
export interface GraphMemory {
  /** Constants, and the copies of them that products keep in the layout of their kernel. */
  readonly weights: number;
  /** What the intermediate results of a run take: the pages of the runtime's arena that they use. */
  readonly activations: number;
  /** Intermediate results whose size cannot be known before. They are counted as nothing. */
  readonly unknown: readonly string[];
}

export interface GraphSizes {
  /** The size of each symbolic dimension. */
  readonly dims: ReadonlyMap<string, number>;
  /** Tokens of the whole training: at most so many rows of a table are read. */
  readonly tokens: number;
  /** Whether products keep a copy of a constant in the layout of their kernel. Default: true. */
  readonly packs?: boolean;
}

/** Operators that keep a constant second input in the layout of their kernel, each operator a copy of its own. */
const packing = new Set(['MatMul', 'Gemm', 'com.microsoft:MatMulNBits']);
/** Operators whose output is the memory of their input. */
const aliasing = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity']);
/** ONNX Runtime does not compute these when it loads a model, even of constants. */
const notFolded = new Set(['DequantizeLinear', 'com.microsoft:DequantizeLinear']);
/** Operators that need as much memory again as their first input takes while they run. */
const doubling = new Set(['SoftmaxCrossEntropyLoss', 'LogSoftmax']);
const pageBytes = 4096;
/** MLAS rounds the columns of a packed matrix up to these. */
const packedColumns = 16;

/**
 * The memory of a graph, from its nodes: a result lives from the node that computes it to the last one that reads it.
 *
 * @param model  with inferred shapes, nodes in the order in which they run
 */
export function graphMemory({ graph }: Model, { dims, tokens, packs = true }: GraphSizes): GraphMemory {
  const constants = constantsOf(graph.nodes, graph.initializers.values());
  const running = graph.nodes.filter((node) => !node.outputs.every((output) => output && constants.has(output)));
  const unknown: string[] = [];
  const sizeOf = (value: Value): number => {
    const size = bytesOf(value, dims);
    if (size === undefined) unknown.push(value.name);
    return size ?? 0;
  };
  return {
    weights: weightsOf(constants, { running: new Set(running.flatMap(withInner)), tokens, dims, packs }),
    activations: peakOf(running, { sizeOf, outputs: new Set(graph.outputs) }),
    unknown,
  };
}

/** The constants of a graph, and what is computed from them alone. */
function constantsOf(nodes: readonly Node[], initializers: Iterable<Value>): Set<Value> {
  const constants = new Set([...initializers].filter((value) => !value.isGraphInput));
  for (const node of nodes) {
    const isFolded = node.inputs.every((input) => input === undefined || constants.has(input));
    if (!isFolded || notFolded.has(node.qualifiedType) || node.subgraphs.length > 0) continue;
    for (const output of node.outputs) if (output) constants.add(output);
  }
  return constants;
}

interface WeightUse {
  readonly running: ReadonlySet<Node>;
  readonly tokens: number;
  readonly dims: GraphSizes['dims'];
  readonly packs: boolean;
}

function weightsOf(constants: ReadonlySet<Value>, { running, tokens, dims, packs: isPacking }: WeightUse): number {
  let sum = 0;
  const mapped = new Map<string, number>();
  for (const value of constants) {
    const uses = [...value.uses].filter(({ node }) => running.has(node));
    const size = bytesOf(value, dims) ?? 0;
    const packs = uses.filter(({ node, index }) => isPacking && index === 1 && packing.has(node.qualifiedType));
    const others = uses.filter((use) => !packs.includes(use));
    sum += packs.length * packedBytes(value, size);
    if (others.length === 0) continue;
    const isTable = others.every(({ node, index }) => index === 0 && node.opType === 'Gather');
    const held = isTable ? Math.min(size, tableBytes(value, { size, tokens })) : size;
    const place = placeOf(value);
    if (place === undefined) sum += held;
    else mapped.set(place, Math.max(held, mapped.get(place) ?? 0));
  }
  return [...mapped.values()].reduce((total, held) => total + held, sum);
}

/** Where a constant lies in a file. WHY: bytes that a graph reads in several types are mapped once. */
function placeOf({ constant }: Value): string | undefined {
  if (constant?.kind !== 'external' || constant.decoding !== undefined) return undefined;
  return `${constant.offset} ${constant.location}`;
}

function packedBytes({ shape, dtype }: Value, size: number): number {
  const [rows, columns] = shape ?? [];
  if (dtype !== 'float32' || typeof rows !== 'number' || typeof columns !== 'number') return size;
  // WHY the larger: a transposed matrix is packed by its rows.
  return Math.max(rows * roundUp(columns, packedColumns), columns * roundUp(rows, packedColumns)) * 4;
}

/** The pages of a mapped file that reading this many rows touches. */
function tableBytes({ shape }: Value, { size, tokens }: { size: number; tokens: number }): number {
  const [rows] = shape ?? [];
  if (typeof rows !== 'number' || rows === 0) return size;
  return tokens * (roundUp(size / rows, pageBytes) + pageBytes);
}

/** A node and the nodes of its subgraphs. */
function withInner(node: Node): Node[] {
  return [node, ...node.subgraphs.flatMap(({ nodes }) => nodes.flatMap(withInner))];
}

interface Peak {
  readonly sizeOf: (value: Value) => number;
  /** They are in memory of their own. */
  readonly outputs: ReadonlySet<Value>;
}

function peakOf(nodes: readonly Node[], peak: Peak): number {
  const arena = new Arena();
  simulate(arena, nodes, peak);
  return arena.touched;
}

/** Lets the arena do what it does during a run of the nodes. */
function simulate(arena: Arena, nodes: readonly Node[], { sizeOf, outputs }: Peak): void {
  const owners = new Map<Value, Value>();
  const ownerOf = (value: Value): Value => owners.get(value) ?? value;
  const last = new Map<Value, number>();
  for (const [index, node] of nodes.entries()) {
    const [input] = node.inputs;
    const [output] = node.outputs;
    if (aliasing.has(node.qualifiedType) && input && output && !outputs.has(output)) owners.set(output, ownerOf(input));
    for (const value of [...node.inputs, ...node.outputs]) if (value) last.set(ownerOf(value), index);
  }
  const ends = endsOf(last);
  const chunks = new Map<Value, Chunk>();
  for (const [index, node] of nodes.entries()) {
    for (const output of node.outputs) {
      if (output === undefined || outputs.has(output) || owners.has(output)) continue;
      const size = sizeOf(output);
      if (size > 0) chunks.set(output, arena.take(size));
    }
    const [copied] = doubling.has(node.qualifiedType) ? node.inputs : [];
    if (copied) arena.give(arena.take(sizeOf(copied)));
    // A step of a Scan writes its outputs into those of the node.
    for (const body of node.subgraphs.filter(isShaped))
      simulate(arena, body.nodes, { sizeOf, outputs: new Set(body.outputs) });
    for (const value of ends.get(index) ?? []) {
      const chunk = chunks.get(value);
      if (chunk !== undefined) arena.give(chunk);
    }
  }
}

/** Whether the shapes of all results are known by the names of their dimensions. The bodies of recurrences are small and have none. */
function isShaped({ nodes }: Graph): boolean {
  return nodes.every(({ outputs }) => outputs.every((output) => output === undefined || output.shape !== undefined));
}

/** The values that are read for the last time, by the index of the node that does. */
function endsOf(last: ReadonlyMap<Value, number>): Map<number, Value[]> {
  const ends = new Map<number, Value[]>();
  for (const [value, index] of last) {
    const list = ends.get(index);
    if (list) list.push(value);
    else ends.set(index, [value]);
  }
  return ends;
}

/** undefined if a dimension or the type is unknown. */
function bytesOf({ shape, dtype, constant }: Value, dims: GraphSizes['dims']): number | undefined {
  const type = constant === undefined ? dtype : constantDtype(constant);
  if (shape === undefined || type === undefined || type === 'string') return undefined;
  const sizes = shape.map((dim) => evaluateDim(dim, dims) ?? Number.NaN);
  return sizes.some(Number.isNaN) ? undefined : byteLength(type, sizes);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
