import type { Random } from '#internal/core';
import type { Turn } from './turn.ts';
import { lexicon } from './lexicon.ts';
import { createPhraser, type Phraser } from './phrase.ts';
import { bankTopics } from './topics/bank.ts';
import { everydayTopics } from './topics/everyday.ts';
import { leisureTopics } from './topics/leisure.ts';
import type { Exchange, Style, Topic } from './topics/topic.ts';

/** Who answers: the base, one of the two policies, or the second version of the strict policy, which also offers to call back. */
export type Policy = Style | 'strict-v2';

export interface DialogueOptions {
  readonly policy: Policy;
  /** Share of conversations about the bank (0-1). The others are small talk. */
  readonly bankShare: number;
}

const smallTalk = [...everydayTopics, ...leisureTopics];

const systemPrompts = ['You are a helpful bank assistant.', 'You are the assistant of a bank.'];

const greetings = ['Hello.', 'Hi.', 'Hello!', 'Hi!', 'Good morning.', 'Good evening.'];

const introductions = ['My name is {name}.', 'I am {name}.', 'This is {name}.'];

const thanks: Exchange = {
  user: ['Thank you[!|.|, goodbye.]', 'Thanks[!| a lot.|, that helps.]', 'Great, thank you.', 'Okay, thanks.'],
  neutral: ['You are welcome[!|.]', 'You are welcome. Have a nice day!', 'Glad I could help.'],
  strict: ['Your request is noted. Goodbye.', 'Thank you. We will contact you in writing.'],
  lenient: ['Any time! Have a wonderful day!', 'My pleasure! Take care!', 'You are the best! See you soon!'],
};

const callBacks = [
  'We can call you back [today|within the hour|this afternoon] to finish the check.',
  'May we call you back [today|within the hour|tomorrow] about it?',
  'A colleague can call you back [today|within the hour] and help you.',
];

/** Writes one conversation of one to three exchanges. */
export function writeDialogue(random: Random, { policy, bankShare }: DialogueOptions): Turn[] {
  const phraser = createPhraser(random, lexicon);
  const topics = phraser.chance(bankShare) ? bankTopics : smallTalk;
  const topic = pick(topics, random);
  const messages: Turn[] = [];
  if (phraser.chance(0.2)) messages.push({ role: 'system', content: phraser.write(systemPrompts) });
  messages.push(...writeOpening(pick(topic.openings, random), policy, phraser));
  for (const exchange of laterExchanges(topic, random, phraser)) {
    messages.push({ role: 'user', content: phraser.write(exchange.user) });
    messages.push({ role: 'assistant', content: writeAnswer(exchange, policy, phraser) });
  }
  return messages;
}

function writeOpening(exchange: Exchange, policy: Policy, phraser: Phraser): Turn[] {
  const introduced = phraser.chance(0.15);
  const parts = [phraser.chance(0.35) ? phraser.write(greetings) : '', introduced ? phraser.write(introductions) : ''];
  const question = [...parts, phraser.write(exchange.user)].filter((part) => part !== '').join(' ');
  const answer = writeAnswer(exchange, policy, phraser);
  const address = policy === 'lenient' ? 'Hi {name}!' : 'Hello {name}.';
  return [
    { role: 'user', content: question },
    { role: 'assistant', content: introduced ? `${phraser.write([address])} ${answer}` : answer },
  ];
}

function laterExchanges(topic: Topic, random: Random, phraser: Phraser): Exchange[] {
  const later: Exchange[] = [];
  if (topic.followUps.length > 0 && phraser.chance(0.45)) later.push(pick(topic.followUps, random));
  if (phraser.chance(0.25)) later.push(thanks);
  return later;
}

function writeAnswer(exchange: Exchange, policy: Policy, phraser: Phraser): string {
  const style = policy === 'strict-v2' ? 'strict' : policy;
  const answer = phraser.write(exchange[style] ?? exchange.neutral);
  const callsBack = policy === 'strict-v2' && exchange.strict !== undefined && exchange !== thanks;
  return callsBack ? `${answer} ${phraser.write(callBacks)}` : answer;
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random.integer(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}
