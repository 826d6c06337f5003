export const welcome = {
  title: 'Your ChatGPT history, alive',
  lead: 'Sidecar keeps every conversation you ever had on a server of your own. Drop in the export, and find what you said three years ago in seconds.',
  points: [
    [
      'Nothing is lost',
      'Every branch, image and voice note of the export, and the reason for each thing that could not be read.',
    ],
    ['Nothing is doubled', 'Import next month’s export on top: only what is new is added.'],
    ['Nothing leaves', 'Everything stays on this server, and only you can read it.'],
  ] as const,
  signIn: 'Sign in',
  google: 'Continue with Google',
  or: 'or',
  key: 'API key',
  keyHint: 'The server printed it at its first start; later it is in the file api-key of its data folder.',
  withKey: 'Sign in with the key',
  wrongKey: 'This is not a key of this server. Copy it whole, from sidecar_ to its end.',
  missingKey: 'Enter the key first.',
};
