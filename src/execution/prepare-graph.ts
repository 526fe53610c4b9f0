import { encodeModel, followLinks, runPasses, type Model, type Pass } from '../ir/index.ts';

/** A graph as ONNX Runtime takes it. Sessions can be opened on it any number of times. */
export interface PreparedGraph {
  readonly bytes: Uint8Array;
  /** The folder that the locations of its weights are relative to, as ONNX Runtime needs it. */
  readonly externalDataFolder: string;
}

export interface PrepareOptions {
  /** Rewrites of the graph, in their order. */
  readonly passes?: readonly Pass[];
  /** The folder that the locations of weights in the model are relative to. */
  readonly baseDir: string;
  /** The file that the model was read from. Where nothing is rewritten, this file runs, and so what was checked is what runs. */
  readonly file?: Uint8Array;
}

/**
 * Rewrites a graph by its passes and encodes it. The model may be changed and is not needed afterwards.
 *
 * @throws EspalierError IR_PASS_BROKEN, IR_EXTERNAL_DATA, and the errors of the passes
 */
export async function prepareGraph(model: Model, options: PrepareOptions): Promise<PreparedGraph> {
  const { passes = [], baseDir, file } = options;
  const { modified } = runPasses(model, passes);
  const externalDataFolder = await followLinks(model, baseDir);
  const isAsRead = !modified && externalDataFolder === baseDir;
  return { bytes: isAsRead && file !== undefined ? file : encodeModel(model), externalDataFolder };
}
