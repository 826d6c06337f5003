export const search = {
  title: 'Search',
  label: 'Search your history',
  placeholder: 'Words, "a phrase", -without, this OR that',
  hint: 'Press / anywhere to come here, the arrows to move, and Enter to open.',
  start: {
    title: 'Find anything you ever said',
    text: 'Words are found in their other forms, too, names of code whole and in part, and Chinese, Japanese and Korean by any two characters.',
  },
  none: { title: 'Nothing found', text: 'Try fewer words, or take a filter away.' },
  unread: {
    title: 'Nothing found in your newest messages',
    text: 'Words as common as these are looked for in those alone. Add another word, or look at an earlier time.',
  },
  didYouMean: 'Did you mean',
  count: (count: string, capped: boolean, one: boolean) =>
    `${count}${capped ? '+' : ''} ${one ? 'hit' : 'hits'}`,
  role: 'Said by',
  roles: { '': 'Anybody', user: 'You', assistant: 'The assistant', tool: 'A tool' } as Record<string, string>,
  onePerConversation: 'Each conversation once',
  inTitle: 'Title',
  results: 'Hits',
};
