/** What the filters of the history and of the search have in common. */
export const filters = {
  title: 'Filters',
  provider: 'Service',
  providers: { '': 'All', chatgpt: 'ChatGPT', claude: 'Claude' } as Record<string, string>,
  model: 'Model',
  modelHint: 'Such as gpt-4o',
  from: 'From',
  until: 'Until',
  attachments: 'With files only',
};
