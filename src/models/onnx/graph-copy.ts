import { EspalierError } from '../../core/index.ts';
import {
  createModel,
  Graph,
  inferNode,
  Tape,
  type Attribute,
  type ConstantData,
  type Model,
  type ModelFunction,
  type Node,
  type Value,
} from '../../ir/index.ts';
import type { DataType } from '../../tensor/index.ts';
import { constantOf, float32Attribute, isHalf, knownBool, widened } from './constants.ts';
import { foldIntegers } from './fold-integers.ts';
import { upgradedNode, usableOpset } from './upgrade/upgrade-node.ts';
import type { NodeCall } from './upgrade/upgrade.ts';

/** The context in which a body of nodes is copied: its values in the copy, and the attributes of the function call. */
interface Scope {
  readonly values: Map<Value, Value>;
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** The operator set of the nodes. A function may have another one than the graph. */
  readonly opset: number;
  /** The prefix of names; '' outside of functions. */
  readonly prefix: string;
}

/** A model of another tool as it was read, with its weights in files. It is never changed; graphs are copies of it. */
export interface OnnxSource {
  readonly model: Model;
  /** The file, for messages. */
  readonly path: string;
}

export interface CopyOptions {
  /**
   * Computes in f32 where the file computes in half-width floats, as for half-width checkpoints. Weights are cast when the graph is
   * loaded. Gradients and adapters are therefore f32.
   */
  readonly widen?: boolean;
}

/**
 * Copies the graph of another tool's model into one flat, typed graph. Functions are inlined, constants become initializers, branches
 * with a known condition are chosen, nodes that pass on their input are removed, and so is a Concat with an empty tensor. The source
 * is not changed, so every graph of a base is a copy of its own.
 *
 * Bind values to inputs of the source first, then call `run`. An input without a bound value becomes an input of the copy.
 */
export class GraphCopy {
  readonly model: Model;
  readonly tape: Tape;
  readonly #source: Model;
  readonly #path: string;
  readonly #widen: boolean;
  readonly #functions: ReadonlyMap<string, ModelFunction>;
  /** The graph into which each initializer of the source is copied. */
  readonly #owners = new Map<Value, Graph>();
  readonly #scope: Scope;
  /** Constants that upgrades have added, to be shared. */
  readonly #constants = new Map<string, Value>();

  constructor({ model: source, path }: OnnxSource, graphName: string, { widen = false }: CopyOptions = {}) {
    this.#source = source;
    this.#scope = { values: new Map(), attributes: new Map(), opset: opsetOf(source), prefix: '' };
    this.#widen = widen;
    this.#path = path;
    this.model = createModel({
      graphName,
      opset: usableOpset(source, path),
      irVersion: Math.max(source.irVersion, 10),
    });
    for (const [domain, version] of source.opsets) if (domain !== '') this.model.opsets.set(domain, version);
    this.tape = new Tape(this.model);
    this.#functions = new Map(source.functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  }

  get graph(): Graph {
    return this.model.graph;
  }

  /** Binds `value` to an input of the source: in the copy, every reader of the input reads `value`. */
  bind(input: Value, value: Value): void {
    this.#scope.values.set(input, value);
  }

  /** Adds an input of the source to the copy, with the same name and by default the same shape. */
  addInput({ name, dtype, shape: declared }: Value, shape = declared): Value {
    return this.graph.addInput(name, this.#type(dtype), shape);
  }

  /** @throws EspalierError IR_SHAPE, ONNX_MODEL_UNSUPPORTED naming the node */
  run(): void {
    this.#copyNodes(this.#source.graph, this.graph, this.#scope);
  }

  /** Returns the value in the copy for a value of the source. */
  value(source: Value): Value {
    return this.#find(source, this.#scope);
  }

  #copyNodes(from: Graph, to: Graph, scope: Scope): void {
    for (const value of from.initializers.values()) this.#owners.set(value, to);
    for (const node of from.nodes) this.#copyNode(node, to, scope);
  }

  #copyNode(node: Node, to: Graph, scope: Scope): void {
    const fn = this.#functions.get(functionKey(node.domain, node.opType, node.overload));
    if (fn) return this.#copyCall(node, fn, to, scope);
    if (node.opType === 'Constant' && node.domain === '') return this.#copyConstant(node, to, scope);
    const branch = node.opType === 'If' ? this.#chosenBranch(node, scope) : undefined;
    if (branch) return this.#copyBranch(node, branch, to, scope);
    const same = this.#passedOn(node, scope);
    const [output] = node.outputs;
    if (same && output) scope.values.set(output, same);
    else this.#copyOperator(node, to, scope);
  }

  #copyOperator(node: Node, to: Graph, scope: Scope): void {
    const { label, docString, metadata } = node;
    const tape = new Tape({ ...this.model, graph: to }, { scope: scope.prefix + label }, this.#constants);
    const call: NodeCall = {
      opType: node.opType,
      domain: node.domain,
      inputs: node.inputs.map((input) => input && this.#find(input, scope)),
      attributes: this.#copyAttributes(node, to, scope),
      outputs: node.outputs,
    };
    const upgraded = upgradedNode(call, { opset: scope.opset, tape, label, path: this.#path });
    const folded = foldIntegers(upgraded);
    const [only] = node.outputs;
    if (folded && only) return void scope.values.set(only, tape.constant(folded));
    const { opType, domain, inputs, attributes, after } = upgraded;
    const name = to.uniqueName(scope.prefix + label);
    const outputs = node.outputs.map((output) => output && { name: to.uniqueName(scope.prefix + output.name) });
    const copied = to.addNode({ opType, domain, inputs, attributes, name, docString, metadata, outputs });
    inferNode(copied, this.model);
    node.outputs.forEach((output, i) => {
      const value = copied.outputs[i];
      if (!output || !value) return;
      value.dtype ??= this.#type(output.dtype);
      // Only numbers are kept: a symbol of the file may have another length in this copy.
      if (!after) value.shape ??= output.shape?.map((dim) => (typeof dim === 'number' ? dim : undefined));
      scope.values.set(output, after && i === 0 ? after(value) : value);
    });
  }

  /** Inlines the body of a function at its call. */
  #copyCall(node: Node, fn: ModelFunction, to: Graph, scope: Scope): void {
    const attributes = new Map([...fn.defaults, ...this.#resolved(node, scope)]);
    const opset = fn.opsets.get('') ?? scope.opset;
    const inner: Scope = { values: new Map(), attributes, opset, prefix: `${scope.prefix}${node.label}/` };
    fn.graph.inputs.forEach((input, i) => {
      const given = node.inputs[i];
      if (given) inner.values.set(input, this.#find(given, scope));
    });
    this.#copyNodes(fn.graph, to, inner);
    node.outputs.forEach((output, i) => {
      const result = fn.graph.outputs[i];
      if (output && result) scope.values.set(output, this.#find(result, inner));
    });
  }

  #copyBranch(node: Node, branch: Graph, to: Graph, scope: Scope): void {
    this.#copyNodes(branch, to, scope);
    node.outputs.forEach((output, i) => {
      const result = branch.outputs[i];
      if (output && result) scope.values.set(output, this.#find(result, scope));
    });
  }

  #copyConstant(node: Node, to: Graph, scope: Scope): void {
    const [output] = node.outputs;
    if (output === undefined) return;
    const attributes = new Map(this.#resolved(node, scope));
    const data = constantOf(attributes);
    if (data === undefined) throw this.#unsupported(node, 'gives a constant of a kind that cannot be read');
    scope.values.set(output, this.#addConstant(to, scope.prefix + output.name, data));
  }

  #chosenBranch(node: Node, scope: Scope): Graph | undefined {
    const [condition] = node.inputs;
    const known = condition && knownBool(this.#find(condition, scope));
    return known === undefined ? undefined : node.graphAttribute(known ? 'then_branch' : 'else_branch');
  }

  /** Returns the input that a node passes on unchanged. */
  #passedOn(node: Node, scope: Scope): Value | undefined {
    if (node.domain !== '') return undefined;
    const input = (index: number): Value | undefined => {
      const value = node.inputs[index];
      return value && this.#find(value, scope);
    };
    if (node.opType === 'Identity') return input(0);
    if (node.opType === 'Dropout' && node.inputs[2] === undefined && node.outputs[1]?.isUsed !== true) return input(0);
    if (node.opType !== 'Concat') return undefined;
    const axis = node.intAttribute('axis', 0);
    const filled = node.inputs.flatMap((_, i) => input(i) ?? []).filter((value) => value.shape?.at(axis) !== 0);
    return filled.length === 1 ? filled[0] : undefined;
  }

  #copyAttributes(node: Node, to: Graph, scope: Scope): Map<string, Attribute> {
    return new Map(
      this.#resolved(node, scope).map(([name, attribute]): [string, Attribute] => {
        if (attribute.kind === 'graph')
          return [name, { kind: 'graph', value: this.#copyInner(attribute.value, to, scope) }];
        if (attribute.kind !== 'graphs') return [name, this.#widen ? widened(node, name, attribute) : attribute];
        return [name, { kind: 'graphs', value: attribute.value.map((inner) => this.#copyInner(inner, to, scope)) }];
      }),
    );
  }

  /** Copies the body of a loop, or of a branch that is chosen at run time. */
  #copyInner(from: Graph, outer: Graph, scope: Scope): Graph {
    const to = new Graph(from.name, outer);
    for (const input of from.inputs) {
      scope.values.set(input, to.addInput(to.uniqueName(scope.prefix + input.name), input.dtype, input.shape));
    }
    this.#copyNodes(from, to, scope);
    for (const output of from.outputs) {
      const value = this.#find(output, scope);
      const isOwn = to.value(value.name) === value && [...to.values()].includes(value) && !value.isGraphOutput;
      to.addOutput(isOwn ? value : this.#identity(value, to));
    }
    return to;
  }

  #identity(value: Value, to: Graph): Value {
    const name = to.uniqueName(`${value.name}.given`);
    const { outputs } = to.addNode({ opType: 'Identity', inputs: [value], outputs: [{ name, dtype: value.dtype }] });
    const [result] = outputs;
    if (result === undefined) throw new TypeError('Identity has one output');
    return result;
  }

  /** Replaces references to attributes of the call by their values. An attribute that the call omits is omitted. */
  #resolved(node: Node, scope: Scope): [string, Attribute][] {
    return [...node.attributes].flatMap(([name, attribute]): [string, Attribute][] => {
      if (attribute.kind !== 'reference') return [[name, attribute]];
      const given = scope.attributes.get(attribute.value.name);
      return given ? [[name, given]] : [];
    });
  }

  #find(source: Value, scope: Scope): Value {
    const known = scope.values.get(source);
    if (known) return known;
    // A weight is copied into the graph that owns it, because another branch may read it too.
    const owner = this.#owners.get(source) ?? this.graph;
    const copied = source.constant
      ? this.#addConstant(owner, scope.prefix + source.name, source.constant)
      : this.graph.addInput(this.graph.uniqueName(source.name), this.#type(source.dtype), source.shape);
    scope.values.set(source, copied);
    return copied;
  }

  #type(dtype: DataType | undefined): DataType | undefined {
    return this.#widen && isHalf(dtype) ? 'float32' : dtype;
  }

  /** Copies an initializer, with a cast when it must become f32. */
  #addConstant(to: Graph, name: string, data: ConstantData): Value {
    const value = to.addInitializer(to.uniqueName(name), data);
    if (!this.#widen || !isHalf(value.dtype)) return value;
    const attributes = [['to', float32Attribute] as const];
    const output = { name: to.uniqueName(`${name}.float32`), dtype: 'float32', shape: value.shape } as const;
    const [cast] = to.addNode({ opType: 'Cast', inputs: [value], attributes, outputs: [output] }).outputs;
    if (cast === undefined) throw new TypeError('Cast has one output');
    return cast;
  }

  #unsupported(node: Node, reason: string): EspalierError {
    const problems = `node ${node.label} (${node.qualifiedType}) ${reason}`;
    return new EspalierError('ONNX_MODEL_UNSUPPORTED', { path: this.#path, problems });
  }
}

function opsetOf({ opsets }: Model): number {
  return opsets.get('') ?? 1;
}

function functionKey(domain: string, name: string, overload: string): string {
  return [domain, name, overload].join('\n');
}
