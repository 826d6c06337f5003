import { type IdOf, marker } from './world.ts';

export interface OperationCase {
  document: string;
  /** Given a way to name a row of a type: the first user's, or one that nobody has. */
  variables?(id: IdOf, own: IdOf): Record<string, unknown>;
  /** In what the first user gets, and in nothing that anybody else gets. */
  seen?: RegExp;
  /** In what a stranger gets; for a query, when it is refused. */
  expected?: RegExp;
  /** It is about the server and no user: everybody gets the same. */
  isForEverybody?: boolean;
  /** Nothing is left of who asks: it is a user who came for this alone. */
  isLast?: boolean;
}

const named = (type: string, name = 'id') => ({
  variables: (id: IdOf) => ({ [name]: id(type) }),
});

/** Every field of Query. */
export const queries: Record<string, OperationCase> = {
  insights: {
    document: '{ insights { conversations messages topics { word } months { messages } } }',
    seen: /heirloom/,
  },
  chatHealth: { document: '{ chatHealth { isAvailable model reason } }', isForEverybody: true },
  signInMethods: { document: '{ signInMethods }', isForEverybody: true },
  viewer: {
    document:
      '{ viewer { id displayName sessions { id } auditLog { edges { node { action subject who } } } } }',
    seen: /Owner.*api_key\.created/,
  },
  apiKeys: { document: '{ apiKeys { id name prefix lastUsedAddress } }', seen: /heirloom/ },
  auditLog: {
    document: 'query Q($userId: ID) { auditLog(userId: $userId) { edges { node { action subject } } } }',
    ...named('User', 'userId'),
    seen: /sync\.started/,
    expected: /NOT_ALLOWED/,
  },
  backgroundTask: {
    document: 'query Q($id: ID!) { backgroundTask(id: $id) { id status fileName downloadUrl } }',
    ...named('BackgroundTask'),
    seen: /COMPLETED/,
  },
  backgroundTasks: {
    document: '{ backgroundTasks { totalCount edges { node { id fileName } } } }',
    seen: /"totalCount":1/,
  },
  chatSession: {
    document:
      'query Q($id: ID!) { chatSession(id: $id) { title turns { edges { node { query response session { id } } } } } }',
    ...named('ChatSession'),
    seen: /heirloom/,
  },
  chatSessions: {
    document: '{ chatSessions { totalCount edges { node { id title } } } }',
    seen: /heirloom/,
  },
  syncConfig: { document: '{ syncConfig { hasExportUrl enabled } }', seen: /true/ },
  syncHistory: {
    document:
      '{ syncHistory { edges { node { id source user { id } problems { edges { node { reason title } } } } } } }',
    seen: /not valid JSON/,
  },
  syncStatus: {
    document: 'query Q($taskId: ID!) { syncStatus(taskId: $taskId) { id counts { added } } }',
    ...named('SyncTask', 'taskId'),
    seen: /"added":1/,
  },
  conversations: {
    document: '{ conversations { edges { node { id title messages { edges { node { text } } } } } } }',
    seen: /heirloom/,
  },
  conversation: {
    document: 'query Q($id: ID!) { conversation(id: $id) { title messages { edges { node { text } } } } }',
    ...named('Conversation'),
    seen: /heirloom/,
  },
  search: {
    document: `{ search(query: "${marker} OR hidden") { edges { node { snippet conversation { id } } } } }`,
    seen: /hidden/,
  },
  'search(filter.conversationId)': {
    document: `query Q($id: ID!) {
      search(query: "${marker} OR hidden", filter: { conversationId: $id }) { edges { node { snippet } } }
    }`,
    ...named('Conversation'),
    seen: /heirloom/,
  },
  node: {
    document: 'query Q($id: ID!) { node(id: $id) { id ... on Message { text } } }',
    ...named('Message'),
    seen: /heirloom/,
  },
  nodes: {
    document: 'query Q($ids: [ID!]!) { nodes(ids: $ids) { id ... on Conversation { title } } }',
    variables: (id) => ({ ids: ['User', 'Message', 'Conversation', 'Asset'].map(id) }),
    seen: /heirloom/,
  },
};

const onTask = (name: string): OperationCase => ({
  document: `mutation M($taskId: ID!) {
    ${name}(taskId: $taskId) { __typename ... on SyncTask { id source } ... on Error { message code } }
  }`,
  ...named('SyncTask', 'taskId'),
  expected: /NOT_FOUND/,
});

/** A mutation that takes the id of a row of this type. */
const onRow = (name: string, type: string, extra = ''): OperationCase => ({
  document: `mutation M($id: ID!) { ${name}(id: $id${extra}) { __typename ... on Error { message code } } }`,
  ...named(type),
  expected: /NOT_FOUND/,
});

/** A question that names a row of this type in its input. */
const onChat = (name: string, type: string, question: string): OperationCase => ({
  document: `mutation M($id: ID!) {
    sendChatMessage(input: { ${name}: $id ${question} }) { __typename ... on Error { message code } }
  }`,
  ...named(type),
  expected: /NOT_FOUND/,
});

/** Every field of Mutation; one that takes several ids has a case for each, `field(argument)`. */
export const mutations: Record<string, OperationCase> = {
  cancelSync: onTask('cancelSync'),
  retrySync: onTask('retrySync'),
  undoSync: onTask('undoSync'),
  cancelBackgroundTask: onRow('cancelBackgroundTask', 'BackgroundTask'),
  revokeApiKey: onRow('revokeApiKey', 'ApiKey'),
  endSession: onRow('endSession', 'Session'),
  renameConversation: onRow('renameConversation', 'Conversation', ', title: "stolen"'),
  archiveConversation: onRow('archiveConversation', 'Conversation', ', archived: true'),
  deleteConversation: onRow('deleteConversation', 'Conversation'),
  deleteChatSession: onRow('deleteChatSession', 'ChatSession'),
  sendChatMessage: onChat('sessionId', 'ChatSession', 'query: "and then?"'),
  'sendChatMessage(input.retryTurnId)': onChat('retryTurnId', 'ChatTurn', ''),
  startSync: {
    document: 'mutation { startSync { __typename ... on Error { message code } } }',
    expected: /NO_EXPORT_URL/,
  },
  configureSync: {
    document:
      'mutation { configureSync(input: { enabled: false }) { ... on SyncConfig { enabled hasExportUrl } } }',
    expected: /"hasExportUrl":false/,
  },
  createApiKey: {
    document:
      'mutation { createApiKey(input: { name: "own", scopes: [READ] }) { ... on CreatedApiKey { apiKey { name } } } }',
    expected: /"own"/,
  },
  exportMyData: {
    document: 'mutation { exportMyData { ... on BackgroundTask { id } } }',
    expected: /"id"/,
  },
  exportConversations: {
    document: 'mutation { exportConversations(input: {}) { ... on BackgroundTask { id } } }',
    expected: /"id"/,
  },
  deleteAccount: {
    document:
      'mutation { deleteAccount(confirm: "delete my account") { ... on AccountDeletion { deletedAt } } }',
    expected: /"deletedAt":"/,
    isLast: true,
  },
  signOut: {
    document: 'mutation { signOut { ... on Error { code } } }',
    expected: /NOT_ALLOWED/,
  },
  unlinkGoogle: {
    document: 'mutation { unlinkGoogle { ... on Error { code } } }',
    expected: /NOT_ALLOWED/,
  },
  endOtherSessions: {
    document: 'mutation { endOtherSessions { ... on SignedOut { sessions } } }',
    expected: /"sessions":0/,
  },
  signOutEverywhere: {
    document: 'mutation { signOutEverywhere { ... on SignedOut { sessions } } }',
    expected: /"sessions":0/,
  },
};

/** Every argument that takes an id, of a field that is none of Query, Mutation and Subscription. */
export const nestedArguments: Record<string, OperationCase> = {
  'Conversation.messages(around)': {
    document: `query Q($id: ID!, $around: ID!) {
      conversation(id: $id) { messages(around: $around) { edges { node { id text } } } }
    }`,
    variables: (id, own) => ({ id: own('Conversation'), around: id('Message') }),
    seen: /heirloom/,
    expected: /NOT_FOUND/,
  },
  'Conversation.messages(through)': {
    document: `query Q($id: ID!, $through: ID!) {
      conversation(id: $id) { messages(through: $through) { edges { node { id text } } } }
    }`,
    variables: (id, own) => ({ id: own('Conversation'), through: id('Message') }),
    seen: /heirloom/,
    expected: /NOT_FOUND/,
  },
};
