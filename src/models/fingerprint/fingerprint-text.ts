/** Under this key the metadata of safetensors files holds a fingerprint: of an adapter's base, or of what a quantized base was made from. */
export const fingerprintKey = 'espalier.base_fingerprint';

const pattern = /^[a-z-]{1,40}-\d{1,4}:[\da-f]{64}$/;

/** A fingerprint from a file; undefined for any other text, which tells nothing. */
export function readFingerprint(text: unknown): string | undefined {
  return typeof text === 'string' && pattern.test(text) ? text : undefined;
}

/**
 * Whether two fingerprints are of two bases. Those of different forms or versions say nothing about each other: a checkpoint and its
 * export to ONNX have no bytes in common.
 */
export function isOtherBase(one: string, other: string): boolean {
  return one !== other && formOf(one) === formOf(other);
}

function formOf(fingerprint: string): string {
  return fingerprint.slice(0, fingerprint.indexOf(':'));
}
