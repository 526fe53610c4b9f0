import { readFileSync } from 'node:fs';
import type { BaseModel } from '../../models/index.ts';
import type { Engine, PreparedAdapter } from '../../engine/index.ts';
import { templatedContext } from '../../http/testing/templated-context.ts';
import { AdapterRegistry } from '../../routing/index.ts';
import { adapterOf, FakeArena } from '../../routing/testing/fake-arena.ts';
import type { GenerationRequest } from '../../service/index.ts';
import { LocalModel } from '../local-model.ts';

const templates = new URL('../../../test/golden/templates/templates/', import.meta.url);

/** A model with the chat template of Qwen 3, which gives these answers one after the other. */
export interface ScriptedModel {
  readonly model: LocalModel;
  /** The texts that the template has made. */
  readonly prompts: readonly string[];
  readonly requests: readonly GenerationRequest[];
}

/** The version of its adapter `policy`. */
export const policyVersion = 'ab'.repeat(32);

/**
 * A small model does not think or call tools when a test wants it to, so this one says what it is told. `endless` writes on for ever.
 * It has an adapter, `policy`.
 */
export async function scriptedModel(...answers: readonly string[]): Promise<ScriptedModel> {
  const template = readFileSync(new URL('qwen-3.jinja', templates), 'utf8');
  const context = templatedContext(template, '');
  const requests: GenerationRequest[] = [];
  let next = 0;
  const engine = {
    maxLength: context.maxLength,
    generate(request: GenerationRequest) {
      requests.push(request);
      return templatedContext(template, answers[next++] ?? '').engine.generate(request);
    },
  };
  const registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  await registry.load('policy', adapterOf(policyVersion));
  const base = { generation: { eosTokenIds: context.eosTokenIds }, dir: '/models/base' };
  const tokenizer = context.tokenizer && { ...context.tokenizer, eosIds: [] };
  const model = new LocalModel({
    base: base as unknown as BaseModel,
    changed: new AbortController().signal,
    checks: { base: undefined, fingerprint: undefined } as never,
    tokenizer,
    tokenizers: undefined,
    engine: engine as unknown as Engine,
    registry: registry as unknown as AdapterRegistry<PreparedAdapter>,
    baseName: 'base',
    toolParser: undefined,
    dispose: async () => registry.dispose(),
  });
  return { model, prompts: context.prompts, requests };
}

/** A tool, as OpenAI's API has it. */
export const weatherTool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Tells the weather.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
} as const;

/** A call of the tool `weather`, as the template writes it. */
export const weatherCall = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>';
