/**
 * Reads base64 as it is written by every encoder: with its padding, and with no character that does not belong there. WHY so strict:
 * Node skips what it does not know, so that many texts would be the same signature.
 *
 * @returns undefined for any other text
 */
export function strictBase64(text: string): Buffer | undefined {
  if (text === '') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
