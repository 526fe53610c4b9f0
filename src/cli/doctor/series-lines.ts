/** One value of a text in the format of Prometheus. */
export interface SeriesLine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const form = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the values of the text that a server of ours has written; other lines are left out. */
export function seriesLines(text: string): SeriesLine[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = (line.startsWith('#') ? undefined : form.exec(line)) ?? [];
    if (name === undefined) return [];
    const found = [...labels.matchAll(label)].map(([, key = '', text = '']) => [key, unescaped(text)] as const);
    return [{ name, labels: Object.fromEntries(found), value: Number(value) }];
  });
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one));
}
