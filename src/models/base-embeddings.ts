import type { BaseModel } from './base-model.ts';
import { readWeightRows } from './read-weight-rows.ts';

/** The matrices of a base with a row for each token. */
export interface BaseEmbeddings {
  /** The path of the head that shares the matrix of the input embedding; undefined if the head has its own. */
  readonly tiedHead: string | undefined;
  /**
   * Rows of the matrix of an embedding, or of a head with its own matrix.
   * @returns f32 [rows, width]; undefined if the base stores them in a form without rows
   */
  rows(path: string, tokens: readonly number[]): Promise<Float32Array | undefined>;
}

/** The matrices of this base. Its files are read when rows are asked for. */
export function embeddingsOf({ dir, config, modules, weights }: BaseModel): BaseEmbeddings {
  const head = modules.find(({ path, kind = 'linear' }) => kind === 'linear' && /(^|\.)lm_head$/.test(path));
  return {
    tiedHead: config.tiedEmbeddings === true ? head?.path : undefined,
    async rows(path, tokens) {
      const weight = weights.get(`${path}.weight`);
      return weight && readWeightRows(dir, weight, tokens);
    },
  };
}
