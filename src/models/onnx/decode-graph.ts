import { removeDeadCode, runPasses, type Graph, type Model, type Node, type Value } from '../../ir/index.ts';
import { annotateModules } from './annotate-modules.ts';
import { GraphCopy } from './graph-copy.ts';
import { findHead } from './logits-head.ts';
import { wholeStates } from './read-interface.ts';
import { bindSwitches, castTo, dropExportersNotes, type TextSource } from './text-copy.ts';
import { finish, logitsOfRows } from './text-graphs.ts';

/**
 * The decode graph of a file whose attention is GroupQueryAttention, which keeps keys and values in place itself: its lengths come
 * from the inputs that `buildDecodeGraph` names instead of from an attention mask.
 *
 * @returns undefined when the file keeps its past in another way or not at all. Rows then run again from their first token.
 */
export function buildOnnxDecode(source: TextSource, maxLength: number): Model | undefined {
  const { roles, kv } = source;
  const states = wholeStates(roles);
  // This is checked first, because copying a large graph takes a while.
  if (![source.model.graph, ...source.model.functions.map(({ graph }) => graph)].some(hasGroupQuery)) return undefined;
  if (kv === undefined || states === undefined || roles.logits === undefined || roles.cachePosition) return undefined;
  const copy = new GraphCopy(source, 'decode', { widen: true });
  const { graph } = copy;
  const inputIds = graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  copy.bind(roles.inputIds, castTo(copy, inputIds, roles.inputIds));
  const positions = roles.positionIds && graph.addInput('position_ids', 'int64', ['batch', 'seq']);
  if (roles.positionIds && positions) copy.bind(roles.positionIds, castTo(copy, positions, roles.positionIds));
  const lengths = {
    seqlens: graph.addInput('seqlens_k', 'int32', ['batch']),
    total: graph.addInput('total_length', 'int32', []),
  };
  const mask = roles.attentionMask && graph.addInput('attention_mask', roles.attentionMask.dtype, ['batch', 'total']);
  if (roles.attentionMask && mask) copy.bind(roles.attentionMask, mask);
  bindSwitches(copy, roles, true);
  const shape = ['batch', kv.kvHeads, maxLength, kv.headDim];
  for (const { past, layer, part } of states) {
    copy.bind(past, graph.addInput(`past_key_values.${layer}.${part}`, 'float32', shape));
  }
  copy.run();
  for (const node of graph.nodes) if (node.opType === 'GroupQueryAttention') readLengths(node, lengths);
  const presents = states.map((state) => ({ ...state, value: copy.value(state.present) }));
  if (presents.some(({ value }) => value.producer?.opType !== 'GroupQueryAttention')) return undefined;
  for (const { value, layer, part } of presents) givePresent(copy, value, { name: `present.${layer}.${part}`, shape });
  annotateModules(graph, source.hints);
  dropExportersNotes(copy.model);
  const logits = copy.value(roles.logits);
  const decoder = { model: copy.model, logits, head: findHead(copy.model, logits) };
  finish(copy.model, logitsOfRows(decoder, graph.addInput('logit_rows', 'int64', ['rows'])), 'logits');
  runPasses(copy.model, [removeDeadCode]);
  return graph.inputs.some(({ name }) => name === 'attention_mask') ? undefined : copy.model;
}

function hasGroupQuery({ nodes }: Graph): boolean {
  return nodes.some(({ opType, subgraphs }) => opType === 'GroupQueryAttention' || subgraphs.some(hasGroupQuery));
}

/** Replaces the lengths of the rows and of the longest row by inputs of the graph. */
function readLengths(node: Node, { seqlens, total }: { readonly seqlens: Value; readonly total: Value }): void {
  node.setInput(5, seqlens);
  node.setInput(6, total);
}

function givePresent(
  { graph }: GraphCopy,
  value: Value,
  { name, shape }: { name: string; shape: Value['shape'] },
): void {
  value.shape = shape;
  graph.rename(value, name);
  graph.addOutput(value);
}
