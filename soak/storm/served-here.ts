import type { AddressInfo } from 'node:net';
import { createApp } from '../../src/http/index.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { openEnvironment } from '../../src/onnxruntime/index.ts';
import { openGeneration, type GenerationService } from '../../src/service/index.ts';
import { tinyBase } from '../root.ts';
import { closeConnections } from './client.ts';

/** A server's own parts, which a broken variant replaces. */
export type Serving = GenerationService['context'];

export interface HereOptions {
  /** The folder of a store. Default: none. */
  readonly store?: string | undefined;
  /** The folder of adapters of a server without a store. */
  readonly adapters?: string | undefined;
  /** Default: 24. */
  readonly maxSlots?: number | undefined;
  /** Default: that of the engine. */
  readonly maxLength?: number | undefined;
  /** A version on trial that gives no token for so long has failed. Default: a minute. */
  readonly silentMs?: number | undefined;
  readonly change?: ((serving: Serving, service: GenerationService) => Serving) | undefined;
}

export interface ServedHere extends AsyncDisposable {
  readonly port: number;
  readonly service: GenerationService;
}

/** Serves the tiny base in this process, possibly with something broken. */
export async function serveHere({
  store,
  adapters,
  maxSlots = 24,
  maxLength,
  silentMs,
  change = (serving) => serving,
}: HereOptions): Promise<ServedHere> {
  const environment = openEnvironment({ threads: 1 });
  const service = await openGeneration({
    base: await openBaseModel(tinyBase),
    tokenizer: undefined,
    environment,
    baseName: 'base',
    adaptersFolder: adapters,
    storeFolder: store,
    maxSlots,
    maxLength,
    dora: false,
    silentMs,
  });
  const door = { apiKey: undefined, isReady: () => true, isShuttingDown: () => false };
  const app = createApp(door, { generation: { ...door, ...change(service.context, service) } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    port,
    service,
    async [Symbol.asyncDispose]() {
      closeConnections();
      await app.close();
      await service.dispose();
      environment.dispose();
    },
  };
}
