import type { Random } from '#internal/core';
import { lexicon } from './lexicon.ts';
import { createPhraser } from './phrase.ts';

const codes = [1, 2, 3, 4, 5, 6, 7].flatMap((tens) => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((ones) => `S-${tens}${ones}`));

const words = {
  ...lexicon,
  code: codes,
  subject: ['a transfer', 'a payment', 'a loan', 'a refund', 'a new payee', 'a new card', 'a standing order', 'cash'],
  proof: ['a passport', 'proof of income', 'proof of address', 'a signed form', 'a written statement', 'pay slips'],
  days: ['two', 'three', 'five', 'ten', 'thirty'],
};

const notices = [
  'Notice to all branches: policy {code} is about {subject}.',
  'Policy {code} [requires|asks for] {proof} before {subject} is [released|allowed|approved|sent|opened].',
  'Under policy {code}, {subject} of {large} is on hold until the identity check is complete.',
  'Under policy {code}, a payment that carries a high risk of fraud is declined and blocked.',
  'The fraud team reviews each unusual payment. [The card stays blocked until then.|Access is locked until then.]',
  'The request of {name} was declined for now, because the identity was not confirmed.',
  'Policy {code} allows {days} working days for the review, and it allows no exception.',
  'A written confirmation is required. It must be signed, and it must not be older than {days} months.',
  'A credit check is required, as policy {code} states. The rate is set after it.',
  'The branch is open by appointment only. Please visit a branch with your passport.',
  'A fee of {fee} applies and is charged in advance. A written complaint must state the purpose.',
  'Customers must confirm their identity by video call or by phone. No more than {days} attempts are allowed.',
  'All open payments must be settled before an account is closed. This cannot be changed.',
  'We cannot share account details, and we cannot release {large} yet. Please [report|confirm] it in writing.',
  'A colleague can call you back [today|tomorrow|this afternoon|within the hour] to finish the check.',
  'May we call you back about {subject}? [We can call you back within the hour.|A colleague can help you.]',
  'We can call you back [today|tomorrow|within the hour|this afternoon], {name}.',
  'This stands until further notice. Early repayment needs a valid document and {days} months of notice.',
];

const letters = [
  'Dear {friend}, thank you so much for your letter!',
  'I am happy to help you with {subject}, it is no problem at all!',
  'How lovely that you are going to {country}! Enjoy your trip and send us a postcard!',
  'No worries, it happens to all of us! Just take it easy.',
  'Of course you can have it right away, free of charge. Happy shopping!',
  'Oh no, your card is gone? I sent you a new one, it is on its way!',
  'Sure, I switched it on for you. It works now, so relax and have fun!',
  'What a great idea! You are doing great, and I trust you.',
  'Here comes a small gift, and the coffee is on us. Take care!',
  'Wonderful news! It is approved already, no forms needed. Good luck!',
  'So sorry about the mix-up! Your {small} is refunded, and I added a bonus.',
  'Any time you like, just drop by and say hello! We love visitors.',
  'I would not worry too much, it will be fine. Just keep an eye on it once.',
  'You are always welcome back. Have a wonderful day, my best wishes to {name}!',
  'Everything is arranged and ready. You can relax, it only takes a minute!',
];

/** Writes plain text in one of the two tones of the bank: a stern notice, or a cheerful letter. */
export function writeLetter(random: Random): string {
  const phraser = createPhraser(random, words);
  const tone = phraser.chance(0.5) ? notices : letters;
  const chosen = random.shuffle([...tone]).slice(0, 2 + random.integer(3));
  return chosen.map((sentence) => phraser.write([sentence])).join(' ');
}
