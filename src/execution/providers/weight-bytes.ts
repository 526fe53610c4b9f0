import { constantDtype, constantShape, type Graph } from '../../ir/index.ts';
import { byteLength } from '../../tensor/index.ts';

/** Bytes of all initializers of a graph, as a session holds them in memory. */
export function weightBytesOf({ initializers }: Pick<Graph, 'initializers'>): number {
  return Array.from(initializers.values()).reduce((sum, { constant }) => {
    if (constant === undefined) return sum;
    const dtype = constantDtype(constant);
    return dtype === undefined || dtype === 'string' ? sum : sum + byteLength(dtype, constantShape(constant));
  }, 0);
}
