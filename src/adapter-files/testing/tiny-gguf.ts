import type { TensorData } from '../../tensor/index.ts';

export type TinyGgufValue = string | number | { readonly type: number; readonly bytes: Uint8Array };

export interface TinyGguf {
  readonly metadata: Readonly<Record<string, TinyGgufValue>>;
  readonly tensors: readonly (readonly [string, TensorData])[];
  readonly version?: number;
}

const typeNumbers: Readonly<Record<string, number>> = { float32: 0, float16: 1, bfloat16: 30, int8: 24 };

/** Writes just enough of GGUF for tests: texts and f32 numbers as values, alignment 32. */
export function tinyGguf({ metadata, tensors, version = 3 }: TinyGguf): Uint8Array {
  const header: Uint8Array[] = [
    Buffer.from('GGUF'),
    u32(version),
    u64(tensors.length),
    u64(Object.keys(metadata).length),
  ];
  for (const [key, value] of Object.entries(metadata)) header.push(text(key), ...valueOf(value));
  let offset = 0;
  const data: Uint8Array[] = [];
  for (const [name, { dtype, shape, bytes }] of tensors) {
    const dims = shape.toReversed().map(u64);
    header.push(text(name), u32(shape.length), ...dims, u32(typeNumbers[dtype] ?? 99), u64(offset));
    data.push(bytes, new Uint8Array(pad(bytes.byteLength)));
    offset += bytes.byteLength + pad(bytes.byteLength);
  }
  const head = Buffer.concat(header);
  return Buffer.concat([head, new Uint8Array(pad(head.byteLength)), ...data]);
}

function valueOf(value: TinyGgufValue): Uint8Array[] {
  if (typeof value === 'string') return [u32(8), text(value)];
  if (typeof value === 'object') return [u32(value.type), value.bytes];
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [u32(6), bytes];
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function pad(length: number): number {
  return (32 - (length % 32)) % 32;
}

/** What every LoRA adapter of llama.cpp says of itself. */
export const loraMetadata = {
  'general.architecture': 'llama',
  'general.type': 'adapter',
  'adapter.type': 'lora',
  'adapter.lora.alpha': 8,
} as const;
