import { maskedCrc32c } from './crc32c.ts';

/**
 * Frames bytes as one record of a TFRecord file:
 *
 *   u64 length | u32 masked CRC-32C of the length | bytes | u32 masked CRC-32C of the bytes     (little-endian)
 *
 * @see TensorFlow, "TFRecord and tf.train.Example", section "TFRecords format details"
 */
export function frameRecord(bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(12 + bytes.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc32c(bytes), true);
  return record;
}
