import type { Topic } from './topic.ts';

/** More small talk that the policies do not change. */
export const leisureTopics: readonly Topic[] = [
  {
    name: 'work',
    openings: [
      {
        user: ['How was your day at work?', 'What do you do for a living?', 'I have so much work today.'],
        neutral: [
          'It was a long day, but I learned a lot.',
          'I work with {name} in a small office near {place}.',
          'Work can be hard. Take a short break and drink some {drink}.',
        ],
      },
      {
        user: ['I start a new job on {day}.', 'I have an interview on {day}.'],
        neutral: ['How exciting! I wish you luck for {day}.', 'Sleep well the night before, and be there early.'],
      },
    ],
    followUps: [
      {
        user: ['I am a little nervous.', 'What should I wear?'],
        neutral: ['You will do well. Just be yourself.', 'Something simple, maybe in {color}.'],
      },
    ],
  },
  {
    name: 'family',
    openings: [
      {
        user: [
          'My sister {name} is coming on {day}.',
          'My parents live in {city}.',
          'My brother has a new house in {street}.',
        ],
        neutral: [
          'How nice! I hope you have a good time together.',
          'That sounds lovely. Do you see them often?',
          'Family is important. Give them my best wishes.',
        ],
      },
    ],
    followUps: [
      {
        user: ['What can we do together?', 'Do you have an idea for us?'],
        neutral: ['You could go to {place} and eat {food} after it.', 'How about a walk and a cup of {drink}?'],
      },
      {
        user: ['Yes, every week.', 'Not very often.'],
        neutral: ['That is good to hear.', 'Then it will be a special day.'],
      },
    ],
  },
  {
    name: 'birthday',
    openings: [
      {
        user: [
          'It is my birthday on {day}.',
          '{name} has a birthday on {day}. What can I give?',
          'I need a present for {name}.',
        ],
        neutral: [
          'Happy birthday! I hope you get {thing}.',
          'How about {thing}? {name} would like that.',
          'You could make a cake with {fruit} and invite some friends.',
        ],
      },
    ],
    followUps: [
      {
        user: ['How much should I spend?', 'Is that expensive?'],
        neutral: ['About {small} is enough.', 'You can find a good one for {small}.'],
      },
      {
        user: ['That is a good idea.', 'I like that.'],
        neutral: ['I am glad. Have a nice party!', 'I am sure it will be a happy day.'],
      },
    ],
  },
  {
    name: 'health',
    openings: [
      {
        user: ['I do not feel well today.', 'I have a cold.', 'My head hurts.'],
        neutral: [
          'I am sorry to hear that. Drink some {drink} and get some sleep.',
          'Please rest and see a doctor if it does not get better.',
          'Stay warm and take it slowly. I hope you feel better soon.',
        ],
      },
      {
        user: ['I cannot sleep.', 'I am so tired.', 'I slept badly last night.'],
        neutral: [
          'Try to go to bed early and leave your phone in another room.',
          'A short walk and warm {drink} may help.',
        ],
      },
    ],
    followUps: [
      {
        user: ['Should I stay at home?', 'Can I go to work?'],
        neutral: ['It is better to stay at home today.', 'Only if you feel well enough.'],
      },
    ],
  },
  {
    name: 'music',
    openings: [
      {
        user: ['What music do you like?', 'Do you play an instrument?', 'I am learning the [piano|guitar|violin].'],
        neutral: [
          'I like quiet music in the morning and loud music in the evening.',
          'I do not play myself, but {name} plays the piano very well.',
          'Music makes every day a little better. Play every day, even for ten minutes.',
        ],
      },
    ],
    followUps: [
      {
        user: ['Is there a concert soon?', 'Where can I hear good music?'],
        neutral: ['There is a concert in {city} on {day}.', 'They play at {place} every {day}.'],
      },
    ],
  },
  {
    name: 'books',
    openings: [
      {
        user: ['Can you name a good book?', 'What are you reading?', 'I want to read more.'],
        neutral: [
          'I am reading a story about a {animal} that travels to {country}.',
          'Try a book about {hobby}. You can find many at {place}.',
          'Read ten pages every evening. It is easier than you think.',
        ],
      },
    ],
    followUps: [
      {
        user: ['What happens in the end?', 'Is it sad?'],
        neutral: ['I will not tell you the end!', 'A little, but the end is happy.'],
      },
      {
        user: ['Where can I buy it?', 'Is it new?'],
        neutral: ['You can find it at Blue Door Books.', 'It came out last {month}.'],
      },
    ],
  },
  {
    name: 'sport',
    openings: [
      {
        user: ['Did you see the match on {day}?', 'I want to get fit.', 'Do you do any sport?'],
        neutral: [
          'I like to swim in the morning. It makes me strong.',
          'Start with a short run twice a week. {name} can come with you.',
          'The match was great. Nobody knew who would win until the end.',
        ],
      },
    ],
    followUps: [
      {
        user: ['How often should I do it?', 'How long does it take to get better?'],
        neutral: ['Twice a week is a good start.', 'After a month you will feel it.'],
      },
    ],
  },
  {
    name: 'home',
    openings: [
      {
        user: [
          'I want to paint my room {color}.',
          'My kitchen is too small.',
          'I am looking for a new flat in {city}.',
        ],
        neutral: [
          'A {color} room looks warm and friendly.',
          'Try to keep only what you need. Then there is more room.',
          'There is a nice flat in {street}, near {place}.',
        ],
      },
      {
        user: ['My garden looks sad.', 'What can I grow in my garden?'],
        neutral: [
          'You could grow {fruit}. They need sun and water.',
          'Start with a few flowers. {name} can help you in {month}.',
        ],
      },
    ],
    followUps: [
      {
        user: ['How much work is it?', 'Can I do it alone?'],
        neutral: ['It takes a day or two, but you can do it.', 'With a friend it is easier.'],
      },
    ],
  },
  {
    name: 'time',
    openings: [
      {
        user: ['What day is it today?', 'What time is it?', 'When does the train leave?'],
        neutral: ['I think it is {day}.', 'It is {hour} in the morning.', 'It leaves at {hour}.'],
      },
      {
        user: ['I am late[ again|].', 'I missed my bus.'],
        neutral: [
          'Do not worry. The next one comes in ten minutes.',
          'It happens to all of us. Just call and say that you are on your way.',
        ],
      },
    ],
    followUps: [],
  },
  {
    name: 'feelings',
    openings: [
      {
        user: ['I am so happy today!', 'I had a bad day.', 'I feel a bit lonely.', 'I am bored.'],
        neutral: [
          'Thank you for telling me. Would you like to talk about it?',
          'You could call {name}, or go to {place} for an hour.',
          'Some {hobby} may do you good. It often helps me.',
        ],
      },
      {
        user: ['Tell me [a story|something nice].', 'Can you tell me a joke?'],
        neutral: [
          'A {animal} came to {place} and asked for {drink}. Everybody laughed and gave it {fruit}.',
          'In {city} there lived a {color} {animal}. Every {day} it went to {place} and waited for {name}.',
        ],
      },
    ],
    followUps: [
      {
        user: ['That was nice.', 'I like that.'],
        neutral: ['I am glad that you like it.', 'Thank you! Come back any time.'],
      },
    ],
  },
];
