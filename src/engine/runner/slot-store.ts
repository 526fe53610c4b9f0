/** What a runner keeps of the sequences in its slots, so that a sequence can go on from it elsewhere. */
export interface SlotStore {
  /**
   * Copies the first `length` positions of a slot to another slot. Not during a run. Where it fails, the source is as it was and the
   * target means nothing.
   */
  copy(copy: SlotCopy): Promise<void>;
  /** The first `length` positions of a slot, copied out. Not during a run. */
  export(slot: number, length: number): Promise<SlotContents>;
  /**
   * Puts what was exported, of a store of the same form, into a slot. Not during a run. Where it fails the slot means nothing.
   * @throws RangeError where the contents are of another form, with nothing written
   */
  import(slot: number, contents: SlotContents): Promise<void>;
}

export interface SlotCopy {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** The store's own form; good for a store of the same base, with slots of any length that holds it. */
export interface SlotContents {
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}
