import type { DataType } from '../tensor/index.ts';
import type { ConstantData } from './constant.ts';
import type { Dim, Shape } from './dim.ts';

/** One place where a value is read: input `index` of `node`. */
export interface UseOf<TNode> {
  readonly node: TNode;
  readonly index: number;
}

/** The type message of ONNX. It is kept if it contains more than dtype and shape. */
export interface TypeMessage {
  readonly bytes: Uint8Array;
  readonly dtype: DataType | undefined;
  readonly shape: Shape | undefined;
}

export interface ValueInit {
  readonly dtype?: DataType | undefined;
  readonly shape?: Shape | undefined;
  readonly constant?: ConstantData | undefined;
}

/**
 * A tensor that flows through a graph: an input, an initializer or an output of a node. The graph creates and names values; nodes
 * keep their uses correct.
 *
 * WHY type parameters: values, nodes and graphs refer to each other's types. `graph.ts` sets the parameters.
 */
export class ValueOf<TNode, TGraph> {
  dtype: DataType | undefined;
  shape: Shape | undefined;
  /** The data of an initializer. */
  constant: ConstantData | undefined;
  /**
   * The known elements of a small integer tensor of rank 0 or 1: numbers and symbols. With them, a shape that the graph computes can
   * be followed to Reshape and Expand. They are never written to a file.
   */
  elements: readonly Dim[] | undefined;
  docString = '';
  readonly metadata = new Map<string, string>();
  /** ONNX fields that this IR does not read, as their bytes in the file. */
  unknown: readonly Uint8Array[] = [];
  typeMessage: TypeMessage | undefined;

  #name: string;
  #producer: TNode | undefined;
  #outputIndex = 0;
  #isGraphInput = false;
  readonly #uses = new Set<UseOf<TNode>>();
  readonly #outputOf = new Set<TGraph>();

  /** Called by `Graph` only: `addInput`, `addInitializer`, `addNode`. */
  constructor(name: string, init: ValueInit = {}) {
    this.#name = name;
    this.dtype = init.dtype;
    this.shape = init.shape;
    this.constant = init.constant;
  }

  /** Unique in its graph. `Graph.rename` changes it. */
  get name(): string {
    return this.#name;
  }

  /** The node that computes the value; undefined for inputs and initializers. */
  get producer(): TNode | undefined {
    return this.#producer;
  }

  /** The index of the value among the outputs of its producer. */
  get outputIndex(): number {
    return this.#outputIndex;
  }

  /** All places that read the value, including those in subgraphs. A graph output is not a use: see `isGraphOutput`. */
  get uses(): ReadonlySet<UseOf<TNode>> {
    return this.#uses;
  }

  get isGraphInput(): boolean {
    return this.#isGraphInput;
  }

  get isGraphOutput(): boolean {
    return this.#outputOf.size > 0;
  }

  /** The graphs of which the value is an output: its own graph, or subgraphs that return it. */
  get outputOf(): ReadonlySet<TGraph> {
    return this.#outputOf;
  }

  /** Whether a node or a graph output uses the value. */
  get isUsed(): boolean {
    return this.#uses.size > 0 || this.isGraphOutput;
  }

  /** The bookkeeping of `Graph` and `Node`. No other code may call it. */
  static readonly link = {
    rename: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, name: string): void => {
      value.#name = name;
    },
    produce: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, producer: TNode | undefined, index: number): void => {
      value.#producer = producer;
      value.#outputIndex = index;
    },
    addUse: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, use: UseOf<TNode>): void => {
      value.#uses.add(use);
    },
    dropUse: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, use: UseOf<TNode>): void => {
      value.#uses.delete(use);
    },
    setInput: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, isGraphInput: boolean): void => {
      value.#isGraphInput = isGraphInput;
    },
    addOutput: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, graph: TGraph): void => {
      value.#outputOf.add(graph);
    },
    dropOutput: <TNode, TGraph>(value: ValueOf<TNode, TGraph>, graph: TGraph): void => {
      value.#outputOf.delete(graph);
    },
  };
}
