/**
 * Compiles a pattern to a test of paths with slashes. `*` matches any characters within one folder, `**` any folders, and
 * `?` one character. A pattern without a slash is compared with the file's name alone, in any folder.
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  const anywhere = pattern.includes('/') ? '' : '(?:.*/)?';
  const body = pattern.replaceAll(/\*\*\/|\*\*|\*|\?|[^*?]+/g, translate);
  const expression = new RegExp(`^${anywhere}${body}$`, 'su');
  return (path) => expression.test(path);
}

function translate(piece: string): string {
  if (piece === '**/') return '(?:.*/)?';
  if (piece === '**') return '.*';
  if (piece === '*') return '[^/]*';
  if (piece === '?') return '[^/]';
  return piece.replaceAll(/[.+^${}()|[\]\\/]/g, (letter) => `\\${letter}`);
}
