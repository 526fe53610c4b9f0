/**
 * A pattern of file names as a test of paths with slashes: `*` stands for any letters within one folder, `**` for any
 * folders, `?` for one letter. A pattern without a slash is for the file's name, in whatever folder it lies.
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
