import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HubSettings } from '../hub-settings.ts';
import type { Wait } from '../../atomic-files/index.ts';
import { HubServer, type HubServerOptions } from './hub-server.ts';

export const commit = '0123456789abcdef0123456789abcdef01234567';
export const name = 'org/tiny-llama';
export const reference = { name, revision: 'main' };

/** Returns at once, so that retries in tests take no time. */
export const noWait: Wait = () => Promise.resolve();

/** The golden Llama as a repository: weights, tokenizer, and files that are not downloaded. */
export async function goldenFiles(): Promise<Record<string, Uint8Array>> {
  const golden = fileURLToPath(new URL('../../../test/golden/llama/model', import.meta.url));
  const text = (content: string): Uint8Array => Buffer.from(content);
  return {
    'config.json': await readFile(join(golden, 'config.json')),
    'model.safetensors': await readFile(join(golden, 'model.safetensors')),
    'generation_config.json': text('{"eos_token_id": 2}'),
    'README.md': text('# A model of a few thousand parameters'),
    'pytorch_model.bin': text('the same once more'),
    'original/consolidated.safetensors': text('and once more'),
    'onnx/model.onnx': text('and as a graph'),
  };
}

export interface Place extends AsyncDisposable {
  readonly server: HubServer;
  readonly folder: string;
  readonly settings: HubSettings;
}

/** Starts a hub that serves the golden Llama, and creates an empty cache. */
export async function openPlace(options: Partial<HubServerOptions> = {}): Promise<Place> {
  const files = options.files ?? (await goldenFiles());
  const server = await HubServer.start({ name, commit, files, ...options });
  const folder = await mkdtemp(join(tmpdir(), 'espalier-hub-'));
  const settings = { endpoint: server.endpoint, token: undefined, cache: join(folder, 'hub'), offline: false };
  const close = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  return { server, folder, settings, [Symbol.asyncDispose]: close };
}
