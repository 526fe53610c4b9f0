/** The metadata key of a fingerprint in safetensors files: that of an adapter's base, or of the base that was quantized. */
export const fingerprintKey = 'espalier.base_fingerprint';

const pattern = /^[a-z-]{1,40}-\d{1,4}:[\da-f]{64}$/;

/** Reads a fingerprint from a file; undefined for any other text. */
export function readFingerprint(text: unknown): string | undefined {
  return typeof text === 'string' && pattern.test(text) ? text : undefined;
}

/**
 * Whether two fingerprints belong to different bases. Fingerprints of different forms or versions are not comparable: a checkpoint and
 * its export to ONNX have no bytes in common.
 */
export function isOtherBase(one: string, other: string): boolean {
  return one !== other && formOf(one) === formOf(other);
}

function formOf(fingerprint: string): string {
  return fingerprint.slice(0, fingerprint.indexOf(':'));
}
