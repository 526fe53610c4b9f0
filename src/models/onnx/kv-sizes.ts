/** The sizes of keys and values. Graphs without a cache may not contain them. */
export interface KvSizes {
  readonly kvHeads: number;
  readonly headDim: number;
}
