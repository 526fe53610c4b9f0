/**
 * Strings as the bytes of a tensor: each element's bytes behind their count, u32 little-endian, as the Open Inference Protocol sends
 * them. They are bytes, not text: ONNX does not say an encoding, though all use UTF-8.
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
 * The elements of packed strings, as views.
 * @returns undefined where the last one reaches beyond the end
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
