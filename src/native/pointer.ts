/** An address in native memory. 0n is C's null. Only `onnxruntime/ffi` dereferences it; other code stores it and passes it on. */
export type Pointer = bigint;
