import type { BaseModel } from './base-model.ts';
import { readableGraph, type ReadableGraph } from './readable-graph.ts';
import { readWeightRows } from './read-weight-rows.ts';
import type { WeightRef } from './weight-ref.ts';

/** The numbers of a base by which some adapters are read: matrices with a row for each token, and whole weights. */
export interface BaseEmbeddings {
  /** The path of the head that shares the matrix of the input embedding; undefined if the head has its own. */
  readonly tiedHead: string | undefined;
  /**
   * Rows of the matrix of an embedding or a head.
   * @returns f32 [rows, width]; undefined if the base stores them in a form without rows
   */
  rows(path: string, tokens: readonly number[]): Promise<Float32Array | undefined>;
  /** The same as `rows` of a matrix that is stored as floats; undefined if it is quantized. */
  floats(path: string, tokens: readonly number[]): Promise<Float32Array | undefined>;
  /** The weights of all modules, as a graph has them. */
  graph(): Promise<ReadableGraph>;
}

/** The matrices of this base. Its files are read when rows are asked for. */
export function embeddingsOf(base: BaseModel): BaseEmbeddings {
  const { dir, config, modules, weights } = base;
  const head = modules.find(({ path, kind = 'linear' }) => kind === 'linear' && /(^|\.)lm_head$/.test(path));
  const tiedHead = config.tiedEmbeddings === true ? head?.path : undefined;
  const shared = modules.find(({ kind, in: rows }) => kind === 'embedding' && rows === head?.out)?.path;
  const weightOf = (path: string): WeightRef | undefined =>
    weights.get(`${path === tiedHead ? (shared ?? path) : path}.weight`);
  return {
    tiedHead,
    async rows(path, tokens) {
      const weight = weightOf(path);
      return weight && readWeightRows(dir, weight, tokens);
    },
    async floats(path, tokens) {
      const weight = weightOf(path);
      return weight?.quantized === undefined && weight ? readWeightRows(dir, weight, tokens) : undefined;
    },
    graph: () => readableGraph(base),
  };
}
