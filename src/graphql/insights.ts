import { getInsights, type Insights } from '../domain/insights/insights.ts';
import { builder } from './builder.ts';

type Month = Insights['months'][number];
type Model = Insights['models'][number];
type Hour = Insights['hours'][number];
type Topic = Insights['topics'][number];

/** It reads all of a user's messages, so that an operation asks for it a few times at most. */
const COST = 10_000;

const MonthType = builder.objectRef<Month>('MonthInsight').implement({
  description: 'What somebody said in a month.',
  fields: (t) => ({
    month: t.exposeString('month', { description: 'Such as 2024-05.' }),
    role: t.exposeString('role', { description: 'Who: user, assistant, or what the provider calls it.' }),
    messages: t.exposeInt('messages', { description: 'How many messages.' }),
  }),
});

const ModelType = builder.objectRef<Model>('ModelInsight').implement({
  description: 'What a model answered in a month.',
  fields: (t) => ({
    month: t.exposeString('month', { description: 'Such as 2024-05.' }),
    model: t.exposeString('model', {
      nullable: true,
      description: 'The model’s own name; null for answers whose export names none.',
    }),
    messages: t.exposeInt('messages', { description: 'How many messages.' }),
  }),
});

const HourType = builder.objectRef<Hour>('HourInsight').implement({
  description: 'What was said in an hour of a day of the week.',
  fields: (t) => ({
    weekday: t.exposeInt('weekday', { description: '1 is Monday, 7 is Sunday.' }),
    hour: t.exposeInt('hour', { description: '0 to 23.' }),
    messages: t.exposeInt('messages', { description: 'How many messages.' }),
  }),
});

const TopicType = builder.objectRef<Topic>('TopicInsight').implement({
  description: 'A word that titles of conversations share.',
  fields: (t) => ({
    word: t.exposeString('word', { description: 'In lower case.' }),
    conversations: t.exposeInt('conversations', { description: 'How many titles hold it.' }),
  }),
});

const InsightsType = builder.objectRef<Insights>('Insights').implement({
  description:
    'What a history is made of: what people see and say, without tools, reasoning and hidden context.',
  fields: (t) => ({
    conversations: t.exposeInt('conversations', { description: 'All of them.' }),
    messages: t.exposeInt('messages', { description: 'All visible ones, of every branch.' }),
    firstAt: t.expose('firstAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the first was said.',
    }),
    lastAt: t.expose('lastAt', { type: 'DateTime', nullable: true, description: 'When the last was said.' }),
    months: t.expose('months', {
      type: [MonthType],
      description: 'By month and who spoke, the oldest first.',
    }),
    models: t.expose('models', {
      type: [ModelType],
      description: 'Answers by month and model, the oldest first.',
    }),
    hours: t.expose('hours', {
      type: [HourType],
      description: 'By weekday and hour, where anything was said.',
    }),
    topics: t.expose('topics', {
      type: [TopicType],
      description: 'The words that most titles share, 30 at most.',
    }),
  }),
});

builder.queryField('insights', (t) =>
  t.field({
    type: InsightsType,
    description: 'What the viewer’s history is made of.',
    complexity: COST,
    args: {
      timeZone: t.arg.string({
        defaultValue: 'UTC',
        description: 'Whose months and hours: a name of the tz database, such as Europe/Paris.',
      }),
    },
    resolve: (_root, args, { services, viewer }) => getInsights(services, viewer, args),
  }),
);
