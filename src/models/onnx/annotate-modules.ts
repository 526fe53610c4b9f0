import { moduleKey, modulePartsKey, type AdaptableModule, type Graph, type Node } from '../../ir/index.ts';
import { adaptableNodes, type AdaptableNode } from './adaptable-nodes.ts';
import { modulePathOf, withoutWrapper } from './module-paths.ts';

/** What is known of a model beside its graph. */
export interface AnnotationHints {
  /** The graph is from onnxruntime-genai's builder, which calls `self_attn` `attn`. */
  readonly isGenai?: boolean;
  /** The network itself computes queries, keys and values by one module, as Phi-3 does; else packed ones are taken apart. */
  readonly hasPackedModules?: boolean;
}

interface Named extends AdaptableNode {
  readonly path: string;
}

/**
 * Finds the modules of a graph with types, by what its exporter left of their names, and marks their nodes, so that adapters find
 * them: `moduleKey` with the module's path as Hugging Face names it, or `modulePartsKey` where one node computes several.
 *
 * @returns the modules in the graph's order, each once
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

/** Two sizes under one path are two modules, and are told apart by their nodes' names. */
function distinguished(nodes: readonly Named[]): Named[] {
  const first = new Map<string, Named>();
  for (const named of nodes) if (!first.has(named.path)) first.set(named.path, named);
  return nodes.map((named) => {
    const other = first.get(named.path);
    const isSame = other?.kind === named.kind && other.in === named.in && other.out === named.out;
    return isSame ? named : { ...named, path: `${named.path}.${named.node.label}` };
  });
}

/** GPT-2's layers, which keep their matrices as [in, out]. */
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

/** Queries, keys and values of a packed product, by the numbers of heads that its attention says. */
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

/** The attention that reads a packed product as its query, with nothing between but a bias. */
function attentionAfter(node: Node): Node | undefined {
  const readers = [...(node.outputs[0]?.uses ?? [])].map((use) => use.node);
  const attention = readers.find(({ opType, inputs }) => opType === 'GroupQueryAttention' && inputs[1] === undefined);
  if (attention) return attention;
  const bias = readers.find(({ opType }) => opType === 'Add');
  return bias && attentionAfter(bias);
}
