import { asText } from '../values/json.ts';

/** A Markdown link, or the title alone when the address does not lead to the web; `` when both say nothing. */
export function link(title: unknown, url: unknown): string {
  const target = httpUrl(url);
  const label = (asText(title) ?? '').replace(/[[\]\s]+/g, ' ').trim();
  if (target === null) return label;
  return label === '' ? target : `[${label}](${target})`;
}

/** Encodes what would end a Markdown link early. */
export function httpUrl(url: unknown): string | null {
  if (typeof url !== 'string' || !/^https?:\/\/[^\s/]/i.test(url)) return null;
  return url
    .replace(/[\s<>]/g, encodeURIComponent)
    .replaceAll('(', '%28')
    .replaceAll(')', '%29');
}

/** Markdown whose links lead to the web; any other keeps its label only. */
export function safeLinks(markdown: string): string {
  return markdown.replace(/\[([^[\]]*)\]\((?!https?:\/\/)\s*\S*/gi, '$1');
}
