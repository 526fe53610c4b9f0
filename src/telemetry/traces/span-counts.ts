import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { SpansSample } from '../metrics/sources.ts';

/** The code of an export that succeeded. @see OpenTelemetry's `ExportResultCode` */
const exported = 0;

/**
 * Counts spans on their way. WHY: OpenTelemetry's packages drop what a collector does not take, and what comes faster than it is sent,
 * without a word.
 */
export class SpanCounts {
  #made = 0;
  #sent = 0;
  #failed = 0;

  /** To be told of each span that ended. */
  readonly processor: SpanProcessor = {
    onStart: () => undefined,
    onEnd: () => void this.#made++,
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };

  /** An exporter whose successes and failures are counted. */
  watch(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => {
        exporter.export(spans, (result) => {
          if (result.code === exported) this.#sent += spans.length;
          else this.#failed += spans.length;
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    };
  }

  figures(): SpansSample {
    return { made: this.#made, sent: this.#sent, failed: this.#failed };
  }
}
