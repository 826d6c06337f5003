const needsEscape = /[^ -~]|["\\]/;
const nonAscii = /[\u007f-\uffff]/g;
/** Python writes a float with its point even when it is whole. */
const floatKeys = new Set(['weight', 'create_time', 'update_time']);

/**
 * The same bytes as Python's `json.dumps(value)` with its defaults: `", "` and `": "` between values, everything outside
 * ASCII as `\uXXXX`. Values are what JSON.parse gives; a NUL or a lone surrogate comes out as its escape.
 */
export function toPythonJson(value: unknown, key = ''): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') {
    return floatKeys.has(key) && Number.isInteger(value) ? `${value}.0` : String(value);
  }
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ', ') + toPythonJson(value[i]);
    return `${text}]`;
  }
  if (typeof value !== 'object' || value === null) return 'null';
  let text = '{';
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    text += `${text.length === 1 ? '' : ', '}${quote(name)}: ${toPythonJson(member, name)}`;
  }
  return `${text}}`;
}

function quote(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    nonAscii,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
