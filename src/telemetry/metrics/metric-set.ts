import { Counter, Histogram, Registry } from 'prom-client';
import { Pace } from '../../core/index.ts';
import type { MetricDefinition, MetricTable, NamesOf, Sample } from './definition.ts';
import { headOf, lineOf } from './metric-text.ts';

/** Names of counters and gauges, whose values can be read when they are asked for. */
type ReadNames<Table extends MetricTable> = NamesOf<Table, 'counter'> | NamesOf<Table, 'gauge'>;

type ReadSamples = () => Iterable<Sample>;

/**
 * The series of a table of definitions, and no others. A series is counted as things happen (`count`, `observe`), or it is read when it
 * is asked for (`read`), which costs nothing in between.
 *
 * WHY those that are read are written here, and not by prom-client: with a thousand adapters it took several times as long, and kept
 * the event loop for more than 5 ms at a time.
 */
export class MetricSet<Table extends MetricTable> {
  readonly #table: Table;
  readonly #registry = new Registry();
  readonly #reads = new Map<string, ReadSamples>();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();

  constructor(table: Table) {
    this.#table = table;
    for (const [name, definition] of Object.entries(table)) this.#create(name, definition);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #create(name: string, { kind, help, labels = [], buckets = [] }: MetricDefinition): void {
    const common = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (kind === 'counter') this.#counters.set(name, new Counter(common));
    if (kind === 'histogram') this.#histograms.set(name, new Histogram({ ...common, buckets: [...buckets] }));
  }

  /** Reads the values of a series with `read` whenever it is asked for. */
  read(name: ReadNames<Table>, read: ReadSamples): void {
    this.#reads.set(name, read);
  }

  count(name: NamesOf<Table, 'counter'>, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    this.#counters.get(name)?.inc(labels, by);
  }

  observe(name: NamesOf<Table, 'histogram'>, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#histograms.get(name)?.observe(labels, value);
  }

  /**
   * All series in the text format of Prometheus, made in slices.
   * @param pace  of the work that this belongs to, if there is more of it
   * @see Prometheus, exposition format 0.0.4
   */
  async text(pace: Pace = new Pace()): Promise<Buffer> {
    const text = new TextInPieces();
    let lines = 0;
    for (const [name, definition] of Object.entries(this.#table)) {
      const read = this.#reads.get(name);
      const isCounted = read === undefined && definition.kind !== 'gauge';
      text.add(isCounted ? `${await this.#registry.getSingleMetricAsString(name)}\n` : headOf(name, definition));
      for (const sample of read?.() ?? []) {
        text.add(lineOf(name, sample));
        if (++lines % linesAtOnce > 0) continue;
        const turn = pace.step();
        if (turn) await turn;
      }
      const turn = pace.step();
      if (turn) await turn;
    }
    return text.end();
  }
}

/** WHY several: to look at the clock takes as long as a line. */
const linesAtOnce = 16;

/** Characters of a piece: it becomes bytes within a slice. */
const pieceLength = 2 ** 14;

/** A long text that is made of short ones. WHY bytes: to make one string of a megabyte of them, or its bytes, takes 5 ms at a time. */
class TextInPieces {
  readonly #pieces: Buffer[] = [];
  #piece = '';

  add(text: string): void {
    this.#piece += text;
    if (this.#piece.length >= pieceLength) this.#flush();
  }

  #flush(): void {
    this.#pieces.push(Buffer.from(this.#piece));
    this.#piece = '';
  }

  end(): Buffer {
    this.#flush();
    return Buffer.concat(this.#pieces);
  }
}
