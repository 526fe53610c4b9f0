/** A range of bytes in a file. */
export interface BytePlace {
  /** File name, relative to the folder of the base. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Reads bytes of a file. The result has exactly the length of the place. */
export type ReadPlace = (place: BytePlace) => Promise<Uint8Array>;

/** Decodes units of one tensor, such as blocks or rows. */
export interface UnitDecoder {
  readonly units: number;
  /** The size of a decoded unit. The last one may be shorter. */
  readonly unitBytes: number;
  /** The size of the decoded tensor. */
  readonly byteLength: number;
  /** Elements as bytes, of units that lie one after the other. */
  decode(first: number, count: number): Promise<Uint8Array>;
}
