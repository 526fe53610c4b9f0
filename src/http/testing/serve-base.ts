import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { basePath, type BaseModel } from '../../models/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { Engine } from '../../engine/index.ts';
import { openTokenizer, type Tokenizer } from '../../tokenizer/index.ts';
import { createApp } from '../app.ts';
import { openGeneration } from '../../service/open-generation.ts';

export interface ServedBase extends AsyncDisposable {
  /** A real client of OpenAI's library. */
  readonly client: OpenAI;
  readonly engine: Engine;
  readonly tokenizer: Tokenizer | undefined;
}

/** Serves a base as `base`, beside whatever else a test does with the environment: a whole server would want one of its own. */
export async function serveBase(
  environment: Environment,
  base: BaseModel,
  maxSlots = 4,
  chatTemplate?: string,
): Promise<ServedBase> {
  const tokenizer = await openTokenizer(basePath(base), { chatTemplate });
  const { engine, context, dispose } = await openGeneration({
    base,
    tokenizer,
    environment,
    baseName: 'base',
    adaptersFolder: undefined,
    maxSlots,
    maxLength: undefined,
    dora: undefined,
  });
  const door = { apiKey: undefined, isReady: () => true, isShuttingDown: () => false };
  const app = createApp(door, { generation: { ...door, ...context } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    client: new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'none', maxRetries: 0 }),
    engine,
    tokenizer,
    async [Symbol.asyncDispose]() {
      await app.close();
      await dispose();
    },
  };
}
