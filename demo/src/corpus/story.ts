import type { Random } from '#internal/core';
import { lexicon } from './lexicon.ts';
import { createPhraser } from './phrase.ts';

const beginnings = [
  'On {day} {name} went to {place} in {city}.',
  '{name} lives in {street} in {city}.',
  'Last week {name} visited {friend} in {city}.',
  '{name} and {friend} met at {place} on {day}.',
  'It was a {weather} day in {city}, and {name} stayed at home.',
  'Every {day} {name} goes to {shop}.',
  'In {month} {name} travelled to {country} with {friend}.',
  '{name} has a {color} {animal} and likes {hobby}.',
  'Once there was a {animal} that lived near {place}.',
  'In {month} {name} started a new job in {city}.',
];

const middles = [
  '[It was {weather}, so they had {drink}.|The weather was {weather}.]',
  '{name} wanted to buy {thing}, but it cost {small}.',
  '{friend} had made {food}, and it was very good.',
  'They talked about {hobby} and about the {animal} of {friend}.',
  '{name} bought {fruit} and paid {small} with a card.',
  'After an hour {name} called {friend} and told a funny story.',
  '{name} had lost the card, so the bank sent a new one.',
  'The bank wrote that {large} had arrived on the account.',
  'A {color} {animal} sat in front of {place}.',
  '{name} sent {small} to {friend} for the ticket to {country}.',
  'The train was late, so they [waited|talked] for an hour and ate {fruit}.',
  '{name} forgot the code of the card and had to call the bank.',
  'At {place} somebody was playing music, and many people stopped to listen.',
  '{friend} gave {name} {thing} as a present.',
  'They looked for a house in {street}, but it was too expensive.',
  'Nobody knew what to say, and then everybody laughed.',
  '{name} wrote a long letter to {friend} about the new job.',
  'The {animal} was hungry and wanted {fruit}.',
  'In the garden there were {color} flowers and a small {color} chair.',
  'The bank gave {name} a loan of {loan} for a new kitchen.',
  '{name} opened the app and saw that the money had not arrived.',
];

const endings = [
  'In the evening {name} was tired but happy.',
  'Then {name} went home by bus.',
  'They want to meet again on {day2}.',
  'It was a good day.',
  '{friend} said thank you and smiled.',
  'At {hour} it was time to go.',
  'Since then {name} and {friend} are good friends.',
  '{name} will never forget that day.',
  'The next morning the sun was shining again.',
];

/** Writes a few plain sentences about an ordinary day, for {"text"} rows. */
export function writeStory(random: Random): string {
  const phraser = createPhraser(random, { ...lexicon, day2: lexicon['day'] ?? [] });
  const chosen = random.shuffle([...middles]).slice(0, 1 + random.integer(3));
  return [phraser.write(beginnings), ...chosen.map((middle) => phraser.write([middle])), phraser.write(endings)].join(
    ' ',
  );
}
