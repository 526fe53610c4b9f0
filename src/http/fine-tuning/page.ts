import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';

/** The query of a list. */
export const pageSchema = z.looseObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().max(128).optional(),
});

/** The same for files, of which OpenAI lists more at once. */
export const filePageSchema = z.looseObject({
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  after: z.string().max(128).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: z.string().max(64).optional(),
});

/**
 * A part of a list, in the form of OpenAI's lists. Pure.
 * @param items  in the order in which they are listed
 * @throws EspalierError REQUEST_INVALID if `after` is not in the list
 */
export function pageOf<Item extends { readonly id: string }>(
  items: readonly Item[],
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
  json: (item: Item) => object,
): object {
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new EspalierError('REQUEST_INVALID', { param: 'after', problem: 'nothing in the list has this id' });
  }
  const shown = items.slice(start, start + limit);
  return {
    object: 'list',
    data: shown.map(json),
    first_id: shown[0]?.id ?? null,
    last_id: shown.at(-1)?.id ?? null,
    has_more: start + limit < items.length,
  };
}
