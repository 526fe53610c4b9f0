/** What the keys and values of one position consist of. */
export interface PositionShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

export interface KvShape extends PositionShape {
  /** The shapes of the recurrent states of one slot, each f32. Default: none. */
  readonly states?: readonly (readonly number[])[] | undefined;
  readonly slots: number;
  readonly maxLength: number;
}

/** The numbers of one slot in one array. */
export function slotElements({ kvHeads, maxLength, headDim }: KvShape): number {
  return kvHeads * maxLength * headDim;
}
