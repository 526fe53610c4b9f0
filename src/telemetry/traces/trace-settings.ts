import { EspalierError } from '../../core/index.ts';

/** How traces are exported, as the standard variables say. What is not here is read by OpenTelemetry's own packages. */
export interface TraceSettings {
  readonly protocol: 'http/json' | 'http/protobuf';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads whether traces are wanted: where an endpoint or the exporter `otlp` is named. WHY not always, as the specification has it: a
 * server must not send anything anywhere unless it was told to.
 *
 * @returns undefined if they are not
 * @throws EspalierError TRACES_UNSUPPORTED
 * @see OpenTelemetry specification, environment variables
 */
export function readTraceSettings(environment: Environment): TraceSettings | undefined {
  const value = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
  if (value('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  const exporter = value('OTEL_TRACES_EXPORTER');
  if (exporter === 'none') return undefined;
  const endpoint = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? value('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (exporter === undefined && endpoint === undefined) return undefined;
  if (exporter !== undefined && exporter !== 'otlp')
    throw unsupported('OTEL_TRACES_EXPORTER', 'otlp or none', exporter);
  const ofTraces = value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL');
  const protocol = ofTraces ?? value('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  if (protocol === 'http/json' || protocol === 'http/protobuf') return { protocol };
  const name = ofTraces === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL';
  throw unsupported(name, 'http/protobuf or http/json', protocol);
}

function unsupported(name: string, expected: string, actual: string): EspalierError {
  return new EspalierError('TRACES_UNSUPPORTED', { name, expected, actual });
}
