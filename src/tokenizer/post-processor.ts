import { z } from 'zod';

import type { Range } from './range.ts';
import { isId } from './model/read-model.ts';
import { parseComponent } from './text/component.ts';

import type { Trimming } from './trim-ranges.ts';

/** A token that is put around texts. */
export interface AroundToken {
  readonly id: number;
  readonly typeId: number;
}

/** A part of what a post-processor makes: a text of the input, or tokens around it. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly index: 0 | 1; readonly typeId: number }
  | ({ readonly kind: 'token' } & AroundToken);

/** How texts become one input: for a text alone, and for a pair. */
export interface Template {
  readonly single: readonly TemplatePart[];
  readonly pair: readonly TemplatePart[];
}

const id = z.number().refine(isId, 'expected an id');
const named = z.tuple([z.string(), id]);
const typeId = z.number().refine(isId, 'expected a type id');
const piece = z.union([
  z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id: typeId }) }),
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: typeId }) }),
]);
const trims = { trim_offsets: z.boolean().default(true), add_prefix_space: z.boolean().default(true) };
const schema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ByteLevel'), ...trims }),
  z.object({ type: z.literal('BertProcessing'), sep: named, cls: named }),
  z.object({ type: z.literal('RobertaProcessing'), sep: named, cls: named, ...trims }),
  z.object({
    type: z.literal('TemplateProcessing'),
    single: z.array(piece),
    pair: z.array(piece),
    special_tokens: z.record(z.string(), z.object({ ids: z.array(id) })),
  }),
  z.object({ type: z.literal('Sequence'), processors: z.array(z.unknown()) }),
]);

const text = (index: 0 | 1, type: number): TemplatePart => ({ kind: 'text', index, typeId: type });
const token = (tokenId: number, type: number): TemplatePart => ({ kind: 'token', id: tokenId, typeId: type });

/** Texts one after another. */
const nothingAround: Template = { single: [text(0, 0)], pair: [text(0, 0), text(1, 1)] };

/**
 * Reads the `post_processor` of a `tokenizer.json`.
 *
 * @throws RangeError
 */
export function readTemplate(json: unknown): Template {
  return readProcessor(json) ?? nothingAround;
}

/** @returns undefined if it puts nothing around texts */
function readProcessor(json: unknown): Template | undefined {
  if (json === null || json === undefined) return undefined;
  const given = parseComponent(schema, json);
  switch (given.type) {
    case 'ByteLevel':
      return undefined;
    case 'BertProcessing': {
      const [cls, sep] = [given.cls[1], given.sep[1]];
      const single = [token(cls, 0), text(0, 0), token(sep, 0)];
      return { single, pair: [...single, text(1, 1), token(sep, 1)] };
    }
    case 'RobertaProcessing': {
      const [cls, sep] = [given.cls[1], given.sep[1]];
      const single = [token(cls, 0), text(0, 0), token(sep, 0)];
      return { single, pair: [...single, token(sep, 0), text(1, 0), token(sep, 0)] };
    }
    case 'TemplateProcessing': {
      const parts = (pieces: typeof given.single): TemplatePart[] =>
        pieces.flatMap((each) => partsOf(each, given.special_tokens));
      return { single: parts(given.single), pair: parts(given.pair) };
    }
    case 'Sequence': {
      const templates = given.processors.map(readProcessor).filter((each) => each !== undefined);
      if (templates.length > 1) throw new RangeError('its post_processor puts tokens around texts twice');
      return templates[0];
    }
  }
}

/**
 * What a post-processor does to the ranges of tokens, in order.
 *
 * @throws RangeError
 */
export function readTrimmings(json: unknown): Trimming[] {
  if (json === null || json === undefined) return [];
  const given = parseComponent(schema, json);
  if (given.type === 'Sequence') return given.processors.flatMap(readTrimmings);
  if (given.type !== 'ByteLevel' && given.type !== 'RobertaProcessing') return [];
  return given.trim_offsets ? [{ addsSpace: given.add_prefix_space }] : [];
}

function partsOf(
  given: z.infer<typeof piece>,
  tokens: Record<string, { readonly ids: readonly number[] }>,
): TemplatePart[] {
  if ('Sequence' in given) return [text(given.Sequence.id === 'A' ? 0 : 1, given.Sequence.type_id)];
  const { id: name, type_id: type } = given.SpecialToken;
  const special = Object.hasOwn(tokens, name) ? tokens[name] : undefined;
  if (special === undefined) throw new RangeError(`its post_processor names ${JSON.stringify(name)} without ids`);
  return special.ids.map((each) => token(each, type));
}

/** The tokens that a post-processor puts before a text. */
export function tokensBefore({ single }: Template): number[] {
  const end = single.findIndex(({ kind }) => kind === 'text');
  return single.slice(0, end < 0 ? 0 : end).flatMap((part) => (part.kind === 'token' ? [part.id] : []));
}

/** The tokens of a text, and where they are, if that is asked for. */
export interface TextTokens {
  readonly ids: readonly number[];
  readonly offsets?: readonly Range[] | undefined;
}

/** One or two texts with the tokens around them. */
export interface FilledTemplate extends TextTokens {
  readonly typeIds: readonly number[];
}

const nowhere: Range = { start: 0, end: 0 };

/**
 * Puts the tokens around texts, which are one or two.
 *
 * @param special  whether tokens are put around them at all
 */
export function fillTemplate(
  { single, pair }: Template,
  texts: readonly TextTokens[],
  special: boolean,
): FilledTemplate {
  const ids: number[] = [];
  const typeIds: number[] = [];
  const offsets: Range[] = [];
  for (const part of texts.length > 1 ? pair : single) {
    const added = part.kind === 'text' ? texts[part.index] : special ? { ids: [part.id] } : undefined;
    for (const [i, each] of (added?.ids ?? []).entries()) {
      ids.push(each);
      typeIds.push(part.typeId);
      offsets.push(added?.offsets?.[i] ?? nowhere);
    }
  }
  return { ids, typeIds, offsets: texts.some((each) => each.offsets !== undefined) ? offsets : undefined };
}
