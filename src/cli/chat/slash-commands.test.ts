import { describe, expect, it } from 'vitest';
import type { Conversation } from './conversation.ts';
import { stepOf, type Step } from './slash-commands.ts';

const empty: Conversation = {
  model: undefined,
  adapters: [],
  system: undefined,
  turns: [],
  drawing: { temperature: 0.7, topP: 1, maxTokens: 64 },
};
const talked: Conversation = {
  ...empty,
  turns: [
    { role: 'user', content: 'One?' },
    { role: 'assistant', content: 'Yes.' },
    { role: 'user', content: 'Two?' },
    { role: 'assistant', content: 'No.' },
  ],
};
const local = { known: ['kind', 'strict'], isServer: false };

function after(line: string, conversation = empty, options = local): Step {
  return stepOf(line, conversation, options);
}

describe('stepOf', () => {
  it('asks what is no command, and a question that begins with / by //', () => {
    expect(after(' Hello ')).toMatchObject({ kind: 'ask', question: 'Hello' });
    expect(after('//etc is what?')).toMatchObject({ kind: 'ask', question: '/etc is what?' });
    expect(after('')).toMatchObject({ kind: 'say', text: '' });
  });

  it('chooses adapters with their strengths, and the base', () => {
    const chosen = after('/adapter kind strict=0.5');
    expect(chosen).toMatchObject({
      conversation: {
        adapters: [
          { name: 'kind', scale: 1 },
          { name: 'strict', scale: 0.5 },
        ],
      },
    });
    expect(after('/adapter', { ...empty, adapters: [{ name: 'kind', scale: 1 }] })).toMatchObject({
      conversation: { adapters: [] },
    });
  });

  it('says what is wrong, and changes nothing then', () => {
    expect(after('/adapter kinf')).toMatchObject({ conversation: empty, text: expect.stringContaining('kind') });
    expect(after('/adapter kind=x')).toMatchObject({ conversation: empty, text: expect.stringContaining('number') });
    expect(after('/adaptor kind')).toMatchObject({ text: expect.stringContaining('adapter') });
    expect(after('/set temperature hot')).toMatchObject({ conversation: empty });
    expect(after('/set top-p 0')).toMatchObject({ conversation: empty });
    expect(after('/constructor')).toMatchObject({ conversation: empty, text: expect.stringContaining('/help') });
    expect(after('/save')).toMatchObject({ kind: 'say' });
  });

  it('chooses one model of a server, at its full strength', () => {
    const server = { known: ['base', 'kind'], isServer: true };
    expect(after('/adapter kind', empty, server)).toMatchObject({ conversation: { model: 'kind', adapters: [] } });
    expect(after('/adapter kind=0.5', empty, server)).toMatchObject({ conversation: empty });
    expect(after('/adapter base kind', empty, server)).toMatchObject({ conversation: empty });
  });

  it('asks again, forgets the last question, and forgets all', () => {
    expect(after('/again', talked)).toMatchObject({ kind: 'ask', question: 'Two?' });
    expect(after('/undo', talked)).toMatchObject({ conversation: { turns: talked.turns.slice(0, 2) } });
    expect(after('/clear', talked)).toMatchObject({ conversation: { turns: [] } });
    expect(after('/undo')).toMatchObject({ kind: 'say', conversation: empty });
  });

  it('sets how answers are drawn, and the text before', () => {
    expect(after('/set max-tokens 9')).toMatchObject({ conversation: { drawing: { maxTokens: 9 } } });
    expect(after('/system Be brief.')).toMatchObject({ conversation: { system: 'Be brief.' } });
    expect(after('/system', { ...empty, system: 'x' })).toMatchObject({ conversation: { system: undefined } });
  });
});
