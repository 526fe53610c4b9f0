import { resolve } from 'node:path';
import type { AddressInfo } from 'node:net';
import type { FastifyServerOptions } from 'fastify';
import { EspalierError } from '../core/index.ts';
import { modelName, openBaseModel, verifyWeights } from '../models/index.ts';
import { openEnvironment } from '../runtime/index.ts';
import { openEngine, type Engine } from '../serve/index.ts';
import { openTokenizer } from '../tokenizer/index.ts';
import { createAdapterAdministration, loadAllAdapters } from './adapter-administration.ts';
import { createApp } from './app.ts';
import type { ServingContext } from './serving-context.ts';

export interface ServerOptions {
  /** Folder of the base model. */
  readonly base: string;
  /** Folder of adapters: each folder in it that holds one is served under its name. */
  readonly adapters?: string;
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port?: number;
  readonly apiKey?: string;
  /** Name under which the base is served; by default that of its folder. */
  readonly servedName?: string;
  readonly threads: number;
  /** Sequences that run at once. */
  readonly maxSlots?: number;
  /** Tokens of a prompt and its answer together; at most the context of the base. */
  readonly maxLength?: number;
  readonly logger?: FastifyServerOptions['logger'];
  readonly signal?: AbortSignal;
}

/** A server that listens. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  /** The name of the base, for `model`. */
  readonly baseName: string;
  readonly adapterNames: readonly string[];
  readonly engine: Engine;
  /** Takes no new requests, finishes those under way, then gives every handle back. */
  close(): Promise<void>;
}

/** WHY: vLLM's, where its users look first. */
const defaultPort = 8000;

/**
 * Opens a base with its adapters and serves them through OpenAI's API.
 * @throws EspalierError what the base, an adapter or the port is wrong with; nothing is left open
 */
export async function openServer(options: ServerOptions): Promise<Server> {
  const { signal } = options;
  signal?.throwIfAborted();
  const [base, tokenizer] = [await openBaseModel(options.base), await openTokenizer(options.base)];
  await verifyWeights(base, { signal });
  const environment = openEnvironment({ threads: options.threads });
  let engine: Engine | undefined;
  try {
    engine = await openEngine({
      base,
      environment,
      ...(options.maxSlots === undefined ? {} : { maxSlots: options.maxSlots }),
      ...(options.maxLength === undefined ? {} : { maxLength: options.maxLength }),
    });
    const baseName = options.servedName ?? modelName(options.base);
    const folder = options.adapters;
    const administration = { registry: engine.adapters, linears: base.modules, folder, baseName };
    const adapters = createAdapterAdministration(administration);
    await loadAllAdapters(adapters, administration);
    signal?.throwIfAborted();
    let shuttingDown = false;
    const context: ServingContext = {
      engine,
      adapters,
      tokenizer,
      baseName,
      baseDirectory: resolve(options.base),
      created: Math.floor(Date.now() / 1000),
      maxLength: engine.maxLength,
      // WHY both: a chat's end of turn may stand in one of the files only.
      eosTokenIds: [...new Set([...base.generation.eosTokenIds, ...(tokenizer?.eosIds ?? [])])],
      apiKey: options.apiKey,
      isReady: () => true,
      isShuttingDown: () => shuttingDown,
    };
    const app = createApp(context, { logger: options.logger });
    const url = await listen(app, options);
    const opened = engine;
    const close = async (): Promise<void> => {
      if (shuttingDown) return;
      shuttingDown = true;
      await app.close();
      await opened.dispose();
      environment.dispose();
    };
    return {
      url,
      baseName,
      adapterNames: adapters.list().map(({ name }) => name),
      engine,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await engine?.dispose();
    environment.dispose();
    throw error;
  }
}

async function listen(app: ReturnType<typeof createApp>, options: ServerOptions): Promise<string> {
  const { host = '127.0.0.1', port = defaultPort } = options;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    if (isErrno(cause) && cause.code === 'EADDRINUSE')
      throw new EspalierError('PORT_IN_USE', { host, port }, { cause });
    throw cause;
  }
  const address = app.server.address() as AddressInfo;
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
