/** An address in native memory. 0n is C's null. Only `onnxruntime/ffi` looks through it; others hold it and pass it on. */
export type Pointer = bigint;
