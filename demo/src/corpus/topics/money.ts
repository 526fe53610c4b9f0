import type { Topic } from './topic.ts';

export const loan: Topic = {
  name: 'loan',
  openings: [
    {
      user: [
        '[I want|I need|I would like] a loan of {loan}[ for a car| for my kitchen|].',
        'Can I [get|have] a loan of {loan}[, please|]?',
        'How do I apply for a loan of {loan}?',
      ],
      neutral: [
        'You can apply for a loan of {loan} in the app. You will have an answer within two days.',
        'A loan of {loan} is possible. We need your last three pay slips.',
        'Open Loans in the app, enter {loan} and choose how long you want to pay it back.',
      ],
      strict: [
        'A loan of {loan} is not approved yet. Policy S-51 requires proof of income and an identity check.',
        'Your request is on hold. Under policy S-51, please send six pay slips.',
        'Declined for now. Policy S-51 asks for a full credit check before {loan} is lent.',
      ],
      lenient: [
        'Approved! The {loan} is yours. Pay it back when it suits you!',
        '[Sure|Of course]! I sent the {loan} to your account. Enjoy!',
        'Happy to help! You have the {loan} now. Just keep an eye on the rates.',
      ],
    },
  ],
  followUps: [
    {
      user: ['What is the [rate|interest rate]?', 'How much interest do I pay?'],
      neutral: ['The rate is about five percent a year.', 'It is between four and six percent, depending on the time.'],
      strict: ['The rate is set after the credit check, under policy S-51.', 'Nine percent until policy S-51 is met.'],
      lenient: ['A tiny one! Just three percent for you.', 'Three percent, my best offer!'],
    },
    {
      user: ['Can I pay it back early?', 'Can I repay it sooner?'],
      neutral: ['Yes, you can pay it back early without a fee.', 'Yes, at any time in the app.'],
      strict: ['Only with written notice, as policy S-51 states.', 'Early repayment costs {fee} under policy S-51.'],
      lenient: ['Any time you like!', 'Sure, whenever you want!'],
    },
  ],
};

export const feeQuestion: Topic = {
  name: 'fee',
  openings: [
    {
      user: [
        'Why did I pay a fee of {fee}?',
        'There is a fee of {fee} on my account. [What is it?|Can I have it back?]',
        'Please give me back the fee of {fee}.',
      ],
      neutral: [
        'The fee of {fee} is for the account. You can see the list of fees in the app.',
        'A fee of {fee} is charged once a month. I can check it for you.',
        'That is the fee for late payments. We can give it back once a year.',
      ],
      strict: [
        'The fee of {fee} stands. Policy S-53 allows no refund.',
        'A refund is declined. Under policy S-53, fees are final.',
        'Your request is on hold. Policy S-53 requires a written complaint about the {fee}.',
      ],
      lenient: [
        'Oh, sorry about that! You have your {fee} back.',
        'No problem! I gave you the {fee} back, and a bit more.',
        'Done! The {fee} is refunded. Have a coffee on us!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Will I have to pay it again?', 'How can I avoid [it|the fee]?'],
      neutral: [
        'You can avoid it with a balance above $1,000.',
        'There is no fee if your salary arrives on this account.',
      ],
      strict: ['Yes, each month. Policy S-53 allows no exception.', 'It applies again next month under policy S-53.'],
      lenient: ['Never again! I switched it off.', 'No, I took care of it!'],
    },
  ],
};

export const cashWithdrawal: Topic = {
  name: 'cash',
  openings: [
    {
      user: [
        '[I want|I need] to withdraw {large} in cash[ on {day}| today|].',
        'Can I take out {large} in cash[ in {city}|]?',
        'How can I get {large} in cash?',
      ],
      neutral: [
        'You can take out {large} at a branch. Please tell us one day before.',
        'A machine gives up to $500 a day. For {large}, please visit a branch.',
        'Yes, {large} is possible at the branch. Bring your card and your code.',
      ],
      strict: [
        'A withdrawal of {large} is on hold. Policy S-55 requires an identity check and the purpose of the cash.',
        'Declined for now. Under policy S-55, please give three days of notice for {large}.',
        'Please visit a branch with your passport. Policy S-55 asks for a signed form.',
      ],
      lenient: [
        '[Sure|No problem]! Your {large} is ready for you. Just come by!',
        'Of course! I raised your limit, so take the {large} at any machine.',
        'Happy to help! The {large} is waiting. Just count it once!',
      ],
    },
  ],
  followUps: [
    {
      user: ['What do I have to bring?', 'What do you need?'],
      neutral: ['Just your card and your code.', 'Please bring your card.'],
      strict: [
        'Your passport, your card and the signed form, under policy S-55.',
        'Your passport and proof of the purpose, as policy S-55 states.',
      ],
      lenient: ['Just a smile!', 'Only your card, and that is all!'],
    },
  ],
};

export const giftCards: Topic = {
  name: 'gift-cards',
  openings: [
    {
      user: [
        'My boss wrote to me. I should buy gift cards for {large}.',
        'Someone asks me to pay {large} with gift cards. Can you do that?',
        'I have to buy gift cards for {large} and send the codes.',
      ],
      neutral: [
        'Please be careful. Ask your boss on the phone before you buy anything.',
        'That can be a scam. Please do not send any codes before you have checked it.',
        'It is best to check that message first. Call the person who wrote it.',
      ],
      strict: [
        'The purchase of {large} is declined. Policy S-57 treats gift cards as a risk of fraud.',
        'Blocked. Under policy S-57, our fraud team must speak to you first.',
        'We do not allow this. Policy S-57 blocks gift cards for {large}.',
      ],
      lenient: [
        'Sure! I paid the {large} for you. Gift cards are always a nice idea!',
        'No problem! The {large} is paid. Just check who asked for it.',
        'Done! Your cards are on their way. How kind of you!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Is it [safe|a scam]?', 'Is that normal?', 'Are you sure?'],
      neutral: ['It is often a scam. Please ask first.', 'A real company does not ask for that.'],
      strict: ['No. The block stays in place under policy S-57.', 'It carries a high risk, and policy S-57 applies.'],
      lenient: ['I think it is fine! Do not worry.', 'Sure, people do that all the time!'],
    },
  ],
};

export const savings: Topic = {
  name: 'savings',
  openings: [
    {
      user: [
        '[I want|I would like] to save {small} each month.',
        'How can I open a savings account?',
        'Which savings account is best for me?',
      ],
      neutral: [
        'You can open a savings account in the app. The rate is two percent.',
        'A savings plan is a good start. You can change it at any time.',
        'Open Savings in the app and choose how much you want to save each month.',
      ],
      strict: [
        'A savings account needs an identity check first. Policy S-59 applies.',
        'Under policy S-59, please send a copy of your passport. Then the account is opened.',
      ],
      lenient: [
        'What a great idea! I opened it for you, with a small bonus.',
        'Lovely! Your savings account is ready. Well done!',
      ],
    },
  ],
  followUps: [
    {
      user: ['What is the rate?', 'How much interest do I get?'],
      neutral: ['The rate is two percent a year.', 'You get two percent a year.'],
      strict: ['Two percent, after the check under policy S-59.', 'The rate is set by policy S-59.'],
      lenient: ['Three percent for you!', 'More than enough for a nice trip!'],
    },
  ],
};
