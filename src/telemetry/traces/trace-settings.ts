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
  const endpointName = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].find(
    (name) => value(name) !== undefined,
  );
  if (exporter === undefined && endpointName === undefined) return undefined;
  if (exporter !== undefined && exporter !== 'otlp')
    throw unsupported('OTEL_TRACES_EXPORTER', 'otlp or none', exporter);
  if (endpointName !== undefined) checkEndpoint(endpointName, value(endpointName) ?? '');
  const ofTraces = value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL');
  const protocol = ofTraces ?? value('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  if (protocol === 'http/json' || protocol === 'http/protobuf') return { protocol };
  const name = ofTraces === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL';
  throw unsupported(name, 'http/protobuf or http/json', protocol);
}

/** WHY here: the exporter says nothing of an address that it cannot use, such as `collector:4318`, and no span would ever arrive. */
function checkEndpoint(name: string, endpoint: string): void {
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return;
  // A URL may hold a password.
  const actual = endpoint.includes('@') ? 'another text' : endpoint;
  throw unsupported(name, 'a URL with http:// or https://', actual);
}

function unsupported(name: string, expected: string, actual: string): EspalierError {
  return new EspalierError('TRACES_UNSUPPORTED', { name, expected, actual });
}
