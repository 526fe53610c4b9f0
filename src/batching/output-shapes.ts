import { LeastRecentlyUsed } from '../core/index.ts';
import { evaluateDim, inferShapes, type Dim, type Graph, type Model, type Shape } from '../ir/index.ts';

/** The shapes of inputs or outputs by name. */
export type ConcreteShapes = ReadonlyMap<string, readonly number[]>;

/** undefined for an output whose shape cannot be known before the run. */
export type OutputShapeMap = ReadonlyMap<string, readonly number[] | undefined>;

/** Number of cached input shapes. A service gets the same few shapes repeatedly, and each entry is a few numbers. */
const keptShapes = 256;

/** The name that all unnamed first dimensions share. They are assumed to be the batch. */
const unnamedBatch = 'batch';

/**
 * Predicts the shapes of the outputs of a graph from those of its inputs, so that buffers can be planned before a run.
 *
 * First it uses the symbolic shapes, which are inferred once: an output is `[batch, 2*seq]`, and the inputs give `batch` and `seq`. If
 * a dimension stays unknown (for example after a convolution of an image of unnamed size), the shapes are inferred again with the
 * sizes of the inputs. Results are cached by the shapes of the inputs.
 */
export class OutputShapes {
  /** The symbolic shapes of the outputs, as far as they can be inferred: polynomials over the symbols of the inputs. */
  readonly symbolic: ReadonlyMap<string, Shape | undefined>;
  /** The shapes of the inputs, in which every dimension has a name or a number. */
  readonly inputs: ReadonlyMap<string, Shape>;
  readonly #decode: () => Model;
  readonly #known = new LeastRecentlyUsed<OutputShapeMap>(keptShapes, () => undefined);
  #isTrusted = true;

  /** @param decode  returns a new graph at every call, which this object may change */
  constructor(decode: () => Model) {
    this.#decode = decode;
    const model = decode();
    const { graph } = model;
    const declared = new Map(graph.outputs.map(({ name, shape }) => [name, shape]));
    for (const input of graph.inputs) {
      input.shape = input.shape?.map((dim, axis) => dim ?? (axis === 0 ? unnamedBatch : `${input.name}_${axis}`));
    }
    this.inputs = new Map(graph.inputs.flatMap(({ name, shape }) => (shape === undefined ? [] : [[name, shape]])));
    infer(model);
    this.symbolic = new Map(graph.outputs.map(({ name, shape }) => [name, merged(shape, declared.get(name))]));
  }

  of(inputs: ConcreteShapes): OutputShapeMap {
    if (!this.#isTrusted) return new Map([...this.symbolic.keys()].map((name) => [name, undefined]));
    const key = JSON.stringify([...inputs]);
    let shapes = this.#known.get(key);
    if (shapes === undefined) {
      shapes = this.#evaluate(inputs) ?? this.#inferConcretely(inputs);
      this.#known.set(key, shapes);
    }
    return shapes;
  }

  /** Stops all predictions, because ONNX Runtime returned another shape than predicted. */
  distrust(): void {
    this.#isTrusted = false;
  }

  /** Returns undefined if a symbol is unknown, or if symbols contradict each other. */
  #evaluate(inputs: ConcreteShapes): OutputShapeMap | undefined {
    const sizes = new Map<string, number>();
    for (const [name, shape] of this.inputs) {
      for (const [axis, dim] of shape.entries()) {
        const size = inputs.get(name)?.[axis];
        if (typeof dim !== 'string' || size === undefined) continue;
        if ((sizes.get(dim) ?? size) !== size) return undefined;
        sizes.set(dim, size);
      }
    }
    const shapes = new Map<string, readonly number[]>();
    for (const [name, shape] of this.symbolic) {
      const found = shape?.map((dim) => evaluateDim(dim, sizes));
      if (found === undefined || !isKnown(found)) return undefined;
      shapes.set(name, found);
    }
    return shapes;
  }

  #inferConcretely(inputs: ConcreteShapes): OutputShapeMap {
    const model = this.#decode();
    for (const input of model.graph.inputs) input.shape = inputs.get(input.name) ?? input.shape;
    infer(model);
    return new Map(
      model.graph.outputs.map(({ name, shape }) => [name, shape !== undefined && isKnown(shape) ? shape : undefined]),
    );
  }
}

/** WHY the declared shapes are removed: some exporters write wrong shapes, or several symbols for one size. */
function infer(model: Model): void {
  forgetShapes(model.graph);
  try {
    inferShapes(model);
  } catch {
    // A shape that cannot be inferred stays unknown. ONNX Runtime decides whether the node can be computed.
  }
}

/** Removes all shapes except those of inputs and constants. */
export function forgetShapes(graph: Graph): void {
  for (const value of graph.values()) {
    if (value.isGraphInput || value.constant !== undefined) continue;
    value.shape = undefined;
    value.elements = undefined;
  }
  for (const node of graph.nodes) for (const subgraph of node.subgraphs) forgetShapes(subgraph);
}

/** Returns the inferred shape, or else the declared one. */
function merged(found: Shape | undefined, declared: Shape | undefined): Shape | undefined {
  if (found === undefined || found.length !== declared?.length) return found ?? declared;
  return found.map((dim, axis) => dim ?? declared[axis]);
}

function isKnown(shape: readonly Dim[]): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}
