export const insights = {
  title: 'Insights',
  lead: 'What your history is made of: what you and the assistants said, without tools and reasoning.',
  totals: { conversations: 'Conversations', messages: 'Messages', first: 'First', last: 'Last' },
  months: 'Messages by month',
  misdated: (count: number, number: string) =>
    count === 1
      ? 'One message is not drawn by month: its time in the export cannot be right.'
      : `${number} messages are not drawn by month: their times in the export cannot be right.`,
  undated: 'No message in your exports says when it was written, so there is nothing to draw over time.',
  models: 'Answers by model',
  hours: 'Hours of the day',
  weekdays: 'Days of the week',
  longest: 'Longest conversations',
  topics: 'Words that titles share',
  asTable: 'As a table',
  roles: { user: 'You', assistant: 'Assistants' } as Record<string, string>,
  others: 'Others',
  unknownModel: 'Unknown',
  month: 'Month',
  hour: 'Hour',
  day: 'Day',
  messages: 'Messages',
  topic: 'Word',
  conversations: 'Conversations',
  empty: { title: 'Nothing to count yet', text: 'Import an export first.', action: 'Import an export' },
  days: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
};
