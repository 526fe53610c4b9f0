/** The bits of inotify(7) that are used. */
export const inotifyFlags = {
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  deleteSelf: 0x400,
  moveSelf: 0x800,
  unmount: 0x2000,
  overflow: 0x4000,
  ignored: 0x8000,
  onlyFolders: 0x1000000,
} as const;

/** One record that inotify has written. */
export interface InotifyRecord {
  /** -1 for an overflow. */
  readonly watch: number;
  readonly mask: number;
  /** The name of the entry in the watched folder; empty if the folder itself is meant. */
  readonly name: string;
}

const headBytes = 16;

/**
 * Decodes what one read of inotify returned: whole records, each a head of four numbers (watch, mask, cookie, length) and a name that is
 * padded with zeros. A rest that is no whole record ends the list.
 */
export function decodeInotify(bytes: Uint8Array): InotifyRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
  const records: InotifyRecord[] = [];
  let at = 0;
  while (at + headBytes <= bytes.byteLength) {
    const length = view.getUint32(at + 12, isLittle);
    const start = at + headBytes;
    if (start + length > bytes.byteLength) break;
    const padded = Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
    const end = padded.indexOf(0);
    const name = padded.toString('utf8', 0, end < 0 ? length : end);
    records.push({ watch: view.getInt32(at, isLittle), mask: view.getUint32(at + 4, isLittle), name });
    at = start + length;
  }
  return records;
}
