import { evaluateDim, sortNodes, Tape, zeroAfter, type Graph, type Model, type Node, type Value } from '../ir/index.ts';
import { gradientKey } from './differentiate.ts';
import { cast } from './emit.ts';
import { spareEnds } from './spare-ends.ts';

/** Metadata of every node that computes a value of the forward pass a second time: the name of the first node. */
export const recomputedKey = 'espalier.recomputed';

/** What a layer computes without a parameter below it is kept, if it is a product: it would cost as much as the layer. */
const products = new Set(['MatMul', 'Gemm', 'FusedMatMul', 'MatMulNBits', 'Conv', 'ConvTranspose', 'Einsum']);
const random = new Set([
  'Dropout',
  'RandomNormalLike',
  'RandomUniformLike',
  'RandomNormal',
  'RandomUniform',
  'Bernoulli',
  'Multinomial',
]);

/**
 * Lets the backward pass compute what it reads of the forward pass a second time, layer by layer, so that only the values between two
 * layers are in memory from the forward pass to the backward pass. The nodes are the same with the same inputs, so the gradients are
 * the same.
 *
 * A layer ends at a value through which everything goes that depends on a parameter, and that several nodes read: in a transformer the
 * sum after the attention and the sum after the feed-forward part. Where it saves memory, every second end is left out (`spareEnds`).
 *
 * WHY the second computation reads its input through a Reshape, whose shape depends on the gradient behind the layer: otherwise ONNX
 * Runtime finds that both nodes are equal and keeps one of them, or runs both at the beginning.
 *
 * WHY a layer waits for the gradients of the parameters of the layer behind it: these are outputs that nothing reads, so ONNX Runtime
 * computes some of them at the end of the run, and until then keeps the activations of every layer.
 *
 * @param totals  the gradients of the values of the forward pass, as `differentiate` gives them
 * @param parameters  the gradient of each parameter
 * @param dims  sizes of symbolic dimensions by which values are compared. Default: no end is left out
 * @returns how many nodes were added
 */
export function recompute(model: Model, options: RecomputeOptions): number {
  const layers = findLayers(model.graph, options);
  const before = model.graph.nodes.length;
  for (const layer of layers) repeat(model, layer);
  sortNodes(model.graph);
  return model.graph.nodes.length - before;
}

export interface RecomputeOptions {
  readonly totals: ReadonlyMap<Value, Value>;
  readonly parameters: ReadonlyMap<Value, Value>;
  readonly dims?: ReadonlyMap<string, number>;
}

interface Layer {
  readonly nodes: ReadonlySet<Node>;
  /** The value before the layer; undefined for the lowest. */
  readonly start: Value | undefined;
  /** The value behind it. */
  readonly end: Value;
  /** What the backward pass has computed before it comes to the layer: the gradient of the value behind it, and of the next parameters. */
  readonly after: readonly Value[];
}

function isForward(node: Node): boolean {
  return !node.metadata.has(gradientKey);
}

/** The layers of the forward pass except the last one, whose values the backward pass reads first. */
function findLayers(graph: Graph, { totals: gradients, parameters, dims }: RecomputeOptions): Layer[] {
  const forward = graph.nodes.filter(isForward);
  const path = forward.filter((node) => node.outputs.some((output) => output && gradients.has(output)));
  const all = cutsOf(path, gradients);
  const ends = dims === undefined ? all : keptEnds(all, { place: placesOf(forward, { path, ends: all }), dims });
  const place = placesOf(forward, { path, ends });
  return ends.flatMap(({ value }, layer) => {
    const gradient = gradients.get(value);
    if (gradient === undefined) return [];
    const nodes = new Set(forward.filter((node) => place.get(node) === layer && canRepeat(node)));
    const next = [...parameters].filter(([parameter]) =>
      readers(parameter).some((node) => place.get(node) === layer + 1),
    );
    const after = [gradient, ...next.map(([, each]) => each)];
    return [{ nodes, start: ends[layer - 1]?.value, end: value, after }];
  });
}

/** The layer of each node, by its index. */
function placesOf(
  forward: readonly Node[],
  { path, ends }: { path: readonly Node[]; ends: readonly Cut[] },
): Map<Node, number> {
  const place = new Map<Node, number>();
  let index = 0;
  for (const node of path) {
    place.set(node, index);
    if (node === ends[index]?.after) index += 1;
  }
  addOthers(forward, place);
  return place;
}

interface Sizes {
  readonly place: ReadonlyMap<Node, number>;
  readonly dims: ReadonlyMap<string, number>;
}

function keptEnds(ends: readonly Cut[], { place, dims }: Sizes): Cut[] {
  const sizeOf = ({ shape }: Value): number =>
    (shape ?? [undefined]).reduce<number>((size, dim) => size * (evaluateDim(dim, dims) ?? NaN), 1);
  const within = ends.map(() => 0);
  for (const [node, index] of place) {
    for (const output of node.outputs) {
      const isRead = output && output !== ends[index]?.value && [...output.uses].some((use) => !isForward(use.node));
      if (isRead && canRepeat(node)) within[index] = (within[index] ?? 0) + sizeOf(output);
    }
  }
  const spared = spareEnds(ends.map(({ value }, i) => ({ end: sizeOf(value), within: within[i] ?? NaN })));
  return ends.filter((_, index) => !spared.has(index));
}

function readers(value: Value): Node[] {
  return [...value.uses].map(({ node }) => node).filter(isForward);
}

interface Cut {
  readonly value: Value;
  /** The last node of the layer in the order of the graph. */
  readonly after: Node;
}

/** The values through which everything goes that has a gradient. */
function cutsOf(path: readonly Node[], gradients: ReadonlyMap<Value, Value>): Cut[] {
  const counts = new Map<Value, number>();
  const last = new Map<Value, number>();
  for (const [index, node] of path.entries()) {
    for (const input of new Set(node.inputs)) {
      if (input?.producer === undefined || !gradients.has(input)) continue;
      counts.set(input, (counts.get(input) ?? 0) + 1);
      last.set(input, index);
    }
  }
  const live = new Set<Value>();
  const cuts: Cut[] = [];
  for (const [index, node] of path.entries()) {
    for (const output of node.outputs) if (output && last.has(output)) live.add(output);
    for (const value of live) if ((last.get(value) ?? 0) <= index) live.delete(value);
    const [only] = live;
    if (live.size === 1 && only?.producer === node && (counts.get(only) ?? 0) > 1)
      cuts.push({ value: only, after: node });
  }
  return cuts;
}

/** Gives a node that depends on no parameter to the layer that alone reads it, unless it is a product or stands below one. */
function addOthers(forward: readonly Node[], place: Map<Node, number>): void {
  for (const node of forward.toReversed()) {
    if (place.has(node) || products.has(node.opType)) continue;
    const places = new Set(
      node.outputs.flatMap((output) => (output ? readers(output) : [])).map((reader) => place.get(reader)),
    );
    const [only] = places;
    if (places.size === 1 && only !== undefined) place.set(node, only);
  }
}

function canRepeat(node: Node): boolean {
  return node.subgraphs.length === 0 && !random.has(node.opType) && node.inputs.some((input) => input !== undefined);
}

function repeat(model: Model, layer: Layer): void {
  const { graph } = model;
  const read = [...layer.nodes].flatMap((node) => node.outputs.filter((output) => output !== undefined));
  const saved = read.filter((value) => value !== layer.end && [...value.uses].some((use) => !isForward(use.node)));
  if (saved.length === 0) return;
  const copies = new Map<Value, Value>();
  const tape = new Tape(model, { scope: 'recompute', metadata: { [gradientKey]: layer.end.name } });
  const gated = gateOf(tape, layer.after);
  for (const node of sources(saved, layer)) copyNode(graph, node, { copies, layer, gated });
  for (const value of saved) {
    const copy = copies.get(value);
    if (copy === undefined) continue;
    for (const { node, index } of value.uses) if (node.metadata.has(gradientKey)) node.setInput(index, copy);
  }
}

/** The nodes of the layer on which the values depend, in order. */
function sources(values: readonly Value[], { nodes, end }: Layer): Node[] {
  const found = new Set<Node>();
  const open = values.flatMap(({ producer }) => producer ?? []);
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const input of node.inputs) {
      if (input?.producer && input !== end && nodes.has(input.producer)) open.push(input.producer);
    }
  }
  return [...nodes].filter((node) => found.has(node));
}

/** A function that gives a value again, with the same bits, as one that is known only after others. */
function gateOf(tape: Tape, after: readonly Value[]): (value: Value) => Value {
  const zeros = after.map((value) => zeroAfter(tape, value, 'float32'));
  const zero = cast(tape, tape.op('Sum', zeros), 'int64');
  const known = new Map<Value, Value>();
  return (value) => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const shape = tape.op('Add', [tape.op('Shape', [value]), zero]);
    const after = tape.op('Reshape', [value, shape], {
      attributes: { allowzero: 1 },
      ...(value.dtype && { dtype: value.dtype }),
      ...(value.shape && { shape: value.shape }),
    });
    known.set(value, after);
    return after;
  };
}

interface Copying {
  readonly copies: Map<Value, Value>;
  readonly layer: Layer;
  readonly gated: (value: Value) => Value;
}

function copyNode(graph: Graph, node: Node, { copies, layer, gated }: Copying): void {
  const inputs = node.inputs.map((input) => {
    if (input === undefined) return undefined;
    return copies.get(input) ?? (input === layer.start ? gated(input) : input);
  });
  // WHY: a node that reads nothing of the layer would be equal to the first one.
  const waits = inputs.some((input, index) => input !== node.inputs[index]);
  const running = node.inputs.findIndex((input) => input && (input.producer !== undefined || input.isGraphInput));
  const first = node.inputs[running];
  if (!waits && first !== undefined) inputs[running] = gated(first);
  if (!waits && first === undefined) return;
  const copy = graph.addNode({
    opType: node.opType,
    domain: node.domain,
    overload: node.overload,
    name: graph.uniqueName(`recompute/${node.label}`),
    inputs,
    attributes: node.attributes,
    metadata: [...node.metadata, [recomputedKey, node.label]],
    outputs: node.outputs.map(
      (output) =>
        output && { name: graph.uniqueName(`recompute/${output.name}`), dtype: output.dtype, shape: output.shape },
    ),
  });
  for (const [index, output] of node.outputs.entries()) {
    const copied = copy.outputs[index];
    if (output && copied) copies.set(output, copied);
  }
}
