/**
 * Whether a question is reserved for evaluation. This depends on its wording alone. So a question of an evaluation row occurs in no
 * training row, neither of this policy nor of another nor of the base.
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
