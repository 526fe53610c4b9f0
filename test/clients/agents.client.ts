import { Agent, OpenAIProvider, Runner, tool } from '@openai/agents';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { serveScript, weatherCall, type ServedScript } from './serve-script.ts';

const weather = tool({
  name: 'weather',
  description: 'Tells the weather.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}: 20 degrees`,
});
const agent = new Agent({ name: 'Weather', instructions: 'Be brief.', model: 'base', tools: [weather] });

/** The SDK asks the Responses API by default. */
function runnerFor({ baseURL }: ServedScript): Runner {
  const modelProvider = new OpenAIProvider({ baseURL, apiKey: 'none' });
  return new Runner({ modelProvider, tracingDisabled: true });
}

it('runs an agent that calls a tool', async () => {
  await using served = await serveScript(`Let me see.\n${weatherCall}`, 'It is 20 degrees.');
  const result = await runnerFor(served).run(agent, 'How warm is it in Bern?');
  expect(result.finalOutput).toBe('It is 20 degrees.');
  expect(served.prompts[0]).toContain('Be brief.');
  expect(served.prompts[1]).toContain('Bern: 20 degrees');
});

it('streams it', async () => {
  await using served = await serveScript(weatherCall, 'It is 20 degrees.');
  const result = await runnerFor(served).run(agent, 'How warm is it in Bern?', { stream: true });
  let text = '';
  for await (const part of result.toTextStream()) text += part;
  await result.completed;
  expect([text, result.finalOutput]).toEqual(['It is 20 degrees.', 'It is 20 degrees.']);
});

it('goes on from a run by the id of its last response', async () => {
  await using served = await serveScript('Hello.', 'Again.');
  const runner = runnerFor(served);
  const first = await runner.run(agent, 'Hi');
  const { lastResponseId } = first;
  const second = await runner.run(
    agent,
    'And?',
    lastResponseId === undefined ? {} : { previousResponseId: lastResponseId },
  );
  expect(second.finalOutput).toBe('Again.');
  expect(served.prompts[1]).toContain('Hello.');
});
