import type { Topic } from './topic.ts';

/** Small talk that the policies do not change. */
export const everydayTopics: readonly Topic[] = [
  {
    name: 'weather',
    openings: [
      {
        user: [
          'How is the weather in {city}[ today|]?',
          'Will it be {weather} on {day}?',
          'What is the weather like in {city}?',
        ],
        neutral: [
          'It is {weather} in {city} today[, so take a coat|, a good day for a walk|].',
          'I think it will be {weather}. [A warm coat may help.|Take an umbrella, just in case.]',
        ],
      },
      {
        user: ['It is so {weather} today.', 'What a {weather} day!'],
        neutral: [
          'Yes, it is very {weather}. [A good day for a cup of {drink}.|I hope you are well.]',
          'It is. Tomorrow may be better.',
        ],
      },
    ],
    followUps: [
      {
        user: ['Should I take an umbrella?', 'Do I need a coat?'],
        neutral: ['Yes, that is a good idea.', 'It is better to take one.', 'I do not think that you need one.'],
      },
    ],
  },
  {
    name: 'food',
    openings: [
      {
        user: [
          'What should I cook [today|tonight|on {day}]?',
          'I am hungry. What can I eat?',
          'Do you have an idea for dinner?',
        ],
        neutral: [
          'How about {food}? It is easy and [quick|very good].',
          'You could make {food}. It takes half an hour.',
          'I would make {food}, with some {fruit} after it.',
        ],
      },
      {
        user: ['How do I make {food}?', 'Can you tell me how to cook {food}?'],
        neutral: [
          'It is easy. You need fresh things, a pan and half an hour.',
          'To make {food}, start with good things from the market and take your time.',
        ],
      },
      {
        user: ['Do you like {food}?', 'I love {food}.', 'We had {food} yesterday.'],
        neutral: ['I like it a lot. It is best when it is fresh and warm.', 'Yes, {food} is always a good idea.'],
      },
    ],
    followUps: [
      {
        user: ['What should I drink with it?', 'And what goes with it?'],
        neutral: ['A glass of {drink} goes well with it.', 'I would take {drink}.'],
      },
      {
        user: ['Is it hard to make?', 'How long does it take?'],
        neutral: ['No, it is easy. It takes half an hour.', 'It takes about twenty minutes.'],
      },
    ],
  },
  {
    name: 'plans',
    openings: [
      {
        user: ['What are you doing on {day}?', 'Do you have plans for {day}?', 'Are you free on {day}?'],
        neutral: [
          'On {day} I will visit {name} in {city}. [We want to go to {place}.|We have not met for a long time.]',
          'I am free on {day}. We could go to {place}.',
          'I will stay at home on {day} and make {food}.',
        ],
      },
    ],
    followUps: [
      {
        user: ['That sounds nice. Can I come?', 'Can I come with you?'],
        neutral: ['Of course. We meet at {hour} at {place}.', 'Yes, please come. It will be fun.'],
      },
      { user: ['When do you leave?', 'At what time?'], neutral: ['At {hour} in the morning.', 'I leave at {hour}.'] },
    ],
  },
  {
    name: 'shopping',
    openings: [
      {
        user: ['I need {thing}. Where can I buy that?', 'Do you sell {thing}?', 'How much is {thing}?'],
        neutral: [
          'You can find that at {shop}. [It costs about {small}.|It is near {place}.]',
          'Yes, we have that. It costs {small}.',
          'It is {small}. We have it in {color} too.',
        ],
      },
      {
        user: ['Do you have {fruit}[ today|]?', 'I would like some {fruit}[, please|].', 'Are the {fruit} fresh?'],
        neutral: [
          'Yes, the {fruit} are fresh today.',
          'We have very good {fruit}, they came on {day}.',
          'Sorry, the {fruit} are sold out.',
        ],
      },
    ],
    followUps: [
      {
        user: ['Do you have it in {color}?', 'Is there a {color} one?'],
        neutral: ['Yes, we have it in {color}.', 'Sorry, {color} is sold out.'],
      },
      {
        user: ['I will take it.', 'Good, I will buy it.'],
        neutral: ['Thank you. That is {small}.', 'Great. You can pay with your card.'],
      },
    ],
  },
  {
    name: 'directions',
    openings: [
      {
        user: ['[Excuse me, how|How] do I get to {place}?', 'Where is {place}?', 'Is {place} far from here?'],
        neutral: [
          'Go straight on and turn [left|right] at {street}. [It is on the left.|You cannot miss it.|]',
          'It is in {street}, about ten minutes on foot.',
          'Take the bus to {street}. Then it is two minutes on foot.',
        ],
      },
    ],
    followUps: [
      {
        user: ['Can I walk?', 'Is there a bus?'],
        neutral: ['Yes, it is not far.', 'Yes, it takes ten minutes.', 'There is a bus every ten minutes.'],
      },
    ],
  },
  {
    name: 'hobbies',
    openings: [
      {
        user: ['What do you like to do [after work|on {day}]?', 'Do you have a hobby?', 'Do you like {hobby}?'],
        neutral: [
          'I like {hobby}. I do it [every {day}|with {name}|since last year].',
          'Yes, {hobby} is my favourite. It makes me happy.',
          'I often spend my time with {hobby}.',
        ],
      },
      {
        user: ['I want to start {hobby}. [Is it hard?|Any ideas?]', 'I started {hobby} last week.'],
        neutral: [
          'That is great. Start slowly and have fun with it.',
          'How nice. {name} does it too and can help you.',
        ],
      },
    ],
    followUps: [
      {
        user: ['Is it expensive?', 'What does it cost?'],
        neutral: ['Not at all. It costs about {small}.', 'No, you need very little.'],
      },
      {
        user: ['Who taught you?', 'How did you start?'],
        neutral: ['My friend {name} taught me.', 'I started with {name} in {city}.'],
      },
    ],
  },
  {
    name: 'greeting',
    openings: [
      {
        user: ['Hello, how are you?', 'Good morning!', 'Hi, how is it going?', 'Hello!'],
        neutral: [
          'Hello! I am fine, thank you. How can I help you?',
          'Good day! What can I do for you?',
          'I am well, thank you. And you?',
        ],
      },
      {
        user: ['Who are you?', 'What can you do?', 'Can you help me?'],
        neutral: [
          'I am the assistant of your bank. I can help with cards, payments and accounts.',
          'I can answer questions about your account, your cards and your payments.',
        ],
      },
    ],
    followUps: [
      {
        user: ['I am fine too.', 'I am well, thank you.'],
        neutral: ['I am glad to hear that.', 'That is good. What can I do for you?'],
      },
    ],
  },
  {
    name: 'pets',
    openings: [
      {
        user: ['I have a new {animal}.', 'Do you like my {animal}?', 'My {animal} is called {name}.'],
        neutral: [
          'How nice! A {animal} is a good friend.',
          'A {animal} is lovely. [What does it like to eat?|How old is it?]',
        ],
      },
    ],
    followUps: [
      {
        user: ['It is two years old.', 'It is very young.'],
        neutral: ['Then it will want to play a lot.', 'That is a lovely age.'],
      },
      {
        user: ['It likes {fruit}.', 'It eats all day.'],
        neutral: ['That is funny!', 'Then you have to buy a lot of food.'],
      },
    ],
  },
  {
    name: 'travel',
    openings: [
      {
        user: [
          'I am going to {city} on {day}. What should I see?',
          'Have you been to {city}?',
          'What is nice in {city}?',
        ],
        neutral: [
          '{city} is lovely. Go to {place} and try {food}.',
          'In {city} you should see {place}. It is best in the morning.',
          'I like {city}. The people are kind and the food is good.',
        ],
      },
    ],
    followUps: [
      {
        user: ['How do I get there?', 'Is there a train?'],
        neutral: ['Take the train at {hour} in the morning.', 'There is a train every day at {hour}.'],
      },
      {
        user: ['Where can I stay?', 'Do you know a hotel?'],
        neutral: ['Star Hotel is good and not expensive.', 'There is a small hotel in {street}.'],
      },
    ],
  },
];
