import { moduleKey, modulePartsKey, type AdaptableModule, type Graph, type Node } from '../../ir/index.ts';
import { adaptableNodes, type AdaptableNode } from './adaptable-nodes.ts';
import { modulePathOf, withoutWrapper } from './module-paths.ts';

/** Facts about a model that its graph does not contain. */
export interface AnnotationHints {
  /** Whether the graph is from the builder of onnxruntime-genai, which renames `self_attn` to `attn`. */
  readonly isGenai?: boolean;
  /** Whether one module of the original network computes queries, keys and values, as in Phi-3. Otherwise a packed product is split. */
  readonly hasPackedModules?: boolean;
}

interface Named extends AdaptableNode {
  readonly path: string;
}

/**
 * Finds the modules of a typed graph from the names that its exporter kept, and marks their nodes so that adapters can find them.
 * `moduleKey` holds the path of the module in Hugging Face's naming. `modulePartsKey` holds the paths when one node computes several
 * modules.
 *
 * @returns the modules in the order of the graph, each once
 */
export function annotateModules(graph: Graph, hints: AnnotationHints = {}): AdaptableModule[] {
  const modules = new Map<string, AdaptableModule>();
  for (const named of distinguished(namedNodes(graph, hints))) {
    const parts = hints.hasPackedModules ? undefined : packedParts(named);
    if (parts) named.node.metadata.set(modulePartsKey, parts.map(({ path, out }) => `${path}:${out}`).join(','));
    else named.node.metadata.set(moduleKey, named.path);
    for (const module of parts ?? [moduleOf(named)]) if (!modules.has(module.path)) modules.set(module.path, module);
  }
  return [...modules.values()];
}

function namedNodes(graph: Graph, { isGenai = false }: AnnotationHints): Named[] {
  const nodes = adaptableNodes(graph).map((found) => ({ ...found, path: modulePathOf(found.node, found.weight) }));
  const strip = withoutWrapper(nodes.map(({ path }) => path));
  return nodes.map((found) => {
    const path = strip(found.path);
    return { ...found, path: isGenai ? path.replace(/(^|\.)attn(?=\.)/, '$1self_attn') : path };
  });
}

/** Two nodes of different sizes with the same path are two modules. The names of the nodes distinguish them. */
function distinguished(nodes: readonly Named[]): Named[] {
  const first = new Map<string, Named>();
  for (const named of nodes) if (!first.has(named.path)) first.set(named.path, named);
  return nodes.map((named) => {
    const other = first.get(named.path);
    const isSame = other?.kind === named.kind && other.in === named.in && other.out === named.out;
    return isSame ? named : { ...named, path: `${named.path}.${named.node.label}` };
  });
}

/** The layers of GPT-2. Their matrices are stored as [in, out]. */
const turnedOver = /(^|\.)(c_attn|c_fc|c_proj|q_attn)$/;

function moduleOf({ path, kind, kernel, groups, ...size }: Named): AdaptableModule {
  return {
    path,
    ...(kind !== 'linear' && { kind }),
    in: size.in,
    out: size.out,
    ...(kind === 'linear' && turnedOver.test(path) && { transposed: true }),
    ...(kernel && { kernel }),
    ...(groups && { groups }),
  };
}

/** Splits a packed product into queries, keys and values by the numbers of heads of its attention. */
function packedParts({ node, path, in: width, out }: Named): AdaptableModule[] | undefined {
  const attention = path.endsWith('.qkv_proj') ? attentionAfter(node) : undefined;
  const [heads, kvHeads] = [attention?.intAttribute('num_heads'), attention?.intAttribute('kv_num_heads')];
  if (heads === undefined || kvHeads === undefined) return undefined;
  const headDim = out / (heads + 2 * kvHeads);
  if (!Number.isInteger(headDim)) return undefined;
  const part = (name: string, count: number): AdaptableModule => {
    return { path: path.replace(/qkv_proj$/, name), in: width, out: count * headDim };
  };
  return [part('q_proj', heads), part('k_proj', kvHeads), part('v_proj', kvHeads)];
}

/** The attention that reads a packed product as its query. Only a bias may be between them. */
function attentionAfter(node: Node): Node | undefined {
  const readers = [...(node.outputs[0]?.uses ?? [])].map((use) => use.node);
  const attention = readers.find(({ opType, inputs }) => opType === 'GroupQueryAttention' && inputs[1] === undefined);
  if (attention) return attention;
  const bias = readers.find(({ opType }) => opType === 'Add');
  return bias && attentionAfter(bias);
}
