import { createHash } from 'node:crypto';
import {
  createModel,
  encodeModel,
  type ExternalConstant,
  type Graph,
  type Model,
  type Node,
  removeDeadCode,
  runPasses,
  type Value,
} from '../../ir/index.ts';
import { byteLength, type DataType } from '../../tensor/index.ts';

/** A constant that is computed from others before a session is created. */
export interface ComputedConstant {
  /** Its name in the graph. */
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** The graph that computes it. Constants that are computed alike from other bytes share it. */
  readonly bytes: Uint8Array;
  /** Equal for equal graphs. */
  readonly key: string;
  /** What the inputs of that graph are. */
  readonly inputs: ReadonlyMap<string, ExternalConstant>;
}

/** WHY a limit: a smaller constant costs less memory than a session costs time. */
const leastBytes = 2 ** 20;

/** Operators that give something else each time. */
const random = /^(Random|Bernoulli|Multinomial|Dropout)/;

/**
 * Takes large constants that the graph computes in several steps out of it. Whoever creates a session gives it their data, by their
 * names.
 *
 * WHY: ONNX Runtime computes them too, but keeps what stands between the steps of all of them until all are computed, which takes four
 * times the memory of the constants. Where it takes less than they do, it is left to ONNX Runtime.
 *
 * The model is changed. A constant whose bytes are decoded first is left alone, as is one in a subgraph.
 */
export function extractConstants(model: Model): ComputedConstant[] {
  const { graph } = model;
  const known = constantNodes(graph);
  const isRoot = (value: Value): boolean =>
    !value.isGraphOutput && [...value.uses].some(({ node }) => !known.has(node)) && isWorthIt(value);
  const roots = [...known].flatMap((node) => node.outputs.filter((value) => value !== undefined)).filter(isRoot);
  const computed = roots.map((root) => taskOf(model, root));
  for (const [index, root] of roots.entries()) {
    const task = computed[index];
    if (task === undefined) continue;
    const { name, dtype, shape } = task;
    const place = { location: 'computed', offset: 0, length: byteLength(dtype, shape) };
    graph.replaceAllUses(root, graph.addInitializer(name, { kind: 'external', ...place, dtype, shape }));
  }
  if (roots.length > 0) runPasses(model, [removeDeadCode]);
  return computed;
}

/** The nodes that depend on nothing but constants, in the order of the graph. */
function constantNodes({ nodes }: Graph): Set<Node> {
  const known = new Set<Node>();
  for (const node of nodes) {
    const inputs = node.inputs.filter((value) => value !== undefined);
    if (inputs.length === 0 || node.subgraphs.length > 0 || random.test(node.opType)) continue;
    if (inputs.every((value) => isLeaf(value) || (value.producer && known.has(value.producer)))) known.add(node);
  }
  return known;
}

function isLeaf({ constant, isGraphInput }: Value): boolean {
  if (constant === undefined || isGraphInput || constant.kind === 'opaque') return false;
  return constant.kind === 'inline' || constant.decoding === undefined;
}

/** Whether what stands between takes more memory than the value itself. */
function isWorthIt(root: Value): boolean {
  const own = bytesOf(root);
  if (own === undefined || own < leastBytes) return false;
  const between = cone(root).flatMap((node) => (node === root.producer ? [] : node.outputs));
  return between.reduce((sum, value) => sum + ((value && bytesOf(value)) ?? 0), 0) > own;
}

function bytesOf({ dtype, shape }: Value): number | undefined {
  const dims = shape?.filter((dim) => typeof dim === 'number');
  return dtype === undefined || dims === undefined || dims.length !== shape?.length
    ? undefined
    : byteLength(dtype, dims);
}

/** The nodes from which a value is computed, each behind those that it reads. */
function cone(root: Value): Node[] {
  const found = new Set<Node>();
  const visit = (node: Node | undefined): void => {
    if (node === undefined || found.has(node)) return;
    for (const input of node.inputs) visit(input?.producer);
    found.add(node);
  };
  visit(root.producer);
  return [...found];
}

function taskOf(model: Model, root: Value): ComputedConstant {
  const { dtype, shape } = root;
  const dims = shape?.filter((dim) => typeof dim === 'number');
  if (dtype === undefined || dims === undefined) throw new TypeError(`${root.name} has no known size`);
  const own = createModel({ graphName: 'constant', irVersion: model.irVersion });
  own.opsets.clear();
  for (const [domain, version] of model.opsets) own.opsets.set(domain, version);
  const inputs = new Map<string, ExternalConstant>();
  const copies = new Map<Value, Value>();
  const copyOf = (value: Value): Value => {
    const made = copies.get(value) ?? leafOf(own, value, inputs);
    copies.set(value, made);
    return made;
  };
  for (const [index, node] of cone(root).entries()) {
    const made = own.graph.addNode({
      opType: node.opType,
      domain: node.domain,
      inputs: node.inputs.map((value) => value && copyOf(value)),
      outputs: node.outputs.map((value, place) => value && { name: `n${index}.${place}`, ...typeOf(value) }),
      attributes: node.attributes,
    });
    node.outputs.forEach((value, place) => {
      const copy = made.outputs[place];
      if (value && copy) copies.set(value, copy);
    });
  }
  own.graph.addOutput(copyOf(root));
  const bytes = encodeModel(own);
  const key = createHash('sha256').update(bytes).digest('hex');
  return { name: model.graph.uniqueName(`${root.name}/computed`), dtype, shape: dims, bytes, key, inputs };
}

/** Bytes in files become inputs, so that constants which differ in them alone have the same graph. */
function leafOf(own: Model, { constant, name }: Value, inputs: Map<string, ExternalConstant>): Value {
  if (constant?.kind === 'external') {
    const input = `i${inputs.size}`;
    inputs.set(input, constant);
    return own.graph.addInput(input, constant.dtype, constant.shape);
  }
  if (constant === undefined) throw new TypeError(`${name} is no constant`);
  return own.graph.addInitializer(own.graph.uniqueName('c'), constant);
}

function typeOf({ dtype, shape }: Value): Pick<Value, 'dtype' | 'shape'> {
  return { dtype, shape };
}
