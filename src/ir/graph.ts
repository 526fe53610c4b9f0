import { EspalierError } from '../core/index.ts';
import type { DataType } from '../tensor/index.ts';
import { constantDtype, constantShape, type ConstantData } from './constant.ts';
import { canonicalDim, type Dim } from './dim.ts';
import { assertUnused, invalidValue, notHere, strangerAmong } from './graph-errors.ts';
import { NameTable } from './name-table.ts';
import type { AttributeInputOf, AttributeOf } from './attribute.ts';
import { NodeOf, type NodeInitOf } from './node.ts';
import { ValueOf, type UseOf, type ValueInit } from './value.ts';

/** A node of a graph, which may hold graphs as subgraphs. */
export type Node = NodeOf<Graph>;
export type NodeInit = NodeInitOf<Graph>;
/** A tensor that flows through a graph. */
export type Value = ValueOf<Node, Graph>;
/** One place where a value is read: input `index` of `node`. */
export type Use = UseOf<Node>;
export type Attribute = AttributeOf<Graph>;
export type AttributeInput = AttributeInputOf<Graph>;

/** The description of a new output: its name, and its type if known. undefined omits an optional output. */
export type OutputInit = ({ readonly name: string } & ValueInit) | undefined;

/** The description of a new node and its outputs. */
export interface NodeWithOutputs extends NodeInit {
  readonly outputs: readonly OutputInit[];
}

/**
 * Nodes in topological order, and the values between them. All changes use methods of the graph, which keep names unique and uses
 * correct. A subgraph (the body of If, Loop or Scan) knows its parent and may read its values.
 */
export class Graph {
  name: string;
  docString = '';
  readonly metadata = new Map<string, string>();
  /** ONNX fields that this IR does not read, as their bytes in the file. */
  unknown: readonly Uint8Array[] = [];
  readonly parent: Graph | undefined;

  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Value>();
  readonly #values = new Map<string, Value>();
  /** One name table for the whole tree: this graph, the graphs around it and its subgraphs. */
  readonly #names: NameTable;

  constructor(name: string, parent?: Graph) {
    this.name = name;
    this.parent = parent;
    this.#names = parent ? parent.#names : new NameTable();
  }

  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  get outputs(): readonly Value[] {
    return this.#outputs;
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  get initializers(): ReadonlyMap<string, Value> {
    return this.#initializers;
  }

  /** The value with this name in this graph or in a graph around it. */
  value(name: string): Value | undefined {
    return this.#values.get(name) ?? this.parent?.value(name);
  }

  /** All values of this graph, without those of other graphs, in the order of their creation. */
  values(): IterableIterator<Value> {
    return this.#values.values();
  }

  /** A name that no value or node of the whole tree of graphs has: `base`, or `base_1`, `base_2`, ... */
  uniqueName(base: string): string {
    return this.#names.unique(base);
  }

  addInput(name: string, dtype?: DataType, shape?: readonly Dim[]): Value {
    const dims = shape?.map((dim) => (typeof dim === 'string' ? canonicalDim(dim) : dim));
    const value = this.#own(new ValueOf(name, { dtype, shape: dims }));
    return this.#markInput(value);
  }

  /** Lists an initializer among the inputs too, as a default that a caller may replace. Models before IR version 4 do this for all. */
  addInputWithDefault(initializer: Value): Value {
    return this.#markInput(initializer);
  }

  /** @throws EspalierError IR_IN_USE if the value is read */
  removeInput(value: Value): void {
    const index = this.#inputs.indexOf(value);
    if (index < 0) throw notHere(value, 'an input');
    if (value.constant === undefined) this.#disown(value);
    this.#inputs.splice(index, 1);
    ValueOf.link.setInput(value, false);
  }

  addOutput(value: Value): Value {
    if (this.#outputs.includes(value)) throw invalidValue(value, 'it is an output already; put an Identity between');
    this.#outputs.push(value);
    ValueOf.link.addOutput(value, this);
    return value;
  }

  removeOutput(value: Value): void {
    const index = this.#outputs.indexOf(value);
    if (index < 0) throw notHere(value, 'an output');
    this.#outputs.splice(index, 1);
    ValueOf.link.dropOutput(value, this);
  }

  addInitializer(name: string, constant: ConstantData): Value {
    const init = { dtype: constantDtype(constant), shape: constantShape(constant), constant };
    const value = this.#own(new ValueOf(name, init));
    this.#initializers.set(name, value);
    return value;
  }

  /** @throws EspalierError IR_IN_USE if the value is read */
  removeInitializer(value: Value): void {
    if (this.#initializers.get(value.name) !== value) throw notHere(value, 'an initializer');
    if (!value.isGraphInput) this.#disown(value);
    this.#initializers.delete(value.name);
    value.constant = undefined;
  }

  /** Appends a node. Its inputs must be values of this graph or of a graph around it. */
  addNode(init: NodeWithOutputs): Node {
    return this.#insert(init, this.#nodes.length);
  }

  insertBefore(anchor: Node, init: NodeWithOutputs): Node {
    return this.#insert(init, this.#indexOf(anchor));
  }

  insertAfter(anchor: Node, init: NodeWithOutputs): Node {
    return this.#insert(init, this.#indexOf(anchor) + 1);
  }

  /**
   * Adds an optional output to a node that does not produce it yet (the inverse deviation of a norm, a dropout mask).
   * @throws EspalierError IR_INVALID if the node already has this output
   */
  addNodeOutput(node: Node, index: number, output: NonNullable<OutputInit>): Value {
    this.#indexOf(node);
    const present = node.outputs[index];
    if (present) throw invalidValue(present, 'the node gives this output already');
    const value = this.#own(new ValueOf(output.name, output));
    NodeOf.link.addOutput(node, index, value);
    return value;
  }

  /** @throws EspalierError IR_IN_USE if one of its outputs is read; the graph is then unchanged */
  removeNode(node: Node): void {
    this.removeNodes([node]);
  }

  /**
   * Removes several nodes in one pass over the graph. They may read each other.
   * @throws EspalierError IR_IN_USE if another node, or an output of a graph, reads one of their outputs; the graph is then unchanged
   */
  removeNodes(nodes: Iterable<Node>): void {
    const gone = new Set(nodes);
    const stays = this.#nodes.filter((node) => !gone.has(node));
    if (stays.length + gone.size !== this.#nodes.length) throw strangerAmong(gone, this.#nodes);
    const readers = new Set([...gone].flatMap(withInner));
    for (const node of gone)
      for (const output of node.outputs) if (output) assertUnused(output, `Node ${node.label}`, readers);
    for (const node of gone) node.release();
    for (const node of gone) this.#forget(node);
    this.#nodes.splice(0, this.#nodes.length, ...stays);
  }

  /**
   * Replaces all uses of `from` by `to`, including graph outputs. A graph output keeps its name: the two values exchange their
   * names, so that the reverse replacement restores them.
   * @param except  nodes that keep reading `from`
   */
  replaceAllUses(from: Value, to: Value, options: { readonly except?: Iterable<Node> } = {}): void {
    if (from === to) return;
    for (const value of [from, to]) if (this.#values.get(value.name) !== value) throw notHere(value, 'a value');
    if (from.isGraphOutput && (to.isGraphOutput || to.isGraphInput)) {
      throw invalidValue(to, `it cannot take the place of output ${from.name}; put an Identity between`);
    }
    const except = new Set(options.except);
    for (const use of from.uses) if (!except.has(use.node)) use.node.setInput(use.index, to);
    if (!from.isGraphOutput) return;
    for (const graph of from.outputOf) graph.#replaceOutput(from, to);
    this.#renameAll(
      new Map([
        [from, to.name],
        [to, from.name],
      ]),
    );
  }

  /** @throws EspalierError IR_NAME_TAKEN */
  rename(value: Value, name: string): void {
    if (this.#values.get(value.name) !== value) throw notHere(value, 'a value');
    if (value.name === name) return;
    if (this.#values.has(name)) throw new EspalierError('IR_NAME_TAKEN', { name });
    this.#names.free(value.name);
    this.#names.take(name);
    this.#renameAll(new Map([[value, name]]));
  }

  /** Puts the nodes into another order. `sortNodes` computes a topological one. */
  reorder(nodes: readonly Node[]): void {
    this.#nodes.splice(0, this.#nodes.length, ...nodes);
  }

  /** Removes this graph's uses of outer values. Called when the node that contains this subgraph is removed. */
  release(): void {
    for (const node of this.#nodes) node.release();
    for (const output of this.#outputs) ValueOf.link.dropOutput(output, this);
  }

  #insert(init: NodeWithOutputs, index: number): Node {
    const names = init.outputs.flatMap((output) => (output ? [output.name] : []));
    const taken = names.find((name, i) => this.#values.has(name) || names.indexOf(name) !== i);
    if (taken !== undefined) throw new EspalierError('IR_NAME_TAKEN', { name: taken });
    const outputs = init.outputs.map((output) => output && this.#own(new ValueOf(output.name, output)));
    const node = new NodeOf(init, outputs);
    if (node.name !== '') this.#names.take(node.name);
    if (index === this.#nodes.length) this.#nodes.push(node);
    else this.#nodes.splice(index, 0, node);
    return node;
  }

  #indexOf(node: Node): number {
    const index = this.#nodes.indexOf(node);
    if (index < 0) throw strangerAmong([node], this.#nodes);
    return index;
  }

  #forget(node: Node): void {
    for (const output of node.outputs) if (output) this.#disown(output);
    if (node.name !== '') this.#names.free(node.name);
  }

  #own(value: Value): Value {
    if (this.#values.has(value.name)) throw new EspalierError('IR_NAME_TAKEN', { name: value.name });
    this.#values.set(value.name, value);
    this.#names.take(value.name);
    return value;
  }

  #disown(value: Value): void {
    assertUnused(value, `Value ${value.name}`);
    this.#values.delete(value.name);
    this.#names.free(value.name);
  }

  #markInput(value: Value): Value {
    this.#inputs.push(value);
    ValueOf.link.setInput(value, true);
    return value;
  }

  #replaceOutput(from: Value, to: Value): void {
    this.#outputs[this.#outputs.indexOf(from)] = to;
    ValueOf.link.dropOutput(from, this);
    ValueOf.link.addOutput(to, this);
  }

  /** Keeps the order of initializers, so that undoing a renaming restores the same bytes. */
  #renameAll(names: ReadonlyMap<Value, string>): void {
    const initializers = [...this.#initializers.values()];
    for (const value of names.keys()) this.#values.delete(value.name);
    for (const [value, name] of names) {
      ValueOf.link.rename(value, name);
      this.#values.set(name, value);
    }
    if (!initializers.some((value) => names.has(value))) return;
    this.#initializers.clear();
    for (const value of initializers) this.#initializers.set(value.name, value);
  }
}

/** A node and all nodes of its subgraphs. */
function withInner(node: Node): Node[] {
  return [node, ...node.subgraphs.flatMap((graph) => graph.nodes.flatMap(withInner))];
}
