import { NativeMemory, pointer, type Pointer } from '../../native/index.ts';

/** An array of C strings (char *[]) in native memory. Its address is valid until it is disposed. */
export interface TextArray extends Disposable {
  readonly start: Pointer;
}

/** Zero-terminated UTF-8 strings, with the array of their addresses. */
export function textArray(texts: readonly string[]): TextArray {
  const encoded = texts.map((text) => Buffer.from(`${text}\0`));
  const content = NativeMemory.allocate(encoded.reduce((sum, { length }) => sum + length, 0));
  const array = NativeMemory.allocate(texts.length * 8);
  const addresses = array.bigInt64(0, texts.length);
  let at = 0;
  for (const [i, text] of encoded.entries()) {
    content.bytes().set(text, at);
    addresses[i] = BigInt.asIntN(64, content[pointer] + BigInt(at));
    at += text.length;
  }
  return {
    start: array[pointer],
    [Symbol.dispose]: () => {
      array.dispose();
      content.dispose();
    },
  };
}
