/**
 * Packs strings into the bytes of a tensor, as the Open Inference Protocol does: for each element its length in bytes (u32
 * little-endian) and its bytes. The elements are bytes because ONNX specifies no encoding, though all tools use UTF-8.
 */
export function packStrings(elements: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(elements.reduce((sum, { byteLength }) => sum + 4 + byteLength, 0));
  const view = new DataView(packed.buffer);
  let offset = 0;
  for (const element of elements) {
    view.setUint32(offset, element.byteLength, true);
    packed.set(element, offset + 4);
    offset += 4 + element.byteLength;
  }
  return packed;
}

/**
 * The elements of packed strings, as views of the bytes.
 * @returns undefined if an element reaches beyond the end
 */
export function unpackStrings(packed: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const elements: Uint8Array[] = [];
  for (let offset = 0; offset < packed.byteLength;) {
    if (offset + 4 > packed.byteLength) return undefined;
    const end = offset + 4 + view.getUint32(offset, true);
    if (end > packed.byteLength) return undefined;
    elements.push(packed.subarray(offset + 4, end));
    offset = end;
  }
  return elements;
}
