import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createApp } from '../../src/http/app.ts';
import { templatedContext } from '../../src/http/testing/templated-context.ts';
import type { GenerationEngine } from '../../src/service/index.ts';

const template = readFileSync(new URL('../golden/templates/templates/qwen-3.jinja', import.meta.url), 'utf8');

export interface ServedScript extends AsyncDisposable {
  readonly baseURL: string;
  /** The prompts that the template has made. */
  readonly prompts: readonly string[];
}

/** Serves `base`, which gives these answers, one after the other. A small model does not call tools when a test wants it to. */
export async function serveScript(...answers: readonly string[]): Promise<ServedScript> {
  let next = 0;
  const context = templatedContext(template, '');
  const engine: GenerationEngine = {
    generate: (request) => templatedContext(template, answers[next++] ?? '').engine.generate(request),
  };
  const app = createApp(context, { generation: { ...context, engine } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    prompts: context.prompts,
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** A call of the tool `weather`, as the template writes it. */
export const weatherCall = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>';
