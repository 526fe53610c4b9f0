import { EspalierError } from '../../core/index.ts';
import { createModel, Tape, type Graph, type Model, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { QuantizedWeight } from '../weight-ref.ts';
import type { WeightRef } from '../weight-ref.ts';

/** The source of the weights: the files of the checkpoint, or inputs that the caller binds (f32, one for each weight). */
export type WeightSource = 'files' | 'inputs';

export interface GraphBuilderOptions {
  readonly graphName: string;
  /** The weights by the names that the layers use. */
  readonly weights: ReadonlyMap<string, WeightRef>;
  readonly source?: WeightSource;
  /** The names of weights that are inputs, whatever the source of the others is. */
  readonly given?: ReadonlySet<string>;
  /** Computes with the dequantized floats of quantized weights, which training requires. Otherwise the fastest operator is used. */
  readonly exact?: boolean;
}

/**
 * A graph under construction: the model and the weights that its layers have requested so far. It knows nothing about layers or
 * families. Layers are functions in this folder.
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

  /** Returns a tape that names its nodes `path/op`. All tapes share their constants. */
  tape(path: string, metadata: Readonly<Record<string, string>> = {}): Tape {
    return this.#root.scoped(path, metadata);
  }

  /** Returns a weight as f32 by its name in the checkpoint. A weight of a half-width type is cast when the model is loaded. */
  weight(name: string): Value {
    const known = this.#weights.get(name);
    if (known !== undefined) return known;
    const weight = this.isInput(name) ? this.#weightInput(name) : this.#weightInFile(name);
    this.#weights.set(name, weight);
    return weight;
  }

  /** Returns a weight in the type that it has in the checkpoint, for operators that only select rows of it. */
  storedWeight(name: string): Value {
    const known = this.graph.value(name);
    if (known !== undefined) return known;
    return this.isInput(name) ? this.weight(name) : this.#initializer(name);
  }

  /** Returns a weight of the checkpoint that is never trained, as f32, even if all others are inputs. */
  frozenWeight(name: string): Value {
    return this.#asFloats(this.graph.value(name) ?? this.#initializer(name));
  }

  /** Returns the quantized form of a weight; undefined when the weight consists of floats. */
  quantized(name: string): QuantizedWeight | undefined {
    const { quantized } = this.ref(name);
    if (quantized !== undefined && this.isInput(name)) throw new EspalierError('MODEL_QUANTIZED', { name });
    return quantized;
  }

  /** Returns the bytes of a quantized weight, of its scales or of its zero points, in the shape that an operator needs. */
  bytesOf(ref: WeightRef | string, shape: readonly number[]): Value {
    const { name, location, offset, length, dtype, decoding } = typeof ref === 'string' ? this.ref(ref) : ref;
    const known = this.graph.value(`${name}[${shape.join('x')}]`);
    if (known !== undefined) return known;
    const place = { location, offset, length, dtype, shape, mayBeLink: true, ...(decoding && { decoding }) };
    return this.graph.addInitializer(`${name}[${shape.join('x')}]`, { kind: 'external', ...place });
  }

  /** Whether the caller binds a weight. */
  isInput(name: string): boolean {
    return this.#source === 'inputs' || this.#given.has(name);
  }

  #weightInput(name: string): Value {
    return this.graph.addInput(name, 'float32', this.ref(name).shape);
  }

  #weightInFile(name: string): Value {
    return this.#asFloats(this.storedWeight(name));
  }

  #asFloats(stored: Value): Value {
    if (stored.dtype === 'float32') return stored;
    return this.tape(stored.name).op('Cast', [stored], { attributes: { to: dataTypeNumber('float32') } });
  }

  #initializer(name: string): Value {
    const { location, offset, length, dtype, shape, decoding } = this.ref(name);
    const place = { location, offset, length, dtype, shape, mayBeLink: true, ...(decoding && { decoding }) };
    return this.graph.addInitializer(name, { kind: 'external', ...place });
  }

  /** The place of a weight in the files. */
  ref(name: string): WeightRef {
    const ref = this.#refs.get(name);
    if (ref === undefined) throw new TypeError(`the graph asks for ${name}, which openBaseModel does not know`);
    return ref;
  }
}
