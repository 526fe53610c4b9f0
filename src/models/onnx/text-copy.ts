import type { AdaptableModule, Model, Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { annotateModules, type AnnotationHints } from './annotate-modules.ts';
import { GraphCopy, type OnnxSource } from './graph-copy.ts';
import type { KvSizes } from './kv-sizes.ts';
import type { TextInterface } from './read-interface.ts';

/** The file of a text model with the facts about it. */
export interface TextSource extends OnnxSource {
  readonly roles: TextInterface;
  readonly hints: AnnotationHints;
  /** undefined when neither the graph nor a file beside it contains them. */
  readonly kv: KvSizes | undefined;
}

/** A copy of the graph of a file. Its only input is whole rows of token ids. */
export interface TextCopy {
  readonly model: Model;
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i64 [batch, seq] */
  readonly attentionMask: Value;
  /** The file's outputs, in the copy. */
  readonly logits: Value | undefined;
  readonly hidden: Value | undefined;
  readonly modules: readonly AdaptableModule[];
}

/** Inputs that a caller may give besides the ids. Those that are missing are derived from the ids. */
export interface GivenInputs {
  /** i64 [batch, seq]: 1 for tokens, 0 for padding. Default: all 1, which is right when no token attends to later ones. */
  readonly attentionMask?: boolean;
  /** i64 [batch, seq]: the type of each token. Default: the first type. */
  readonly tokenTypes?: boolean;
}

/**
 * Copies the graph of a text model and derives all inputs except `input_ids` from it: positions count from 0, token types are 0, the
 * past is empty, and the mask is all ones. WHY this is right for rows padded on the right: in a causal model no real token attends to
 * the padding behind it.
 */
export function copyText(
  source: TextSource,
  { graphName, given = {} }: { readonly graphName: string; readonly given?: GivenInputs },
): TextCopy {
  const copy = new GraphCopy(source, graphName, { widen: true });
  const { roles } = source;
  const inputIds = copy.graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  copy.bind(roles.inputIds, castTo(copy, inputIds, roles.inputIds));
  const like = (name: string, isGiven: boolean | undefined, value: number): Value =>
    isGiven ? copy.graph.addInput(name, 'int64', ['batch', 'seq']) : filled(copy, inputIds, value);
  const attentionMask = like('attention_mask', given.attentionMask, 1);
  if (roles.attentionMask) copy.bind(roles.attentionMask, castTo(copy, attentionMask, roles.attentionMask));
  bindPositions(copy, roles, inputIds);
  if (roles.tokenTypeIds) {
    copy.bind(roles.tokenTypeIds, castTo(copy, like('token_type_ids', given.tokenTypes, 0), roles.tokenTypeIds));
  }
  bindSwitches(copy, roles);
  for (const state of roles.states) copy.bind(state.past, emptyState(copy, inputIds, source.kv));
  copy.run();
  const [logits, hidden] = [roles.logits, roles.hidden].map((value) => value && copy.value(value));
  dropEmptyPast(copy.model);
  const modules = annotateModules(copy.graph, source.hints);
  dropExportersNotes(copy.model);
  return { model: copy.model, inputIds, attentionMask, logits, hidden, modules };
}

/** Some files take their ids as int32. */
export function castTo({ tape }: GraphCopy, value: Value, like: Value): Value {
  if (like.dtype === undefined || like.dtype === value.dtype) return value;
  const types: Partial<Record<string, number>> = { int32: 6, int64: 7, bool: 9, float32: 1 };
  const to = types[like.dtype];
  if (to === undefined) throw new TypeError(`${like.name} is ${like.dtype}: readInterface lets no such input pass`);
  return tape.op('Cast', [value], { attributes: { to } });
}

/** Returns i64 in the shape of the ids, filled with one number. */
export function filled({ tape }: GraphCopy, inputIds: Value, value: number): Value {
  const shape = tape.op('Shape', [inputIds]);
  return tape.op('ConstantOfShape', [shape], { attributes: { value: tensorOf('int64', [1], [value]) } });
}

function bindPositions(copy: GraphCopy, { positionIds, cachePosition }: TextInterface, inputIds: Value): void {
  if (positionIds === undefined && cachePosition === undefined) return;
  const { tape } = copy;
  const scalar = tape.op('Squeeze', [tape.op('Shape', [inputIds], { attributes: { start: 1 } })]);
  const positions = tape.op('Range', [tape.int64(0), scalar, tape.int64(1)]);
  if (cachePosition) copy.bind(cachePosition, castTo(copy, positions, cachePosition));
  if (positionIds === undefined) return;
  const rows = tape.op('Expand', [positions, tape.op('Shape', [inputIds])]);
  copy.bind(positionIds, castTo(copy, rows, positionIds));
}

/** Chooses the branch of a merged decoder, with or without a past, and requests the logits of all positions. */
export function bindSwitches(copy: GraphCopy, { useCacheBranch, logitsToKeep }: TextInterface, hasPast = false): void {
  const constant = (like: Value, value: number): Value => {
    const dims = like.shape?.map((dim) => (typeof dim === 'number' ? dim : 1)) ?? [];
    return copy.tape.constant(tensorOf(like.dtype === 'bool' ? 'bool' : 'int64', dims, [value]));
  };
  if (useCacheBranch) copy.bind(useCacheBranch, constant(useCacheBranch, Number(hasPast)));
  if (logitsToKeep) copy.bind(logitsToKeep, castTo(copy, constant(logitsToKeep, 0), logitsToKeep));
}

/** Returns empty keys or values: f32 [batch, kvHeads, 0, headDim]. */
function emptyState({ tape }: GraphCopy, inputIds: Value, kv: KvSizes | undefined): Value {
  const batch = tape.op('Shape', [inputIds], { attributes: { end: 1 } });
  const rest = tape.int64s([kv?.kvHeads ?? 1, 0, kv?.headDim ?? 1]);
  const shape = tape.op('Concat', [batch, rest], { attributes: { axis: 0 } });
  return tape.op('ConstantOfShape', [shape], { attributes: { value: tensorOf('float32', [1], [0]) } });
}

/** The inputs of fused attention operators that are keys and values of earlier runs. */
const pastInputs: Readonly<Record<string, readonly number[]>> = {
  'com.microsoft:GroupQueryAttention': [3, 4],
  'com.microsoft:MultiHeadAttention': [6, 7],
  Attention: [4, 5],
};

/** Disconnects empty keys and values of earlier runs from fused attention. These inputs are optional there. */
function dropEmptyPast({ graph }: Model): void {
  for (const node of graph.nodes) {
    for (const index of pastInputs[node.qualifiedType] ?? []) {
      if (node.inputs[index]?.shape?.[2] === 0) node.setInput(index, undefined);
    }
  }
}

/** Removes stack traces and similar metadata. They are larger than the graph itself, and no runtime reads them. */
export function dropExportersNotes({ graph }: Model): void {
  for (const node of graph.nodes) {
    for (const key of node.metadata.keys()) if (!key.startsWith('espalier.')) node.metadata.delete(key);
  }
}
