import { EspalierError } from '../../core/index.ts';
import { fetchReason } from './fetch-reason.ts';

/** WHY short: a training must not wait for a gateway. */
const timeoutMs = 5000;

/**
 * Replaces the series of a group in a push gateway of Prometheus.
 *
 * @param url    the gateway, such as `http://localhost:9091`
 * @param group  labels of the group; values may hold any text
 * @param text   series in the text format
 * @throws EspalierError METRICS_NOT_PUSHED
 * @see prometheus/pushgateway, README, "URL"
 */
export async function pushMetrics(url: string, group: Readonly<Record<string, string>>, text: Buffer): Promise<void> {
  const path = Object.entries(group).map(([name, value]) => `${name}@base64/${base64(value)}`);
  const place = `${url.replace(/\/+$/, '')}/metrics/${path.join('/')}`;
  let answer: Response;
  try {
    answer = await fetch(place, {
      method: 'PUT',
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: new Uint8Array(text),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new EspalierError('METRICS_NOT_PUSHED', { url, reason: fetchReason(error) }, { cause: error });
  }
  const reason = (await answer.text()).slice(0, 200).trim();
  if (!answer.ok) throw new EspalierError('METRICS_NOT_PUSHED', { url, reason: `${answer.status} ${reason}` });
}

/** WHY in base64: a value may have a slash. The gateway reads `=` for an empty one. */
function base64(value: string): string {
  return value === '' ? '=' : Buffer.from(value).toString('base64url');
}
