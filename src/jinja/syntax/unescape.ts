const escape = /\\(N\{[^}]{0,100}\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[^])/g;

const single: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/**
 * What the inside of a string literal stands for, by Python's escapes. An unknown escape keeps its backslash.
 * @returns undefined where an escape cannot be read
 */
export function unescape(text: string): string | undefined {
  if (!text.includes('\\')) return text;
  let isRight = true;
  const made = text.replace(escape, (whole, body: string) => {
    const known = single[body];
    if (known !== undefined) return known;
    if (/^[0-7]/.test(body)) return String.fromCodePoint(Number.parseInt(body, 8));
    if (/^[xuU]./.test(body)) {
      const code = Number.parseInt(body.slice(1), 16);
      if (code <= 0x10ffff) return String.fromCodePoint(code);
    }
    if (/^[xuUN]/.test(body)) isRight = false;
    return whole;
  });
  return isRight ? made : undefined;
}
