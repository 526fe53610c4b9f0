import { followLinks, type Model } from '../ir/index.ts';
import type { BaseModel } from './base-model.ts';
import { buildEmbeddingGraph } from './graphs.ts';

/** A graph in which the weights of all modules of a base can be read, and the folder to which their locations are relative. */
export interface ReadableGraph {
  readonly model: Model;
  readonly folder: string;
}

export async function readableGraph(base: BaseModel): Promise<ReadableGraph> {
  const { classification, scoring } = base.graphs;
  const model = classification?.({}) ?? scoring?.({}) ?? buildEmbeddingGraph(base);
  return { model, folder: await followLinks(model, base.dir) };
}
