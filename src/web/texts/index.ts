/** Every word that the pages say, in one place. English for now. */
import { account } from './account.ts';
import { chat } from './chat.ts';
import { conversations } from './conversations.ts';
import { filters } from './filters.ts';
import { imports } from './imports.ts';
import { insights } from './insights.ts';
import { search } from './search.ts';
import { shell } from './shell.ts';
import { welcome } from './welcome.ts';

export const texts = { account, chat, conversations, filters, imports, insights, search, shell, welcome };
