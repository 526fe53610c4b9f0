import { createHash } from 'node:crypto';
import { tensorOf, type DataType, type TensorData } from '../tensor/index.ts';
import { toAttribute } from './attribute.ts';
import { inlineConstant } from './constant.ts';
import type { Dim } from './dim.ts';
import { inferNode } from './shapes/index.ts';
import type { Model } from './model.ts';
import type { AttributeInput, Node, Value } from './graph.ts';

export interface TapeOptions {
  /** Prefix of the names of nodes and values: 'model.layers.0.self_attn'. */
  readonly scope?: string;
  /** The metadata of every node. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Inserts nodes before this one in the order of recording, and not at the end of the graph. */
  readonly insertBefore?: Node;
  /** Inserts nodes after this one in the order of recording. */
  readonly insertAfter?: Node;
}

export interface OpOptions {
  readonly domain?: string;
  /** A number is an int and a list of numbers is ints. Write floats as `float(x)` and `floats([...])`. */
  readonly attributes?: Readonly<Record<string, AttributeInput | undefined>>;
  /** The number of outputs. Default: 1. */
  readonly outputs?: number;
  /** The name of the node and of its first output, within the scope. Default: the name of the operator. It is made unique. */
  readonly name?: string;
  /** Exact name of the first output, without scope. */
  readonly outputName?: string;
  /** The type of the first output, if inference cannot find it or the builder knows more. */
  readonly dtype?: DataType;
  readonly shape?: readonly Dim[];
  /** Metadata of this node, in addition to that of the tape. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Adds operators to a graph, one for each call. Every value gets its dtype and shape immediately, as far as they can be known. Builders
 * and the autodiff can therefore decide by them statically.
 */
export class Tape {
  readonly model: Model;
  readonly #options: TapeOptions;
  readonly #constants: Map<string, Value>;
  /** The node after which the next node is inserted, if `insertAfter` is set. */
  #last: Node | undefined;

  constructor(model: Model, options: TapeOptions = {}, constants = new Map<string, Value>()) {
    this.model = model;
    this.#options = options;
    this.#constants = constants;
    this.#last = options.insertAfter;
  }

  /** A tape at the same place with a longer scope and more metadata; it shares the constants. */
  scoped(scope: string, metadata: Readonly<Record<string, string>> = {}): Tape {
    const merged = {
      ...this.#options,
      scope: this.#scopedName(scope),
      metadata: { ...this.#options.metadata, ...metadata },
    };
    return new Tape(this.model, merged, this.#constants);
  }

  /**
   * Records one operator.
   * @returns its first output
   * @throws EspalierError IR_SHAPE when the inputs cannot go together
   */
  op(opType: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): Value {
    const [first] = this.ops(opType, inputs, options);
    if (first === undefined) throw new RangeError(`${opType} needs at least one output`);
    return first;
  }

  /** Records one operator and returns all its outputs. */
  ops(opType: string, inputs: readonly (Value | undefined)[], options: OpOptions = {}): Value[] {
    const { graph } = this.model;
    const name = graph.uniqueName(this.#scopedName(options.name ?? opType));
    const count = options.outputs ?? 1;
    const outputs = Array.from({ length: count }, (_, i) => ({
      name: i === 0 ? (options.outputName ?? name) : graph.uniqueName(`${name}.${i}`),
      ...(i === 0 ? { dtype: options.dtype, shape: options.shape } : {}),
    }));
    const attributes = Object.entries(options.attributes ?? {}).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, toAttribute(value)] as const],
    );
    const metadata = Object.entries({ ...this.#options.metadata, ...options.metadata });
    const node = this.#insert({ opType, domain: options.domain ?? '', name, inputs, outputs, attributes, metadata });
    inferNode(node, this.model);
    return node.outputs.flatMap((value) => value ?? []);
  }

  /** Returns an initializer with this data. Equal data gives the same value, unless a name is given. */
  constant(tensor: TensorData, name?: string): Value {
    const { graph } = this.model;
    if (name !== undefined)
      return graph.addInitializer(graph.uniqueName(this.#scopedName(name)), inlineConstant(tensor));
    const digest = createHash('sha256').update(tensor.bytes).digest('base64');
    const key = `${tensor.dtype}[${tensor.shape.join(',')}] ${digest}`;
    const known = this.#constants.get(key);
    if (known && graph.value(known.name) === known) return known;
    const value = graph.addInitializer(graph.uniqueName(`constant.${tensor.dtype}`), inlineConstant(tensor));
    this.#constants.set(key, value);
    return value;
  }

  /** i64 [values.length] */
  int64s(values: readonly number[]): Value {
    return this.constant(tensorOf('int64', [values.length], values));
  }

  /** i64 [] */
  int64(value: number): Value {
    return this.constant(tensorOf('int64', [], [value]));
  }

  /** One number of any type, shape []. */
  scalar(value: number, dtype: DataType = 'float32'): Value {
    return this.constant(tensorOf(dtype, [], [value]));
  }

  #insert(init: Parameters<Model['graph']['addNode']>[0]): Node {
    const { graph } = this.model;
    if (this.#options.insertBefore) return graph.insertBefore(this.#options.insertBefore, init);
    if (this.#last === undefined) return graph.addNode(init);
    return (this.#last = graph.insertAfter(this.#last, init));
  }

  #scopedName(name: string): string {
    const { scope } = this.#options;
    return scope ? `${scope}/${name}` : name;
  }
}
