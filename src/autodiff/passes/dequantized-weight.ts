import type { Graph, Value } from '../../ir/index.ts';

/** The parts of W = DequantizeLinear(bytes, scale + 0), with one scale for each column. */
export interface DequantizedWeight {
  readonly bytes: Value;
  readonly scale: Value;
  readonly zeroPoint: Value | undefined;
  readonly rows: number;
  readonly columns: number;
}

/** undefined unless the matrix is dequantized for this product alone, from constants, when the product comes. */
export function dequantizedWeight({ producer: node, uses }: Value): DequantizedWeight | undefined {
  if (node === undefined || uses.size > 1 || node.opType !== 'DequantizeLinear' || node.domain !== '') return undefined;
  const [bytes, sum, zeroPoint] = node.inputs;
  const scale = sum?.producer?.opType === 'Add' ? sum.producer.inputs.find((input) => input?.constant) : undefined;
  const [rows, columns] = bytes?.shape ?? [];
  if (bytes?.constant === undefined || scale?.shape?.length !== 1 || bytes.shape?.length !== 2) return undefined;
  if (typeof rows !== 'number' || typeof columns !== 'number' || node.attributes.has('block_size')) return undefined;
  return node.intAttribute('axis', 1) === 1 ? { bytes, scale, zeroPoint, rows, columns } : undefined;
}

/** Removes what computes a value that nothing reads, and what only that has read, constants included. */
export function removeUnused(graph: Graph, value: Value): void {
  const { producer, name } = value;
  if (producer === undefined) {
    const isThere = graph.initializers.get(name) === value && !value.isGraphInput;
    if (isThere && !value.isUsed) graph.removeInitializer(value);
    return;
  }
  const isThere = graph.value(name)?.producer === producer;
  if (!isThere || producer.outputs.some((output) => output?.isUsed)) return;
  const inputs = producer.inputs.filter((input) => input !== undefined);
  graph.removeNode(producer);
  for (const input of inputs) removeUnused(graph, input);
}
