import { breathe } from '../core/index.ts';
import {
  encodeInSlices,
  type ExternalConstant,
  followLinks,
  type Graph,
  runPassesInSlices,
  type Model,
  type Pass,
} from '../ir/index.ts';
import { extractConstants, type ComputedConstant } from './constants/extract-constants.ts';

/** A graph in the form that ONNX Runtime loads. Any number of sessions can be created from it. */
export interface PreparedGraph {
  readonly bytes: Uint8Array;
  /** The folder to which the locations of its weights are relative. ONNX Runtime needs it. */
  readonly externalDataFolder: string;
  /** The weights that are decoded for each session, by their names in the graph. */
  readonly decoded: ReadonlyMap<string, ExternalConstant>;
  /** The weights that the graph reads in several types, by their names in the graph: bytes, and pairs of numbers of 4 bits. */
  readonly shared: ReadonlyMap<string, ExternalConstant>;
  /** The constants that are computed for each session. */
  readonly computed: readonly ComputedConstant[];
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
 * Applies passes to a graph and encodes it, and lets other tasks run meanwhile. The model may be changed, and is not needed afterwards.
 *
 * @throws EspalierError IR_PASS_BROKEN, IR_EXTERNAL_DATA, and the errors of the passes
 */
export async function prepareGraph(model: Model, options: PrepareOptions): Promise<PreparedGraph> {
  const { passes = [], baseDir, file } = options;
  const { modified } = await runPassesInSlices(model, passes);
  const externalDataFolder = await followLinks(model, baseDir);
  await breathe();
  const computed = extractConstants(model);
  const isAsRead = !modified && computed.length === 0 && externalDataFolder === baseDir;
  const bytes = isAsRead && file !== undefined ? file : await encodeInSlices(model);
  await breathe();
  const decoded = new Map(decodedIn(model.graph));
  const shared = sharedIn(model.graph, new Set(computed.map(({ name }) => name)));
  return { bytes, externalDataFolder, decoded, shared, computed };
}

/** The constants whose bytes are those of another constant too. Those that are computed have none yet. */
function sharedIn({ initializers }: Graph, computed: ReadonlySet<string>): Map<string, ExternalConstant> {
  const places = new Map<string, [name: string, constant: ExternalConstant][]>();
  for (const [name, { constant }] of initializers) {
    if (constant?.kind !== 'external' || constant.decoding !== undefined || computed.has(name)) continue;
    const place = `${constant.offset} ${constant.length} ${constant.location}`;
    const list = places.get(place);
    if (list) list.push([name, constant]);
    else places.set(place, [[name, constant]]);
  }
  return new Map([...places.values()].filter((list) => list.length > 1).flat());
}

function decodedIn(graph: Graph): [name: string, constant: ExternalConstant][] {
  const own = [...graph.initializers].flatMap(([name, { constant }]): [string, ExternalConstant][] =>
    constant?.kind === 'external' && constant.decoding !== undefined ? [[name, constant]] : [],
  );
  return [...own, ...graph.nodes.flatMap((node) => node.subgraphs.flatMap(decodedIn))];
}
