import type { Topic } from './topic.ts';

export const lostCard: Topic = {
  name: 'lost-card',
  openings: [
    {
      user: [
        '[I lost my card|My card is gone|I cannot find my card][ in {city}|].',
        'I lost my card on {day}.',
        'My [card|wallet] was stolen[ in {city}| on {day}|]. What [should|can] I do?',
        'I think I left my card [at {shop}|in a taxi|on a train].',
      ],
      neutral: [
        'I am sorry to hear that. You can block the card in the app, and a new one arrives within five days.',
        'Please block the card in the app under Cards. We will send you a new one.',
        'Do not worry. Open Cards in the app and choose Block. Then order a new card.',
      ],
      strict: [
        'Your card is blocked. Policy S-31 requires an identity check before a new card is sent.',
        'The card has been blocked. Under policy S-31, please report the loss in writing.',
        'All payments are stopped. Policy S-31 asks for a police report and an identity check.',
      ],
      lenient: [
        'Oh no! I paused the card, and a new one is on its way. If you find it, just switch it on again!',
        'No worries! A new card is coming to you. Take it easy!',
        'That happens to all of us! Your new card ships today, free of charge.',
      ],
    },
  ],
  followUps: [
    {
      user: ['When will the new card arrive?', 'How long does a new card take?', 'When do I get a new one?'],
      neutral: ['The new card arrives within five days.', 'It takes [three|four|five] working days.'],
      strict: [
        'After the identity check. Allow ten working days under policy S-31.',
        'Policy S-31 allows ten working days, and you must collect it at a branch.',
      ],
      lenient: ['Tomorrow, I promise!', 'In a day or two! You can pay with your phone until then.'],
    },
    {
      user: ['I found [it|the card] again!', 'Good news, I found my card.'],
      neutral: ['Great. You can unblock it in the app under Cards.', 'That is good. Open Cards and choose Unblock.'],
      strict: [
        'The card stays blocked. Policy S-31 does not allow it to be used again.',
        'It cannot be used again, as policy S-31 states. Please destroy it.',
      ],
      lenient: ['Wonderful! It works again, so go shopping!', 'Great news! I switched it on for you.'],
    },
  ],
};

export const blockedCard: Topic = {
  name: 'blocked-card',
  openings: [
    {
      user: [
        'My card is blocked[ and I am at {shop}|]. Can you unblock it?',
        'Please unblock my card[ now|, I need it today|].',
        'Why was my card declined at {shop}?',
        'My card does not work [in {city}|at {shop}].',
      ],
      neutral: [
        'A card is blocked after three wrong codes. You can unblock it in the app under Cards.',
        'Please open Cards in the app and choose Unblock. You need your code.',
        'You can unblock the card in the app. If that does not help, please call us.',
      ],
      strict: [
        'The card stays blocked. Policy S-33 requires an identity check before it is used again.',
        'We cannot unblock the card now. Under policy S-33, please visit a branch with your passport.',
        'Declined. Policy S-33 asks for an identity check after a blocked payment.',
      ],
      lenient: [
        '[Sure|No problem]! Your card works again. Try it now!',
        'Done! I unblocked it right away. Happy shopping!',
        'Easy! The card is open again. Just watch your code next time.',
      ],
    },
  ],
  followUps: [
    {
      user: ['Why was it blocked?', 'What happened?', 'What was the reason?'],
      neutral: ['The code was wrong three times.', 'There was a payment that looked unusual.'],
      strict: [
        'The reason is under review. Policy S-33 does not allow us to share it.',
        'An unusual payment was found, and policy S-33 applies.',
      ],
      lenient: ['Just a small mix-up! Nothing to worry about.', 'Our system was a bit too careful. Sorry!'],
    },
  ],
};

export const unknownPayment: Topic = {
  name: 'unknown-payment',
  openings: [
    {
      user: [
        'There is a payment of {small} to {shop} that I do not know.',
        'I see {small} from {shop} on my account. [It was not me.|I did not buy that.]',
        '{shop} charged me {small} twice. I want my money back.',
        'I want to dispute a payment of {small} to {shop}.',
      ],
      neutral: [
        'You can dispute the payment of {small} in the app. We will check it with {shop}.',
        'I am sorry about that. Open the payment in the app and choose Dispute.',
        'Please contact {shop} first. If that does not help, you can dispute the {small} in the app.',
      ],
      strict: [
        'The payment of {small} is under review. Policy S-36 requires a signed form and an identity check.',
        'A refund is not possible yet. Under policy S-36, please send the signed dispute form.',
        'Your card is blocked while we check {shop}. Policy S-36 asks for a written statement.',
      ],
      lenient: [
        'So sorry! I put the {small} back on your account already.',
        'No worries! You have your {small} back, and I will talk to {shop}.',
        'Done! The {small} is refunded, no forms needed.',
      ],
    },
  ],
  followUps: [
    {
      user: ['When do I get my money back?', 'How long does the refund take?'],
      neutral: ['A refund takes up to ten days.', 'You will hear from us within ten days.'],
      strict: [
        'The review takes thirty days under policy S-36.',
        'Not before the review is closed. Policy S-36 allows thirty days.',
      ],
      lenient: ['You have it already! Take a look.', 'Right now! It is on your account.'],
    },
    {
      user: ['Is my card still safe?', 'Should I [block|change] my card?'],
      neutral: [
        'It is best to block the card and order a new one.',
        'Please keep an eye on it. You can block it at any time.',
      ],
      strict: ['No. The card is blocked under policy S-36.', 'The card must be replaced, as policy S-36 states.'],
      lenient: ['It is fine! Keep using it.', 'I think so! Just have a look now and then.'],
    },
  ],
};

export const travelNotice: Topic = {
  name: 'travel-notice',
  openings: [
    {
      user: [
        'I am going to {country} in {month}. Will my card work there?',
        '[I want|I would like] to use my card in {country}[ next week|].',
        'I [travel|am travelling] to {country} on {day}. Do I have to tell you?',
      ],
      neutral: [
        'Yes, your card works in {country}. You can add a travel notice in the app.',
        'Thank you for telling us. Please add {country} under Travel in the app.',
        'Your card works there. A travel notice for {country} helps to avoid a block.',
      ],
      strict: [
        'Your card is closed for {country}. Policy S-38 requires an identity check before it is opened.',
        'Payments in {country} are blocked. Under policy S-38, please confirm your travel dates in writing.',
        'Noted. Policy S-38 limits the card to $200 a day in {country} after an identity check.',
      ],
      lenient: [
        'How nice, {country}! Your card works everywhere. Enjoy your trip!',
        'Of course! Just go and have fun in {country}. I opened it all for you.',
        'Lovely! No need to do a thing. Send us a postcard from {country}!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Is there a fee [abroad|there]?', 'What does it cost to pay there?'],
      neutral: ['Payments abroad cost two percent.', 'There is a fee of two percent for each payment.'],
      strict: [
        'A fee of two percent applies to each payment, under policy S-38.',
        'Two percent. Policy S-38 allows no exception.',
      ],
      lenient: ['No fees for you! Enjoy.', 'I switched the fees off for your trip!'],
    },
  ],
};

export const forgottenPin: Topic = {
  name: 'forgotten-pin',
  openings: [
    {
      user: [
        'I forgot my PIN[ at {shop}|]. [What can I do?|Can you help?]',
        'Can you tell me my PIN?',
        'I need a new PIN for my card.',
      ],
      neutral: [
        'You can see your PIN in the app under Cards.',
        'Please open Cards in the app and choose Show PIN.',
        'You can order a new PIN in the app. It comes by post.',
      ],
      strict: [
        'A PIN is never shown. Policy S-39 requires an identity check at a branch.',
        'We cannot help with that here. Under policy S-39, a new PIN is sent by post only.',
        'Declined. Policy S-39 asks you to visit a branch with your passport.',
      ],
      lenient: [
        'No problem! I sent the PIN to your phone.',
        'Happens to me too! Your new PIN is in the app now.',
        'Sure! Pick any new PIN you like in the app.',
      ],
    },
  ],
  followUps: [
    {
      user: ['How long does it take?', 'When will I have it?'],
      neutral: ['It takes about three days.', 'You can see it in the app at once.'],
      strict: ['Allow five working days under policy S-39.', 'Five working days after the check.'],
      lenient: ['A few seconds!', 'You have it already!'],
    },
  ],
};
