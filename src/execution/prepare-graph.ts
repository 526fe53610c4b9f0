import {
  encodeModel,
  type ExternalConstant,
  followLinks,
  type Graph,
  runPasses,
  type Model,
  type Pass,
} from '../ir/index.ts';

/** A graph in the form that ONNX Runtime loads. Any number of sessions can be created from it. */
export interface PreparedGraph {
  readonly bytes: Uint8Array;
  /** The folder to which the locations of its weights are relative. ONNX Runtime needs it. */
  readonly externalDataFolder: string;
  /** The weights that are decoded for each session, by their names in the graph. */
  readonly decoded: ReadonlyMap<string, ExternalConstant>;
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
  const bytes = isAsRead && file !== undefined ? file : encodeModel(model);
  return { bytes, externalDataFolder, decoded: new Map(decodedIn(model.graph)) };
}

function decodedIn(graph: Graph): [name: string, constant: ExternalConstant][] {
  const own = [...graph.initializers].flatMap(([name, { constant }]): [string, ExternalConstant][] =>
    constant?.kind === 'external' && constant.decoding !== undefined ? [[name, constant]] : [],
  );
  return [...own, ...graph.nodes.flatMap((node) => node.subgraphs.flatMap(decodedIn))];
}
