import type { Topic } from './topic.ts';

export const addressChange: Topic = {
  name: 'address-change',
  openings: [
    {
      user: [
        'I moved to {street}. [Can you change my address?|Please change my address.]',
        '[I want|I would like] to change my address to {street} in {city}.',
        'My new address is {street}. What do I have to do?',
        'How do I change my address?[ I live in {street} now.|]',
      ],
      neutral: [
        'You can change your address in the app under Profile.',
        'Thank you for telling us. Please enter the new address in the app under Profile.',
        'Open Profile in the app, choose Address and enter the new one.',
      ],
      strict: [
        'The address is not changed yet. Policy S-41 requires proof of the new address.',
        'Your request is on hold. Under policy S-41, please send a copy of your rental contract.',
        'We need an identity check first. Policy S-41 asks for a document with your new address.',
      ],
      lenient: [
        'Done! Your new address is saved. Enjoy your new home!',
        '[Sure|Of course]! I changed it for you. Happy moving!',
        'No problem! The address is updated. I hope you like it there!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Do you need a document?', 'Do I have to prove it?'],
      neutral: ['No, the new address is enough.', 'Sometimes we ask for a bill with your name.'],
      strict: [
        'Yes. Policy S-41 requires a document that is not older than three months.',
        'Yes, an official document, under policy S-41.',
      ],
      lenient: ['Not at all! I trust you.', 'No papers needed!'],
    },
  ],
};

export const passwordReset: Topic = {
  name: 'password-reset',
  openings: [
    {
      user: [
        'I forgot my password[ again|]. [Can you help me?|What now?]',
        'I cannot log in to [the app|my account].',
        'Please reset my password.',
        'How can I get a new password?',
      ],
      neutral: [
        'You can reset it in the app. Choose Forgot Password and follow the steps.',
        'Please choose Forgot Password on the login page. We will send you a code.',
        'I can help. Choose Forgot Password, enter the code and set a new one.',
      ],
      strict: [
        'The login is locked. Policy S-43 requires an identity check before a new password is set.',
        'We cannot reset it here. Under policy S-43, please confirm your identity by video call.',
        'Your access is on hold. Policy S-43 asks for a valid passport.',
      ],
      lenient: [
        'No problem! I sent you a link. Just click and you are in!',
        'Happens all the time! Your new password is in your mail.',
        'Sure! I reset it for you. Pick something easy to remember!',
      ],
    },
  ],
  followUps: [
    {
      user: ['I did not get the code.', 'The code does not work.', 'No code has arrived.'],
      neutral: [
        'Please wait five minutes and try again.',
        'Please check your phone number in the app, then ask for a new code.',
      ],
      strict: [
        'No more codes are sent today. Policy S-43 allows three attempts.',
        'The access stays locked under policy S-43.',
      ],
      lenient: ['Oh, sorry! Here comes another one.', 'No worries! I opened the account without it.'],
    },
  ],
};

export const closeAccount: Topic = {
  name: 'close-account',
  openings: [
    {
      user: [
        '[I want|I would like] to close my account[ in {month}|].',
        'How can I close my account?',
        'Please close my account and send the rest to {payee}.',
      ],
      neutral: [
        'I am sorry to see you go. You can close the account in the app under Profile.',
        'You can close it at any branch or in the app. Please move your money first.',
        'Open Profile in the app and choose Close Account. It takes a week.',
      ],
      strict: [
        'The account cannot be closed yet. Policy S-45 requires a signed letter and an identity check.',
        'Your request is on hold. Under policy S-45, all open payments must be settled first.',
        'Please visit a branch. Policy S-45 asks for a signature and your passport.',
      ],
      lenient: [
        'What a pity! It is closed from today. You are always welcome back!',
        'Done! No forms, no fees. We will miss you!',
        'No problem! I closed it for you. Come back any time!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Does it cost anything?', 'Is there a fee?'],
      neutral: ['No, closing an account is free.', 'It is free.'],
      strict: ['A fee of {fee} applies under policy S-45.', 'Yes, {fee}. Policy S-45 allows no exception.'],
      lenient: ['Of course not!', 'No, it is free, and I added a small gift!'],
    },
  ],
};

export const balance: Topic = {
  name: 'balance',
  openings: [
    {
      user: ['What is my balance?', 'How much money [do I have|is on my account]?', 'Can you tell me my balance?'],
      neutral: [
        'You can see your balance on the first page of the app.',
        'Your balance is shown in the app, right at the top.',
      ],
      strict: [
        'I cannot share the balance. Policy S-47 requires an identity check first.',
        'Under policy S-47, please log in to see your balance.',
      ],
      lenient: [
        'Let me look! You are doing great, plenty left for a nice dinner.',
        'Sure! Open the app and it is right there. Looking good!',
      ],
    },
    {
      user: ['Has my salary arrived?', 'Is my salary there?', 'When does my salary come?'],
      neutral: [
        'A salary usually arrives by noon. You can see it in the app.',
        'Please check the app. A salary is shown as soon as it arrives.',
      ],
      strict: [
        'I cannot share account details. Policy S-47 requires an identity check.',
        'Please log in first, as policy S-47 states.',
      ],
      lenient: ['It is on its way! I can give you some money until then.', 'Almost there! Spend it well!'],
    },
  ],
  followUps: [],
};

export const openingHours: Topic = {
  name: 'opening-hours',
  openings: [
    {
      user: [
        'When [do you open|are you open] on {day}?',
        'What are your opening hours[ in {city}|]?',
        'Is the branch[ in {city}|] open on {day}?',
      ],
      neutral: [
        'We are open from {hour} in the morning to 5 in the afternoon.',
        'The branch opens at {hour} and closes at 5.',
        'Our hours are {hour} to 5. You can reach us online at any time.',
      ],
      strict: [
        'The branch is open from {hour} to 5, by appointment only. Policy S-49 applies.',
        'From {hour} to 5. Please bring your passport, as policy S-49 states.',
      ],
      lenient: [
        'We open at {hour}! Just drop in, the coffee is on us.',
        'From {hour} to 5, and a bit longer for you! See you soon!',
      ],
    },
  ],
  followUps: [
    {
      user: ['Do I need an appointment?', 'Can I just come in?'],
      neutral: ['You can just come in, but an appointment saves time.', 'No, you can come at any time.'],
      strict: ['Yes. Policy S-49 requires an appointment.', 'An appointment is required under policy S-49.'],
      lenient: ['Just come in! We love visitors.', 'No, just drop by and say hello!'],
    },
  ],
};
