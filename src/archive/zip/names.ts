const FILE_TYPE_MASK = 0xf000;
const REGULAR_FILE = 0x8000;
const SYMBOLIC_LINK = 0xa000;

/** Why an entry may not be used, or null. Nothing is ever written under such a name; refusing is a second fence. */
export function refuseName(name: string, externalAttributes: number): string | null {
  const unixType = (externalAttributes >>> 16) & FILE_TYPE_MASK;
  if (unixType === SYMBOLIC_LINK) return 'it is a symbolic link';
  if (unixType !== 0 && unixType !== REGULAR_FILE) return 'it is not a regular file';
  if (name === '') return 'it has no name';
  if (name.includes('\0')) return 'its name holds a NUL';
  if (/^[/\\]/.test(name) || /^[a-z]:/i.test(name)) return 'its name is absolute';
  if (name.split(/[/\\]/).includes('..')) return 'its name leads out of the archive';
  return null;
}
