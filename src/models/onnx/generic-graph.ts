import { removeDeadCode, runPasses, Tape, type AdaptableModule, type Model, type Value } from '../../ir/index.ts';
import { annotateModules, type AnnotationHints } from './annotate-modules.ts';
import { GraphCopy, type CopyOptions, type OnnxSource } from './graph-copy.ts';
import { dropExportersNotes } from './text-copy.ts';

/** A copy of the graph of a file, with the inputs and outputs of the file. */
export interface GenericCopy {
  readonly model: Model;
  readonly modules: readonly AdaptableModule[];
}

export interface GenericOptions extends CopyOptions {
  readonly graphName: string;
  readonly hints?: AnnotationHints;
  /** The names of the outputs to keep. Default: all. */
  readonly outputs?: readonly string[];
  /** Takes any number of rows where the inputs of the file declare a fixed one. */
  readonly anyBatch?: boolean;
}

/**
 * Copies the graph of a file. The copy is flat and typed, and its modules are marked. Inputs and outputs keep their names and order.
 */
export function copyGeneric(
  source: OnnxSource,
  { graphName, hints = {}, outputs, widen = false, anyBatch = false }: GenericOptions,
): GenericCopy {
  const copy = new GraphCopy(source, graphName, { widen });
  const { graph } = source.model;
  for (const input of graph.inputs) {
    if (input.constant !== undefined) continue;
    const { shape } = input;
    const isFixed = anyBatch && typeof shape?.[0] === 'number';
    copy.bind(input, copy.addInput(input, isFixed ? shape.with(0, 'batch') : shape));
  }
  copy.run();
  for (const output of graph.outputs) {
    if (outputs === undefined || outputs.includes(output.name)) giveOutput(copy, copy.value(output), output.name);
  }
  const modules = annotateModules(copy.graph, hints);
  dropExportersNotes(copy.model);
  runPasses(copy.model, [removeDeadCode]);
  return { model: copy.model, modules };
}

/** Makes a value an output. An input, a weight, or a value that is already an output needs a node of its own for that. */
function giveOutput({ model, graph }: GraphCopy, value: Value, name: string): void {
  const isOwn = value.producer !== undefined && !value.isGraphOutput;
  const output = isOwn ? value : new Tape(model).op('Identity', [value]);
  const taken = graph.value(name);
  if (taken && taken !== output) graph.rename(taken, graph.uniqueName(`${name}.given`));
  graph.rename(output, name);
  graph.addOutput(output);
}
