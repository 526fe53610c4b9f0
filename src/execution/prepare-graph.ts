import { encodeModel, followLinks, runPasses, type Model, type Pass } from '../ir/index.ts';

/** A graph in the form that ONNX Runtime loads. Any number of sessions can be created from it. */
export interface PreparedGraph {
  readonly bytes: Uint8Array;
  /** The folder to which the locations of its weights are relative. ONNX Runtime needs it. */
  readonly externalDataFolder: string;
}

export interface PrepareOptions {
  /** Rewrites of the graph, applied in this order. */
  readonly passes?: readonly Pass[];
  /** The folder to which the locations of weights in the model are relative. */
  readonly baseDir: string;
  /** The bytes of the file from which the model was read. If nothing is rewritten, these bytes are loaded: they are what was checked. */
  readonly file?: Uint8Array;
}

/**
 * Applies passes to a graph and encodes it. The model may be changed, and is not needed afterwards.
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
