import type { Dim, Model, Value } from '../../ir/index.ts';
import { annotateModules } from './annotate-modules.ts';
import { GraphCopy } from './graph-copy.ts';
import { findHead } from './logits-head.ts';
import { addCachePlaces, readPast, tellPastShape, writePresent } from './past-cache.ts';
import { addRowPlaces, countUpTo, maskEndingTogether, scalarOf, type RowPlaces } from './past-places.ts';
import { wholeStates, type TextInterface } from './read-interface.ts';
import type { KvSizes } from './kv-sizes.ts';
import { bindSwitches, castTo, dropExportersNotes, filled, type TextSource } from './text-copy.ts';
import { finish, logitsOfRows } from './text-graphs.ts';

/**
 * Builds the decode graph of a file that takes the keys and values of earlier tokens as inputs and returns them with those of the new
 * tokens appended. Optimum, transformers.js and torch.onnx write such files: the input is `past_key_values.N.key`
 * [batch, kvHeads, past, headDim], and the output is `present.N.key`.
 *
 * For the caller, keys and values stay in place, as `buildDecodeGraph` says. Inside, each run writes those of the new tokens into the
 * cache and reads the rectangle that the file needs. In this rectangle all rows end at the same column: shorter rows are moved to
 * the right, and the attention mask hides the columns before them. So the distances between tokens are right, whatever the file
 * computes from them. Positions are given as `position_ids`. A file without this input counts positions from the length of the
 * rectangle, so it can only take rows of one length.
 *
 * @returns undefined when the file has no past, or a past of another shape
 */
export function buildPastDecode(source: TextSource, maxLength: number): Model | undefined {
  const { roles, kv } = source;
  const whole = wholeStates(roles);
  if (kv === undefined || roles.logits === undefined || whole === undefined) return undefined;
  if (whole.some(({ past }) => past.shape !== undefined && !isRectangle(past, kv))) return undefined;
  const copy = new GraphCopy(source, 'decode', { widen: true });
  const { graph, model, tape } = copy;
  const inputIds = graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  copy.bind(roles.inputIds, castTo(copy, inputIds, roles.inputIds));
  const seqlens = graph.addInput('seqlens_k', 'int32', ['batch']);
  const rows = addRowPlaces(tape, { inputIds, seqlens, total: graph.addInput('total_length', 'int32', []) });
  bindPlaces(copy, roles, rows);
  if (roles.tokenTypeIds) copy.bind(roles.tokenTypeIds, castTo(copy, filled(copy, inputIds, 0), roles.tokenTypeIds));
  bindSwitches(copy, roles, true);
  const places = addCachePlaces(tape, rows, kv);
  const shape = ['batch', kv.kvHeads, maxLength, kv.headDim];
  const states = whole.map((state) => {
    const cache = graph.addInput(`past_key_values.${state.layer}.${state.part}`, 'float32', shape);
    const past = readPast(tape, cache, places);
    copy.bind(state.past, past);
    return { ...state, cache, past };
  });
  copy.run();
  const presents = states.map((state) => ({ ...state, value: copy.value(state.present) }));
  for (const state of states) tellPastShape(model, state.past, places);
  for (const { value, cache, past, layer, part } of presents) {
    giveAs(copy, writePresent(model, value, { cache, past }, places), `present.${layer}.${part}`);
  }
  annotateModules(graph, source.hints);
  dropExportersNotes(model);
  const logits = copy.value(roles.logits);
  const decoder = { model, logits, head: findHead(model, logits) };
  return finish(model, logitsOfRows(decoder, graph.addInput('logit_rows', 'int64', ['rows'])), 'logits');
}

function bindPlaces(
  copy: GraphCopy,
  { attentionMask, positionIds, cachePosition }: TextInterface,
  rows: RowPlaces,
): void {
  const { tape, graph } = copy;
  if (attentionMask) copy.bind(attentionMask, castTo(copy, maskEndingTogether(tape, rows), attentionMask));
  if (cachePosition) {
    const places = tape.op('Add', [countUpTo(tape, scalarOf(tape, rows.seq)), rows.past.list]);
    copy.bind(cachePosition, castTo(copy, places, cachePosition));
  }
  if (positionIds) {
    copy.bind(positionIds, castTo(copy, graph.addInput('position_ids', 'int64', ['batch', 'seq']), positionIds));
  }
}

/** [batch, kvHeads, past, headDim], as far as the file declares them. */
function isRectangle({ shape }: Value, { kvHeads, headDim }: KvSizes): boolean {
  const [, heads, past, size] = shape ?? [];
  const fits = (dim: Dim, own: number): boolean => typeof dim !== 'number' || dim === own;
  return shape?.length === 4 && fits(heads, kvHeads) && typeof past !== 'number' && fits(size, headDim);
}

function giveAs({ graph }: GraphCopy, value: Value, name: string): void {
  const taken = graph.value(name);
  if (taken) graph.rename(taken, graph.uniqueName(`${name}.file`));
  graph.rename(value, name);
  graph.addOutput(value);
}
