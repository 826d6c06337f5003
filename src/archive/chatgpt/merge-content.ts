/**
 * What a message said in two versions. The newer one decides, unless it only says less: slim exports leave out parts of
 * what was said, and no image or thought is to be lost to that. A text that neither holds within the other was edited.
 */
import { asArray, asObject, asText, isObject, type JsonObject } from '../values/json.ts';
import { emptyObject } from '../values/overlay.ts';
import { assetsOf } from './attachments.ts';
import { contentPieces, contentText, contentTypeOf, isSaidInParts } from './content.ts';

export function mergeContent(older: unknown, newer: unknown): unknown {
  if (!saysSomething(older)) return newer;
  if (!saysSomething(newer)) return older;
  const [before, after] = [contentPieces(older), contentPieces(newer)];
  const newerIsLess = holds(before, after);
  const olderIsLess = holds(after, before);
  if (!newerIsLess && !olderIsLess) return newer;
  const [links, newLinks] = [linksOf(older), linksOf(newer)];
  const newerIsWhole = olderIsLess && [...links].every((id) => newLinks.has(id));
  return newerIsLess && !newerIsWhole ? withLinksOf(older, newer) : withLinksOf(newer, older);
}

/** Whether a message was changed, not only shown with less or with more. */
export function isEdited(older: unknown, newer: unknown): boolean {
  const [before, after] = [contentPieces(older), contentPieces(newer)];
  return !holds(before, after) && !holds(after, before);
}

/** The files attached in either version; null when one names them all. */
export function mergeAttachments(older: JsonObject, newer: JsonObject): unknown[] | null {
  const attached = (message: JsonObject) => asArray(asObject(message.metadata).attachments);
  const known = new Set(attached(newer).map((file) => asText(asObject(file).id)));
  const missing = attached(older).filter((file) => {
    const id = asText(asObject(file).id);
    return id !== null && !known.has(id);
  });
  return missing.length === 0 || known.size === 0 ? null : [...attached(newer), ...missing];
}

function saysSomething(content: unknown): boolean {
  if (contentText(contentTypeOf(content), content, emptyObject()).trim() !== '') return true;
  return linksOf(content).size > 0;
}

/**
 * Whether all pieces stand in those of the whole, in their order, each at its beginning, behind the last one or at its
 * end: what is cut off or put together is found so in linear time, whatever a hostile export holds.
 */
function holds(whole: readonly string[], pieces: readonly string[]): boolean {
  let at = 0;
  let from = 0;
  for (const piece of pieces) {
    for (;;) {
      const text = whole[at];
      if (text === undefined) return false;
      if (text.startsWith(piece, from)) {
        from += piece.length;
        while (from < text.length && text.charCodeAt(from) <= 32) from += 1;
        break;
      }
      if (text.length - piece.length >= from && text.endsWith(piece)) {
        from = text.length;
        break;
      }
      at += 1;
      from = 0;
    }
  }
  return true;
}

const linksOf = (content: unknown) =>
  new Set(assetsOf(content, emptyObject()).map((asset) => asset.externalId));

const hasLink = (part: unknown) => linksOf({ parts: [part] }).size > 0;

function withLinksOf(content: unknown, other: unknown): unknown {
  const known = linksOf(content);
  const { parts, screenshot } = asObject(other);
  const missing = [...asArray(parts), screenshot].filter((part) =>
    [...linksOf({ parts: [part] })].some((id) => !known.has(id)),
  );
  if (missing.length === 0) return content;
  if (isObject(content) && isSaidInParts(content)) {
    return { ...content, parts: [...asArray(content.parts), ...missing] };
  }
  const { thoughts, parts: kept, screenshot: own } = asObject(content);
  // Its pieces stay apart and its own link stays, so that merging the same again changes nothing.
  const texts = Array.isArray(thoughts)
    ? contentPieces(content)
    : [contentText(contentTypeOf(content), content, emptyObject())];
  return {
    content_type: 'multimodal_text',
    parts: [...texts, ...asArray(kept).filter(hasLink), ...(isObject(own) ? [own] : []), ...missing],
  };
}
