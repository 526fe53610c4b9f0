import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { serveBase, type ServedBase } from '../testing/serve-base.ts';

let environment: Environment;
let served: ServedBase;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openBaseModel(fileURLToPath(new URL('../../../demo/base', import.meta.url)));
  const qwen = fileURLToPath(new URL('../../../test/golden/templates/templates/qwen-3.jinja', import.meta.url));
  served = await serveBase(environment, base, 4, qwen);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  environment.dispose();
});

const parameters = {
  type: 'object',
  properties: { days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['days'],
  additionalProperties: false,
};
const tools = ['weather', 'forecast'].map((name) => ({ type: 'function' as const, function: { name, parameters } }));
const asked = {
  model: 'base',
  messages: [{ role: 'user' as const, content: 'Rain?' }],
  tools,
  temperature: 2,
  parallel_tool_calls: false,
  // WHY: the demo's base, which never saw a call, would think as long as it may.
  separate_reasoning: false,
  max_tokens: 100,
};
const validate = new Ajv2020().compile(parameters);

it('forces a call whose arguments the schema allows, whatever the model draws', async () => {
  const choice = { type: 'function', function: { name: 'forecast' } } as const;
  for (const tool_choice of ['required', choice] as const) {
    const { choices } = await served.client.chat.completions.create({ ...asked, tool_choice, n: 3, seed: 5 });
    for (const { message, finish_reason: reason } of choices) {
      const [call] = message.tool_calls ?? [];
      if (call?.type !== 'function') throw new Error(`No call: ${JSON.stringify(message)}`);
      expect(reason).toBe('tool_calls');
      expect(message.content).toBeNull();
      expect(typeof tool_choice === 'string' ? ['weather', 'forecast'] : ['forecast']).toContain(call.function.name);
      expect(validate(JSON.parse(call.function.arguments))).toBe(true);
    }
  }
});
