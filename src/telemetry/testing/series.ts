/** A line of a value: name, labels, value. @see Prometheus, exposition format 0.0.4 */
const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?(?:[\d.]+(?:e[+-]?\d+)?)|[+-]?Inf|NaN)$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

interface Value {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * The values of a text in the format of Prometheus. It is strict: a line that the format does not allow, a value whose type was not
 * told before it, and a series that is there twice are errors. `promtool.test.ts` reads the same text with Prometheus' own parser.
 */
export class Series {
  readonly #types = new Map<string, string>();
  readonly #values: Value[] = [];

  constructor(text: string) {
    const seen = new Set<string>();
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('# HELP ')) continue;
      const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
      if (name !== undefined && type !== undefined) {
        if (this.#types.has(name)) throw new Error(`${name} is told twice`);
        this.#types.set(name, type);
        continue;
      }
      const found = sampleLine.exec(line);
      if (found === null) throw new Error(`This is no line of the format: ${line}`);
      const value = {
        name: found[1] ?? '',
        labels: labelsOf(found[2]),
        value: Number((found[3] ?? '').replace('Inf', 'Infinity')),
      };
      const key = `${value.name} ${JSON.stringify(Object.entries(value.labels).toSorted())}`;
      if (seen.has(key)) throw new Error(`This series is there twice: ${line}`);
      seen.add(key);
      if (this.#familyOf(value.name) === undefined) throw new Error(`The type of ${value.name} was not told`);
      this.#values.push(value);
    }
  }

  #familyOf(name: string): string | undefined {
    return [name, name.replace(/_(bucket|sum|count)$/, '')].find((family) => this.#types.has(family));
  }

  get names(): string[] {
    return [...this.#types.keys()];
  }

  typeOf(name: string): string | undefined {
    return this.#types.get(name);
  }

  labels(name: string): Readonly<Record<string, string>>[] {
    return this.#values.flatMap((value) => (this.#familyOf(value.name) === name ? [value.labels] : []));
  }

  /** The value with these labels, and no others; of a histogram the number of samples. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const line = this.typeOf(name) === 'histogram' ? `${name}_count` : name;
    const wanted = Object.entries(labels);
    return this.#values.find(
      (value) =>
        value.name === line &&
        Object.keys(value.labels).length === wanted.length &&
        wanted.every(([key, one]) => value.labels[key] === one),
    )?.value;
  }

  /** Every label value of every series. */
  get labelValues(): Set<string> {
    return new Set(this.#values.flatMap(({ labels }) => Object.values(labels)));
  }
}

function labelsOf(text = ''): Record<string, string> {
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < text.length) {
    const at = label.lastIndex;
    const [, name = '', value = ''] = label.exec(text) ?? [];
    if (name === '') throw new Error(`These are no labels: ${text.slice(at)}`);
    labels[name] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}
