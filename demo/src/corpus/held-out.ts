/**
 * Whether a question is kept for evaluation. It depends on the wording alone, so that a question that is asked in an
 * evaluation row is in no training row at all: not of this policy, not of another, not of the base.
 */
export function isHeldOut(question: string): boolean {
  return hash(question) % 8 === 0;
}

/** FNV-1a over the UTF-16 units, folded once so that the low bits depend on all of them. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
