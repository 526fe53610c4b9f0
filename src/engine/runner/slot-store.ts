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
