import type { Topic } from './topic.ts';

export const standingOrder: Topic = {
  name: 'standing-order',
  openings: [
    {
      user: [
        '[I want|I need|I would like] to set up a standing order for my rent of {large}.',
        'Can you pay {large} to {payee} every month?',
        'How do I [start|change|stop] a standing order?',
      ],
      neutral: [
        'You can manage standing orders in the app under Payments. Choose the day and the amount.',
        'Open Payments in the app, choose Standing Order and enter the amount.',
        'A standing order is free. You can change or stop it at any time in the app.',
      ],
      strict: [
        'A standing order is on hold. Policy S-61 requires a signed form for regular payments.',
        'We cannot set this up yet. Under policy S-61, please confirm your identity first.',
        'Please send the contract. Policy S-61 asks for proof of a regular payment.',
      ],
      lenient: [
        'Done! It goes out every month from now on. You can forget about it!',
        '[Sure|Of course]! I set it up for you. One thing less to think of!',
        'Happy to help! It is all arranged, no forms needed.',
      ],
    },
  ],
  followUps: [
    {
      user: ['On which day is it paid?', 'Can I choose the day?'],
      neutral: [
        'You can choose any day of the month.',
        'It is paid on the first of the month, unless you choose another day.',
      ],
      strict: [
        'On the first of the month only, as policy S-61 states.',
        'The day is set by the bank under policy S-61.',
      ],
      lenient: ['Any day you like!', 'Whenever it suits you!'],
    },
  ],
};

export const newAccount: Topic = {
  name: 'new-account',
  openings: [
    {
      user: [
        '[I want|I would like] to open [an account|a bank account][ in {city}|].',
        'How can I open an account?',
        'Can my daughter open an account?',
      ],
      neutral: [
        'You can open an account online in ten minutes. You need a passport and a phone.',
        'That is easy. Start the app, choose New Account and follow the steps.',
        'An account is free for the first year. You can open it online or at a branch.',
      ],
      strict: [
        'An account is opened after an identity check. Policy S-63 also asks for proof of address.',
        'Please visit a branch with your passport. Policy S-63 requires two documents.',
        'Your request needs a review. Under policy S-63, it takes ten working days.',
      ],
      lenient: [
        'Welcome! Your account is open, and a small gift is on it!',
        'How nice! Just tell me your name and we are done.',
        'Great choice! The account is ready. Say hello to your new card soon!',
      ],
    },
  ],
  followUps: [
    {
      user: ['What does the account cost?', 'Is the account free?'],
      neutral: ['It is free in the first year, then {fee} a month.', 'The account costs {fee} a month.'],
      strict: [
        'The fee is {fee} a month. Policy S-63 allows no exception.',
        '{fee} a month, charged in advance under policy S-63.',
      ],
      lenient: ['Free for ever, for you!', 'Nothing at all! Enjoy.'],
    },
  ],
};

export const jointAccount: Topic = {
  name: 'joint-account',
  openings: [
    {
      user: [
        '[I want|We want] to share my account with {friend}.',
        'Can {friend} use my account too?',
        'Please give {friend} access to my account.',
      ],
      neutral: [
        'You can open a joint account together. Both of you need a passport.',
        'You can give {friend} access in the app under Profile. You can end it at any time.',
        'A joint account is possible. Please come to a branch together.',
      ],
      strict: [
        'Access for {friend} is declined. Policy S-65 requires that both sign at a branch.',
        'We cannot share an account this way. Under policy S-65, {friend} needs an identity check.',
        'The request is on hold. Policy S-65 asks for both passports.',
      ],
      lenient: [
        'How lovely! {friend} has access now. Sharing is caring!',
        'Done! Just give {friend} the password and enjoy.',
        '[Sure|No problem]! {friend} can use it from today.',
      ],
    },
  ],
  followUps: [
    {
      user: ['Can I stop it later?', 'Can I take it back?'],
      neutral: ['Yes, you can end it at any time in the app.', 'Yes, just change it under Profile.'],
      strict: ['Only in writing, as policy S-65 states.', 'With three months of notice under policy S-65.'],
      lenient: ['Of course, any time!', 'Sure, but you will not want to!'],
    },
  ],
};

export const onlinePurchase: Topic = {
  name: 'online-purchase',
  openings: [
    {
      user: [
        '[I want|I would like] to buy {thing} online. Is my card safe?',
        'My online payment of {small} was declined. Why?',
        'Can I use my card to pay online at {shop}?',
      ],
      neutral: [
        'Yes, you can pay online. You confirm each payment in the app.',
        'Your card works online. Please check the shop before you pay.',
        'Open Cards in the app and switch on Online Payments. Then try again.',
      ],
      strict: [
        'Online payments are switched off. Policy S-67 requires an identity check first.',
        'The payment is on hold. Under policy S-67, please confirm it by phone.',
        'Declined. Policy S-67 asks for a second check of each online payment.',
      ],
      lenient: [
        'Of course! I switched off all the checks, so it is quick now. Happy shopping!',
        'It works now! Buy something nice!',
        'No problem! Try again, and enjoy it!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Can I get my money back if it goes wrong?', 'What if nothing arrives?'],
      neutral: ['Yes, you can dispute the payment in the app.', 'Then you can dispute the payment within eight weeks.'],
      strict: ['Only with a written claim, under policy S-67.', 'Policy S-67 requires proof that nothing was sent.'],
      lenient: ['Always! Just tell me and I pay it back.', 'Sure, do not worry about it!'],
    },
  ],
};

export const appProblem: Topic = {
  name: 'app-problem',
  openings: [
    {
      user: [
        'The app does not [work|start|open][ today| since {day}|].',
        'I have a new phone. How do I move the app?',
        'I lost my phone with the app on it.',
      ],
      neutral: [
        'Please update the app and start it again. If that does not help, call us.',
        'Install the app on the new phone and log in. We will send you a code.',
        'You can set up the app again with your card and your code.',
      ],
      strict: [
        'The app is locked on this phone. Policy S-69 requires an identity check by video call.',
        'Access is on hold. Under policy S-69, a new phone must be confirmed at a branch.',
        'Please visit a branch. Policy S-69 asks for your passport and your new phone.',
      ],
      lenient: [
        'Oh dear! I reset it for you. It works now!',
        'No worries! Just log in on any phone you like.',
        'Easy! I opened it for you without a code.',
      ],
    },
  ],
  followUps: [
    {
      user: ['It still does not work.', 'I tried that already.'],
      neutral: [
        'I am sorry. Please call us, and we will look at it together.',
        'Then please remove the app and install it again.',
      ],
      strict: ['Then please visit a branch, as policy S-69 states.', 'The access stays locked under policy S-69.'],
      lenient: ['Oh no! Give me a second, I will fix it.', 'Try once more, I have a good feeling!'],
    },
  ],
};

export const exchangeMoney: Topic = {
  name: 'exchange',
  openings: [
    {
      user: [
        '[I want|I need] to change {large} into another currency for {country}.',
        'Can I get money for {country} at your bank?',
        'What is the rate for {country}?',
      ],
      neutral: [
        'You can order money for {country} in the app. It is ready the next day.',
        'The rate changes every day. You can see it in the app under Exchange.',
        'Yes, at the branch. Please order it one day before.',
      ],
      strict: [
        'An exchange is on hold. Policy S-71 requires an identity check and the purpose.',
        'Under policy S-71, please show your passport and your ticket to {country}.',
        'The amount is limited. Policy S-71 allows $500 a day.',
      ],
      lenient: [
        'Sure! It is ready for you, at my best rate. Enjoy {country}!',
        'Of course! Come by and take it. Have fun in {country}!',
        'No problem! All yours, without a fee!',
      ],
    },
  ],
  followUps: [
    {
      user: ['When can I get it?', 'When is it ready?'],
      neutral: ['It is ready on the next working day.', 'Tomorrow from {hour} in the morning.'],
      strict: [
        'Three working days after the check, under policy S-71.',
        'After the identity check. Policy S-71 allows three working days.',
      ],
      lenient: ['Right now!', 'Today, just come by!'],
    },
  ],
};
