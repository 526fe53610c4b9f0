/**
 * Reads FlatBuffers without trusting them. The format's own runtime follows every offset. This class checks each offset, vtable, length
 * and alignment before it reads there, like the verifier of the C++ library.
 *
 * @see FlatBuffers internals: a table begins with the distance back to its vtable; offsets to other things point forward
 */
export class FlatBufferView {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    // WHY a plain view: slice() of a Buffer does not copy, and its views would not either.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The four letters after the root's offset. */
  get identifier(): string {
    return this.#bytes.byteLength < 8 ? '' : String.fromCharCode(...this.#bytes.subarray(4, 8));
  }

  /** @throws RangeError with the place and the error there; so do all methods below */
  root(): FlatTable {
    this.#need(0, 4, 'the root');
    return this.tableAt(this.#forward(0, 'the root'));
  }

  /** @internal */
  tableAt(at: number): FlatTable {
    this.#aligned(at, 4, 'a table');
    this.#need(at, 4, 'a table');
    const vtable = at - this.#view.getInt32(at, true);
    this.#aligned(vtable, 2, 'a vtable');
    this.#need(vtable, 4, 'a vtable');
    const vtableSize = this.#view.getUint16(vtable, true);
    if (vtableSize < 4 || vtableSize % 2 !== 0) throw new RangeError(`the vtable at ${vtable} has ${vtableSize} bytes`);
    this.#need(vtable, vtableSize, 'a vtable');
    const size = this.#view.getUint16(vtable + 2, true);
    if (size < 4) throw new RangeError(`the table at ${at} has ${size} bytes`);
    this.#need(at, size, 'a table');
    return new FlatTable(this, { at, size, vtable, fields: (vtableSize - 4) / 2 });
  }

  /** @internal */
  slot(vtable: number, field: number): number {
    return this.#view.getUint16(vtable + 4 + 2 * field, true);
  }

  /** @internal A number at a place that was checked. */
  int32(at: number): number {
    return this.#view.getInt32(at, true);
  }

  /** @internal Where the elements behind an offset begin, and how many there are. */
  vectorAt(at: number, elementSize: number): { start: number; length: number } {
    const place = this.#forward(at, 'a vector');
    this.#aligned(place, 4, 'a vector');
    this.#need(place, 4, 'a vector');
    const length = this.#view.getUint32(place, true);
    this.#aligned(place + 4, elementSize, 'the elements of a vector');
    this.#need(place + 4, length * elementSize, 'a vector');
    return { start: place + 4, length };
  }

  /** @internal */
  bytesAt(at: number): Uint8Array {
    const { start, length } = this.vectorAt(at, 1);
    return this.#bytes.subarray(start, start + length);
  }

  /** @internal */
  textAt(at: number): string {
    const { start, length } = this.vectorAt(at, 1);
    this.#need(start + length, 1, 'a string');
    if (this.#bytes[start + length] !== 0) throw new RangeError(`the string at ${start} does not end with a zero`);
    return decoder.decode(this.#bytes.subarray(start, start + length));
  }

  /** @internal */
  int64sAt(at: number): bigint[] {
    const { start, length } = this.vectorAt(at, 8);
    return Array.from({ length }, (_, i) => this.#view.getBigInt64(start + 8 * i, true));
  }

  /** @internal */
  *tablesAt(at: number): Generator<FlatTable> {
    const { start, length } = this.vectorAt(at, 4);
    for (let i = 0; i < length; i++) yield this.tableAt(this.#forward(start + 4 * i, 'a table'));
  }

  #forward(at: number, what: string): number {
    const distance = this.#view.getUint32(at, true);
    if (distance === 0) throw new RangeError(`the offset of ${what} at ${at} is 0`);
    return at + distance;
  }

  #need(at: number, length: number, what: string): void {
    const { byteLength } = this.#bytes;
    if (at >= 0 && at + length <= byteLength) return;
    throw new RangeError(`${what} at ${at} takes ${length} bytes, the file has ${byteLength}`);
  }

  #aligned(at: number, size: number, what: string): void {
    if (at % size !== 0) throw new RangeError(`${what} at ${at} is not aligned to ${size} bytes`);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface TablePlace {
  readonly at: number;
  readonly size: number;
  readonly vtable: number;
  readonly fields: number;
}

/** A table that lies within its file. Fields are numbered by their places in the schema. An absent field is undefined. */
export class FlatTable {
  readonly #view: FlatBufferView;
  readonly #place: TablePlace;

  constructor(view: FlatBufferView, place: TablePlace) {
    this.#view = view;
    this.#place = place;
  }

  int32(field: number): number | undefined {
    return this.#read(field, (at) => this.#view.int32(at));
  }

  text(field: number): string | undefined {
    return this.#read(field, (at) => this.#view.textAt(at));
  }

  bytes(field: number): Uint8Array | undefined {
    return this.#read(field, (at) => this.#view.bytesAt(at));
  }

  int64s(field: number): bigint[] | undefined {
    return this.#read(field, (at) => this.#view.int64sAt(at));
  }

  /** Yields one table at a time: a hostile file may list a million tables of which the first is broken. */
  tables(field: number): Iterable<FlatTable> | undefined {
    return this.#read(field, (at) => this.#view.tablesAt(at));
  }

  /** All fields that are read here take four bytes: a number, or an offset. */
  #read<T>(field: number, read: (at: number) => T): T | undefined {
    const { at, size, vtable, fields } = this.#place;
    const offset = field < fields ? this.#view.slot(vtable, field) : 0;
    if (offset === 0) return undefined;
    if (offset < 4 || offset + 4 > size || (at + offset) % 4 !== 0) {
      throw new RangeError(`field ${field} of the table at ${at} lies at ${offset} of its ${size} bytes`);
    }
    return read(at + offset);
  }
}
