import { LeastRecentlyUsed } from '../core/index.ts';
import { evaluateDim, inferShapes, type Dim, type Graph, type Model, type Shape } from '../ir/index.ts';

/** Sizes by name of an input or an output. */
export type ConcreteShapes = ReadonlyMap<string, readonly number[]>;

/** undefined for an output whose shape cannot be known before the run. */
export type OutputShapeMap = ReadonlyMap<string, readonly number[] | undefined>;

/** Shapes that one service sees again and again; each is a few numbers. */
const keptShapes = 256;

/** The name that all unnamed first dimensions share: the batch, as far as anybody can tell. */
const unnamedBatch = 'batch';

/**
 * Foretells the shapes of a graph's outputs from those of its inputs, so that buffers can be planned before a run.
 *
 * First by the symbolic graph, inferred once: an output is `[batch, 2*seq]`, and the inputs say what `batch` and `seq` are. Where
 * that leaves something open (a convolution of an image of unnamed size, say), the graph is inferred once more with the very
 * sizes of the inputs. Results are cached by the inputs' shapes.
 */
export class OutputShapes {
  /** Of the outputs, as far as the graph says; polynomials over the symbols of the inputs. */
  readonly symbolic: ReadonlyMap<string, Shape | undefined>;
  /** Of the inputs, every dimension named. */
  readonly inputs: ReadonlyMap<string, Shape>;
  readonly #decode: () => Model;
  readonly #known = new LeastRecentlyUsed<OutputShapeMap>(keptShapes, () => undefined);
  #isTrusted = true;

  /** @param decode  gives the graph anew at every call, for this to change */
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

  /** Foretells nothing any more: ONNX Runtime gave another shape than was foretold. */
  distrust(): void {
    this.#isTrusted = false;
  }

  /** undefined where the symbols do not say everything, or contradict each other. */
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

/** WHY what the file declares is forgotten: exporters do write wrong shapes, and their own symbols for the same size. */
function infer(model: Model): void {
  forgetShapes(model.graph);
  try {
    inferShapes(model);
  } catch {
    // What cannot be inferred stays unknown; whether it can be computed is ONNX Runtime's affair.
  }
}

/** Forgets every shape but those of inputs and constants, as after a change of the inputs'. */
export function forgetShapes(graph: Graph): void {
  for (const value of graph.values()) {
    if (value.isGraphInput || value.constant !== undefined) continue;
    value.shape = undefined;
    value.elements = undefined;
  }
  for (const node of graph.nodes) for (const subgraph of node.subgraphs) forgetShapes(subgraph);
}

/** What was inferred, and where nothing was, what the file says. */
function merged(found: Shape | undefined, declared: Shape | undefined): Shape | undefined {
  if (found === undefined || found.length !== declared?.length) return found ?? declared;
  return found.map((dim, axis) => dim ?? declared[axis]);
}

function isKnown(shape: readonly Dim[]): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}
