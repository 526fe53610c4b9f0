import { cp } from 'node:fs/promises';
import { join } from 'node:path';
// WHY as built: a server looks for the package that it belongs to, which is not where this program is compiled to.
import { onAdapterEvent } from '#internal/core';
import { openServer } from '#internal/http';
import type { AdapterEvent } from '../../src/core/index.ts';

import { Series } from '../../src/telemetry/testing/series.ts';
import { receiveTraces } from '../../src/telemetry/testing/trace-receiver.ts';
import { openScratch, packageRoot } from '../root.ts';

export interface PlugAmounts {
  readonly plugs: number;
  /** Breaks the check: one event in so many is not heard. */
  readonly loses?: number | undefined;
}

/** How often each record has what happened. */
export interface RecordCounts {
  readonly channelLoads: number;
  readonly seriesLoads: number;
  readonly spansAttach: number;
  readonly channelUnloads: number;
  readonly seriesUnloads: number;
  readonly spansDetach: number;
  /** Answers other than 200. */
  readonly refused: number;
}

/** Loads and unloads an adapter over HTTP, and counts in the channel, the series and the spans. */
export async function plugAndCount({ plugs, loses }: PlugAmounts): Promise<RecordCounts> {
  const scratch = await openScratch('records');
  const adapters = join(scratch.path, 'adapters');
  await cp(join(packageRoot, 'test/golden/llama-d16/trained'), join(adapters, 'versions', 'trained'), {
    recursive: true,
  });
  const receiver = await receiveTraces();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.endpoint;
  process.env['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'http/json';
  const server = await openServer({
    base: join(packageRoot, 'test/golden/llama-d16/model'),
    adapters,
    threads: 1,
    port: 0,
  });
  const heard = { load: 0, unload: 0 };
  let events = 0;
  const listening = onAdapterEvent(({ event }: AdapterEvent) => {
    if (event !== 'load' && event !== 'unload') return;
    events++;
    if (loses === undefined || events % loses !== 0) heard[event]++;
  });
  let refused = 0;
  const post = async (route: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${server.url}/v1/${route}`, { method: 'POST', headers, body: JSON.stringify(body) });
    await answer.text();
    if (answer.status !== 200) refused++;
  };
  try {
    for (let i = 0; i < plugs; i++) {
      const name = `plug-${i % 7}`;
      await post('load_lora_adapter', { lora_name: name, lora_path: 'versions/trained' });
      await post('unload_lora_adapter', { lora_name: name });
    }
    const series = new Series(await (await fetch(`${server.url}/metrics`)).text());
    const inSeries = (event: string): number =>
      series.value('espalier_adapter_events_total', { event, result: 'done' }) ?? 0;
    const [seriesLoads, seriesUnloads] = [inSeries('load'), inSeries('unload')];
    await server.close();
    const spans = (name: string): number => receiver.spans.filter((span) => span.name === name).length;
    return {
      channelLoads: heard.load,
      seriesLoads,
      spansAttach: spans('device.attach'),
      channelUnloads: heard.unload,
      seriesUnloads,
      spansDetach: spans('device.detach'),
      refused,
    };
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
    delete process.env['OTEL_EXPORTER_OTLP_PROTOCOL'];
    listening[Symbol.dispose]();
    await server.close();
    await receiver[Symbol.asyncDispose]();
    await scratch[Symbol.asyncDispose]();
  }
}

/** Whether all records have every plug and unplug. */
export function agree(counts: RecordCounts, plugs: number): boolean {
  const { refused, ...records } = counts;
  return refused === 0 && Object.values(records).every((count) => count === plugs);
}
