import { EspalierError } from '../core/index.ts';
import type { AttributeKind, AttributeOf, AttributeValuesOf } from './attribute.ts';
import { ValueOf, type UseOf } from './value.ts';

/** The part of a subgraph that its node uses. */
interface Subgraph {
  /** Removes the subgraph's uses of outer values. */
  release(): void;
}

export interface NodeInitOf<TGraph extends Subgraph> {
  readonly opType: string;
  /** '' is the domain of ONNX. */
  readonly domain?: string;
  readonly overload?: string;
  readonly name?: string;
  readonly inputs: readonly (ValueOf<NodeOf<TGraph>, TGraph> | undefined)[];
  readonly attributes?: Iterable<readonly [string, AttributeOf<TGraph>]>;
  readonly metadata?: Iterable<readonly [string, string]>;
  readonly docString?: string;
  readonly unknown?: readonly Uint8Array[];
}

/**
 * One call of an operator in a graph. An omitted optional input or output is undefined in the list. Changing an input with the
 * methods of this class keeps the uses of both values correct. The type parameter is the type of subgraphs; `graph.ts` sets it.
 */
export class NodeOf<TGraph extends Subgraph> {
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  readonly metadata: Map<string, string>;
  name: string;
  docString: string;
  /** ONNX fields that this IR does not read, as their bytes in the file. */
  readonly unknown: readonly Uint8Array[];

  readonly #inputs: (ValueOf<NodeOf<TGraph>, TGraph> | undefined)[] = [];
  readonly #uses: UseOf<NodeOf<TGraph>>[] = [];
  readonly #outputs: (ValueOf<NodeOf<TGraph>, TGraph> | undefined)[];
  readonly #attributes: Map<string, AttributeOf<TGraph>>;

  /** Called by `Graph.addNode` only. */
  constructor(init: NodeInitOf<TGraph>, outputs: readonly (ValueOf<NodeOf<TGraph>, TGraph> | undefined)[]) {
    this.opType = init.opType;
    this.domain = init.domain ?? '';
    this.overload = init.overload ?? '';
    this.name = init.name ?? '';
    this.docString = init.docString ?? '';
    this.unknown = init.unknown ?? [];
    this.metadata = new Map(init.metadata);
    this.#attributes = new Map(init.attributes);
    this.#outputs = [...outputs];
    init.inputs.forEach((value, index) => this.setInput(index, value));
    outputs.forEach((value, index) => value && ValueOf.link.produce(value, this, index));
  }

  get inputs(): readonly (ValueOf<NodeOf<TGraph>, TGraph> | undefined)[] {
    return this.#inputs;
  }

  get outputs(): readonly (ValueOf<NodeOf<TGraph>, TGraph> | undefined)[] {
    return this.#outputs;
  }

  /** The bookkeeping of `Graph`. No other code may call it. Outputs between the last one and `index` become undefined. */
  static readonly link = {
    addOutput: <TGraph extends Subgraph>(
      node: NodeOf<TGraph>,
      index: number,
      value: ValueOf<NodeOf<TGraph>, TGraph>,
    ): void => {
      while (node.#outputs.length <= index) node.#outputs.push(undefined);
      node.#outputs[index] = value;
      ValueOf.link.produce(value, node, index);
    },
  };

  get attributes(): ReadonlyMap<string, AttributeOf<TGraph>> {
    return this.#attributes;
  }

  /** The full name of the operator: 'Gemm', 'com.microsoft:FusedMatMul'. */
  get qualifiedType(): string {
    return this.domain === '' ? this.opType : `${this.domain}:${this.opType}`;
  }

  /** The name of the node in errors: its own name, or that of its first output. */
  get label(): string {
    return this.name || (this.#outputs.find((value) => value)?.name ?? this.opType);
  }

  /** Sets the input at `index`. Inputs between the last one and `index` become undefined. */
  setInput(index: number, value: ValueOf<NodeOf<TGraph>, TGraph> | undefined): void {
    while (this.#inputs.length <= index) {
      this.#uses.push({ node: this, index: this.#inputs.length });
      this.#inputs.push(undefined);
    }
    const use = this.#uses[index];
    const before = this.#inputs[index];
    if (use === undefined || before === value) return;
    if (before) ValueOf.link.dropUse(before, use);
    if (value) ValueOf.link.addUse(value, use);
    this.#inputs[index] = value;
  }

  /** Sets an attribute. If it replaces subgraphs, their uses of outer values are removed. */
  setAttribute(name: string, attribute: AttributeOf<TGraph>): void {
    this.deleteAttribute(name);
    this.#attributes.set(name, attribute);
  }

  deleteAttribute(name: string): void {
    for (const graph of graphsOf(this.#attributes.get(name))) graph.release();
    this.#attributes.delete(name);
  }

  /** The subgraphs of If, Loop and Scan, in the order of their attributes. */
  get subgraphs(): readonly TGraph[] {
    return [...this.#attributes.values()].flatMap((attribute) => graphsOf(attribute));
  }

  /** Removes the uses of all inputs and of all values that subgraphs capture. Called by `Graph.removeNode`. */
  release(): void {
    this.#inputs.forEach((_, index) => this.setInput(index, undefined));
    for (const graph of this.subgraphs) graph.release();
  }

  intAttribute(name: string): number | undefined;
  intAttribute(name: string, fallback: number): number;
  intAttribute(name: string, fallback?: number): number | undefined {
    const value = this.#read('int', name);
    return value === undefined ? fallback : Number(value);
  }

  floatAttribute(name: string): number | undefined;
  floatAttribute(name: string, fallback: number): number;
  floatAttribute(name: string, fallback?: number): number | undefined {
    return this.#read('float', name) ?? fallback;
  }

  stringAttribute(name: string): string | undefined;
  stringAttribute(name: string, fallback: string): string;
  stringAttribute(name: string, fallback?: string): string | undefined {
    const value = this.#read('string', name);
    return value === undefined ? fallback : new TextDecoder().decode(value);
  }

  intsAttribute(name: string): number[] | undefined;
  intsAttribute(name: string, fallback: readonly number[]): number[];
  intsAttribute(name: string, fallback?: readonly number[]): number[] | undefined {
    const values = this.#read('ints', name)?.map(Number);
    return values ?? (fallback && [...fallback]);
  }

  floatsAttribute(name: string): number[] | undefined {
    return this.#read('floats', name)?.slice();
  }

  tensorAttribute(name: string): AttributeValuesOf<TGraph>['tensor'] | undefined {
    return this.#read('tensor', name);
  }

  graphAttribute(name: string): TGraph | undefined {
    return this.#read('graph', name);
  }

  /** @throws EspalierError IR_ATTRIBUTE if the attribute has another kind */
  #read<Kind extends AttributeKind>(kind: Kind, name: string): AttributeValuesOf<TGraph>[Kind] | undefined {
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) return undefined;
    if (!isKind(attribute, kind)) {
      const details = { attribute: name, node: this.label, opType: this.qualifiedType };
      throw new EspalierError('IR_ATTRIBUTE', { ...details, expected: kind, actual: attribute.kind });
    }
    return attribute.value;
  }
}

function isKind<TGraph, Kind extends AttributeKind>(
  attribute: AttributeOf<TGraph>,
  kind: Kind,
): attribute is AttributeOf<TGraph> & { readonly kind: Kind; readonly value: AttributeValuesOf<TGraph>[Kind] } {
  return attribute.kind === kind;
}

function graphsOf<TGraph>(attribute: AttributeOf<TGraph> | undefined): readonly TGraph[] {
  if (attribute?.kind === 'graph') return [attribute.value];
  return attribute?.kind === 'graphs' ? attribute.value : [];
}
