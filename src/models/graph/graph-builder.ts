import { EspalierError } from '../../core/index.ts';
import { createModel, Tape, type Graph, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { QuantizedWeight } from '../quantized/quantized-weight.ts';
import type { WeightRef } from '../weight-files.ts';

/** Where the graph takes its weights from: the checkpoint's files, or inputs that the caller binds (f32, one for each weight). */
export type WeightSource = 'files' | 'inputs';

export interface GraphBuilderOptions {
  readonly graphName: string;
  /** By the names that the layers ask for. */
  readonly weights: ReadonlyMap<string, WeightRef>;
  readonly source?: WeightSource;
  /** Weights that are inputs, whatever the source of the others. */
  readonly given?: ReadonlySet<string>;
  /** Computes with quantized weights as the floats that they stand for, as training has to. Otherwise as fast as it goes. */
  readonly exact?: boolean;
}

/**
 * A graph under construction: the model, and the weights that were asked for. It knows nothing of layers or families; layers are
 * functions beside it.
 */
export class GraphBuilder {
  readonly model: Model;
  readonly #refs: ReadonlyMap<string, WeightRef>;
  readonly #source: WeightSource;
  readonly #given: ReadonlySet<string>;
  readonly exact: boolean;
  readonly #weights = new Map<string, Value>();
  readonly #root: Tape;

  constructor({ graphName, weights, source = 'files', given = new Set(), exact = false }: GraphBuilderOptions) {
    this.model = createModel({ graphName });
    this.#refs = weights;
    this.#source = source;
    this.#given = given;
    this.exact = exact;
    this.#root = new Tape(this.model);
  }

  get graph(): Graph {
    return this.model.graph;
  }

  /** Records nodes that are named `path/op`. All tapes share their constants. */
  tape(path: string, metadata: Readonly<Record<string, string>> = {}): Tape {
    return this.#root.scoped(path, metadata);
  }

  /** A weight as f32, by its name in the checkpoint. What lies there in a half-width type is cast when the model is loaded. */
  weight(name: string): Value {
    const known = this.#weights.get(name);
    if (known !== undefined) return known;
    const weight = this.#isInput(name) ? this.#weightInput(name) : this.#weightInFile(name);
    this.#weights.set(name, weight);
    return weight;
  }

  /** A weight in the type in which it lies in the checkpoint, for operators that only pick from it. */
  storedWeight(name: string): Value {
    const known = this.graph.value(name);
    if (known !== undefined) return known;
    return this.#isInput(name) ? this.weight(name) : this.#initializer(name);
  }

  /** What a weight is, where it lies in the checkpoint as whole numbers. */
  quantized(name: string): QuantizedWeight | undefined {
    const { quantized } = this.#ref(name);
    if (quantized !== undefined && this.#isInput(name)) throw new EspalierError('MODEL_QUANTIZED', { name });
    return quantized;
  }

  /** The bytes of a quantized weight or of what belongs to it, in whatever shape an operator wants them. */
  bytesOf(ref: WeightRef | string, shape: readonly number[]): Value {
    const { name, location, offset, length, dtype } = typeof ref === 'string' ? this.#ref(ref) : ref;
    const known = this.graph.value(`${name}[${shape.join('x')}]`);
    if (known !== undefined) return known;
    const constant = { kind: 'external', location, offset, length, dtype, shape } as const;
    return this.graph.addInitializer(`${name}[${shape.join('x')}]`, constant);
  }

  #isInput(name: string): boolean {
    return this.#source === 'inputs' || this.#given.has(name);
  }

  #weightInput(name: string): Value {
    return this.graph.addInput(name, 'float32', this.#ref(name).shape);
  }

  #weightInFile(name: string): Value {
    const stored = this.storedWeight(name);
    if (stored.dtype === 'float32') return stored;
    return this.tape(name).op('Cast', [stored], { attributes: { to: dataTypeNumber('float32') } });
  }

  #initializer(name: string): Value {
    const { location, offset, length, dtype, shape } = this.#ref(name);
    return this.graph.addInitializer(name, { kind: 'external', location, offset, length, dtype, shape });
  }

  #ref(name: string): WeightRef {
    const ref = this.#refs.get(name);
    if (ref === undefined) throw new TypeError(`the graph asks for ${name}, which openBaseModel does not know`);
    return ref;
  }
}
