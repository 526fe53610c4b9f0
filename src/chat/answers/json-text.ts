/** Writes a text as JSON, one UTF-16 unit after the other. The opening quote is written at once. */
export class JsonText {
  readonly #write: (json: string) => void;
  #high = '';

  constructor(write: (json: string) => void) {
    this.#write = write;
    write('"');
  }

  add(unit: string): void {
    // WHY together: the halves of a character alone would be written as escapes.
    const isHigh = /[\ud800-\udbff]/.test(unit);
    this.#write(isHigh ? '' : JSON.stringify(this.#high + unit).slice(1, -1));
    this.#high = isHigh ? unit : '';
  }

  end(): void {
    this.#write('"');
  }
}

const pythonValues: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/** The JSON of a value that has no quotes, as JSON or Python write it. What is neither is a text. */
export function jsonOfWord(value: string): string {
  const text = value.trim();
  const known = Object.hasOwn(pythonValues, text) ? pythonValues[text] : undefined;
  if (known !== undefined) return known;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(value);
  }
}
