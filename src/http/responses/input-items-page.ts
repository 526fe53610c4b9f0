import { z } from 'zod';
import { pageOf } from '../door/list-page.ts';
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
  return pageOf(ordered, { limit, after, missing: 'no item of the list has this id' }, (item) => item);
}
