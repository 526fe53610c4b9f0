import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { Item } from './items.ts';

/** The query of `GET /v1/responses/{id}/input_items`. */
export const pageSchema = z.looseObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
});

export type PageQuery = z.output<typeof pageSchema>;

/**
 * A part of the items that a request had sent, in the form of OpenAI's lists.
 * @throws EspalierError REQUEST_INVALID for an item that is not in the list
 */
export function inputItemsPage(items: readonly Item[], { limit, order, after }: PageQuery): object {
  const ordered = order === 'asc' ? items : items.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new EspalierError('REQUEST_INVALID', { param: 'after', problem: 'no item of the list has this id' });
  }
  const data = ordered.slice(start, start + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + limit < ordered.length,
  };
}
