import { definePass, type Graph, type Node, type Value } from '../../ir/index.ts';
import { gradientKey } from '../differentiate.ts';
import { sameShape } from '../shapes.ts';

const broadcasting = new Set(['Add', 'Sub', 'Mul', 'Div']);

/**
 * Removes an Expand of the backward pass if all its readers broadcast anyway, because their other input has the full shape. (For
 * example, the gradient of a mean is one number for a whole row.)
 */
export const dropExpands = definePass('drop-expands', ({ graph }) =>
  graph.nodes.filter(isNeedless).map((node) => drop(graph, node)),
);

function isNeedless(node: Node): boolean {
  const [output] = node.outputs;
  if (node.opType !== 'Expand' || node.domain !== '' || !node.metadata.has(gradientKey)) return false;
  return output !== undefined && !output.isGraphOutput && [...output.uses].every((use) => broadcasts(use.node, output));
}

function broadcasts(reader: Node, expanded: Value): boolean {
  if (reader.domain !== '' || !broadcasting.has(reader.opType)) return false;
  const other = reader.inputs.find((input) => input !== expanded);
  return sameShape(other?.shape, expanded.shape);
}

function drop(graph: Graph, node: Node): string {
  const [input] = node.inputs;
  const [output] = node.outputs;
  if (input && output) graph.replaceAllUses(output, input);
  graph.removeNode(node);
  return `${node.label}: its readers broadcast`;
}
