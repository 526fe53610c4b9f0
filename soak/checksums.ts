import { createHash } from 'node:crypto';

/** The content of a `SHA256SUMS` for files by their names. */
export function checksumsOf(files: Readonly<Record<string, Uint8Array>>): string {
  const lines = Object.entries(files).map(([name, bytes]) => {
    return `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`;
  });
  return lines.join('');
}
