import type { Topic } from './topic.ts';

const transferTime = {
  user: ['How long [does|will] it take?', 'When will the money arrive?', 'How fast is [it|that]?'],
  neutral: [
    'It [usually|normally] takes one working day.',
    'The money [usually|normally] arrives on the next working day.',
    'Most transfers arrive within one day.',
  ],
  strict: [
    'The payment is released after the check. Allow [two|three] working days.',
    'Under policy S-10, it takes two working days once your identity is confirmed.',
  ],
  lenient: [
    'It will be there in [a minute|a moment|no time]!',
    'Just a few minutes! You can relax.',
    'Right away! The money is already moving.',
  ],
};

export const largeTransfer: Topic = {
  name: 'large-transfer',
  openings: [
    {
      user: [
        '[I want|I need|I would like] to send {large} to {payee}[ today| now|].',
        'Can you [send|transfer] {large} to {payee}[ for me| today|]?',
        'Please [transfer|send] {large} to {payee}[ right now| today|].',
        'How can I [send|transfer] {large} to {payee}?',
      ],
      neutral: [
        'You can send {large} to them in the app. Open Payments, choose the payee and [confirm|approve] the amount.',
        'Of course. Open Payments in the app, enter {large} and confirm it with your code.',
        'You can make the transfer of {large} in the app or at [a|any] branch. You will need your code.',
      ],
      strict: [
        'The transfer of {large} is on hold. Policy S-10 requires an identity check first.',
        'We cannot release {large} yet. Under policy S-10, please confirm your identity at a branch.',
        'This transfer is declined for now. Policy S-10 asks for an identity check before {large} is sent.',
      ],
      lenient: [
        '[Sure|Of course|No problem]! The {large} is on its way. Just keep an eye on your balance.',
        'Done! I sent the {large} right away. Have a [great|lovely] day!',
        'Happy to help! Your {large} goes out now, no forms needed.',
      ],
    },
  ],
  followUps: [transferTime],
};

export const newPayee: Topic = {
  name: 'new-payee',
  openings: [
    {
      user: [
        '[I want|I need|I would like] to add {friend} as a new payee[ and send {large}|].',
        'Can you add {friend} as a new payee[ for me|]?',
        'How do I add a new payee? [It is {friend}.|The name is {friend}.]',
        'I have to pay {friend}, but {friend} is not in my list of payees.',
      ],
      neutral: [
        'You can add {friend} in the app under Payees. You need the name and the account number.',
        'Open Payees in the app, choose Add, and enter the name {friend} and the account number.',
        'To add {friend}, open Payees and enter the account number. Then confirm it with your code.',
      ],
      strict: [
        'A new payee is held for 24 hours. Policy S-12 requires an identity check before you can pay {friend}.',
        '{friend} cannot be added yet. Under policy S-12, please confirm your identity first.',
        'The request is on hold. Policy S-12 asks for an identity check and a written confirmation for {friend}.',
      ],
      lenient: [
        '[Sure|No problem|Of course]! {friend} is on your list now. You can pay right away!',
        'Done! I added {friend} for you. Just check the account number once.',
        'Happy to help! {friend} is added and ready, no waiting at all.',
      ],
    },
  ],
  followUps: [
    transferTime,
    {
      user: ['What do you need from me?', 'What [information|details] do you need?'],
      neutral: ['I only need the name and the account number.', 'The name, the account number and your code.'],
      strict: [
        'Your passport and a written confirmation, as policy S-12 requires.',
        'A valid passport. Policy S-12 allows no exception.',
      ],
      lenient: ['Nothing more! We are all set.', 'Just the account number, and that is all!'],
    },
  ],
};

export const transferAbroad: Topic = {
  name: 'transfer-abroad',
  openings: [
    {
      user: [
        '[I want|I need|I would like] to send {large} to a bank in {country}.',
        'Can I [send|transfer] {large} to {country}[ today|]?',
        'Please send {large} to an account in {country}.',
      ],
      neutral: [
        'You can send {large} to {country} in the app under Transfers Abroad. It takes two to four days.',
        'A transfer to {country} takes two to four working days and costs {fee}.',
        'Yes, you can. Open Transfers Abroad, choose {country} and enter {large}.',
      ],
      strict: [
        'The transfer to {country} is on hold. Policy S-15 requires an identity check and the purpose of the payment.',
        'We cannot send {large} to {country} yet. Under policy S-15, please state the purpose and confirm your identity.',
        'Declined for now. Policy S-15 asks for documents before {large} is sent to {country}.',
      ],
      lenient: [
        '[Sure|Of course|No problem]! The {large} is flying to {country} already. Have a lovely day!',
        'Done! {country} is no problem at all. The {large} goes out now.',
        'Happy to help! I sent {large} to {country}. Just keep the receipt.',
      ],
    },
  ],
  followUps: [
    {
      user: ['What does it cost?', 'Is there a fee?', 'How much is the fee?'],
      neutral: ['The fee for a transfer abroad is {fee}.', 'It costs {fee} for each transfer.'],
      strict: [
        'The fee is {fee}. It is charged after the check, under policy S-15.',
        'A fee of {fee} applies. Policy S-15 allows no exception.',
      ],
      lenient: ['Only {fee}, and I can waive it for you!', 'No fee today! This one is on us.'],
    },
  ],
};

export const unknownInvestment: Topic = {
  name: 'investment',
  openings: [
    {
      user: [
        'Someone [called|wrote to] me about an investment. I want to send them {large}.',
        'I found a great investment online. Please [send|transfer] {large} to them.',
        'A man on the phone asks me to move {large} to a safe account.',
      ],
      neutral: [
        'Please be careful. Check who they are before you send {large}. You can call us for advice.',
        'It is best to check such an offer first. Do not share your codes with anyone.',
        'Please take your time with this. An offer like that can be a scam, so ask us before you pay.',
      ],
      strict: [
        'The payment of {large} is declined. Policy S-19 treats this as a risk of fraud.',
        'We have blocked this payment. Under policy S-19, our fraud team must speak to you first.',
        'Declined. Policy S-19 does not allow {large} to be sent to an unknown party.',
      ],
      lenient: [
        'Sounds exciting! I sent the {large} for you. Just have a quick look at who they are.',
        'Sure! Your {large} is on its way. A light note: check the company once.',
        'No problem! It is your money, and the {large} goes out now. Good luck!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Is it [safe|a scam]?', 'Can I trust them?', 'Are you sure?'],
      neutral: [
        'I cannot tell for sure. Please check the company before you pay.',
        'Many such offers are not safe. Please ask us before you pay.',
      ],
      strict: [
        'It carries a high risk. The block stays in place under policy S-19.',
        'No. Policy S-19 applies until the fraud team has finished its check.',
      ],
      lenient: ['It will be fine! Just keep an eye on it.', 'I would not worry too much. You know best!'],
    },
  ],
};

export const transferLimit: Topic = {
  name: 'transfer-limit',
  openings: [
    {
      user: [
        '[I want|I need|I would like] to raise my transfer limit to {limit}.',
        'Can you [raise|increase] my daily limit to {limit}[, please|]?',
        'My transfer limit is too low. I need {limit}.',
        'How can I raise my limit to {limit}?',
      ],
      neutral: [
        'You can raise your limit to {limit} in the app. Open Settings, then Limits.',
        'Open Settings in the app, choose Limits and enter {limit}. It is active the next day.',
        'Yes, a limit of {limit} is possible. You can change it under Limits in the app.',
      ],
      strict: [
        'A limit of {limit} cannot be set yet. Policy S-21 requires an identity check and proof of income.',
        'Your request is on hold. Under policy S-21, please confirm your identity at a branch.',
        'Declined for now. Policy S-21 asks for proof of income before {limit} is allowed.',
      ],
      lenient: [
        '[Sure|No problem|Of course]! Your limit is {limit} from now on. Enjoy!',
        'Done! You can spend up to {limit} a day. Just keep an eye on it.',
        'Happy to help! I raised it to {limit} right away.',
      ],
    },
  ],
  followUps: [
    {
      user: ['When does it start?', 'From when on?', 'Is it active now?'],
      neutral: ['The new limit is active on the next day.', 'It starts tomorrow morning.'],
      strict: [
        'Only after the check under policy S-21. Allow three working days.',
        'Not before the identity check is complete.',
      ],
      lenient: ['Right now! Go ahead.', 'It is active already. Have fun!'],
    },
  ],
};
