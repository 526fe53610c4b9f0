import type { OutputItem } from './items.ts';
import type { ResponseEvent } from './response-event.ts';

/** An item that is being written. */
export interface OpenItem {
  /** The events with which it begins. */
  begin(): readonly ResponseEvent[];
  /** What has been written of it. */
  item(status: OutputItem['status']): OutputItem;
  /** The events with which it ends, before the one that gives the whole item. */
  end(): readonly ResponseEvent[];
}

/** Where an item stands, in the fields of its events. */
export interface ItemPlace {
  readonly item_id: string;
  /** Number of the item in the output, from 0. */
  readonly output_index: number;
}
