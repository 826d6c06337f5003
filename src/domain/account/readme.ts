/** The page that explains an account's export to whoever opens it, perhaps years later and without Sidecar. */
export const accountReadme = (
  madeAt: Date,
) => `Everything that Sidecar kept of your account on ${madeAt.toISOString()}.

Files that end in .json hold one JSON value, those that end in .jsonl one JSON value in each line. Text is
UTF-8, times are UTC in ISO 8601, hashes are SHA-256 in hexadecimal.

manifest.json            how many of everything, and the size and hash of each file but itself
profile.json             who you are to this server
conversations/*.jsonl    your conversations, one in each line, with every message of every branch: "nodeId" is
                         a message's id, "parentNodeId" what it answers, "onActivePath" whether the provider
                         shows it, "attachments" names files of assets/assets.jsonl by their id
originals/*/*.json       the conversations byte for byte as the exports held them, in every form in which an
                         export has shown them: JSON lists, as ChatGPT and Claude write them
assets/                  attachments as they came; assets.jsonl says what each is ("path" is null when no export
                         held its content, or the server could not read it any more)
sync/                    settings (without the export's address, which is a secret), imports, what they could
                         not read ("taskId" is the import), the hashes of archives that are in whole, and what
                         addresses gave last ("etag", "lastModified"; without the addresses)
chat/sessions.jsonl      your talks with your history
account/audit.jsonl      what was done to the account, when and from where
account/api-keys.json    the names and uses of your API keys, never the keys
account/sessions.json    where you are signed in
account/tasks.jsonl      exports and other work that you asked for
account/deleted-conversations.jsonl   conversations that you deleted and that imports leave out

Left out are secrets (keys, sign-ins, addresses of exports) and what search makes of the messages.

What changed while this was made may be in it or not.
`;
