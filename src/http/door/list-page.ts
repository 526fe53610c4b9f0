import { EspalierError } from '../../core/index.ts';

/** Which part of a list is asked for. */
interface AskedPage {
  /** Most items. */
  readonly limit: number;
  /** The id of the item before the first one. */
  readonly after?: string | undefined;
  /** The words for an `after` that is not in the list. */
  readonly missing?: string;
}

/**
 * A part of a list, in the form of OpenAI's lists. Pure.
 * @param items  in the order in which they are listed
 * @throws EspalierError REQUEST_INVALID if `after` is not in the list
 */
export function pageOf<Item extends { readonly id: string }>(
  items: readonly Item[],
  { limit, after, missing = 'nothing in the list has this id' }: AskedPage,
  json: (item: Item) => object,
): object {
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new EspalierError('REQUEST_INVALID', { param: 'after', problem: missing });
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
