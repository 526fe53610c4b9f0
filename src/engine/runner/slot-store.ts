/** The state that a runner keeps for the sequences in its slots. A sequence can continue from a copy of it in another slot. */
export interface SlotStore {
  /**
   * Copies the first `length` positions of a slot to another slot. Must not be called during a run. If it fails, the source is
   * unchanged and the contents of the target are undefined.
   */
  copy(copy: SlotCopy): Promise<void>;
  /** Copies the first `length` positions of a slot out of the store. Must not be called during a run. */
  export(slot: number, length: number): Promise<SlotContents>;
  /**
   * Writes exported contents of a store of the same form into a slot. Must not be called during a run. If it fails, the contents of the
   * slot are undefined.
   * @throws RangeError if the contents have another form. Nothing is written then.
   */
  import(slot: number, contents: SlotContents): Promise<void>;
  /** Absent if the contents of single positions cannot be copied. */
  readonly positions?: PositionStore | undefined;
  /** Why they cannot, where asking for it is a mistake. */
  readonly noPositions?: string | undefined;
}

/**
 * Copies of a few positions of a slot, in the store's own form. The contents of a position depend only on the tokens up to it, and on
 * the adapters that were applied. Neither method may be called during a run.
 */
export interface PositionStore {
  readonly bytesPerPosition: number;
  /** @param target  of `count` times `bytesPerPosition` bytes */
  read(range: SlotRange, target: Uint8Array): void;
  /** @param source  written by `read` for a range of the same length */
  write(range: SlotRange, source: Uint8Array): void;
}

/** The positions [start, start + count) of a slot. */
export interface SlotRange {
  readonly slot: number;
  readonly start: number;
  readonly count: number;
}

export interface SlotCopy {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Contents in the store's own form. They fit a store of the same base whose slots are long enough. */
export interface SlotContents {
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}
