/** Which files of an export are conversations, by nothing but their names. */

// Never looser: shared_conversations.json, sectioned_conversations.json and the asset names are no conversations.
const SHARD_NAME = /^conversations(?:-(\d+))?(?: ?\(\d+\))?\.json$/i;
const INNER_ZIP_NAME = /^Conversations_{1,2}[^/]*\.zip$/i;
// Stricter than of zips: somebody's own folder may be called `Conversations_json` or `Files_2024`.
const INNER_FOLDER_NAME = /^Conversations_(?:_|.*-(?:chatgpt|part)-)/i;
const PORTAL_FILES_NAME = /^Files_(?:_|.*-files-)/i;
const PART_NUMBER = /^(.*-)(\d{4})(?: ?\(\d+\))?(?:\.zip)?$/i;

/** The part after the last separator of either kind. */
export const baseNameOf = (name: string): string =>
  name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);

/** The number in the base name of a shard, -1 for the single `conversations.json`, null for any other file. */
export function shardNumber(baseName: string): number | null {
  const match = SHARD_NAME.exec(baseName);
  if (match === null) return null;
  return match[1] === undefined ? -1 : Number(match[1]);
}

/** Whether the Privacy Portal calls a zip of conversations so. */
export const isInnerZip = (baseName: string): boolean => INNER_ZIP_NAME.test(baseName);

/** Whether a file holds conversations, by itself or in a zip of the portal. */
export const holdsConversations = (baseName: string): boolean =>
  shardNumber(baseName) !== null || isInnerZip(baseName);

/** The folder into which a zip of conversations was unpacked, when a file lies in one; else null. */
export function innerFolderOf(name: string): string | null {
  const folders = foldersOf(name);
  const at = folders.findIndex((folder) => INNER_FOLDER_NAME.test(folder));
  return at < 0 ? null : folders.slice(0, at + 1).join('/');
}

/**
 * `Conversations__x-chatgpt-0002.zip`, or the folder into which it was unpacked, is number 2 of the series
 * `Conversations__x-chatgpt-`; null when none is told.
 */
export function partNumber(baseName: string): { series: string; number: number } | null {
  const match = PART_NUMBER.exec(baseName);
  return match === null ? null : { series: match[1] ?? '', number: Number(match[2]) };
}

/** Files that the code interpreter was given or wrote; one may be called like a file of conversations. */
export function isCodeFile(name: string): boolean {
  const folders = foldersOf(name);
  const user = folders.findIndex((folder) => folder.startsWith('user-'));
  return user >= 0 && hasPath(folders.slice(user), 'mnt', 'data');
}

/** Files where the Privacy Portal puts what the user attached; somebody's own folders may be called so as well. */
export const isAttachedFile = (name: string): boolean => hasPath(foldersOf(name), 'personal', 'files');

/** Files in a folder into which the portal's zip of attached files was unpacked. */
export const isPortalFile = (name: string): boolean =>
  foldersOf(name).some((folder) => PORTAL_FILES_NAME.test(folder));

/** Those of them that lie at the root of that folder, where the portal itself tells of the attached files. */
export function isAtPortalRoot(name: string): boolean {
  const folders = foldersOf(name);
  const depth = folders.findIndex((folder) => PORTAL_FILES_NAME.test(folder)) + 1;
  return depth > 0 && depth === folders.length;
}

const foldersOf = (name: string): string[] => name.split('/').slice(0, -1);
const hasPath = (folders: string[], first: string, second: string): boolean =>
  folders.some((folder, at) => folder === first && folders[at + 1] === second);

/** The code of the warning that an entry was left out: conversations may be lost with one that is named so. */
export function refusalCode(name: string): 'SHARD_REFUSED' | 'ENTRY_REFUSED' {
  return holdsConversations(baseNameOf(name)) ? 'SHARD_REFUSED' : 'ENTRY_REFUSED';
}
